use std::time::{Duration, Instant};

use alloy_primitives::B256;
use tracing::{info, warn};

use super::{
    checkpoints::Checkpoint,
    driver::{Driver, Task},
    event::Event,
};

/// Pause between two comparisons with L1. While a node catches up, nearly every block is final.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

impl Driver {
    /// Looks whether something more is final, and compares it with L1 before it counts.
    pub(super) fn check_finality(&mut self) {
        let l1_finalized = self.l1_heads.finalized.number;
        let Some(checkpoint) = self.checkpoints.final_at(l1_finalized).copied() else {
            return;
        };
        let is_recent = self.finality.last.is_some_and(|last| last.elapsed() < CHECK_INTERVAL);
        let is_news = checkpoint.number > self.engine.heads().finalized.number;
        if !is_news || is_recent || self.finality.task.is_some() {
            return;
        }
        self.finality.last = Some(Instant::now());
        let (l1, events, generation) = (self.l1.clone(), self.events.clone(), self.generation);
        let task = self.runtime.spawn(async move {
            let number = checkpoint.l1().number;
            let found = l1.persist("block", number, || l1.block_ref_at(number)).await.hash;
            let checkpoint = Box::new(checkpoint);
            let event = Event::Finality { generation, checkpoint, l1_finalized, found };
            let _ = events.send(event).await;
        });
        self.finality.task = Some(Task(task.abort_handle()));
    }

    /// The L1 block of a checkpoint is below the finalized one; if it is on L1, so is the checkpoint
    /// final.
    pub(super) fn on_finality(&mut self, checkpoint: &Checkpoint, l1_finalized: u64, found: B256) {
        self.finality.task = None;
        let number = checkpoint.number;
        if found != checkpoint.l1().hash {
            warn!(number, l1 = checkpoint.l1().number, "the l1 block of a safe head is gone");
            self.reset("l1 reorg");
            return;
        }
        self.write_safe_head_or_retry();
        let latest = self.engine.heads().latest.hash;
        self.checkpoints.finalize(l1_finalized);
        let (hash, cursor) = (checkpoint.l2().hash, self.checkpoints.to_bytes());
        match self.engine.set_heads_with_cursor(latest, None, Some(hash), Some(&cursor)) {
            Ok(_) => info!(number, %hash, l1 = l1_finalized, "finalized"),
            Err(error) => warn!(number, %error, "finalized head could not be moved"),
        }
    }
}
