//! The `web3` namespace.

use alloy_primitives::{Bytes, keccak256};

use crate::{Context, RpcError, json::Json, method::Method, params::Params};

pub(crate) const METHODS: &[Method] =
    &[Method::light("web3_clientVersion", client_version), Method::heavy("web3_sha3", sha3)];

fn client_version(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(context.client_version())
}

fn sha3(_: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let data: Bytes = args.required()?;
    args.end()?;
    Json::of(&keccak256(data))
}
