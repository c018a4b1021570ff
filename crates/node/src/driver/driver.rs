use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use phala_derive::{Deriver, L1Block};
use phala_engine::{Engine, Severity};
use phala_primitives::{L1BlockRef, L2BlockRef};
use phala_rpc::AdminCommand;
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};

use super::{
    DriverError,
    checkpoints::Checkpoints,
    event::{Event, FeedId, L1Heads},
    l1_feed::L1Feed,
    l1_reader::L1Reader,
    l2_view::L2View,
    retry::Backoff,
    sequencing::Sequencing,
    status::StatusBoard,
};
use crate::{Cause, Health};

/// Longest sleep of the driver: what it tells about itself is never older.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Time after which an error that only an operator can heal is looked at again.
const OPERATOR_PAUSE: Duration = Duration::from_secs(60);

/// Turns what L1 says into the safe chain and, on a sequencer, extends the unsafe one.
///
/// One thread owns all of it: derivation, the engine's heads and the sequencer never act at the same
/// time. Whatever waits for the network is a task that answers with an [`Event`].
pub(super) struct Driver {
    pub(super) engine: Engine,
    pub(super) l2: L2View,
    pub(super) l1: L1Reader,
    pub(super) health: Arc<Health>,
    pub(super) runtime: Handle,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) inbox: mpsc::Receiver<Event>,
    pub(super) commands: mpsc::Receiver<AdminCommand>,

    pub(super) l1_heads: L1View,
    pub(super) l1_confs: u64,
    pub(super) feed: L1Feed,
    pub(super) blobs: BlobRequest,

    pub(super) phase: Phase,
    /// Answers to requests made before the last reset are dropped.
    pub(super) generation: u64,
    pub(super) resets: Backoff,
    /// The newest L1 block that was ever read: getting beyond it ends a row of resets.
    pub(super) furthest_l1: u64,
    pub(super) failures: Backoff,

    pub(super) safe: SafeHead,
    pub(super) checkpoints: Checkpoints,
    pub(super) finality: FinalityCheck,
    /// Derivation has read what L1 knew once.
    pub(super) is_caught_up: bool,

    pub(super) sequencing: Option<Sequencing>,
    pub(super) status: StatusBoard,
}

/// What derivation is doing.
pub(super) enum Phase {
    /// Looking for where to go on.
    Starting { search: Option<Task> },
    /// Deriving.
    Deriving(Box<Deriver>),
    /// Waiting for an operator; tried again at `until`, or after a restart only.
    Halted { until: Option<Instant> },
}

/// A task that ends when nobody wants its answer any more.
#[derive(Debug)]
pub(super) struct Task(pub(super) AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The heads of L1, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct L1View {
    pub(super) head: L1BlockRef,
    pub(super) safe: L1BlockRef,
    pub(super) finalized: L1BlockRef,
}

/// The safe head in memory, which may be ahead of the database.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SafeHead {
    pub(super) block: L2BlockRef,
    /// Blocks that became safe since the last write.
    pub(super) unwritten: u64,
}

/// Blobs that derivation waits for.
#[derive(Debug, Default)]
pub(super) struct BlobRequest {
    pub(super) block: Option<B256>,
    pub(super) answer: Option<Vec<Box<Blob>>>,
    pub(super) task: Option<Task>,
}

/// The comparison of a checkpoint with L1 that runs before it counts as final.
#[derive(Debug, Default)]
pub(super) struct FinalityCheck {
    pub(super) task: Option<Task>,
    pub(super) last: Option<Instant>,
}

impl Driver {
    /// Works until told to stop.
    pub(super) fn run(mut self) {
        self.reset("start");
        loop {
            if !self.take_events() {
                return;
            }
            let sequenced = self.sequence();
            let derived = self.derive();
            if sequenced.is_none() || derived {
                self.publish_now_and_then();
                continue;
            }
            self.publish();
            let wake = [sequenced.flatten(), self.next_attempt()].into_iter().flatten().min();
            if !self.sleep(wake) {
                return;
            }
        }
    }

    /// Handles what has arrived. `false` when the node stops.
    fn take_events(&mut self) -> bool {
        while let Ok(event) = self.inbox.try_recv() {
            if !self.on_event(event) {
                return false;
            }
        }
        while let Ok(command) = self.commands.try_recv() {
            self.on_command(command);
        }
        true
    }

    /// Waits for something to happen, until `wake` at most. `false` when the node stops.
    fn sleep(&mut self, wake: Option<Instant>) -> bool {
        enum Woken {
            Event(Option<Event>),
            Command(Option<AdminCommand>),
            Time,
        }
        let longest = Instant::now() + SLEEP_MAX;
        let until = wake.map_or(longest, |wake| wake.min(longest));
        let (inbox, commands) = (&mut self.inbox, &mut self.commands);
        let woken = self.runtime.block_on(async {
            tokio::select! {
                event = inbox.recv() => Woken::Event(event),
                Some(command) = commands.recv() => Woken::Command(Some(command)),
                () = tokio::time::sleep_until(until.into()) => Woken::Time,
            }
        });
        match woken {
            Woken::Event(Some(event)) => self.on_event(event),
            Woken::Event(None) => false,
            Woken::Command(Some(command)) => {
                self.on_command(command);
                true
            }
            Woken::Command(None) | Woken::Time => true,
        }
    }

    fn on_event(&mut self, event: Event) -> bool {
        match event {
            Event::Stop => {
                self.write_safe_head_or_retry();
                return false;
            }
            Event::L1Heads(heads) => self.on_l1_heads(*heads),
            Event::L1Block { feed, generation, block } => {
                self.on_l1_block(feed, generation, *block)
            }
            Event::Blobs { generation, block, blobs } => {
                if generation == self.generation && self.blobs.block == Some(block) {
                    self.blobs.answer = blobs;
                    self.blobs.task = None;
                    if self.blobs.answer.is_none() {
                        tracing::warn!(%block, "l1 reorganised while blobs were waited for");
                        self.reset("l1 reorg");
                    }
                }
            }
            Event::SyncStart { generation, result } => {
                if generation == self.generation {
                    self.on_sync_start(*result);
                }
            }
            Event::Finality { generation, checkpoint, l1_finalized, found } => {
                if generation == self.generation {
                    self.on_finality(&checkpoint, l1_finalized, found);
                }
            }
        }
        true
    }

    fn on_l1_block(&mut self, feed: FeedId, generation: u64, block: L1Block) {
        match (feed, &mut self.sequencing) {
            (FeedId::Derivation, _) => self.feed.on_block(generation, block),
            (FeedId::Origins, Some(sequencing)) => sequencing.origins.on_block(generation, block),
            (FeedId::Origins, None) => {}
        }
    }

    fn on_l1_heads(&mut self, heads: L1Heads) {
        if let Some(head) = heads.head {
            self.l1_heads.head = head;
            self.feed.set_limit(head.number.saturating_sub(self.l1_confs));
            self.check_l1_head(head);
        }
        if let Some(safe) = heads.safe {
            self.l1_heads.safe = safe;
        }
        if let Some(finalized) = heads.finalized {
            // An endpoint that is behind takes nothing back, and none is final before it is there.
            let known = self.l1_heads.finalized.number..=self.l1_heads.head.number;
            if known.contains(&finalized.number) {
                self.l1_heads.finalized = finalized;
            }
        }
        self.check_finality();
    }

    /// An L1 that reorganised without getting longer is noticed here; where it gets longer, its next
    /// block does not link. A head below the one that was read, and known, is an endpoint that is
    /// behind.
    fn check_l1_head(&mut self, head: L1BlockRef) {
        let Phase::Deriving(deriver) = &self.phase else { return };
        let origin = deriver.origin();
        if head.number == origin.number && head.hash != origin.hash {
            tracing::warn!(
                number = head.number, read = %origin.hash, found = %head.hash, "l1 reorganised its head"
            );
            self.reset("l1 reorg");
        }
    }

    /// What is tried next without anything happening, and when.
    fn next_attempt(&self) -> Option<Instant> {
        let now = Instant::now();
        match &self.phase {
            Phase::Halted { until } => *until,
            Phase::Deriving(_) => self.failures.pause_end(now),
            Phase::Starting { .. } => None,
        }
    }

    /// Does about an error of derivation what its severity asks for.
    pub(super) fn on_derivation_error(&mut self, error: &DriverError) {
        let now = Instant::now();
        match error.severity() {
            Severity::Transient { retry_after } => {
                self.failures.fail(now, retry_after);
                let failures = self.failures.failures();
                // Repeated lines are counted, not repeated.
                if failures.is_power_of_two() {
                    tracing::warn!(failures, %error, "derivation pauses");
                }
                if failures > 3 {
                    self.health.raise(Cause::DerivationFailing, error.to_string());
                }
            }
            Severity::Reset => {
                tracing::warn!(%error, "derivation is reset");
                self.reset("reset");
            }
            Severity::Operator => {
                tracing::error!(%error, retry_after = ?OPERATOR_PAUSE, "derivation cannot go on");
                self.halt(error, Some(now + OPERATOR_PAUSE));
            }
            Severity::Bug => {
                tracing::error!(%error, "derivation stopped at a broken invariant: restart the node and report this");
                self.halt(error, None);
            }
        }
    }

    fn halt(&mut self, error: &DriverError, until: Option<Instant>) {
        self.health.raise(Cause::DerivationHalted, error.to_string());
        self.generation += 1;
        self.phase = Phase::Halted { until };
    }
}
