//! The `net` namespace.

use crate::{
    Context, RpcError,
    json::{Json, quantity_of},
    method::Method,
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[
    Method::light("net_version", version),
    Method::light("net_listening", listening),
    Method::light("net_peerCount", peer_count),
];

fn version(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&context.spec().chain_id.to_string())
}

fn listening(_: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&true)
}

/// The execution side has no peers; blocks come from the consensus side.
fn peer_count(_: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    Json::of(&quantity_of(0))
}
