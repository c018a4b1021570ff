//! What fuzz targets share.

use std::time::{Duration, Instant};

/// The dearest inputs (256 receipts, a revocation list at its cap) take up to 10 ms; three times that for
/// instrumentation.
const TIME_MAX: Duration = Duration::from_millis(30);

/// A busy machine is slow now and then, a dear input every time.
const TRIES: usize = 5;

/// Runs it, and fails if it takes too long again and again.
pub fn in_time<T>(run: impl Fn() -> T) -> T {
    let mut shortest = Duration::MAX;
    for _ in 0..TRIES {
        let start = Instant::now();
        let result = run();
        shortest = shortest.min(start.elapsed());
        if shortest < TIME_MAX {
            return result;
        }
    }
    panic!("took {shortest:?} at least");
}
