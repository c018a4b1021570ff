use std::{sync::Arc, thread, time::Instant};

use metrics::counter;
use phala_engine::{ChainEvent, Engine};
use phala_primitives::BlockRef;
use phala_txpool::{HeadUpdate, Pool};
use tokio::{
    runtime::Handle,
    sync::{broadcast::error::RecvError, watch},
};

use crate::{
    Health, NodeError,
    diary::{Diary, Line, Noted},
    health::unix_now_secs,
};

/// Carries chain events from the engine to the pool, the diary and health, on a thread of its own.
///
/// The engine's channel is bounded: if the thread falls behind by its length, it is told, and the
/// pool reads the newest head from the store instead.
#[derive(Debug)]
pub(crate) struct ChainEvents {
    stop: watch::Sender<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl ChainEvents {
    pub(crate) fn start(
        runtime: Handle,
        engine: &Engine,
        pool: Pool,
        health: Arc<Health>,
    ) -> Result<Self, NodeError> {
        let (stop, mut stopped) = watch::channel(false);
        let mut events = engine.subscribe();
        let mut follower = Follower { pool, health, diary: Diary::new(Instant::now()) };
        let run = move || loop {
            let event = runtime.block_on(async {
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => None,
                    event = events.recv() => Some(event),
                }
            });
            match event {
                None | Some(Err(RecvError::Closed)) => return,
                Some(Ok(event)) => follower.on_event(&event),
                Some(Err(RecvError::Lagged(missed))) => follower.on_missed(missed),
            }
        };
        let name = "chain-events";
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        Ok(Self {
            stop,
            thread: Some(thread.map_err(|source| NodeError::Thread { name, source })?),
        })
    }
}

impl Drop for ChainEvents {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.send_replace(true);
            // A panic has ended the process already.
            let _ = thread.join();
        }
    }
}

struct Follower {
    pool: Pool,
    health: Arc<Health>,
    diary: Diary,
}

impl Follower {
    fn on_event(&mut self, event: &ChainEvent) {
        if !event.removed.is_empty() {
            self.note_reorg(event);
        }
        for added in &event.added {
            let header = added.block.header();
            self.health.set_head(
                BlockRef { number: header.number, hash: added.block.hash() },
                header.timestamp,
            );
            let noted = Noted {
                number: header.number,
                timestamp: header.timestamp,
                txs: added.block.body().transactions.len(),
                gas_used: header.gas_used,
            };
            if let Some(line) = self.diary.note(noted, Instant::now(), unix_now_secs()) {
                write_line(&line, noted, added.block.hash());
            }
        }
        self.update_pool(event);
    }

    fn update_pool(&self, event: &ChainEvent) {
        let result = match event.added.last() {
            Some(newest) => self.pool.on_new_head(&HeadUpdate {
                header: newest.block.clone_sealed_header(),
                removed: event.removed.iter().map(|block| Arc::clone(&block.block)).collect(),
                added: event.added.iter().map(|block| Arc::clone(&block.block)).collect(),
            }),
            // The head moved back.
            None if !event.removed.is_empty() => {
                let removed = event.removed.iter().map(|block| Arc::clone(&block.block));
                self.pool.on_removed(removed.collect())
            }
            // Only the safe head moved.
            None => self.pool.resync(),
        };
        if let Err(error) = result {
            tracing::warn!(%error, "transaction pool could not follow the chain");
        }
    }

    fn on_missed(&self, missed: u64) {
        counter!("phala_node_chain_events_missed_total").increment(missed);
        tracing::warn!(missed, "chain events came faster than they were handled");
        if let Err(error) = self.pool.resync() {
            tracing::warn!(%error, "transaction pool could not follow the chain");
        }
    }

    fn note_reorg(&self, event: &ChainEvent) {
        let depth = event
            .removed
            .iter()
            .map(|block| block.block.header().number)
            .max()
            .map_or(0, |highest| highest.saturating_sub(event.fork_point.number));
        tracing::warn!(
            depth,
            fork_point = event.fork_point.number,
            fork_point_hash = %event.fork_point.hash,
            "blocks left the canonical chain"
        );
    }
}

fn write_line(line: &Line, block: Noted, hash: alloy_primitives::B256) {
    let Noted { number, txs, gas_used, .. } = block;
    match line {
        Line::Block => tracing::info!(number, %hash, txs, gas_used, "new block"),
        Line::Summary(summary) => tracing::info!(
            number,
            blocks = summary.blocks,
            txs = summary.txs,
            mgas_per_sec = format_args!("{:.1}", summary.mgas_per_sec),
            behind_secs = summary.behind_secs,
            left_secs = summary.left_secs,
            "catching up"
        ),
    }
}
