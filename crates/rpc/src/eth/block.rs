use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;

use crate::{
    CachedBlock, Context, RpcError,
    json::{Json, quantity_of},
    method::Method,
    params::{Argument, Params},
};

pub(super) const METHODS: &[Method] = &[
    Method::either(
        "eth_getBlockByNumber",
        cached::<BlockNumberOrTag>,
        get_block::<BlockNumberOrTag>,
    ),
    Method::either("eth_getBlockByHash", cached::<B256>, get_block::<B256>),
    Method::heavy("eth_getBlockTransactionCountByNumber", transaction_count::<BlockNumberOrTag>),
    Method::heavy("eth_getBlockTransactionCountByHash", transaction_count::<B256>),
    Method::heavy("eth_getUncleCountByBlockNumber", uncle_count::<BlockNumberOrTag>),
    Method::heavy("eth_getUncleCountByBlockHash", uncle_count::<B256>),
    Method::light("eth_getUncleByBlockNumberAndIndex", no_uncle::<BlockNumberOrTag>),
    Method::light("eth_getUncleByBlockHashAndIndex", no_uncle::<B256>),
];

/// The block that parameters name, wherever it has to be read from.
pub(super) fn block_of(
    context: &Context,
    id: impl Into<BlockId>,
) -> Result<Option<Arc<CachedBlock>>, RpcError> {
    match context.find_block(id.into())? {
        Some(block) => context.block(block.hash),
        None => Ok(None),
    }
}

/// Answers if the block was serialised before: doing that for a full block takes milliseconds.
fn cached<T: Argument + Into<BlockId>>(
    context: &Context,
    params: Params<'_>,
) -> Option<Result<Json, RpcError>> {
    let (id, full) = match arguments::<T>(params) {
        Ok(arguments) => arguments,
        Err(error) => return Some(Err(error)),
    };
    match context.find_block(id) {
        Ok(Some(block)) => {
            let block = context.block_in_memory(&block.hash)?;
            let is_light = !full || block.is_serialised(full);
            is_light.then(|| block_json(context, &block, full))
        }
        Ok(None) => Some(Ok(Json::null())),
        Err(error) => Some(Err(error)),
    }
}

fn get_block<T: Argument + Into<BlockId>>(
    context: &Context,
    params: Params<'_>,
) -> Result<Json, RpcError> {
    let (id, full) = arguments::<T>(params)?;
    match block_of(context, id)? {
        Some(block) => block_json(context, &block, full),
        None => Ok(Json::null()),
    }
}

fn arguments<T: Argument + Into<BlockId>>(params: Params<'_>) -> Result<(BlockId, bool), RpcError> {
    let mut args = params.args()?;
    let id = args.required::<T>()?.into();
    let full = args.optional()?.unwrap_or_default();
    args.end()?;
    Ok((id, full))
}

fn block_json(context: &Context, block: &CachedBlock, full: bool) -> Result<Json, RpcError> {
    let is_new = !block.is_serialised(full);
    let json = if full { block.full_json()? } else { block.hashes_json()? };
    if is_new {
        context.block_grew(&block.block().hash());
    }
    Ok(Json::Shared(json))
}

fn transaction_count<T: Argument + Into<BlockId>>(
    context: &Context,
    params: Params<'_>,
) -> Result<Json, RpcError> {
    match block_of(context, only::<T>(params)?)? {
        Some(block) => Json::of(&quantity_of(block.block().body().transactions.len())),
        None => Ok(Json::null()),
    }
}

/// There are no uncles since the merge.
fn uncle_count<T: Argument + Into<BlockId>>(
    context: &Context,
    params: Params<'_>,
) -> Result<Json, RpcError> {
    match context.find_block(only::<T>(params)?)? {
        Some(_) => Json::of(&quantity_of(0)),
        None => Ok(Json::null()),
    }
}

fn no_uncle<T: Argument>(_: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    args.required::<T>()?;
    args.required::<u64>()?;
    args.end()?;
    Ok(Json::null())
}

fn only<T: Argument + Into<BlockId>>(params: Params<'_>) -> Result<BlockId, RpcError> {
    let mut args = params.args()?;
    let id = args.required::<T>()?.into();
    args.end()?;
    Ok(id)
}
