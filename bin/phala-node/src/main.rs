//! Runs the node library with the command line, and turns its error into an exit code.

use std::{error::Error, process::ExitCode};

use phala_node_lib::NodeError;

fn main() -> ExitCode {
    match phala_node_lib::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(NodeError::Usage(usage)) => {
            // Help and version are printed to standard output, errors to standard error.
            let _ = usage.print();
            if usage.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::from(error.exit_code())
        }
    }
}
