//! The `miner` namespace: limits of the blocks this node builds.

use crate::{Context, RpcError, json::Json, method::Method, params::Params};

pub(crate) const METHODS: &[Method] = &[Method::light("miner_setMaxDASize", set_max_da_size)];

/// Limits pool transactions by estimated compressed size, each and per block; zero is no limit.
fn set_max_da_size(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let tx_max: u64 = args.required()?;
    let block_max: u64 = args.required()?;
    args.end()?;
    context.engine().set_max_da_size(tx_max, block_max);
    tracing::info!(tx_max, block_max, "data limits of built blocks changed");
    Json::of(&true)
}
