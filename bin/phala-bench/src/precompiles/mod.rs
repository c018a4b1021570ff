//! Times the attestation precompiles against `ecrecover` in the same process, searches for the
//! input that takes the longest for its gas, and imports blocks full of the dearest calls.

mod blocks;
mod candidates;
mod crl;
mod evidence;

pub(crate) use evidence::Recorded;

use std::time::{Duration, Instant};

use eyre::{bail, ensure};
use phala_evm::ATTESTATION_PRECOMPILES;
use revm::precompile::{Precompile, secp256k1::ECRECOVER};
use serde::Serialize;

use self::{blocks::BlockTime, candidates::Candidate};

/// Goals as multiples of `ecrecover`'s time.
const TDX_GOAL: f64 = 65.0;
const P384_GOAL: f64 = 20.0;
const RECEIPT_GOAL: f64 = 1.15;
const SUBSTRATE_GOAL: f64 = 2.0;

/// No input may take more than this multiple of `ecrecover`'s time for its gas.
const TIME_PER_GAS_GOAL: f64 = 1.5;

/// A call is measured for this long; the shortest run counts.
const MEASURED: Duration = Duration::from_millis(150);

/// And this often at least.
const RUNS_MIN: usize = 20;

/// Every measurement is taken this many times in turn with the others, so that no disturbance of
/// the machine meets one of them alone.
const ROUNDS: usize = 3;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct PrecompileReport {
    /// Microseconds of one `ecrecover`.
    pub(crate) ecrecover_us: f64,
    /// What the functions take for honest input.
    pub(crate) functions: Vec<FunctionTime>,
    /// Every input of the search, dearest for its gas first.
    pub(crate) search: Vec<InputTime>,
    /// Imports of blocks full of one call.
    pub(crate) blocks: Vec<BlockTime>,
}

/// One function on honest input.
#[derive(Debug, Serialize)]
pub(crate) struct FunctionTime {
    name: &'static str,
    /// Of one call.
    us: f64,
    /// Of one quote, signature or receipt in it, in times of `ecrecover`.
    ecrecovers: f64,
    /// For `ecrecovers`.
    goal: f64,
    /// Of one call.
    gas: u64,
}

/// One input of the search.
#[derive(Debug, Serialize)]
pub(crate) struct InputTime {
    name: String,
    us: f64,
    gas: u64,
    /// Its time per gas, in times of `ecrecover`'s.
    time_per_gas: f64,
}

/// Measures all of it on recorded evidence.
pub(crate) fn measure(recorded: &Recorded) -> eyre::Result<PrecompileReport> {
    let candidates = candidates::all(recorded)?;
    let ecrecover = candidates::ecrecover();
    let mut shortest = vec![f64::MAX; candidates.len()];
    let mut ecrecover_us = f64::MAX;
    for _ in 0..ROUNDS {
        ecrecover_us = ecrecover_us.min(time(&ECRECOVER, &ecrecover)?);
        for (candidate, shortest) in candidates.iter().zip(&mut shortest) {
            let precompile = precompile(candidate)?;
            *shortest = shortest.min(time(precompile, &candidate.input)?);
        }
    }
    let mut search = Vec::new();
    for (candidate, us) in candidates.iter().zip(shortest) {
        let gas = precompile(candidate)?.execute(&candidate.input, u64::MAX, 0)?.gas_used;
        let time_per_gas = us / gas as f64 / (ecrecover_us / candidates::ECRECOVER_GAS as f64);
        search.push(InputTime { name: candidate.name.clone(), us, gas, time_per_gas });
    }
    let functions = functions(&search, ecrecover_us)?;
    search.sort_by(|one, other| other.time_per_gas.total_cmp(&one.time_per_gas));
    let blocks = blocks::measure(&candidates, &search)?;
    Ok(PrecompileReport { ecrecover_us, functions, search, blocks })
}

/// The honest inputs among those of the search, for one unit of work each.
fn functions(search: &[InputTime], ecrecover_us: f64) -> eyre::Result<Vec<FunctionTime>> {
    let rows = [
        ("TDX_VERIFY, a quote", candidates::QUOTE, 1.0, TDX_GOAL),
        ("GPU_VERIFY, five signatures: one", candidates::EVIDENCE, 5.0, P384_GOAL),
        ("GPU_VERIFY, a report under a known key", candidates::KNOWN_LEAF, 1.0, P384_GOAL),
        ("GPU_SETTLE, 256 receipts: one", candidates::BATCH, 256.0, RECEIPT_GOAL),
        ("SUBSTRATE_VERIFY, sr25519", candidates::SR25519, 1.0, SUBSTRATE_GOAL),
        ("SUBSTRATE_VERIFY, ed25519", candidates::ED25519, 1.0, SUBSTRATE_GOAL),
    ];
    let row = |(name, input, units, goal): (&'static str, &str, f64, f64)| {
        let Some(measured) = search.iter().find(|measured| measured.name == input) else {
            bail!("`{input}` was not measured");
        };
        let ecrecovers = measured.us / units / ecrecover_us;
        Ok(FunctionTime { name, us: measured.us, ecrecovers, goal, gas: measured.gas })
    };
    rows.into_iter().map(row).collect()
}

fn precompile(candidate: &Candidate) -> eyre::Result<&'static Precompile> {
    let found = ATTESTATION_PRECOMPILES.iter().find(|own| *own.address() == candidate.address);
    found.ok_or_else(|| eyre::eyre!("no precompile at {}", candidate.address))
}

/// Microseconds of the shortest of many runs.
fn time(precompile: &Precompile, input: &[u8]) -> eyre::Result<f64> {
    let start = Instant::now();
    let (mut shortest, mut runs) = (f64::MAX, 0);
    while start.elapsed() < MEASURED || runs < RUNS_MIN {
        let before = processor_us();
        let output = precompile.execute(input, u64::MAX, 0)?;
        shortest = shortest.min(processor_us() - before);
        ensure!(output.is_success(), "the input is no frame: {:?}", output.status);
        runs += 1;
    }
    Ok(shortest)
}

/// Processor time of this thread. Calls of several milliseconds are never without an interruption
/// where something else runs, which the time of day would count.
fn processor_us() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing, and every Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Prints the tables of `docs/benchmarks.md`.
pub(crate) fn print(report: &PrecompileReport) {
    println!("\necrecover: {:.1} us\n", report.ecrecover_us);
    println!("| attestation | us a call | ecrecovers | goal | gas a call |");
    println!("|---|--:|--:|--:|--:|");
    for row in &report.functions {
        let FunctionTime { name, us, ecrecovers, goal, gas } = row;
        println!("| {name} | {us:.1} | {ecrecovers:.2} | {goal} | {gas} |");
    }
    println!(
        "\n| dearest for its gas, of {} | us | gas | time per gas, ecrecover 1 |",
        report.search.len()
    );
    println!("|---|--:|--:|--:|");
    for InputTime { name, us, gas, time_per_gas } in &report.search {
        println!("| {name} | {us:.1} | {gas} | {time_per_gas:.2} |");
    }
    println!("\nGoal: no input above {TIME_PER_GAS_GOAL}.\n");
    println!("| a block full of | calls | Mgas | ms to import | ecrecover 1 |");
    println!("|---|--:|--:|--:|--:|");
    for BlockTime { name, calls, gas, ms, relative } in &report.blocks {
        println!("| {name} | {calls} | {:.1} | {ms:.1} | {relative:.2} |", *gas as f64 / 1e6);
    }
}
