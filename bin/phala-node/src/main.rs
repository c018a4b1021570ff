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
            eprintln!("error: {}", with_causes(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

/// The message, and those of its causes that it does not repeat itself.
fn with_causes(error: &NodeError) -> String {
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
