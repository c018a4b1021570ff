//! Imports a generated run as a driver would hand it over, block by block: JSON parameters in,
//! every root checked, durable before the answer.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_engine::{CancunPayloadFields, ForkchoiceState, PraguePayloadFields};
use eyre::{WrapErr, ensure};
use op_alloy_rpc_types_engine::{
    OpExecutionData, OpExecutionPayload, OpExecutionPayloadSidecar, OpExecutionPayloadV4,
};
use phala_chainspec::ChainSpec;
use phala_engine::{Engine, EngineConfig, ForkchoiceVersion, NewPayloadVersion};
use phala_storage::{Store, StoreConfig};
use serde::{Deserialize, Serialize};

use crate::generate::GENESIS_FILE;

/// What one run measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImportReport {
    /// Blocks imported.
    pub(crate) blocks: usize,
    /// Transactions in them.
    pub(crate) transactions: u64,
    /// Gas used in them.
    pub(crate) gas: u64,
    /// Wall time of all calls.
    pub(crate) total_ms: f64,
    /// Median of one block, both calls.
    pub p50_ms: f64,
    /// 99th percentile of one block.
    pub p99_ms: f64,
    /// Means over the blocks, as the engine reports them.
    pub(crate) recover_busy_ms: f64,
    /// Opening the state to the last transaction.
    pub(crate) execute_ms: f64,
    /// State and receipts root.
    pub(crate) root_ms: f64,
    /// Until the record was durable.
    pub(crate) write_ms: f64,
    /// Time to write the genesis.
    pub(crate) genesis_ms: f64,
    /// Time to open the store again and read the head state.
    pub(crate) reopen_ms: f64,
    /// Peak resident memory of this process.
    pub(crate) peak_memory_bytes: u64,
    /// Size of the data directory after the run.
    pub(crate) disk_bytes: u64,
    /// Size of it after genesis.
    pub(crate) genesis_disk_bytes: u64,
}

impl ImportReport {
    /// Million gas a second.
    pub(crate) fn mgas_per_second(&self) -> f64 {
        self.gas as f64 / self.total_ms / 1_000.0
    }

    /// Growth of the data directory by transaction.
    pub(crate) fn disk_bytes_per_transaction(&self) -> f64 {
        self.disk_bytes.saturating_sub(self.genesis_disk_bytes) as f64 / self.transactions as f64
    }
}

/// Imports the blocks of `file` into a new store.
pub(crate) fn import(folder: &Path, file: &str, data: &Path) -> eyre::Result<ImportReport> {
    let genesis = File::open(folder.join(GENESIS_FILE)).wrap_err("run `generate` first")?;
    let spec = Arc::new(ChainSpec::from_genesis_json(BufReader::new(genesis))?);
    let lines: Vec<String> =
        BufReader::new(File::open(folder.join(file))?).lines().collect::<Result<_, _>>()?;

    let start = Instant::now();
    let store = Store::create(data, StoreConfig::default())?;
    store.init_genesis(&spec)?;
    let genesis_ms = ms(start.elapsed());
    let genesis_disk_bytes = folder_bytes(data)?;

    let engine = Engine::new(Arc::clone(&spec), store.clone(), EngineConfig::default());
    let mut times = Vec::with_capacity(lines.len());
    let mut gas = 0;
    let mut transactions = 0;
    let mut steps = [Duration::ZERO; 4];
    let start = Instant::now();
    for line in &lines {
        let block_start = Instant::now();
        let imported = hand_over(&engine, line)?;
        times.push(ms(block_start.elapsed()));
        gas += imported.gas;
        transactions += imported.transactions;
        let timings = engine.last_import();
        for (sum, step) in steps.iter_mut().zip([
            timings.recover_busy,
            timings.execute,
            timings.root,
            timings.write,
        ]) {
            *sum += step;
        }
    }
    let total_ms = ms(start.elapsed());
    let head = engine.heads().latest.hash;
    drop(engine);
    store.close()?;
    drop(store);

    let start = Instant::now();
    let store = Store::create(data, StoreConfig::default())?;
    let view = store.view(head)?.ok_or_else(|| eyre::eyre!("head has no state after reopening"))?;
    ensure!(view.account(&B256::ZERO)?.is_none(), "an account that does not exist was found");
    let reopen_ms = ms(start.elapsed());
    store.close()?;

    times.sort_by(f64::total_cmp);
    let mean = |sum: Duration| ms(sum) / lines.len() as f64;
    Ok(ImportReport {
        blocks: lines.len(),
        transactions,
        gas,
        total_ms,
        p50_ms: percentile(&times, 0.5),
        p99_ms: percentile(&times, 0.99),
        recover_busy_ms: mean(steps[0]),
        execute_ms: mean(steps[1]),
        root_ms: mean(steps[2]),
        write_ms: mean(steps[3]),
        genesis_ms,
        reopen_ms,
        peak_memory_bytes: peak_memory_bytes()?,
        disk_bytes: folder_bytes(data)?,
        genesis_disk_bytes,
    })
}

struct HandedOver {
    gas: u64,
    transactions: u64,
}

/// `engine_newPayloadV4` and `engine_forkchoiceUpdatedV3` of one block.
fn hand_over(engine: &Engine, line: &str) -> eyre::Result<HandedOver> {
    let (payload, versioned_hashes, parent_beacon_block_root, requests): (
        OpExecutionPayloadV4,
        Vec<B256>,
        B256,
        Vec<Bytes>,
    ) = serde_json::from_str(line)?;
    let inner = &payload.payload_inner.payload_inner.payload_inner;
    let (hash, gas, transactions) =
        (inner.block_hash, inner.gas_used, inner.transactions.len() as u64);
    let sidecar = OpExecutionPayloadSidecar::v4(
        CancunPayloadFields { parent_beacon_block_root, versioned_hashes },
        PraguePayloadFields::new(requests),
    );
    let data = OpExecutionData { payload: OpExecutionPayload::V4(payload), sidecar };
    let status = engine.new_payload(NewPayloadVersion::V4, data)?;
    ensure!(status.is_valid(), "block {hash} was not accepted: {status:?}");
    let state = ForkchoiceState { head_block_hash: hash, ..Default::default() };
    let updated = engine.forkchoice_updated(ForkchoiceVersion::V3, state, None)?;
    ensure!(updated.is_valid(), "fork choice {hash} was not accepted: {updated:?}");
    Ok(HandedOver { gas, transactions })
}

fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

pub(crate) fn peak_memory_bytes() -> eyre::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    Ok(kib.parse::<u64>()? * 1_024)
}

fn folder_bytes(folder: &Path) -> eyre::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
