use std::{
    io::{self, Write},
    time::Instant,
};

use phala_primitives::BlockRef;
use phala_storage::{Stats, StorageError, VerifyProgress, VerifyReport};

use super::progress::LINE_INTERVAL;
use crate::{
    NodeError,
    config::Settings,
    open::{open_existing, open_existing_at},
};

/// Prints heads, sizes and entry counts.
pub(crate) fn db_stats(settings: &Settings) -> Result<(), NodeError> {
    let opened = open_existing(settings)?;
    let stats = opened.store.stats();
    opened.close()?;
    write_stats(&mut io::stdout().lock(), &stats).map_err(NodeError::Output)
}

fn write_stats(out: &mut impl Write, stats: &Stats) -> io::Result<()> {
    let mut head =
        |name, block: BlockRef| writeln!(out, "{name:<16} {:>12}  {}", block.number, block.hash);
    head("latest", stats.heads.latest)?;
    head("safe", stats.heads.safe)?;
    head("finalized", stats.heads.finalized)?;
    head("base", stats.base)?;
    writeln!(out, "{:<16} {:>12}", "oldest state", stats.oldest_state)?;
    writeln!(
        out,
        "{:<16} {:>12}  with {} changes, {} bytes in memory",
        "tail blocks", stats.tail_blocks, stats.tail_entries, stats.tail_bytes
    )?;
    writeln!(out, "{:<16} {:>12}", "side blocks", stats.side_blocks)?;
    writeln!(out, "{:<16} {:>12}", "log bytes", stats.log_bytes)?;
    writeln!(out, "{:<16} {:>12}", "free disk bytes", stats.disk_free_bytes)?;
    writeln!(out, "\n{:<16} {:>12} {:>14}", "family", "keys (about)", "bytes on disk")?;
    for (name, size) in &stats.families {
        writeln!(out, "{name:<16} {:>12} {:>14}", size.keys, size.disk_bytes)?;
    }
    let total: u64 = stats.families.iter().map(|(_, size)| size.disk_bytes).sum();
    writeln!(out, "{:<16} {:>12} {total:>14}", "total", "")
}

/// Checks everything; an error is the first problem found.
pub(crate) fn db_verify(settings: &Settings) -> Result<(), NodeError> {
    let opened = open_existing(settings)?;
    let mut last_line = Instant::now();
    let result = opened.store.verify(&mut |progress: VerifyProgress| {
        if last_line.elapsed() >= LINE_INTERVAL {
            last_line = Instant::now();
            tracing::info!(stage = ?progress.stage, done = progress.done, total = progress.total, "verifying");
        }
    });
    opened.close()?;
    write_report(&mut io::stdout().lock(), &result?).map_err(NodeError::Output)
}

fn write_report(out: &mut impl Write, report: &VerifyReport) -> io::Result<()> {
    for (name, count) in [
        ("headers", report.headers),
        ("bodies", report.bodies),
        ("accounts", report.accounts),
        ("slots", report.slots),
        ("trie nodes", report.nodes),
        ("history entries", report.histories),
        ("index entries", report.indexes),
    ] {
        writeln!(out, "{name:<16} {count:>12}")?;
    }
    writeln!(out, "no problems found")
}

/// Takes back all blocks above a height; the store checks the state that is left.
pub(crate) fn db_unwind(settings: &Settings, to: u64) -> Result<(), NodeError> {
    let (opened, is_there) = match open_existing(settings) {
        // That is what the error asked for; opening has done it.
        Err(NodeError::Storage(StorageError::DamagedTail { .. })) => {
            let opened = open_existing_at(settings, Some(to))?;
            let is_there = opened.store.heads().latest.number <= to;
            (opened, is_there)
        }
        opened => (opened?, false),
    };
    let before = opened.store.heads().latest;
    let result = if is_there { Ok(()) } else { opened.store.unwind(to) };
    let after = opened.store.heads().latest;
    opened.close()?;
    result?;
    writeln!(
        io::stdout(),
        "head is block {} {}, was {} {}",
        after.number,
        after.hash,
        before.number,
        before.hash
    )
    .map_err(NodeError::Output)
}

/// Prints the hash of the content up to a height, with bodies and receipts from a height.
pub(crate) fn db_digest(
    settings: &Settings,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<(), NodeError> {
    let opened = open_existing(settings)?;
    let to = to.unwrap_or_else(|| opened.store.heads().latest.number);
    let from = from.unwrap_or_else(|| opened.store.oldest_state() + 1);
    let digest = opened.store.digest_range(from, to);
    opened.close()?;
    writeln!(io::stdout(), "{} blocks {from} to {to}", digest?).map_err(NodeError::Output)
}
