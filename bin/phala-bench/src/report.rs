//! What the benchmark prints.

use crate::import::ImportReport;

/// A line that says what is going on, apart from the results.
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Head of the table of imports.
pub(crate) fn import_head() {
    println!(
        "| run | txs/block | Mgas/s | p50 ms | p99 ms | recover (cpu) | execute | root | write | genesis s | reopen ms | peak MB | B/tx on disk |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
}

/// One row of it.
pub(crate) fn import_row(name: &str, report: &ImportReport) {
    println!(
        "| {name} | {} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.0} | {} | {:.0} |",
        report.transactions / (report.blocks as u64).max(1),
        report.mgas_per_second(),
        report.p50_ms,
        report.p99_ms,
        report.recover_busy_ms,
        report.execute_ms,
        report.root_ms,
        report.write_ms,
        report.genesis_ms / 1_000.0,
        report.reopen_ms,
        report.peak_memory_bytes >> 20,
        report.disk_bytes_per_transaction(),
    );
}
