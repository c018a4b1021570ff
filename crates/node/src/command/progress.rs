use std::time::{Duration, Instant};

/// Pause between two progress lines.
pub(crate) const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Tells every few seconds how far a long command is.
#[derive(Debug)]
pub(crate) struct Progress {
    action: &'static str,
    /// How much there is to do, if known.
    total: Option<u64>,
    done: u64,
    blocks: u64,
    gas: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn new(action: &'static str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { action, total, done: 0, blocks: 0, gas: 0, started: now, last_line: now }
    }

    /// Notes a block and `done` more of the total.
    pub(crate) fn advance(&mut self, number: u64, done: u64, gas: u64) {
        self.done += done;
        self.blocks += 1;
        self.gas += gas;
        if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            self.line(number, "progress");
        }
    }

    /// Tells that it is done.
    pub(crate) fn finish(&self, number: u64) {
        self.line(number, "done");
    }

    fn line(&self, number: u64, message: &'static str) {
        let elapsed = self.started.elapsed().as_secs_f64().max(0.001);
        let percent =
            self.total.filter(|total| *total > 0).map(|total| self.done.min(total) * 100 / total);
        let left_secs = self.total.filter(|_| self.done > 0).map(|total| {
            (total.saturating_sub(self.done) as f64 * elapsed / self.done as f64) as u64
        });
        tracing::info!(
            action = self.action,
            number,
            blocks = self.blocks,
            blocks_per_sec = format_args!("{:.0}", self.blocks as f64 / elapsed),
            mgas_per_sec = format_args!("{:.1}", self.gas as f64 / 1e6 / elapsed),
            percent,
            left_secs,
            "{message}"
        );
    }
}
