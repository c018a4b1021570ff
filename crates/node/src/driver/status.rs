use std::time::{Duration, Instant};

use alloy_primitives::B256;
use metrics::gauge;
use phala_primitives::{Heads, L1BlockRef, L2BlockRef};
use phala_rpc::{SyncProgress, SyncStatus};
use tokio::sync::watch;
use tracing::info;

use super::{
    DriverError,
    driver::{Driver, Phase},
};
use crate::{Cause, health::unix_now_secs};

/// While there is much to do, the status is told this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// Pause between two lines while catching up.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// L1 blocks behind the head from which on the node counts as catching up.
const BEHIND_MIN: u64 = 16;

/// What the driver tells about itself.
#[derive(Debug)]
pub(super) struct StatusBoard {
    status: watch::Sender<SyncStatus>,
    progress: watch::Sender<Option<SyncProgress>>,
    published: Option<Instant>,
    /// Time and L1 height of the last line, or of when catching up began.
    line: Option<(Instant, u64)>,
    starting_block: u64,
}

impl StatusBoard {
    pub(super) const fn new(
        status: watch::Sender<SyncStatus>,
        progress: watch::Sender<Option<SyncProgress>>,
    ) -> Self {
        Self { status, progress, published: None, line: None, starting_block: 0 }
    }

    pub(super) fn current_l1(&self) -> L1BlockRef {
        self.status.borrow().current_l1
    }
}

impl Driver {
    /// [`publish`](Self::publish), where it would be called too often.
    pub(super) fn publish_now_and_then(&mut self) {
        let is_recent = |last: Instant| last.elapsed() < PUBLISH_INTERVAL;
        if !self.status.published.is_some_and(is_recent) {
            self.publish();
        }
    }

    /// Tells where the node is.
    ///
    /// The L1 block that was read and the safe head it brought are told together: a batcher that saw
    /// the one without the other would take its channel for dropped, and pay for it again.
    pub(super) fn publish(&mut self) {
        self.status.published = Some(Instant::now());
        self.write_safe_head_or_retry();
        if self.safe.unwritten > 0 {
            return;
        }
        match self.sync_status() {
            Ok(status) => {
                self.note_progress(&status);
                self.status.status.send_if_modified(|old| {
                    let changed = *old != status;
                    *old = status;
                    changed
                });
            }
            Err(error) => tracing::debug!(%error, "sync status cannot be told"),
        }
    }

    fn sync_status(&mut self) -> Result<SyncStatus, DriverError> {
        let Heads { latest, safe, finalized } = self.engine.heads();
        let unsafe_l2 = self.head(latest.hash)?;
        let safe_l2 = self.head(safe.hash)?;
        let finalized_l2 = self.head(finalized.hash)?;
        let current_l1 = match &self.phase {
            Phase::Deriving(deriver) => deriver.origin(),
            // Batchers take an empty one as a node that is not there yet.
            Phase::Starting { .. } | Phase::Halted { .. } => L1BlockRef::default(),
        };
        Ok(SyncStatus {
            current_l1,
            current_l1_finalized: self.l1_heads.finalized,
            head_l1: self.l1_heads.head,
            safe_l1: self.l1_heads.safe,
            finalized_l1: self.l1_heads.finalized,
            unsafe_l2,
            safe_l2,
            finalized_l2,
            pending_safe_l2: safe_l2,
            cross_unsafe_l2: unsafe_l2,
            local_safe_l2: safe_l2,
            queued_unsafe_l2: L2BlockRef::default(),
        })
    }

    fn head(&mut self, hash: B256) -> Result<L2BlockRef, DriverError> {
        self.l2.block_ref(hash)
    }

    /// `eth_syncing`, health, and a line now and then while the end of L1 is not reached.
    fn note_progress(&mut self, status: &SyncStatus) {
        gauge!("phala_l1_head_number").set(status.head_l1.number as f64);
        // A reset takes a moment; the node is not behind because of it.
        if self.is_caught_up && !matches!(self.phase, Phase::Deriving(_)) {
            return;
        }
        let read = status.current_l1.number;
        let left = status.head_l1.number.saturating_sub(self.l1_confs).saturating_sub(read);
        let is_behind = !self.is_caught_up || left > BEHIND_MIN;
        if !is_behind {
            if self.status.line.take().is_some() {
                self.status.progress.send_replace(None);
                self.health.clear(Cause::Syncing);
            }
            return;
        }
        let now = Instant::now();
        let current_block = status.unsafe_l2.number;
        if self.status.line.is_none() {
            self.status.starting_block = current_block;
        }
        let (since, read_then) = *self.status.line.get_or_insert((now, read));
        let spec = self.l2.spec();
        let age_secs = unix_now_secs().saturating_sub(status.unsafe_l2.timestamp);
        let highest_block = current_block + age_secs / spec.block_time_secs.max(1);
        let starting_block = self.status.starting_block;
        self.status.progress.send_replace(Some(SyncProgress {
            starting_block,
            current_block,
            highest_block,
        }));
        self.health.raise(Cause::Syncing, format!("{left} l1 blocks to read"));
        let elapsed = now.saturating_duration_since(since);
        if elapsed < LINE_INTERVAL {
            return;
        }
        self.status.line = Some((now, read));
        let gained = read.saturating_sub(read_then);
        let left_secs = (read_then > 0 && gained > 0)
            .then(|| (left as f64 * elapsed.as_secs_f64() / gained as f64) as u64);
        info!(
            l1 = read,
            l1_head = status.head_l1.number,
            l1_left = left,
            safe = status.safe_l2.number,
            unsafe_head = current_block,
            left_secs,
            "deriving from l1"
        );
    }
}
