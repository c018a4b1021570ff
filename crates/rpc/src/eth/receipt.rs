use alloy_eips::BlockId;
use alloy_primitives::B256;

use super::block_of;
use crate::{Context, RpcError, json::Json, method::Method, params::Params};

pub(super) const METHODS: &[Method] = &[
    Method::either("eth_getTransactionReceipt", cached, get_receipt),
    Method::either("eth_getBlockReceipts", block_cached, get_block_receipts),
];

fn cached(context: &Context, params: Params<'_>) -> Option<Result<Json, RpcError>> {
    let result = hash_argument(params).and_then(|hash| context.transaction_in_memory(&hash));
    let (block, index) = match result.transpose()? {
        Ok(place) => place,
        Err(error) => return Some(Err(error)),
    };
    Some(Json::of(&block.receipt(context.spec(), index)))
}

fn get_receipt(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    match context.transaction(hash_argument(params)?)? {
        Some((block, index)) => Json::of(&block.receipt(context.spec(), index)),
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
