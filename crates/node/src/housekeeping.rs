use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use phala_storage::Store;
use phala_txpool::Pool;

use crate::{Cause, Health, NodeError};

/// Pause between two rounds. A cause of unreadiness is noticed within it.
const INTERVAL: Duration = Duration::from_secs(2);

/// Rounds between two upkeep runs of the pool.
const POOL_ROUNDS: u64 = 5;

/// Watches the store's condition and keeps the pool tidy, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    stop: SyncSender<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Housekeeping {
    pub(crate) fn start(store: Store, pool: Pool, health: Arc<Health>) -> Result<Self, NodeError> {
        let (stop, stopped) = sync_channel(1);
        let run = move || {
            for round in 0_u64.. {
                note_condition(&store, &health);
                if round.is_multiple_of(POOL_ROUNDS)
                    && let Err(error) = pool.maintain()
                {
                    tracing::warn!(%error, "transaction pool upkeep failed");
                }
                if !matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        };
        let name = "housekeeping";
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        Ok(Self {
            stop,
            thread: Some(thread.map_err(|source| NodeError::Thread { name, source })?),
        })
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that is gone has stopped already.
            let _ = self.stop.try_send(());
            let _ = thread.join();
        }
    }
}

/// Turns what the store says about itself into causes.
fn note_condition(store: &Store, health: &Health) {
    let (stats, config) = (store.stats(), store.config());
    let (free, needed) = (stats.disk_free_bytes, config.disk.refuse_bytes);
    let disk_full = (free < needed).then(|| format!("{free} bytes free, {needed} needed"));
    health.set(Cause::DiskFull, disk_full);

    let limits = &config.tail;
    let is_stalled = stats.tail_blocks as u64 >= limits.blocks_max
        || stats.tail_entries >= limits.entries_max
        || stats.tail_bytes >= limits.bytes_max;
    let disk_stall = is_stalled.then(|| {
        let (blocks, entries, bytes) = (stats.tail_blocks, stats.tail_entries, stats.tail_bytes);
        format!("{blocks} blocks with {entries} changes ({bytes} bytes) wait for the disk")
    });
    health.set(Cause::DiskStall, disk_stall);
    health.set(Cause::DiskError, store.write_failure().map(str::to_owned));
}
