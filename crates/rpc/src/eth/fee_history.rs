use alloy_consensus::{Transaction as _, TxReceipt as _};
use alloy_eips::BlockNumberOrTag;
use phala_chainspec::next_base_fee;
use serde::Serialize;

use crate::{
    CachedBlock, Context, RpcError,
    json::{Json, Quantity},
    l1_fees::da_footprint_ratio,
    method::Method,
    params::{Params, Plain},
};

pub(super) const METHODS: &[Method] = &[Method::heavy("eth_feeHistory", fee_history)];

/// Blocks one answer covers at most.
const BLOCKS_MAX: u64 = 1_024;

/// Percentiles one call may ask for.
const PERCENTILES_MAX: usize = 100;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistoryJson {
    oldest_block: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<Quantity>>>,
    base_fee_per_gas: Vec<Quantity>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<Quantity>,
    blob_gas_used_ratio: Vec<f64>,
}

fn fee_history(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let count: u64 = args.required()?;
    let newest: BlockNumberOrTag = args.required()?;
    let percentiles = args.optional::<Plain<Vec<f64>>>()?.map(|percentiles| percentiles.0);
    args.end()?;
    check_percentiles(percentiles.as_deref().unwrap_or_default())?;
    let Some(newest) = context.find_block_at(newest)? else {
        return Err(RpcError::UnknownBlock(newest.to_string().into()));
    };
    let count = count.min(BLOCKS_MAX).min(newest.number.saturating_add(1));
    let Some(oldest) = newest.number.checked_sub(count.wrapping_sub(1)).filter(|_| count > 0)
    else {
        return Json::of(&FeeHistoryJson::default());
    };

    let blob_base_fee = || Quantity::from(1u64);
    let mut history = FeeHistoryJson { oldest_block: oldest.into(), ..Default::default() };
    let mut rewards = Vec::new();
    let mut next = 0;
    for number in oldest..=newest.number {
        let block = match context.find_block_at(BlockNumberOrTag::Number(number))? {
            Some(block) => block,
            None => return Err(RpcError::UnknownBlock(number.to_string().into())),
        };
        let header = context.header(block)?;
        history.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
        history.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        history.base_fee_per_blob_gas.push(blob_base_fee());
        history.blob_gas_used_ratio.push(da_footprint_ratio(
            context.spec(),
            header.timestamp,
            header.blob_gas_used,
            header.gas_limit,
        ));
        if let Some(percentiles) = &percentiles {
            let block = context.block_once(block.hash)?;
            let block = block.ok_or_else(|| RpcError::UnknownBlock(number.to_string().into()))?;
            rewards.push(rewards_of(&block, percentiles));
        }
        next = next_base_fee(context.spec(), header.header()).map_err(RpcError::internal)?;
    }
    history.base_fee_per_gas.push(next.into());
    history.base_fee_per_blob_gas.push(blob_base_fee());
    history.reward = percentiles.map(|_| rewards);
    Json::of(&history)
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > PERCENTILES_MAX {
        let limit = PERCENTILES_MAX as u64;
        return Err(RpcError::Limit { what: "number of reward percentiles", limit });
    }
    let in_range = percentiles.iter().all(|percentile| (0.0..=100.0).contains(percentile));
    let ascending = percentiles.windows(2).all(|pair| pair[0] <= pair[1]);
    if in_range && ascending {
        return Ok(());
    }
    Err(RpcError::InvalidParams("reward percentiles must ascend from 0 to 100".into()))
}

/// Tips at percentiles of the block's gas; deposits pay none and do not count.
fn rewards_of(block: &CachedBlock, percentiles: &[f64]) -> Vec<Quantity> {
    let base_fee = block.block().base_fee_per_gas.unwrap_or_default();
    let mut gas_before = 0;
    let mut tips = Vec::new();
    for (tx, receipt) in block.block().body().transactions.iter().zip(block.receipts()) {
        let gas_used = receipt.cumulative_gas_used().saturating_sub(gas_before);
        gas_before = receipt.cumulative_gas_used();
        if !tx.is_deposit() {
            tips.push((tx.effective_tip_per_gas(base_fee).unwrap_or_default(), gas_used));
        }
    }
    tips.sort_unstable();
    let total: u64 = tips.iter().map(|(_, gas)| gas).sum();
    let mut place = 0;
    let mut sum = tips.first().map_or(0, |(_, gas)| *gas);
    let at = |percentile: &f64| {
        let threshold = (total as f64 * percentile / 100.0) as u64;
        while sum < threshold && place + 1 < tips.len() {
            place += 1;
            sum += tips[place].1;
        }
        Quantity::from(tips.get(place).map_or(0, |(tip, _)| *tip))
    };
    percentiles.iter().map(at).collect()
}
