use std::{io::Write as _, process::ExitCode};

use phala_genesis_lib::{
    entitlements::EntitlementError, ledger::LedgerError, snapshot::SnapshotError,
};

/// Exit code of everything that is nobody's in particular: output, L1.
const OTHER: u8 = 1;

/// Reports how a command ended. With `--json`, an error is one object on standard output as well.
pub(crate) fn finish(result: eyre::Result<()>, as_json: bool) -> ExitCode {
    let Err(report) = result else { return ExitCode::SUCCESS };
    let code = refusal(&report);
    if as_json {
        let error = serde_json::json!({
            "error": format!("{report:#}"),
            "exitCode": code.unwrap_or(OTHER),
        });
        // If nobody reads it, standard error and the code still say it.
        let _ = writeln!(std::io::stdout(), "{error}");
    }
    match code {
        // Where in the program a snapshot was refused helps nobody.
        Some(_) => eprintln!("Error: {report:#}"),
        None => eprintln!("Error: {report:?}"),
    }
    ExitCode::from(code.unwrap_or(OTHER))
}

/// The code of the refusal behind an error, however it was wrapped.
fn refusal(report: &eyre::Report) -> Option<u8> {
    let of_snapshot = report.downcast_ref::<SnapshotError>().map(SnapshotError::exit_code);
    let of_ledger = report.downcast_ref::<LedgerError>().map(LedgerError::exit_code);
    let of_records = report.downcast_ref::<EntitlementError>().map(EntitlementError::exit_code);
    of_snapshot.or(of_ledger).or(of_records)
}
