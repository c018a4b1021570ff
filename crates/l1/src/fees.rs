use alloy_eips::{eip1559::BaseFeeParams, eip7840::BlobParams};
use alloy_primitives::U256;
use phala_primitives::{BlockRef, SealedHeader};
use serde::Deserialize;
use serde_json::json;
use tracing::debug;

use crate::{L1Client, L1Error, json_rpc::Call};

/// Tip where no endpoint suggests one: what wallets have paid for years in quiet times.
const TIP_FALLBACK_WEI: u128 = 1_000_000_000;

/// What the next block of L1 is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuggestedFees {
    /// Base fee of the next block, in wei, computed from the head.
    pub base_fee_wei: u128,
    /// Tip per gas, in wei.
    pub tip_wei: u128,
    /// Base fee of blob gas, in wei.
    pub blob_base_fee_wei: u128,
    /// The head they were computed from.
    pub head: BlockRef,
}

impl L1Client {
    /// What the next block is expected to cost. Only the base fee is computed from a verified header; the
    /// others are an endpoint's word, so whoever pays sets a maximum.
    pub async fn suggest_fees(&self) -> Result<SuggestedFees, L1Error> {
        let head = self.head().await?;
        let base_fee = head.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or_default();
        Ok(SuggestedFees {
            base_fee_wei: base_fee.into(),
            tip_wei: self.tip().await?,
            blob_base_fee_wei: self.blob_base_fee(&head).await?,
            head: BlockRef { number: head.number, hash: head.hash() },
        })
    }

    async fn tip(&self) -> Result<u128, L1Error> {
        let tip = self.read::<U256>(Call::new("eth_maxPriorityFeePerGas", json!([]))).await;
        match missing_to_none(tip)? {
            Some(tip) => Ok(tip.saturating_to()),
            None => {
                debug!(TIP_FALLBACK_WEI, "no l1 endpoint suggests a tip");
                Ok(TIP_FALLBACK_WEI)
            }
        }
    }

    async fn blob_base_fee(&self, head: &SealedHeader) -> Result<u128, L1Error> {
        let fee = self.read::<U256>(Call::new("eth_blobBaseFee", json!([]))).await;
        if let Some(fee) = missing_to_none(fee)? {
            return Ok(fee.saturating_to());
        }
        let call = Call::new("eth_feeHistory", json!(["0x1", "latest", []]));
        if let Some(fee) = missing_to_none(self.read::<FeeHistory>(call).await)?
            && let Some(next) = fee.base_fee_per_blob_gas.last()
        {
            return Ok(next.saturating_to());
        }
        Ok(computed_blob_base_fee(head))
    }
}

/// Blob base fee by the parameters of Prague. Later ones let it grow more slowly with the same
/// excess, so this errs on the side of paying enough.
fn computed_blob_base_fee(head: &SealedHeader) -> u128 {
    head.next_block_blob_fee(BlobParams::prague()).unwrap_or(1)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    #[serde(default)]
    base_fee_per_blob_gas: Vec<U256>,
}

/// An endpoint that lacks a method fails in it; other errors stay errors.
fn missing_to_none<T>(answer: Result<T, L1Error>) -> Result<Option<T>, L1Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(L1Error::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
