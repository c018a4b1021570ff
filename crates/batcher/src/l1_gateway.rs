use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy_rpc_types_eth::{Block, FeeHistory, TransactionReceipt};
use phala_primitives::BlockRef;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::{Inclusion, L1Prices, RpcError, SidecarFormat, json_rpc::JsonRpc};

/// Names an Osaka precompile has in the answer of `eth_config` (EIP-7910).
const OSAKA_PRECOMPILE: &str = "P256VERIFY";

/// Why L1 did not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It has it already: as good as taken.
    AlreadyKnown,
    /// The nonce is used: a version of it is mined, or somebody else's transaction.
    NonceTooLow,
    /// It, or its replacement, offers too little.
    Underpriced(String),
    /// The account cannot pay.
    NoFunds(String),
    /// The pool holds transactions of the other type for the account.
    OtherTypePending(String),
    /// The pool wants the other form of sidecar.
    SidecarFormat(String),
    /// Anything else, to be tried again.
    Other(String),
}

impl Rejection {
    /// Reads what nodes say; the words are those of geth, reth, nethermind, besu, erigon and anvil.
    pub fn from_message(message: &str) -> Self {
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let message = message.to_owned();
        if says(&[
            "already known",
            "already imported",
            "alreadyknown",
            "known transaction",
            "already exists",
        ]) {
            Self::AlreadyKnown
        } else if says(&["nonce too low", "nonce is too low", "oldnonce", "nonce below"]) {
            Self::NonceTooLow
        } else if says(&[
            "already reserved",
            "address already reserved",
            "conflicting",
            "cannotreplace",
        ]) {
            Self::OtherTypePending(message)
        } else if says(&["sidecar", "cell proof", "unexpected blob", "blob proof"]) {
            Self::SidecarFormat(message)
        } else if says(&[
            "insufficient funds",
            "insufficientfunds",
            "upfront cost",
            "exceeds balance",
        ]) {
            Self::NoFunds(message)
        } else if says(&[
            "underpriced",
            "fee too low",
            "feetoolow",
            "less than block base fee",
            "max fee per gas less",
            "max fee per blob gas less",
            "gas price too low",
            "not enough to replace",
            "below minimum",
        ]) {
            Self::Underpriced(message)
        } else {
            Self::Other(message)
        }
    }
}

/// What the batcher asks of L1.
#[derive(Clone, Debug)]
pub(crate) struct L1Gateway {
    endpoints: Vec<JsonRpc>,
}

impl L1Gateway {
    pub(crate) fn new(endpoints: &[Url], timeout: Duration) -> Result<Self, RpcError> {
        let endpoints = endpoints.iter().map(|url| JsonRpc::new(url.clone(), timeout));
        Ok(Self { endpoints: endpoints.collect::<Result<_, _>>()? })
    }

    /// The first endpoint that answers.
    async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let mut last = RpcError::Client("no l1 endpoint".to_owned());
        for endpoint in &self.endpoints {
            match endpoint.request(method, params.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(crate) async fn chain_id(&self) -> Result<u64, RpcError> {
        Ok(self.request::<U64>("eth_chainId", json!([])).await?.to())
    }

    pub(crate) async fn head(&self) -> Result<BlockRef, RpcError> {
        let block: Block = self.request("eth_getBlockByNumber", json!(["latest", false])).await?;
        Ok(BlockRef { number: block.header.inner.number, hash: block.header.hash })
    }

    /// Nonces used on the chain, and those with what is in the pool.
    pub(crate) async fn nonces(&self, address: Address) -> Result<(u64, u64), RpcError> {
        let at = |tag: &'static str| {
            self.request::<U64>("eth_getTransactionCount", json!([address, tag]))
        };
        let (used, pending) = (at("latest").await?.to(), at("pending").await?.to());
        Ok((used, u64::max(used, pending)))
    }

    pub(crate) async fn balance(&self, address: Address) -> Result<U256, RpcError> {
        self.request("eth_getBalance", json!([address, "latest"])).await
    }

    pub(crate) async fn has_code(&self, address: Address) -> Result<bool, RpcError> {
        let code: Bytes = self.request("eth_getCode", json!([address, "latest"])).await?;
        Ok(!code.is_empty())
    }

    pub(crate) async fn storage(&self, address: Address, slot: u64) -> Result<B256, RpcError> {
        let slot = B256::left_padding_from(&slot.to_be_bytes());
        let word: U256 = self.request("eth_getStorageAt", json!([address, slot, "latest"])).await?;
        Ok(word.into())
    }

    pub(crate) async fn prices(&self) -> Result<L1Prices, RpcError> {
        let history: FeeHistory =
            self.request("eth_feeHistory", json!([U64::from(1), "latest", []])).await?;
        let tip: U128 = self.request("eth_maxPriorityFeePerGas", json!([])).await?;
        Ok(L1Prices {
            base_fee: history.base_fee_per_gas.last().copied().unwrap_or(0),
            tip: tip.to(),
            blob_base_fee: history.base_fee_per_blob_gas.last().copied().unwrap_or(0),
        })
    }

    /// Where a transaction is mined, if it is.
    pub(crate) async fn inclusion(&self, hash: B256) -> Result<Option<Inclusion>, RpcError> {
        let receipt: Option<TransactionReceipt> =
            self.request("eth_getTransactionReceipt", json!([hash])).await?;
        Ok(receipt.and_then(|receipt| inclusion(&receipt)))
    }

    pub(crate) async fn send(&self, raw: &Bytes) -> Result<Result<(), Rejection>, RpcError> {
        match self.request::<B256>("eth_sendRawTransaction", json!([raw])).await {
            Ok(_) => Ok(Ok(())),
            Err(RpcError::Refused { message, .. }) => Ok(Err(Rejection::from_message(&message))),
            Err(error) => Err(error),
        }
    }

    /// The form of sidecars L1 takes. Public networks are past Osaka, so an endpoint that cannot
    /// tell means the newer one.
    pub(crate) async fn sidecar_format(&self) -> Result<SidecarFormat, RpcError> {
        match self.request::<Value>("eth_config", json!([])).await {
            Ok(config) => Ok(sidecar_format_of(&config)),
            Err(RpcError::MethodNotFound { .. } | RpcError::Refused { .. }) => {
                Ok(SidecarFormat::Eip7594)
            }
            Err(error) => Err(error),
        }
    }
}

fn sidecar_format_of(config: &Value) -> SidecarFormat {
    match config.pointer("/current/precompiles").and_then(Value::as_object) {
        Some(precompiles) if !precompiles.contains_key(OSAKA_PRECOMPILE) => SidecarFormat::Eip4844,
        _ => SidecarFormat::Eip7594,
    }
}

fn inclusion(receipt: &TransactionReceipt) -> Option<Inclusion> {
    let gas = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
    let blob_gas = u128::from(receipt.blob_gas_used.unwrap_or(0));
    let blobs = blob_gas.saturating_mul(receipt.blob_gas_price.unwrap_or(0));
    Some(Inclusion {
        block: receipt.block_number?,
        block_hash: receipt.block_hash?,
        tx_hash: receipt.transaction_hash,
        cost_wei: gas.saturating_add(blobs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_what_nodes_say() {
        type Is = fn(&Rejection) -> bool;
        let cases: [(&str, Is); 14] = [
            ("already known", |r| *r == Rejection::AlreadyKnown),
            ("transaction already imported", |r| *r == Rejection::AlreadyKnown),
            ("nonce too low: next nonce 5, tx nonce 4", |r| *r == Rejection::NonceTooLow),
            ("replacement transaction underpriced", |r| matches!(r, Rejection::Underpriced(_))),
            ("transaction underpriced: tip needed 1, tip permitted 0", |r| {
                matches!(r, Rejection::Underpriced(_))
            }),
            ("max fee per gas less than block base fee: address 0x1", |r| {
                matches!(r, Rejection::Underpriced(_))
            }),
            ("FeeTooLow, EffectivePriorityFeePerGas too low", |r| {
                matches!(r, Rejection::Underpriced(_))
            }),
            ("insufficient funds for gas * price + value: balance 0", |r| {
                matches!(r, Rejection::NoFunds(_))
            }),
            ("Insufficient funds for gas * price + value", |r| matches!(r, Rejection::NoFunds(_))),
            ("address already reserved", |r| matches!(r, Rejection::OtherTypePending(_))),
            ("unexpected blob sidecar in transaction", |r| {
                matches!(r, Rejection::SidecarFormat(_))
            }),
            ("invalid sidecar version, expected 1", |r| matches!(r, Rejection::SidecarFormat(_))),
            ("nonce too high: tx nonce 9, gapped nonce 7", |r| matches!(r, Rejection::Other(_))),
            ("", |r| matches!(r, Rejection::Other(_))),
        ];
        for (message, is) in cases {
            let rejection = Rejection::from_message(message);
            assert!(is(&rejection), "`{message}` was taken for {rejection:?}");
        }
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
