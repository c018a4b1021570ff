//! Names of the metrics and the few places that write them.

use metrics::{counter, gauge, histogram};
use phala_primitives::{BlockRef, Heads, RecoveredBlock};

use crate::ImportTimings;

/// A block was executed and written.
pub(crate) fn imported(block: &RecoveredBlock, timings: &ImportTimings) {
    counter!("phala_engine_blocks_total").increment(1);
    counter!("phala_engine_gas_total").increment(block.gas_used);
    let transactions = block.body().transactions.len();
    counter!("phala_engine_transactions_total").increment(transactions as u64);
    histogram!("phala_engine_import_seconds").record(timings.total);
    histogram!("phala_engine_recover_seconds").record(timings.recover_busy);
    histogram!("phala_engine_execute_seconds").record(timings.execute);
    histogram!("phala_engine_root_seconds").record(timings.root);
    histogram!("phala_engine_write_seconds").record(timings.write);
}

/// A block broke a rule.
pub(crate) fn refused() {
    counter!("phala_engine_refused_blocks_total").increment(1);
}

/// A block of our own was refused by our own import.
pub(crate) fn own_block_refused() {
    counter!("phala_engine_own_blocks_refused_total").increment(1);
}

/// Blocks that wait for their parent.
pub(crate) fn orphans(count: usize) {
    gauge!("phala_engine_orphans").set(count as f64);
}

/// The heads moved, dropping `removed` blocks.
pub(crate) fn heads(heads: &Heads, removed: u64) {
    let set = |role, head: BlockRef| {
        gauge!("phala_engine_head_number", "role" => role).set(head.number as f64);
    };
    set("latest", heads.latest);
    set("safe", heads.safe);
    set("finalized", heads.finalized);
    if removed > 0 {
        counter!("phala_engine_reorgs_total").increment(1);
        histogram!("phala_engine_reorg_depth").record(removed as f64);
    }
}

/// A payload was built.
pub(crate) fn built(seconds: std::time::Duration, gas: u64) {
    histogram!("phala_engine_build_seconds").record(seconds);
    histogram!("phala_engine_build_gas").record(gas as f64);
}
