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
    let result = hash_argument(params).and_then(|hash| context.transaction_in_memory(&hash));
    let (block, index) = match result.transpose()? {
        Ok(place) => place,
        Err(error) => return Some(Err(error)),
    };
    Some(Json::of(&block.transaction(index)))
}

fn get_transaction(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let hash = hash_argument(params)?;
    match context.transaction(hash)? {
        Some((block, index)) => Json::of(&block.transaction(index)),
        None => pending(context, &hash),
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
    Json::of(&block.as_deref().and_then(|block| block.transaction(index)))
}

fn get_raw_transaction(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let hash = hash_argument(params)?;
    Json::of(&raw_transaction(context, hash)?)
}

/// The EIP-2718 encoding of a transaction of the chain or of the pool.
pub(crate) fn raw_transaction(context: &Context, hash: B256) -> Result<Option<Bytes>, RpcError> {
    let Some((block, index)) = context.transaction(hash)? else {
        return Ok(context.pool().get(&hash).map(|tx| tx.encoded().clone()));
    };
    let tx = block.block().body().transactions.get(index);
    Ok(tx.map(|tx| tx.encoded_2718().into()))
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
