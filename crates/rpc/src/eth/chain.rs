use alloy_primitives::Address;
use serde::Serialize;

use crate::{
    Context, RpcError,
    json::{Json, Quantity},
    method::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[
    Method::light("eth_chainId", chain_id),
    Method::light("eth_blockNumber", block_number),
    Method::light("eth_syncing", syncing),
    Method::light("eth_accounts", accounts),
];

fn chain_id(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&Quantity::from(context.spec().chain_id))
}

fn block_number(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&Quantity::from(context.heads().latest.number))
}

/// With an outside consensus client the head is where that put it; how far it is from the chain's
/// end is known there and not here.
fn syncing(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    if !context.is_rollup_node() {
        return Json::of(&false);
    }
    match *context.rollup()?.progress.borrow() {
        None => Json::of(&false),
        Some(progress) => Json::of(&Syncing {
            starting_block: progress.starting_block.into(),
            current_block: progress.current_block.into(),
            highest_block: progress.highest_block.into(),
        }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Syncing {
    starting_block: Quantity,
    current_block: Quantity,
    highest_block: Quantity,
}

/// This node holds no keys.
fn accounts(_: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of::<[Address; 0]>(&[])
}
