use std::process::ExitCode;

use phala_genesis_lib::snapshot::SnapshotError;

/// Exit code of everything that is nobody's in particular: flags, output, L1.
const OTHER: u8 = 1;

/// Reports how a command ended. With `--json`, an error is one object on standard output as well.
pub(crate) fn finish(result: eyre::Result<()>, as_json: bool) -> ExitCode {
    let Err(report) = result else { return ExitCode::SUCCESS };
    let code = exit_code(&report);
    if as_json {
        println!("{}", serde_json::json!({ "error": format!("{report:#}"), "exitCode": code }));
    }
    eprintln!("Error: {report:?}");
    ExitCode::from(code)
}

/// The code of the refusal behind an error, however it was wrapped.
fn exit_code(report: &eyre::Report) -> u8 {
    report.downcast_ref::<SnapshotError>().map_or(OTHER, SnapshotError::exit_code)
}
