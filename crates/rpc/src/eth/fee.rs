use alloy_consensus::{Transaction as _, TxReceipt as _};
use alloy_primitives::B256;
use parking_lot::Mutex;

use crate::{
    CachedBlock, Context, RpcError,
    json::{Json, Quantity},
    method::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[
    Method::either("eth_gasPrice", cached_gas_price, gas_price),
    Method::either("eth_maxPriorityFeePerGas", cached_tip, tip),
    Method::light("eth_blobBaseFee", blob_base_fee),
];

/// Tip while blocks have room, in wei: 0.001 gwei, as other OP chains suggest.
const TIP_MIN_WEI: u128 = 1_000_000;

/// Tip that is suggested at most, whatever others pay: 500 gwei.
const TIP_MAX_WEI: u128 = 500_000_000_000;

/// Suggests tips from the latest block, once for each.
#[derive(Debug, Default)]
pub(crate) struct FeeOracle {
    latest: Mutex<(B256, u128)>,
}

impl FeeOracle {
    fn known(&self, head: B256) -> Option<u128> {
        let (block, tip) = *self.latest.lock();
        (block == head).then_some(tip)
    }

    /// The tip with which a transaction gets into the next block.
    fn suggest(&self, context: &Context) -> Result<u128, RpcError> {
        let head = context.heads().latest;
        if let Some(tip) = self.known(head.hash) {
            return Ok(tip);
        }
        let block = context.block(head.hash)?;
        let tip = block.map_or(TIP_MIN_WEI, |block| tip_of(&block));
        *self.latest.lock() = (head.hash, tip);
        Ok(tip)
    }
}

/// While the latest block could have taken another transaction as large as its largest, the
/// smallest tip is enough; when it could not, a tenth more than what half of them paid.
fn tip_of(block: &CachedBlock) -> u128 {
    let header = block.block().header();
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let mut gas_before = 0;
    let mut largest = 0;
    let mut tips = Vec::new();
    for (tx, receipt) in block.block().body().transactions.iter().zip(block.receipts()) {
        let gas_used = receipt.cumulative_gas_used().saturating_sub(gas_before);
        gas_before = receipt.cumulative_gas_used();
        largest = largest.max(gas_used);
        if !tx.is_deposit() {
            tips.push(tx.effective_tip_per_gas(base_fee).unwrap_or_default());
        }
    }
    // From Jovian on data can fill a block as gas does.
    let filled = header.gas_used.max(header.blob_gas_used.unwrap_or_default());
    if tips.is_empty() || filled.saturating_add(largest) <= header.gas_limit {
        return TIP_MIN_WEI;
    }
    let middle = tips.len() / 2;
    let (_, median, _) = tips.select_nth_unstable(middle);
    median.saturating_add(*median / 10).clamp(TIP_MIN_WEI, TIP_MAX_WEI)
}

fn cached_tip(context: &Context, _: Params<'_>) -> Option<Result<Json, RpcError>> {
    let tip = context.fee_oracle().known(context.heads().latest.hash)?;
    Some(Json::of(&Quantity::from(tip)))
}

fn tip(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&Quantity::from(context.fee_oracle().suggest(context)?))
}

fn cached_gas_price(context: &Context, params: Params<'_>) -> Option<Result<Json, RpcError>> {
    context.fee_oracle().known(context.heads().latest.hash)?;
    Some(gas_price(context, params))
}

fn gas_price(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    let tip = context.fee_oracle().suggest(context)?;
    let header = context.header(context.heads().latest)?;
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    Json::of(&Quantity::from(tip.saturating_add(base_fee.into())))
}

/// There are no blobs on this chain, and `BLOBBASEFEE` gives one.
fn blob_base_fee(_: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&Quantity::from(1u64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use std::sync::Arc;

    use alloy_consensus::{Receipt as Inner, SignableTransaction as _, TxEip1559};
    use alloy_primitives::{Address, Signature};
    use phala_primitives::{Block, BlockBody, Header, Receipt, RecoveredBlock, Transaction};

    use super::*;

    fn block(gas_used: u64, tips: &[u128]) -> CachedBlock {
        let header = Header {
            gas_limit: 1_000_000,
            gas_used,
            base_fee_per_gas: Some(7),
            ..Default::default()
        };
        let transactions: Vec<Transaction> = tips
            .iter()
            .map(|&tip| {
                let tx = TxEip1559 {
                    max_fee_per_gas: tip + 7,
                    max_priority_fee_per_gas: tip,
                    ..Default::default()
                };
                tx.into_signed(Signature::test_signature()).into()
            })
            .collect();
        let receipts = (1..=tips.len() as u64).map(|count| {
            Receipt::Eip1559(Inner { cumulative_gas_used: count * 21_000, ..Default::default() })
        });
        let receipts = Arc::new(receipts.collect());
        let senders = vec![Address::ZERO; tips.len()];
        let body = BlockBody { transactions, ..Default::default() };
        let block = RecoveredBlock::new_unhashed(Block { header, body }, senders);
        CachedBlock::new(Arc::new(block), receipts)
    }

    #[test]
    fn suggests_little_while_there_is_room() {
        assert_eq!(tip_of(&block(0, &[])), TIP_MIN_WEI);
        assert_eq!(tip_of(&block(979_000, &[5_000_000_000; 3])), TIP_MIN_WEI);
    }

    #[test]
    fn suggests_more_than_half_paid_when_blocks_are_full() {
        let tips = [1_000_000, 9_000_000, 2_000_000];
        assert_eq!(tip_of(&block(979_001, &tips)), 2_200_000);
        assert_eq!(tip_of(&block(1_000_000, &[1])), TIP_MIN_WEI);
        assert_eq!(tip_of(&block(1_000_000, &[u128::MAX / 2])), TIP_MAX_WEI);
    }
}
