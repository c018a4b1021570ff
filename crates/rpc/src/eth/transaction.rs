use alloy_eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718 as _};
use alloy_primitives::{B256, Bytes};

use super::block_of;
use crate::{
    Context, RpcError,
    json::{Json, TransactionJson},
    method::Method,
    params::{Argument, Params},
};

pub(super) const METHODS: &[Method] = &[
    Method::either("eth_getTransactionByHash", cached, get_transaction),
    Method::heavy("eth_getTransactionByBlockHashAndIndex", by_place::<B256>),
    Method::heavy("eth_getTransactionByBlockNumberAndIndex", by_place::<BlockNumberOrTag>),
    Method::heavy("eth_getRawTransactionByHash", get_raw_transaction),
    Method::heavy("eth_getRawTransactionByBlockHashAndIndex", raw_by_place::<B256>),
    Method::heavy("eth_getRawTransactionByBlockNumberAndIndex", raw_by_place::<BlockNumberOrTag>),
];

fn cached(context: &Context, params: Params<'_>) -> Option<Result<Json, RpcError>> {
    let result = (|| {
        let hash = hash_argument(params)?;
        let Some((block, index)) = context.store().transaction(hash)? else {
            return pending(context, &hash).map(Some);
        };
        match context.block_in_memory(&block.hash).as_deref().and_then(|block| block.transaction(index)) {
            Some(json) => Json::of(&json).map(Some),
            None => Ok(None),
        }
    })();
    result.transpose()
}

fn get_transaction(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let hash = hash_argument(params)?;
    let Some((block, index)) = context.store().transaction(hash)? else {
        return pending(context, &hash);
    };
    let block = context.block(block.hash)?;
    match block.as_deref().and_then(|block| block.transaction(index)) {
        Some(json) => Json::of(&json),
        None => Ok(Json::null()),
    }
}

fn pending(context: &Context, hash: &B256) -> Result<Json, RpcError> {
    match context.pool().get(hash) {
        Some(tx) => Json::of(&TransactionJson::pending(tx.tx(), tx.sender())),
        None => Ok(Json::null()),
    }
}

fn by_place<T: Argument + Into<BlockId>>(
    context: &Context,
    params: Params<'_>,
) -> Result<Json, RpcError> {
    let (id, index) = place_arguments::<T>(params)?;
    let block = block_of(context, id)?;
    match block.as_deref().and_then(|block| block.transaction(index)) {
        Some(json) => Json::of(&json),
        None => Ok(Json::null()),
    }
}

fn get_raw_transaction(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let hash = hash_argument(params)?;
    Json::of(&raw_transaction(context, hash)?)
}

/// The EIP-2718 encoding of a transaction of the chain or of the pool.
pub(crate) fn raw_transaction(context: &Context, hash: B256) -> Result<Option<Bytes>, RpcError> {
    let Some((block, index)) = context.store().transaction(hash)? else {
        return Ok(context.pool().get(&hash).map(|tx| tx.encoded().clone()));
    };
    Ok(context.block(block.hash)?.and_then(|block| {
        let tx = block.block().body().transactions.get(index)?;
        Some(tx.encoded_2718().into())
    }))
}

fn raw_by_place<T: Argument + Into<BlockId>>(
    context: &Context,
    params: Params<'_>,
) -> Result<Json, RpcError> {
    let (id, index) = place_arguments::<T>(params)?;
    let raw = block_of(context, id)?.and_then(|block| {
        let tx = block.block().body().transactions.get(index)?;
        Some(Bytes::from(tx.encoded_2718()))
    });
    Json::of(&raw)
}

fn hash_argument(params: Params<'_>) -> Result<B256, RpcError> {
    let mut args = params.args()?;
    let hash = args.required()?;
    args.end()?;
    Ok(hash)
}

fn place_arguments<T: Argument + Into<BlockId>>(
    params: Params<'_>,
) -> Result<(BlockId, usize), RpcError> {
    let mut args = params.args()?;
    let id = args.required::<T>()?.into();
    let index = args.required::<u64>()?;
    args.end()?;
    // An index that does not fit names no transaction either.
    Ok((id, usize::try_from(index).unwrap_or(usize::MAX)))
}
