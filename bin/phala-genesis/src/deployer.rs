use std::time::{Duration, Instant};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, TxHash, TxKind};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;

use crate::{GenesisError, L1Rpc, deployment_plan::Step};

/// Time between two looks at the deployer's nonce.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// After so long without progress the remaining transactions are sent again, with higher fees.
const RESUBMIT_AFTER: Duration = Duration::from_secs(60);

/// After so long without progress it is the operator's turn.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);

/// What a node takes at least: below, transactions would wait for ever on a quiet test network.
const TIP_MIN_WEI: u128 = 100_000_000;

/// Sends the steps of a plan, each with the nonce of its place, so that no step happens twice.
pub(crate) struct Deployer<'a> {
    rpc: &'a L1Rpc,
    signer: &'a PrivateKeySigner,
    chain_id: u64,
}

/// What gas costs.
#[derive(Clone, Copy, Debug)]
struct Fees {
    max_fee: u128,
    tip: u128,
}

impl<'a> Deployer<'a> {
    pub(crate) const fn new(rpc: &'a L1Rpc, signer: &'a PrivateKeySigner, chain_id: u64) -> Self {
        Self { rpc, signer, chain_id }
    }

    pub(crate) const fn address(&self) -> Address {
        self.signer.address()
    }

    /// Sends what is not mined yet of `steps`, whose first has `first_nonce`, and waits for all.
    pub(crate) async fn run(&self, steps: &[Step], first_nonce: u64) -> Result<(), GenesisError> {
        let end = first_nonce + steps.len() as u64;
        let mut next = self.rpc.nonce(self.address()).await?;
        if next >= end {
            return Ok(());
        }
        self.ensure_balance(steps, next.saturating_sub(first_nonce)).await?;
        let mut fees = self.suggested_fees().await?;
        let mut sent = self.send(steps, first_nonce, next, fees).await?;
        let (started, mut progress, mut resent) = (Instant::now(), Instant::now(), Instant::now());
        while next < end {
            tokio::time::sleep(POLL_INTERVAL).await;
            let now = self.rpc.nonce(self.address()).await?;
            if now > next {
                tracing::info!(mined = now - first_nonce, of = steps.len(), "deploying");
                (next, progress, resent) = (now, Instant::now(), Instant::now());
            } else if progress.elapsed() > GIVE_UP_AFTER {
                return Err(GenesisError::NotMined {
                    done: next.saturating_sub(first_nonce),
                    total: steps.len() as u64,
                    seconds: started.elapsed().as_secs(),
                });
            } else if resent.elapsed() > RESUBMIT_AFTER {
                fees = fees.raised_above(self.suggested_fees().await?);
                sent.extend(self.send(steps, first_nonce, next, fees).await?);
                resent = Instant::now();
            }
        }
        self.ensure_success(&sent).await
    }

    async fn send<'s>(
        &self,
        steps: &'s [Step],
        first_nonce: u64,
        next: u64,
        fees: Fees,
    ) -> Result<Vec<(&'s str, TxHash)>, GenesisError> {
        let mut sent = Vec::new();
        for (nonce, step) in (first_nonce..).zip(steps).filter(|(nonce, _)| *nonce >= next) {
            let transaction = self.sign(step, nonce, fees);
            match self.rpc.send_raw(&transaction.encoded_2718()).await {
                Ok(_) => sent.push((step.name.as_str(), *transaction.tx_hash())),
                Err(GenesisError::Rpc { message, .. }) if is_there_already(&message) => {
                    sent.push((step.name.as_str(), *transaction.tx_hash()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn sign(&self, step: &Step, nonce: u64, fees: Fees) -> TxEnvelope {
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: step.gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.tip,
            to: step.to.map_or(TxKind::Create, TxKind::Call),
            input: step.input.clone(),
            ..Default::default()
        };
        let signature = self
            .signer
            .sign_hash_sync(&transaction.signature_hash())
            .expect("a local key signs every hash");
        transaction.into_signed(signature).into()
    }

    async fn suggested_fees(&self) -> Result<Fees, GenesisError> {
        let base_fee = u128::from(self.rpc.block("latest").await?.base_fee_per_gas);
        let tip = self.rpc.suggested_tip().await?.max(TIP_MIN_WEI);
        // Doubles six blocks in a row, at the most.
        Ok(Fees { max_fee: base_fee.saturating_mul(2).saturating_add(tip), tip })
    }

    async fn ensure_balance(&self, steps: &[Step], done: u64) -> Result<(), GenesisError> {
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        let gas: u64 = steps.iter().skip(done).map(|step| step.gas_limit).sum();
        let needed = self.suggested_fees().await?.max_fee.saturating_mul(u128::from(gas));
        let balance = self.rpc.balance(self.address()).await?;
        if balance >= alloy_primitives::U256::from(needed) {
            return Ok(());
        }
        Err(GenesisError::Balance {
            deployer: self.address(),
            balance: balance.to_string(),
            needed: needed.to_string(),
        })
    }

    /// A transaction that was replaced, or mined by an earlier run, has no receipt; what it should have
    /// done is read back anyway.
    async fn ensure_success(&self, sent: &[(&str, TxHash)]) -> Result<(), GenesisError> {
        for (name, hash) in sent {
            if let Some(receipt) = self.rpc.receipt(*hash).await?
                && receipt.status != 1
            {
                return Err(GenesisError::Reverted {
                    step: (*name).to_owned(),
                    transaction: *hash,
                });
            }
        }
        Ok(())
    }
}

impl Fees {
    /// More than before by what nodes want of a replacement, and no less than what is usual now.
    fn raised_above(self, suggested: Self) -> Self {
        let raise = |fee: u128| fee.saturating_mul(5) / 4 + 1;
        Self {
            max_fee: raise(self.max_fee).max(suggested.max_fee),
            tip: raise(self.tip).max(suggested.tip),
        }
    }
}

/// Whether a node refuses a transaction because it has this one, or another one with its nonce.
fn is_there_already(message: &str) -> bool {
    let message = message.to_lowercase();
    ["already known", "already imported", "nonce too low", "underpriced"]
        .iter()
        .any(|known| message.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_pays_more_than_nodes_ask_for() {
        let low = Fees { max_fee: 100, tip: 8 };
        let raised = low.raised_above(Fees { max_fee: 90, tip: 50 });
        assert_eq!((raised.max_fee, raised.tip), (126, 50));
        let highest = Fees { max_fee: u128::MAX, tip: u128::MAX };
        assert!(highest.raised_above(low).max_fee >= u128::MAX / 4);
    }

    #[test]
    fn what_nodes_say_of_known_transactions_is_understood() {
        for message in [
            "already known",
            "transaction already imported",
            "nonce too low: next nonce 3, tx nonce 2",
            "replacement transaction underpriced",
        ] {
            assert!(is_there_already(message), "{message}");
        }
        assert!(!is_there_already("insufficient funds for gas * price + value"));
    }
}
