use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::sol;
use phala_chainspec::addresses::GPU_JOB_SETTLEMENT;
use serde::Serialize;

use super::predeploy::Predeploys;
use crate::RpcError;

const NAME: &str = "GpuJobSettlement";

/// `GpuJobSettlement.State.Posted`.
const POSTED: u8 = 1;

sol! {
    /// As in `GpuJobSettlement`.
    struct Job {
        address client;
        uint64 deadline;
        uint8 state;
        uint8 assurance;
        uint16 gpuClass;
        address worker;
        uint8 gpuCount;
        uint24 runFor;
        uint24 challengeWindow;
        uint16 feeBps;
        uint16 missedBps;
        uint128 price;
        uint128 amount;
        bytes32 terms;
        bytes32 workloadId;
        bytes32 digest;
    }

    function jobOf(bytes32 jobId) external view returns (Job memory);
}

/// A job as `phala_getJob` tells of it. Times are unix seconds, amounts hex in the token's smallest unit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobJson {
    job_id: B256,
    state: &'static str,
    client: Address,
    /// From acceptance on.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<Address>,
    /// The only operator that may accept, while posted and if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Address>,
    /// acceptBy, runBy, end of the challenge window, or end of the arbiter's time, by state.
    deadline: u64,
    workload_id: B256,
    gpu_class: u16,
    gpu_count: u8,
    assurance: u8,
    run_for: u32,
    challenge_window: u32,
    fee_bps: u16,
    missed_bps: u16,
    /// Agreed on; while posted, the highest.
    price: U256,
    /// What the receipt that counts asks for.
    amount: U256,
    terms_hash: B256,
    /// Of the receipt that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_digest: Option<B256>,
}

/// A job, or `None` if nobody posted it.
pub(super) fn read(predeploys: &Predeploys<'_>, id: B256) -> Result<Option<JobJson>, RpcError> {
    let job = predeploys.read(NAME, GPU_JOB_SETTLEMENT, &jobOfCall { jobId: id })?;
    let Some(state) = state(job.state) else { return Ok(None) };
    let named = Some(job.worker).filter(|worker| !worker.is_zero());
    let (worker, provider) = if job.state == POSTED { (None, named) } else { (named, None) };
    Ok(Some(JobJson {
        job_id: id,
        state,
        client: job.client,
        worker,
        provider,
        deadline: job.deadline,
        workload_id: job.workloadId,
        gpu_class: job.gpuClass,
        gpu_count: job.gpuCount,
        assurance: job.assurance,
        run_for: job.runFor.to(),
        challenge_window: job.challengeWindow.to(),
        fee_bps: job.feeBps,
        missed_bps: job.missedBps,
        price: U256::from(job.price),
        amount: U256::from(job.amount),
        terms_hash: job.terms,
        receipt_digest: Some(job.digest).filter(|digest| !digest.is_zero()),
    }))
}

/// `GpuJobSettlement.State`; none for a job that is not there.
const fn state(number: u8) -> Option<&'static str> {
    match number {
        0 => None,
        1 => Some("posted"),
        2 => Some("accepted"),
        3 => Some("committed"),
        4 => Some("disputed"),
        5 => Some("settled"),
        6 => Some("refunded"),
        // A later version of the contract.
        _ => Some("unknown"),
    }
}
