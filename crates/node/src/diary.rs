use std::time::{Duration, Instant};

/// A head older than this, by the wall clock, means the node is catching up.
const CATCHING_UP_SECS: u64 = 60;

/// Pause between two lines while catching up.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// A block that joined the chain, as far as the diary cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    pub(crate) txs: usize,
    pub(crate) gas_used: u64,
}

/// A line of the diary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// Keeping up: one line for the block.
    Block,
    /// Catching up: one line for all blocks since the line before.
    Summary(Summary),
}

/// What happened since the line before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) blocks: u64,
    pub(crate) txs: usize,
    pub(crate) mgas_per_sec: f64,
    pub(crate) behind_secs: u64,
    /// Seconds until the head is as new as the clock, at the pace since the line before.
    pub(crate) left_secs: Option<u64>,
}

/// Decides which blocks get a line: each one at the head of the chain, one line for ten seconds
/// while there is a distance to cover.
#[derive(Debug)]
pub(crate) struct Diary {
    since: Instant,
    behind_secs_then: Option<u64>,
    blocks: u64,
    txs: usize,
    gas_used: u64,
}

impl Diary {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { since: now, behind_secs_then: None, blocks: 0, txs: 0, gas_used: 0 }
    }

    /// Notes one block at wall-clock time `unix_secs`.
    pub(crate) fn note(&mut self, block: Noted, now: Instant, unix_secs: u64) -> Option<Line> {
        let behind_secs = unix_secs.saturating_sub(block.timestamp);
        if behind_secs <= CATCHING_UP_SECS && self.blocks == 0 {
            *self = Self::new(now);
            return Some(Line::Block);
        }
        self.blocks += 1;
        self.txs += block.txs;
        self.gas_used += block.gas_used;
        let behind_then = *self.behind_secs_then.get_or_insert(behind_secs);
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < SUMMARY_INTERVAL && behind_secs > CATCHING_UP_SECS {
            return None;
        }
        let elapsed_secs = elapsed.as_secs_f64().max(0.001);
        let gained = behind_then.saturating_sub(behind_secs);
        let summary = Summary {
            blocks: self.blocks,
            txs: self.txs,
            mgas_per_sec: self.gas_used as f64 / 1e6 / elapsed_secs,
            behind_secs,
            left_secs: (gained > 0)
                .then(|| (behind_secs as f64 * elapsed_secs / gained as f64) as u64),
        };
        *self = Self { behind_secs_then: Some(behind_secs), ..Self::new(now) };
        Some(Line::Summary(summary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: u64 = 1_000_000;

    fn block(number: u64, timestamp: u64) -> Noted {
        Noted { number, timestamp, txs: 2, gas_used: 1_000_000 }
    }

    #[test]
    fn each_block_at_the_head_gets_a_line() {
        let start = Instant::now();
        let mut diary = Diary::new(start);
        for number in 0..3 {
            assert_eq!(diary.note(block(number, WALL), start, WALL), Some(Line::Block));
        }
    }

    #[test]
    fn catching_up_is_summed_up_with_the_time_left() {
        let start = Instant::now();
        let mut diary = Diary::new(start);
        for i in 0..10 {
            let now = start + Duration::from_secs(i);
            assert_eq!(diary.note(block(i, WALL - 10_000 + i * 100), now, WALL), None);
        }
        let line = diary.note(block(10, WALL - 9_000), start + Duration::from_secs(10), WALL);
        let Some(Line::Summary(summary)) = line else { panic!("{line:?}") };
        assert_eq!((summary.blocks, summary.txs, summary.behind_secs), (11, 22, 9_000));
        assert!((summary.mgas_per_sec - 1.1).abs() < 1e-9);
        assert_eq!(summary.left_secs, Some(90), "1,000 s gained in 10 s, 9,000 s to go");
    }

    #[test]
    fn the_last_stretch_is_not_lost() {
        let start = Instant::now();
        let mut diary = Diary::new(start);
        assert_eq!(diary.note(block(1, WALL - 1_000), start, WALL), None);
        let line = diary.note(block(2, WALL), start + Duration::from_secs(1), WALL);
        assert!(matches!(line, Some(Line::Summary(Summary { blocks: 2, .. }))), "{line:?}");
        assert_eq!(diary.note(block(3, WALL), start, WALL), Some(Line::Block));
    }
}
