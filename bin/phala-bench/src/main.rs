//! Measures import of a deterministic workload, the attestation precompiles, and reads over RPC. `make bench` runs all of it and prints a table.

mod assembler;
mod contracts;
mod derivation;
mod generate;
mod import;
mod precompiles;
mod report;
mod rpc_bench;
mod rpc_load;
mod workload;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use clap::{Parser, Subcommand};
use eyre::{OptionExt, WrapErr, ensure};

use crate::{generate::Run, import::ImportReport, precompiles::Recorded};

/// The run whose blocks are read over RPC.
const RPC_RUN: Run = Run { kind: workload::Kind::Mix, mgas: 30 };

/// Seconds of each read.
const RPC_SECONDS: u64 = 5;

/// Benchmarks of execution and derivation.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes the workload: `genesis.json` and one file of `engine_newPayloadV4` parameters a run.
    Generate {
        /// Folder to write to.
        #[arg(long)]
        out: PathBuf,
        /// Accounts of the genesis.
        #[arg(long, default_value_t = 200_000)]
        accounts: usize,
        /// Blocks of each run.
        #[arg(long, default_value_t = 100)]
        blocks: u64,
        /// Seed of keys and choices.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Imports one run into a new data directory and prints what it took as JSON.
    Import {
        /// Folder that `generate` wrote.
        #[arg(long)]
        workload: PathBuf,
        /// File in it.
        #[arg(long)]
        run: String,
        /// Data directory; must not exist or be empty. A temporary one by default.
        #[arg(long)]
        datadir: Option<PathBuf>,
    },
    /// Imports every run, each in a process of its own, and prints a table; JSON to a file.
    All {
        /// Folder that `generate` wrote; written first if it does not exist.
        #[arg(long)]
        workload: PathBuf,
        /// Where to write the figures as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
        /// Blocks of each run, if the workload is generated now.
        #[arg(long, default_value_t = 100)]
        blocks: u64,
    },
    /// Derives blocks from L1 data in memory and prints what it took as JSON.
    Derive {
        /// Folder that `generate` wrote.
        #[arg(long)]
        workload: PathBuf,
    },
    /// Times the attestation precompiles on the evidence in $PHALA_VECTORS; prints tables.
    Precompiles,
    /// Sends one JSON-RPC request over 64 connections and prints requests a second.
    Rpc {
        /// Address of the server.
        #[arg(long, default_value = "127.0.0.1:8545")]
        server: SocketAddr,
        /// Seconds to send for.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Bodies to send in turn.
        #[arg(required = true)]
        bodies: Vec<String>,
    },
}

fn main() -> eyre::Result<()> {
    match Cli::parse().command {
        Task::Generate { out, accounts, blocks, seed } => {
            generate::generate(&out, accounts, blocks, seed)
        }
        Task::Import { workload, run, datadir } => {
            let temporary = tempfile::tempdir()?;
            let datadir = datadir.unwrap_or_else(|| temporary.path().join("data"));
            let report = import::import(&workload, &run, &datadir)?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(())
        }
        Task::All { workload, json, blocks } => all(&workload, json.as_deref(), blocks),
        Task::Derive { workload } => {
            println!("{}", serde_json::to_string(&derivation::measure(&workload)?)?);
            Ok(())
        }
        Task::Precompiles => {
            let recorded = Recorded::open()?
                .ok_or_eyre("set PHALA_VECTORS to the folder of recorded evidence")?;
            precompiles::print(&precompiles::measure(&recorded)?);
            Ok(())
        }
        Task::Rpc { server, seconds, bodies } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let rate = runtime.block_on(rpc_load::requests_per_second(
                server,
                Arc::new(bodies),
                Duration::from_secs(seconds),
            ))?;
            println!("{rate:.0} requests/s over {} connections", rpc_load::CONNECTIONS);
            Ok(())
        }
    }
}

fn all(workload: &Path, json: Option<&Path>, blocks: u64) -> eyre::Result<()> {
    if !workload.join(generate::GENESIS_FILE).exists() {
        generate::generate(workload, 200_000, blocks, 1)?;
    }
    let mut reports = serde_json::Map::new();
    report::import_head();
    for run in Run::ALL {
        let report = import_in_child(workload, run, None)?;
        report::import_row(&format!("{} {} Mgas", run.kind.name(), run.mgas), &report);
        reports.insert(run.file(), serde_json::to_value(&report)?);
    }
    let derivation = derivation::measure(workload)?;
    derivation::print(&derivation);
    reports.insert("derivation".into(), serde_json::to_value(&derivation)?);
    match Recorded::open()? {
        Some(recorded) => {
            let attestation = precompiles::measure(&recorded)?;
            precompiles::print(&attestation);
            reports.insert("precompiles".into(), serde_json::to_value(&attestation)?);
        }
        None => report::progress("attestation precompiles SKIPPED: no vectors"),
    }
    let data = tempfile::tempdir()?;
    import_in_child(workload, RPC_RUN, Some(&data.path().join("db")))?;
    let rates = rpc_bench::measure(workload, data.path(), RPC_SECONDS)?;
    rpc_bench::print(&rates);
    reports.insert("requests_per_second".into(), serde_json::to_value(&rates)?);
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_vec_pretty(&reports)?)
            .wrap_err_with(|| path.display().to_string())?;
    }
    Ok(())
}

/// A process of its own, so that peak memory is that of this run.
fn import_in_child(
    workload: &Path,
    run: Run,
    datadir: Option<&Path>,
) -> eyre::Result<ImportReport> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["import", "--run", &run.file(), "--workload"]).arg(workload);
    if let Some(datadir) = datadir {
        command.arg("--datadir").arg(datadir);
    }
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {errors}", run.file());
    Ok(serde_json::from_slice(&output.stdout)?)
}
