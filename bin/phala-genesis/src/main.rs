//! Builds the genesis of a chain and deploys its L1 contracts.

mod devnet;
mod exit_code;
mod inspect;
mod progress_bar;
mod reconcile;
mod snapshot_flags;
mod synth;
mod verify;

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Builds the genesis of a chain and deploys its L1 contracts.
#[derive(Parser, Debug)]
#[command(name = "phala-genesis", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Deploy the L1 contracts of a chain and write its chain file, genesis and rollup.json. The same
    /// command again continues a run that was interrupted.
    Devnet(Box<devnet::DevnetFlags>),
    /// Say what a snapshot of the parachain holds: format, block, runtime, number of pairs, root.
    Inspect(inspect::InspectFlags),
    /// Prove that a snapshot is the whole state of a block of the parachain. Refusals exit with 10 to 39,
    /// as listed in docs/snapshot.md.
    Verify(verify::VerifyFlags),
    /// Say what every account of the parachain is owed, and write it as records. Refusals exit with 40 to 89,
    /// as listed in docs/ledger.md.
    Reconcile(reconcile::ReconcileFlags),
    /// Make up a snapshot of the parachain, and the report an importer must come to.
    Synth(synth::SynthFlags),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    let (result, as_json) = match command {
        Command::Devnet(flags) => (devnet::devnet(*flags), false),
        Command::Inspect(flags) => (inspect::inspect(&flags), flags.snapshot.json),
        Command::Verify(flags) => (verify::verify(&flags), flags.snapshot.json),
        Command::Reconcile(flags) => (reconcile::reconcile(&flags), flags.snapshot.json),
        Command::Synth(flags) => (synth::synth(flags), false),
    };
    exit_code::finish(result, as_json)
}
