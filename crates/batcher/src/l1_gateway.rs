use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use phala_l1::{L1Client, L1Config, L1Error, SendOutcome};
use phala_primitives::BlockRef;
use serde_json::{Value, json};
use url::Url;

use crate::{BatcherError, Inclusion, L1Prices, RpcError, SidecarFormat, json_rpc::JsonRpc};

/// Name of a precompile of Osaka in the answer of `eth_config` (EIP-7910).
const OSAKA_PRECOMPILE: &str = "P256VERIFY";

/// Why L1 did not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// It, or what it replaces, is in the pool or mined.
    Known,
    /// It offers too little.
    Underpriced(&'static str),
    /// The account cannot pay.
    NoFunds,
    /// The pool holds transactions of the other type for the account.
    OtherTypePending,
    /// The pool wants the other form of sidecar.
    SidecarFormat(String),
    /// Anything else, to be tried again.
    Other(String),
}

impl Rejection {
    /// `None` for a transaction that was taken.
    fn of(outcome: SendOutcome) -> Option<Self> {
        Some(match outcome {
            SendOutcome::Accepted(_) => return None,
            SendOutcome::AlreadyKnown | SendOutcome::NonceTooLow => Self::Known,
            SendOutcome::Underpriced => Self::Underpriced("it offers less than the pool takes"),
            SendOutcome::ReplacementUnderpriced => {
                Self::Underpriced("it offers too little more than the one it replaces")
            }
            SendOutcome::AlreadyReserved => Self::OtherTypePending,
            SendOutcome::InsufficientFunds => Self::NoFunds,
            SendOutcome::Refused { message, .. } => Self::of_message(message),
        })
    }

    fn of_message(message: String) -> Self {
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["sidecar", "cell proof", "blob proof"]) {
            Self::SidecarFormat(message)
        } else if says(&["max fee per", "fee cap"]) {
            Self::Underpriced("it offers less than the base fee")
        } else {
            Self::Other(message)
        }
    }
}

/// What the batcher asks of L1.
#[derive(Clone, Debug)]
pub(crate) struct L1Gateway {
    client: L1Client,
    /// For what only the batcher asks.
    endpoints: Vec<JsonRpc>,
}

impl L1Gateway {
    pub(crate) fn new(endpoints: &[Url], timeout: Duration) -> Result<Self, BatcherError> {
        let mut config = L1Config::new(endpoints.to_vec(), Vec::new());
        config.request_timeout = timeout;
        // The rollup node judges L1; here a reorganization shows in receipts.
        config.cross_check = false;
        let raw = endpoints.iter().map(|url| JsonRpc::new(url.clone(), timeout));
        Ok(Self { client: L1Client::new(config)?, endpoints: raw.collect::<Result<_, _>>()? })
    }

    pub(crate) async fn chain_id(&self) -> Result<u64, L1Error> {
        self.client.chain_id().await
    }

    pub(crate) async fn head(&self) -> Result<BlockRef, L1Error> {
        let head = self.client.head().await?;
        Ok(BlockRef { number: head.number, hash: head.hash() })
    }

    /// Whether a block is in the chain as we see it.
    pub(crate) async fn is_canonical(&self, block: BlockRef) -> Result<bool, L1Error> {
        match self.client.header_by_number(block.number).await {
            Ok(header) => Ok(header.hash() == block.hash),
            Err(L1Error::BlockNotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Nonces used on the chain, and those with what is in the pool.
    pub(crate) async fn nonces(&self, address: Address) -> Result<(u64, u64), L1Error> {
        let used = self.client.nonce_latest(address).await?;
        let pending = self.client.nonce_pending(address).await?;
        Ok((used, used.max(pending)))
    }

    pub(crate) async fn balance(&self, address: Address) -> Result<U256, L1Error> {
        self.client.balance(address).await
    }

    pub(crate) async fn has_code(&self, address: Address) -> Result<bool, L1Error> {
        Ok(!self.client.code(address).await?.is_empty())
    }

    pub(crate) async fn storage(&self, address: Address, slot: u64) -> Result<B256, L1Error> {
        let slot = B256::left_padding_from(&slot.to_be_bytes());
        let head = self.client.head().await?;
        self.client.storage_at(address, slot, head.hash()).await
    }

    pub(crate) async fn prices(&self) -> Result<L1Prices, L1Error> {
        let fees = self.client.suggest_fees().await?;
        Ok(L1Prices {
            base_fee: fees.base_fee_wei,
            tip: fees.tip_wei,
            blob_base_fee: fees.blob_base_fee_wei,
        })
    }

    /// Where a transaction is mined, if it is.
    pub(crate) async fn inclusion(&self, hash: B256) -> Result<Option<Inclusion>, L1Error> {
        let found = self.client.transaction_receipt(hash).await?;
        Ok(found.map(|found| {
            let gas = u128::from(found.gas_used).saturating_mul(found.effective_gas_price_wei);
            let blobs = u128::from(found.blob_gas_used).saturating_mul(found.blob_gas_price_wei);
            Inclusion {
                block: found.block.number,
                block_hash: found.block.hash,
                tx_hash: found.transaction,
                cost_wei: gas.saturating_add(blobs),
            }
        }))
    }

    pub(crate) async fn send(&self, raw: &Bytes) -> Result<Option<Rejection>, L1Error> {
        Ok(Rejection::of(self.client.send_raw_transaction(raw).await?))
    }

    /// The form of sidecars L1 takes. Public networks are past Osaka, so an endpoint that cannot
    /// tell means the newer one.
    pub(crate) async fn sidecar_format(&self) -> SidecarFormat {
        for endpoint in &self.endpoints {
            let answer: Result<Value, RpcError> = endpoint.request("eth_config", json!([])).await;
            match answer {
                Ok(config) => return sidecar_format_of(&config),
                Err(error) => tracing::debug!(%error, "l1 does not tell its fork"),
            }
        }
        SidecarFormat::Eip7594
    }
}

fn sidecar_format_of(config: &Value) -> SidecarFormat {
    match config.pointer("/current/precompiles").and_then(Value::as_object) {
        Some(precompiles) if !precompiles.contains_key(OSAKA_PRECOMPILE) => SidecarFormat::Eip4844,
        _ => SidecarFormat::Eip7594,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_say_what_to_do() {
        let refused =
            |message: &str| SendOutcome::Refused { code: -32_000, message: message.to_owned() };
        assert_eq!(Rejection::of(SendOutcome::Accepted(B256::ZERO)), None);
        for known in [SendOutcome::AlreadyKnown, SendOutcome::NonceTooLow] {
            assert_eq!(Rejection::of(known), Some(Rejection::Known));
        }
        for cheap in [
            SendOutcome::Underpriced,
            SendOutcome::ReplacementUnderpriced,
            refused("max fee per blob gas less than block blob gas fee"),
            refused("transaction max fee per gas less than block base fee"),
        ] {
            assert!(matches!(Rejection::of(cheap), Some(Rejection::Underpriced(_))));
        }
        for sidecar in
            ["unexpected blob sidecar version 0", "invalid sidecar", "missing cell proofs in pool"]
        {
            let rejection = Rejection::of(refused(sidecar));
            assert!(matches!(rejection, Some(Rejection::SidecarFormat(_))), "{sidecar}");
        }
        let gapped = refused("nonce too high: tx nonce 9, gapped nonce 7");
        assert!(matches!(Rejection::of(gapped), Some(Rejection::Other(_))));
    }

    #[test]
    fn the_precompiles_tell_the_sidecar() {
        let osaka = json!({"current": {"precompiles": {"ECREC": "0x1", "P256VERIFY": "0x100"}}});
        assert_eq!(sidecar_format_of(&osaka), SidecarFormat::Eip7594);
        let prague = json!({"current": {"precompiles": {"ECREC": "0x1"}}});
        assert_eq!(sidecar_format_of(&prague), SidecarFormat::Eip4844);
        for unknown in [json!({}), json!(null), json!({"current": {"precompiles": 7}})] {
            assert_eq!(sidecar_format_of(&unknown), SidecarFormat::Eip7594);
        }
    }
}
