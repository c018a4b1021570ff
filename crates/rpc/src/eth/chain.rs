use alloy_primitives::Address;

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

/// The head is where the consensus client put it; how far that is from the chain's end is known
/// there and not here.
fn syncing(_: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&false)
}

/// This node holds no keys.
fn accounts(_: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of::<[Address; 0]>(&[])
}
