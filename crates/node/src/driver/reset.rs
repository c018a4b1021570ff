use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use phala_derive::Deriver;
use tracing::{info, warn};

use super::{
    DriverError,
    checkpoints::Checkpoints,
    driver::{BlobRequest, Driver, FinalityCheck, Phase, Task},
    event::Event,
    sync_start::{StartPlan, find_sync_start},
};
use crate::Cause;

impl Driver {
    /// Forgets what is being derived and finds where to go on. The sequencer waits meanwhile.
    pub(super) fn reset(&mut self, reason: &'static str) {
        self.write_safe_head_or_retry();
        self.generation += 1;
        self.feed.clear();
        self.blobs = BlobRequest::default();
        self.finality = FinalityCheck::default();
        if let Some(sequencing) = &mut self.sequencing {
            sequencing.forget();
        }
        // A search that goes on is only made again; one that ended in vain waits before the next.
        let pause = if matches!(self.phase, Phase::Starting { search: Some(_) }) {
            Duration::ZERO
        } else {
            self.resets.fail(Instant::now(), Duration::ZERO)
        };
        info!(reason, ?pause, "finding where derivation goes on");
        self.phase = Phase::Starting { search: Some(self.search(pause)) };
    }

    fn search(&self, pause: Duration) -> Task {
        let heads = self.engine.heads();
        let stored = match self.l2.store().cursor() {
            Ok(bytes) => bytes.as_deref().and_then(Checkpoints::from_bytes),
            Err(error) => {
                warn!(%error, "stored cursor cannot be read");
                None
            }
        };
        let (l2, l1, generation) = (self.l2.clone(), self.l1.clone(), self.generation);
        let events = self.events.clone();
        let task = self.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            let found = find_sync_start(l2, l1, heads, stored.unwrap_or_default()).await;
            let result = Box::new(found);
            let _ = events.send(Event::SyncStart { generation, result }).await;
        });
        Task(task.abort_handle())
    }

    pub(super) fn on_sync_start(&mut self, result: Result<StartPlan, DriverError>) {
        let started = result.and_then(|plan| self.start_from(plan));
        if let Err(error) = started {
            self.phase = Phase::Starting { search: None };
            self.on_derivation_error(&error);
            if let Phase::Starting { search: None } = self.phase {
                let pause = self.resets.fail(Instant::now(), Duration::ZERO);
                self.phase = Phase::Starting { search: Some(self.search(pause)) };
            }
        }
    }

    fn start_from(&mut self, plan: StartPlan) -> Result<(), DriverError> {
        let heads = self.engine.heads();
        if heads != plan.heads {
            self.phase = Phase::Starting { search: Some(self.search(Duration::ZERO)) };
            return Ok(());
        }
        let StartPlan { unsafe_head, point, checkpoints, .. } = plan;
        if unsafe_head.hash != heads.latest.hash {
            warn!(
                from = heads.latest.number,
                to = unsafe_head.number,
                "unsafe blocks are dropped: their l1 origin left l1"
            );
        }
        if unsafe_head.hash != heads.latest.hash || point.safe.hash != heads.safe.hash {
            let cursor = checkpoints.to_bytes();
            let safe = Some(point.safe.hash);
            self.engine.set_heads_with_cursor(unsafe_head.hash, safe, None, Some(&cursor))?;
        }
        info!(
            unsafe_head = unsafe_head.number,
            safe = point.safe.number,
            safe_hash = %point.safe.hash,
            l1 = point.origin.number,
            "deriving"
        );
        self.safe.block = point.safe;
        self.safe.unwritten = 0;
        self.checkpoints = checkpoints;
        let deriver = Deriver::new(Arc::clone(self.l2.spec()), point)?;
        self.phase = Phase::Deriving(Box::new(deriver));
        self.failures.succeed();
        self.health.clear(Cause::DerivationHalted);
        self.health.clear(Cause::DerivationFailing);
        Ok(())
    }
}
