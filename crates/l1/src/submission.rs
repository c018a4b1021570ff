use std::sync::Arc;

use alloy_primitives::{B256, Bytes, keccak256};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    L1Client, L1Error,
    budget::Purpose,
    execution::{Request, judge},
    fault::Fault,
    json_rpc::{self, Call},
};

/// What L1 said to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is in the pool of at least one endpoint.
    Accepted(B256),
    /// It was in the pool, or mined, before.
    AlreadyKnown,
    /// Its nonce is used: this transaction or another with the nonce is mined.
    NonceTooLow,
    /// It pays less than the pool takes.
    Underpriced,
    /// It does not pay enough more than the one with its nonce in the pool.
    ReplacementUnderpriced,
    /// The account has transactions of the other kind (blobs or none) in the pool.
    AlreadyReserved,
    /// The account cannot pay for it.
    InsufficientFunds,
    /// Anything else.
    Refused {
        /// Code of the error.
        code: i64,
        /// Message of the endpoint.
        message: String,
    },
}

impl SendOutcome {
    /// The outcome an error means. Clients word it differently; codes say nothing.
    fn of_error(code: i64, message: &str) -> Self {
        let lower = message.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&[
            "already known",
            "alreadyknown",
            "known transaction",
            "already imported",
            "already_exists",
            "already exists",
            "same hash",
        ]) {
            Self::AlreadyKnown
        } else if has(&["already reserved", "exclusive"]) {
            Self::AlreadyReserved
        } else if has(&["nonce too low", "nonce_too_low", "oldnonce", "nonce is too low"]) {
            Self::NonceTooLow
        } else if has(&["replacement", "could not replace"]) {
            Self::ReplacementUnderpriced
        } else if has(&[
            "underpriced",
            "feetoolow",
            "fee too low",
            "less than block base fee",
            "below configured minimum",
            "gas price too low",
            "tip too low",
        ]) {
            Self::Underpriced
        } else if has(&["insufficient funds", "insufficientfunds", "upfront cost exceeds"]) {
            Self::InsufficientFunds
        } else {
            Self::Refused { code, message: message.to_owned() }
        }
    }

    /// Whether it is in a pool or in a block.
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::AlreadyKnown)
    }
}

impl L1Client {
    /// Sends a signed transaction to all endpoints at once, so that one that swallows it does no harm.
    /// Returns with the first that takes it; else with the first refusal.
    ///
    /// An error means that nobody is known to have it, not that nobody has it: an answer may have been
    /// lost.
    pub async fn send_raw_transaction(&self, raw: &[u8]) -> Result<SendOutcome, L1Error> {
        let hash = transaction_hash(raw);
        let raw = Bytes::copy_from_slice(raw);
        let request = Request::new("eth_sendRawTransaction");
        let candidates = self.inner.execution.candidates(None);
        let (outcomes, mut received) = mpsc::channel(candidates.len().max(1));
        for endpoint in candidates {
            let (raw, outcomes) = (raw.clone(), outcomes.clone());
            // Goes on when the first answer is there: the others should have the transaction too.
            tokio::spawn(async move {
                let call = Call::new(request.method, json!([raw]));
                let answer = endpoint.call_for(Purpose::Send, call, json_rpc::read).await;
                let outcome = match answer {
                    Ok(got) if hash.is_none_or(|hash| hash == got) => {
                        Ok(SendOutcome::Accepted(got))
                    }
                    Ok(got) => Err(Fault::Garbage(format!("it says the hash is {got}"))),
                    Err(Fault::Rpc { code, message }) => Ok(SendOutcome::of_error(code, &message)),
                    Err(Fault::Null) => Err(Fault::Garbage("no hash".into())),
                    Err(fault) => Err(fault),
                };
                let judged = judge(&endpoint, request, outcome);
                let _ = outcomes.send((endpoint, judged)).await;
            });
        }
        drop(outcomes);
        let (mut refusal, mut faults) = (None, Vec::new());
        while let Some((endpoint, outcome)) = received.recv().await {
            match outcome {
                Ok(outcome) if outcome.is_known() => return Ok(outcome),
                Ok(outcome) => refusal = refusal.or(Some(outcome)),
                Err(Fault::Stop(error)) => return Err(*error),
                Err(fault) => faults.push((Arc::clone(&endpoint), fault)),
            }
        }
        refusal.ok_or_else(|| self.inner.execution.failure(request, faults))
    }
}

/// Hash of a transaction as it is sent. A blob transaction brings its blobs along, which are not part
/// of the hash: then the transaction is the first list within the list.
fn transaction_hash(raw: &[u8]) -> Option<B256> {
    const BLOB_TYPE: u8 = 3;
    let Some((&BLOB_TYPE, mut rest)) = raw.split_first() else { return Some(keccak256(raw)) };
    let outer = alloy_rlp::Header::decode(&mut rest).ok().filter(|header| header.list)?;
    let content = rest.get(..outer.payload_length)?;
    let mut within = content;
    let inner = alloy_rlp::Header::decode(&mut within).ok()?;
    if !inner.list {
        return Some(keccak256(raw));
    }
    let len = content.len() - within.len() + inner.payload_length;
    Some(keccak256([&[BLOB_TYPE], content.get(..len)?].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_clients_are_understood() {
        let of = |message| SendOutcome::of_error(-32000, message);
        for known in
            ["already known", "AlreadyKnown", "Known transaction", "transaction already imported"]
        {
            assert_eq!(of(known), SendOutcome::AlreadyKnown, "{known}");
        }
        for low in ["nonce too low: next nonce 5, tx nonce 4", "OldNonce", "NONCE_TOO_LOW"] {
            assert_eq!(of(low), SendOutcome::NonceTooLow, "{low}");
        }
        for replaced in ["replacement transaction underpriced", "ReplacementNotAllowed"] {
            assert_eq!(of(replaced), SendOutcome::ReplacementUnderpriced, "{replaced}");
        }
        for under in ["transaction underpriced: tip needed 1", "FeeTooLow"] {
            assert_eq!(of(under), SendOutcome::Underpriced, "{under}");
        }
        assert_eq!(of("address already reserved"), SendOutcome::AlreadyReserved);
        assert_eq!(
            of("insufficient funds for gas * price + value"),
            SendOutcome::InsufficientFunds
        );
        assert!(matches!(of("blob gas too exotic"), SendOutcome::Refused { code: -32000, .. }));
        assert!(!of("nonce too low").is_known() && of("already known").is_known());
    }

    #[test]
    fn hash_of_anything_does_not_panic() {
        for len in 0..64 {
            for byte in [0x03, 0x80, 0xb8, 0xc0, 0xf8, 0xff] {
                let mut raw = vec![byte; len];
                transaction_hash(&raw);
                if let Some(first) = raw.first_mut() {
                    *first = 3;
                    transaction_hash(&raw);
                }
            }
        }
    }
}
