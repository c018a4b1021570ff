//! Posts the chain's batches to L1: parses the command line and runs the library.

mod cli;

use std::{error::Error, io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

use crate::cli::{Cli, LogFormat};

/// Exit code of settings that cannot be used.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are printed to standard output, errors to standard error.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(EXIT_USAGE));
        }
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            eprintln!("error: {}", with_causes(report.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> eyre::Result<()> {
    init_logging(cli)?;
    let config = cli.config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(phala_batcher_lib::run(config));
    // A request that hangs must not hold the process; the journal is consistent at any moment.
    runtime.shutdown_background();
    Ok(result?)
}

fn init_logging(cli: &Cli) -> eyre::Result<()> {
    let filter = EnvFilter::try_new(&cli.log_filter)
        .map_err(|error| eyre::eyre!("log filter `{}` is invalid: {error}", cli.log_filter))?;
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => builder.with_target(false).finish().try_init()?,
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// The message, and those of its causes that it does not repeat itself.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str("\n  because: ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
