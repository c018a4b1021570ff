//! Runs the node library with the command line, and turns its error into an exit code.

use std::error::Error;

use phala_node_lib::NodeError;

fn main() {
    let code = match phala_node_lib::run(std::env::args_os()) {
        Ok(()) => 0,
        Err(NodeError::Usage(usage)) => {
            // Help and version are printed to standard output, errors to standard error.
            let _ = usage.print();
            u8::try_from(usage.exit_code()).unwrap_or(2)
        }
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            error.exit_code()
        }
    };
    phala_node_lib::exit(code)
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
