//! The `phala` namespace: why evidence is refused, and what the predeploys of the GPU job market hold.

mod evidence;
mod explanation;
mod job;
mod predeploy;
mod worker;

pub use explanation::{
    DeviceReading, Explanation, GpuReading, GuestReading, PlatformReading, TdxReading, explain_gpu,
    explain_tdx,
};

use alloy_primitives::{Address, B256};

use self::{evidence::Published, predeploy::Predeploys};
use crate::{
    Context, RpcError,
    json::Json,
    method::{Lane, Method},
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[
    Method::in_lane("phala_explainTdxQuote", Lane::Explain, explain_tdx_quote),
    Method::in_lane("phala_explainGpuEvidence", Lane::Explain, explain_gpu_evidence),
    Method::heavy("phala_getWorker", get_worker),
    Method::heavy("phala_getJob", get_job),
];

fn explain_tdx_quote(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let quote: Published = args.required()?;
    let collateral: Published = args.required()?;
    let at: Option<u64> = args.optional()?;
    args.end()?;
    let at = match at {
        Some(at) => at,
        None => context.header(context.heads().latest)?.timestamp,
    };
    Json::of(&explain_tdx(&quote.0, &collateral.0, at).map_err(not_evidence)?)
}

fn explain_gpu_evidence(_: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let evidence: Published = args.required()?;
    args.end()?;
    let inputs = phala_precompiles::published::gpu_evidence(&evidence.0).map_err(not_evidence)?;
    let explained: Result<Vec<_>, _> = inputs.iter().map(explain_gpu).collect();
    Json::of(&explained.map_err(not_evidence)?)
}

fn get_worker(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let address: Address = args.required()?;
    let block = args.optional()?.unwrap_or_default();
    args.end()?;
    Json::of(&worker::read(&Predeploys::at(context, block)?, address)?)
}

fn get_job(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let id: B256 = args.required()?;
    let block = args.optional()?.unwrap_or_default();
    args.end()?;
    Json::of(&job::read(&Predeploys::at(context, block)?, id)?)
}

fn not_evidence(error: phala_precompiles::published::NotEvidence) -> RpcError {
    RpcError::InvalidParams(error.to_string().into())
}
