use alloy_eips::BlockId;
use alloy_primitives::B256;

use super::block_of;
use crate::{CachedBlock, Context, RpcError, json::Json, method::Method, params::Params};

pub(super) const METHODS: &[Method] = &[
    Method::either("eth_getTransactionReceipt", cached, get_receipt),
    Method::either("eth_getBlockReceipts", block_cached, get_block_receipts),
];

fn cached(context: &Context, params: Params<'_>) -> Option<Result<Json, RpcError>> {
    let result = (|| {
        let hash = hash_argument(params)?;
        let Some((block, index)) = context.store().transaction(hash)? else {
            return Ok(Some(Json::null()));
        };
        match context.block_in_memory(&block.hash) {
            Some(block) => receipt_json(context, &block, index).map(Some),
            None => Ok(None),
        }
    })();
    result.transpose()
}

fn get_receipt(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let hash = hash_argument(params)?;
    let Some((block, index)) = context.store().transaction(hash)? else { return Ok(Json::null()) };
    match context.block(block.hash)? {
        Some(block) => receipt_json(context, &block, index),
        None => Ok(Json::null()),
    }
}

fn receipt_json(context: &Context, block: &CachedBlock, index: usize) -> Result<Json, RpcError> {
    match block.receipt(context.spec(), index) {
        Some(json) => Json::of(&json),
        None => Ok(Json::null()),
    }
}

fn block_cached(context: &Context, params: Params<'_>) -> Option<Result<Json, RpcError>> {
    let result = (|| {
        let Some(block) = context.find_block(block_argument(params)?)? else {
            return Ok(Some(Json::null()));
        };
        // Serialising a full block takes milliseconds, so only a text that exists is light.
        let text = context.block_in_memory(&block.hash).and_then(|block| block.receipts_text());
        Ok(text.map(Json::Shared))
    })();
    result.transpose()
}

fn get_block_receipts(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let Some(block) = block_of(context, block_argument(params)?)? else { return Ok(Json::null()) };
    let json = block.receipts_json(context.spec())?;
    context.block_grew(&block.block().hash());
    Ok(Json::Shared(json))
}

fn hash_argument(params: Params<'_>) -> Result<B256, RpcError> {
    let mut args = params.args()?;
    let hash = args.required()?;
    args.end()?;
    Ok(hash)
}

fn block_argument(params: Params<'_>) -> Result<BlockId, RpcError> {
    let mut args = params.args()?;
    let id = args.required()?;
    args.end()?;
    Ok(id)
}
