use alloy_primitives::B256;
use phala_primitives::L2BlockRef;

use crate::{
    Pause, SequencerConfig, SequencerError,
    config::{RETRY_MS_MAX, RETRY_MS_MIN, SEAL_AHEAD_MS, START_HEAD_AGE_SECS_MAX},
};

/// What the sequencer needs to know of the chain to say what is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// The newest block.
    pub unsafe_head: L2BlockRef,
    /// Height of the safe head.
    pub safe_number: u64,
    /// Whether derivation runs, so that the unsafe head is known to belong to this L1.
    pub is_derivation_ready: bool,
    /// Whether derivation has read what L1 knew when the node started.
    pub is_caught_up: bool,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before `until_ms`; without it, nothing before the chain or an operator changes that.
    Wait {
        /// Unix time in milliseconds.
        until_ms: Option<u64>,
        /// What is in the way; `None` if only the time is.
        pause: Option<Pause>,
    },
    /// Start building a block, then say [`Sequencer::on_started`] or [`Sequencer::on_failed`].
    Start {
        /// The block before it.
        parent: L2BlockRef,
        /// Its timestamp.
        timestamp: u64,
    },
    /// Close the block in work, import and commit it, then say [`Sequencer::on_sealed`] or
    /// [`Sequencer::on_failed`].
    Seal {
        /// The block before it.
        parent: L2BlockRef,
        /// Its timestamp.
        timestamp: u64,
    },
}

/// Makes one block after the other.
#[derive(Debug)]
pub struct Sequencer {
    config: SequencerConfig,
    is_active: bool,
    is_recovering: bool,
    /// An operator, or the first blocks after a start, have settled that the head is the right one.
    is_head_trusted: bool,
    /// The block in work: its parent.
    building: Option<L2BlockRef>,
    failures: u32,
    retry_at_ms: u64,
}

impl Sequencer {
    /// A sequencer that starts as the operator asked for.
    pub const fn new(config: SequencerConfig) -> Self {
        Self {
            is_active: !config.stopped,
            is_recovering: config.recover,
            is_head_trusted: false,
            building: None,
            failures: 0,
            retry_at_ms: 0,
            config,
        }
    }

    /// Whether blocks are made, or would be if nothing were in the way.
    pub const fn is_active(&self) -> bool {
        self.is_active
    }

    /// Whether origins are adopted as soon as possible, without transactions of the pool.
    pub const fn is_recovering(&self) -> bool {
        self.is_recovering
    }

    /// Turns recover mode on or off, from the next block on.
    pub const fn set_recover_mode(&mut self, on: bool) {
        self.is_recovering = on;
    }

    /// Starts making blocks on `unsafe_head`, which has to be the block the operator expects; zero
    /// stands for any.
    pub fn start(&mut self, expected: B256, unsafe_head: B256) -> Result<(), SequencerError> {
        if self.is_active {
            return Err(SequencerError::AlreadyActive);
        }
        if !expected.is_zero() && expected != unsafe_head {
            return Err(SequencerError::HeadDiffers { head: unsafe_head, expected });
        }
        self.is_active = true;
        // Whoever names the head has seen it elsewhere.
        self.is_head_trusted |= !expected.is_zero();
        self.clear_failures();
        Ok(())
    }

    /// Stops making blocks. The one in work, which nobody has seen, is dropped.
    pub fn stop(&mut self) -> Result<(), SequencerError> {
        if !self.is_active {
            return Err(SequencerError::NotActive);
        }
        self.is_active = false;
        self.building = None;
        Ok(())
    }

    /// Says what is next at `now_ms`, a Unix time in milliseconds.
    pub fn next(&mut self, now_ms: u64, view: &ChainView) -> Action {
        if let Some(pause) = self.pause(now_ms, view) {
            self.building = None;
            let until_ms = (pause == Pause::Failed).then_some(self.retry_at_ms);
            return Action::Wait { until_ms, pause: Some(pause) };
        }
        let parent = view.unsafe_head;
        let timestamp = parent.timestamp.saturating_add(self.config.block_time_secs);
        // Somebody else's block is the head now.
        if self.building.is_some_and(|building| building.hash != parent.hash) {
            self.building = None;
        }
        let due_ms = match self.building {
            Some(_) => timestamp.saturating_mul(1_000).saturating_sub(SEAL_AHEAD_MS),
            None => parent.timestamp.saturating_mul(1_000),
        };
        if now_ms < due_ms {
            return Action::Wait { until_ms: Some(due_ms), pause: None };
        }
        match self.building {
            Some(parent) => Action::Seal { parent, timestamp },
            None => Action::Start { parent, timestamp },
        }
    }

    /// Building on `parent` has started.
    pub const fn on_started(&mut self, parent: L2BlockRef) {
        self.building = Some(parent);
    }

    /// The block in work is committed.
    pub const fn on_sealed(&mut self) {
        self.building = None;
        self.is_head_trusted = true;
        self.clear_failures();
    }

    /// The block in work is given up: what it was built on may be gone.
    pub const fn on_dropped(&mut self) {
        self.building = None;
    }

    /// The block in work cannot be made; it is tried again after a pause that grows.
    pub fn on_failed(&mut self, now_ms: u64) {
        self.building = None;
        let pause_ms = RETRY_MS_MIN.saturating_mul(1 << self.failures.min(16)).min(RETRY_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        self.retry_at_ms = now_ms.saturating_add(pause_ms);
    }

    /// Failures since the last block that was made.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    const fn clear_failures(&mut self) {
        self.failures = 0;
        self.retry_at_ms = 0;
    }

    fn pause(&self, now_ms: u64, view: &ChainView) -> Option<Pause> {
        if !self.is_active {
            return Some(Pause::Stopped);
        }
        if !view.is_derivation_ready {
            return Some(Pause::DerivationReset);
        }
        let head_age_secs = (now_ms / 1_000).saturating_sub(view.unsafe_head.timestamp);
        let may_trust_head =
            self.is_head_trusted || view.is_caught_up || head_age_secs <= START_HEAD_AGE_SECS_MAX;
        if !may_trust_head {
            return Some(Pause::NotCaughtUp { head_age_secs });
        }
        let lag = view.unsafe_head.number.saturating_sub(view.safe_number);
        let max = self.config.max_safe_lag;
        if max > 0 && lag > max {
            return Some(Pause::SafeLag { lag, max });
        }
        (now_ms < self.retry_at_ms).then_some(Pause::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: SequencerConfig = SequencerConfig {
        block_time_secs: 2,
        l1_confs: 4,
        max_safe_lag: 0,
        recover: false,
        stopped: false,
    };

    fn block(number: u64, timestamp: u64) -> L2BlockRef {
        let hash = B256::with_last_byte(u8::try_from(number).unwrap());
        L2BlockRef { hash, number, timestamp, ..Default::default() }
    }

    fn view(unsafe_head: L2BlockRef) -> ChainView {
        ChainView { unsafe_head, safe_number: 0, is_derivation_ready: true, is_caught_up: true }
    }

    fn wait(until_ms: u64) -> Action {
        Action::Wait { until_ms: Some(until_ms), pause: None }
    }

    fn paused(pause: Pause) -> Action {
        Action::Wait { until_ms: None, pause: Some(pause) }
    }

    #[test]
    fn starts_at_the_parents_time_and_seals_before_the_blocks() {
        let mut sequencer = Sequencer::new(CONFIG);
        let head = block(1, 100);
        assert_eq!(sequencer.next(99_950, &view(head)), wait(100_000));
        let start = Action::Start { parent: head, timestamp: 102 };
        assert_eq!(sequencer.next(100_000, &view(head)), start);
        // Asked again before the answer, it says the same.
        assert_eq!(sequencer.next(100_001, &view(head)), start);
        sequencer.on_started(head);
        assert_eq!(sequencer.next(100_002, &view(head)), wait(101_950));
        let seal = Action::Seal { parent: head, timestamp: 102 };
        assert_eq!(sequencer.next(101_950, &view(head)), seal);
        sequencer.on_sealed();
        assert_eq!(sequencer.next(101_960, &view(block(2, 102))), wait(102_000));
    }

    #[test]
    fn catches_up_without_waiting_and_without_leaving_a_timestamp_out() {
        let mut sequencer = Sequencer::new(CONFIG);
        let now = 160_000;
        for number in 1..=29 {
            let head = block(number, 98 + 2 * number);
            let timestamp = head.timestamp + 2;
            assert_eq!(sequencer.next(now, &view(head)), Action::Start { parent: head, timestamp });
            sequencer.on_started(head);
            assert_eq!(sequencer.next(now, &view(head)), Action::Seal { parent: head, timestamp });
            sequencer.on_sealed();
        }
        assert_eq!(sequencer.next(now, &view(block(32, 162))), wait(162_000));
    }

    #[test]
    fn a_head_that_moves_ends_the_block_in_work() {
        let mut sequencer = Sequencer::new(CONFIG);
        let (head, other) = (block(1, 100), block(7, 100));
        sequencer.on_started(head);
        let start = Action::Start { parent: other, timestamp: 102 };
        assert_eq!(sequencer.next(101_999, &view(other)), start);
    }

    #[test]
    fn pauses_while_derivation_is_reset_and_drops_the_block() {
        let mut sequencer = Sequencer::new(CONFIG);
        let head = block(1, 100);
        sequencer.on_started(head);
        let resetting = ChainView { is_derivation_ready: false, ..view(head) };
        assert_eq!(sequencer.next(101_999, &resetting), paused(Pause::DerivationReset));
        let start = Action::Start { parent: head, timestamp: 102 };
        assert_eq!(sequencer.next(101_999, &view(head)), start);
    }

    #[test]
    fn keeps_the_lag_of_the_safe_head_within_its_limit() {
        let mut sequencer = Sequencer::new(SequencerConfig { max_safe_lag: 5, ..CONFIG });
        let at = |number| ChainView { safe_number: 10, ..view(block(number, 100)) };
        assert!(matches!(sequencer.next(100_000, &at(15)), Action::Start { .. }));
        let lag = Pause::SafeLag { lag: 6, max: 5 };
        assert_eq!(sequencer.next(100_000, &at(16)), paused(lag));
        // A safe head above the unsafe one, for a moment, is no lag.
        assert!(matches!(sequencer.next(100_000, &at(9)), Action::Start { .. }));
    }

    #[test]
    fn an_old_head_waits_for_what_l1_knows() {
        let mut sequencer = Sequencer::new(CONFIG);
        let behind = ChainView { is_caught_up: false, ..view(block(1, 100)) };
        // A restart within minutes goes on at once.
        assert!(matches!(sequencer.next(700_999, &behind), Action::Start { .. }));
        let pause = Pause::NotCaughtUp { head_age_secs: 601 };
        assert_eq!(sequencer.next(701_000, &behind), paused(pause));
        let caught_up = ChainView { is_caught_up: true, ..behind };
        assert!(matches!(sequencer.next(701_000, &caught_up), Action::Start { .. }));
        // Once it has made a block it does not stop for that again.
        sequencer.on_started(behind.unsafe_head);
        sequencer.on_sealed();
        assert!(matches!(sequencer.next(701_000, &behind), Action::Start { .. }));
    }

    #[test]
    fn an_operator_who_names_the_head_need_not_wait() {
        let mut sequencer = Sequencer::new(SequencerConfig { stopped: true, ..CONFIG });
        let behind = ChainView { is_caught_up: false, ..view(block(1, 100)) };
        assert_eq!(sequencer.next(10_000_000, &behind), paused(Pause::Stopped));
        sequencer.start(behind.unsafe_head.hash, behind.unsafe_head.hash).unwrap();
        assert!(matches!(sequencer.next(10_000_000, &behind), Action::Start { .. }));
    }

    #[test]
    fn starts_on_the_named_head_only_and_stops_once() {
        let mut sequencer = Sequencer::new(SequencerConfig { stopped: true, ..CONFIG });
        let (head, other) = (B256::with_last_byte(1), B256::with_last_byte(2));
        assert_eq!(sequencer.stop(), Err(SequencerError::NotActive));
        let differs = SequencerError::HeadDiffers { head, expected: other };
        assert_eq!(sequencer.start(other, head), Err(differs));
        assert!(!sequencer.is_active());
        sequencer.start(head, head).unwrap();
        assert_eq!(sequencer.start(head, head), Err(SequencerError::AlreadyActive));
        sequencer.on_started(block(1, 100));
        sequencer.stop().unwrap();
        assert_eq!(sequencer.next(101_950, &view(block(1, 100))), paused(Pause::Stopped));
        sequencer.start(B256::ZERO, head).unwrap();
        // The block in work was dropped.
        assert!(matches!(sequencer.next(101_950, &view(block(1, 100))), Action::Start { .. }));
    }

    #[test]
    fn failures_are_tried_again_with_growing_pauses() {
        let mut sequencer = Sequencer::new(CONFIG);
        let head = view(block(1, 100));
        let mut now = 102_000;
        for pause in [50, 100, 200, 400, 800, 1_600, 2_000, 2_000] {
            assert!(matches!(sequencer.next(now, &head), Action::Start { .. }));
            sequencer.on_failed(now);
            let failed = Action::Wait { until_ms: Some(now + pause), pause: Some(Pause::Failed) };
            assert_eq!(sequencer.next(now + pause - 1, &head), failed);
            now += pause;
        }
        for _ in 0..100 {
            sequencer.on_failed(now);
        }
        assert_eq!(sequencer.failures(), 108);
        sequencer.on_sealed();
        assert_eq!(sequencer.failures(), 0);
        assert!(matches!(sequencer.next(now, &head), Action::Start { .. }));
    }

    #[test]
    fn recover_mode_is_remembered() {
        let mut sequencer = Sequencer::new(SequencerConfig { recover: true, ..CONFIG });
        assert!(sequencer.is_recovering());
        sequencer.set_recover_mode(false);
        assert!(!sequencer.is_recovering());
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let mut sequencer = Sequencer::new(CONFIG);
        let head = block(1, u64::MAX);
        assert_eq!(sequencer.next(u64::MAX - 1, &view(head)), wait(u64::MAX));
        sequencer.on_failed(u64::MAX);
        assert!(matches!(sequencer.next(u64::MAX, &view(head)), Action::Start { .. }));
    }
}
