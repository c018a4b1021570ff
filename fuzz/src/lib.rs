//! What fuzz targets share.

use std::time::{Duration, Instant};

/// The dearest honest input takes 3 ms (256 receipts 8 ms); ten times that for instrumentation
/// and a busy machine. Forged certificate chains, unframed, took 14 ms where honest ones took 2.
const TIME_MAX: Duration = Duration::from_millis(100);

/// Runs it, and fails if it takes too long.
pub fn in_time<T>(run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed();
    assert!(took < TIME_MAX, "took {took:?}");
    result
}
