use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::sol;
use phala_chainspec::addresses::WORKER_REGISTRY;
use serde::Serialize;

use super::predeploy::Predeploys;
use crate::RpcError;

const NAME: &str = "WorkerRegistry";

sol! {
    /// As in `WorkerRegistry`.
    struct Worker {
        address operator;
        uint64 expiry;
        uint16 gpuClass;
        uint8 gpuCount;
        uint8 status;
        address payout;
        uint32 epoch;
        uint32 boundIn;
        uint32 releaseAt;
        bytes32 workloadId;
        bytes32 gpuSetHash;
        bytes32 ppidHash;
        uint128 bond;
        uint128 reserved;
    }

    function workerOf(address worker) external view returns (Worker memory);
    function isLive(address worker) external view returns (bool);
}

/// A worker as `phala_getWorker` tells of it. Times are unix seconds, amounts hex in the token's smallest unit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkerJson {
    address: Address,
    status: &'static str,
    /// Attested, not expired, and welcome to the policy.
    live: bool,
    operator: Address,
    payout: Address,
    workload_id: B256,
    gpu_class: u16,
    gpu_count: u8,
    gpu_set_hash: B256,
    ppid_hash: B256,
    epoch: u32,
    bound_in: u32,
    expiry: u64,
    /// While retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    release_at: Option<u32>,
    bond: U256,
    reserved: U256,
}

/// A worker, or `None` if nobody registered it.
pub(super) fn read(
    predeploys: &Predeploys<'_>,
    address: Address,
) -> Result<Option<WorkerJson>, RpcError> {
    let worker = predeploys.read(NAME, WORKER_REGISTRY, &workerOfCall { worker: address })?;
    let Some(status) = status(worker.status) else { return Ok(None) };
    let live = predeploys.read(NAME, WORKER_REGISTRY, &isLiveCall { worker: address })?;
    Ok(Some(WorkerJson {
        address,
        status,
        live,
        operator: worker.operator,
        payout: worker.payout,
        workload_id: worker.workloadId,
        gpu_class: worker.gpuClass,
        gpu_count: worker.gpuCount,
        gpu_set_hash: worker.gpuSetHash,
        ppid_hash: worker.ppidHash,
        epoch: worker.epoch,
        bound_in: worker.boundIn,
        expiry: worker.expiry,
        release_at: (worker.releaseAt != 0).then_some(worker.releaseAt),
        bond: U256::from(worker.bond),
        reserved: U256::from(worker.reserved),
    }))
}

/// `WorkerRegistry.Status`; none for a worker that is not there.
const fn status(number: u8) -> Option<&'static str> {
    match number {
        0 => None,
        1 => Some("live"),
        2 => Some("frozen"),
        3 => Some("retired"),
        4 => Some("denied"),
        // A later version of the contract.
        _ => Some("unknown"),
    }
}
