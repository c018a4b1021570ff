//! The `optimism` namespace: what proposers, batchers and operators ask a rollup node.

use alloy_consensus::Transaction as _;
use alloy_primitives::B256;
use phala_chainspec::{L1Attributes, output_root};
use phala_primitives::{BlockRef, L2BlockRef, RecoveredBlock};
use serde::Serialize;

use crate::{
    AdminCommand, Context, RpcError, SyncStatus,
    admin::ask,
    json::Json,
    method::{Lane, Method},
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[
    Method::light("optimism_syncStatus", sync_status),
    Method::heavy("optimism_outputAtBlock", output_at_block),
    Method::in_lane("optimism_safeHeadAtL1Block", Lane::Rollup, safe_head_at_l1_block),
    Method::light("optimism_rollupConfig", rollup_config),
    Method::light("optimism_version", version),
];

fn sync_status(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&*context.rollup()?.status.borrow())
}

fn rollup_config(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&context.rollup()?.rollup_config)
}

fn version(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(context.client_version())
}

/// `optimism_outputAtBlock`, with the state roots an L1 contract is told about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputAtBlock {
    version: B256,
    output_root: B256,
    block_ref: L2BlockRef,
    withdrawal_storage_root: B256,
    state_root: B256,
    sync_status: SyncStatus,
}

fn output_at_block(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let number: u64 = args.required()?;
    args.end()?;
    let sync_status = context.rollup()?.status.borrow().clone();
    let unknown = || RpcError::UnknownBlock(number.to_string().into());
    let hash = context.store().canonical_hash(number)?.ok_or_else(unknown)?;
    let block = context.store().block(hash)?.ok_or_else(unknown)?;
    // Since Isthmus the header says what before had to be proven.
    let withdrawal_storage_root = block.header().withdrawals_root.ok_or_else(unknown)?;
    let state_root = block.header().state_root;
    Json::of(&OutputAtBlock {
        version: B256::ZERO,
        output_root: output_root(state_root, withdrawal_storage_root, hash),
        block_ref: l2_block_ref(context, &block)?,
        withdrawal_storage_root,
        state_root,
        sync_status,
    })
}

fn safe_head_at_l1_block(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let number: u64 = args.required()?;
    args.end()?;
    let answer = ask(context, |reply| AdminCommand::SafeHeadAtL1 { number, reply })?;
    Json::of(&answer)
}

/// The block with its L1 origin, which its first transaction names.
fn l2_block_ref(context: &Context, block: &RecoveredBlock) -> Result<L2BlockRef, RpcError> {
    let header = block.header();
    let (l1_origin, sequence_number) = match block.body().transactions.first() {
        Some(first) => {
            let l1 = L1Attributes::decode(first.input()).map_err(RpcError::internal)?;
            (BlockRef { number: l1.number, hash: l1.hash }, l1.sequence_number)
        }
        None => {
            let anchor = context.spec().rollup.as_ref().and_then(|rollup| rollup.l1_anchor);
            (
                anchor.map_or_else(Default::default, |l1| BlockRef {
                    number: l1.number,
                    hash: l1.hash,
                }),
                0,
            )
        }
    };
    Ok(L2BlockRef {
        hash: block.hash(),
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        l1_origin,
        sequence_number,
    })
}
