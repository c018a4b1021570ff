use alloy_primitives::Bytes;
use phala_txpool::{Origin, PoolError};

use crate::{
    Context, RpcError,
    json::Json,
    method::{Lane, Method},
    params::Params,
};

pub(super) const METHODS: &[Method] =
    &[Method::in_lane("eth_sendRawTransaction", Lane::Submit, send_raw_transaction)];

fn send_raw_transaction(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let bytes: Bytes = args.required()?;
    args.end()?;
    match context.pool().add_raw(&bytes, Origin::Local) {
        Ok(hash) => Json::of(&hash),
        Err(error) => Err(pool_error(error)),
    }
}

/// A refusal is the caller's to deal with; anything else is this node's.
fn pool_error(error: PoolError) -> RpcError {
    if error.is_refusal() { RpcError::Pool(error) } else { RpcError::internal(error) }
}
