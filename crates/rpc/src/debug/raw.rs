use std::sync::Arc;

use alloy_consensus::TxReceipt as _;
use alloy_eips::{BlockId, eip2718::Encodable2718 as _};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Encodable as _;

use crate::{
    CachedBlock, Context, RpcError, eth::raw_transaction, json::Json, method::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[
    Method::heavy("debug_getRawHeader", raw_header),
    Method::heavy("debug_getRawBlock", raw_block),
    Method::heavy("debug_getRawReceipts", raw_receipts),
    Method::heavy("debug_getRawTransaction", raw_transaction_by_hash),
];

fn raw_header(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let block = context.block_ref(block_argument(params)?)?;
    Json::of(&Bytes::from(alloy_rlp::encode(context.header(block)?.header())))
}

fn raw_block(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let block = block(context, params)?;
    let mut out = Vec::new();
    block.block().sealed_block().encode(&mut out);
    Json::of(&Bytes::from(out))
}

/// Receipts as they go into the receipts trie.
fn raw_receipts(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let block = block(context, params)?;
    let receipts = block.receipts().iter();
    let receipts = receipts.map(|receipt| Bytes::from(receipt.with_bloom_ref().encoded_2718()));
    Json::of(&receipts.collect::<Vec<_>>())
}

fn raw_transaction_by_hash(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let hash: B256 = args.required()?;
    args.end()?;
    Json::of(&raw_transaction(context, hash)?)
}

fn block(context: &Context, params: Params<'_>) -> Result<Arc<CachedBlock>, RpcError> {
    context.known_block(block_argument(params)?)
}

fn block_argument(params: Params<'_>) -> Result<BlockId, RpcError> {
    let mut args = params.args()?;
    let id = args.required()?;
    args.end()?;
    Ok(id)
}
