use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use alloy_primitives::Bytes;
use metrics::counter;

use crate::{Origin, Pool, PoolError, journal::Journal};

/// Messages waiting for the disk. When it is full a transaction stays out of the journal, which is
/// counted; admission never waits for the disk.
const QUEUE_LEN_MAX: usize = 8_192;

/// Transactions written with one sync.
const BATCH_MAX: usize = 512;

/// A journal below this is not worth compacting.
const COMPACT_MIN_BYTES: u64 = 1 << 20;

/// How long a flush waits for the disk.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

enum Message {
    Append(Bytes),
    /// Keep only what the function returns when its turn comes; `None` changes nothing.
    Rewrite(Box<dyn FnOnce() -> Option<Vec<Bytes>> + Send>),
    /// Tell when everything before is on disk.
    Flush(SyncSender<()>),
}

/// Writes the journal on a thread of its own, many transactions per sync.
///
/// A transaction is on disk a few milliseconds after it was accepted; the sender is not made to
/// wait for that. The thread ends with the last handle, after writing what is waiting.
pub(crate) struct JournalWriter {
    messages: SyncSender<Message>,
    len_bytes: Arc<AtomicU64>,
}

impl JournalWriter {
    /// Opens the journal and returns what it holds.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Bytes>), PoolError> {
        let failed = |source| PoolError::Journal { path: path.to_owned(), source };
        let (journal, recovered) = Journal::open(path).map_err(failed)?;
        if recovered.damaged_bytes > 0 {
            tracing::warn!(
                path = %path.display(),
                bytes = recovered.damaged_bytes,
                kept = recovered.transactions.len(),
                "dropped the damaged end of the transaction journal"
            );
        }
        let (messages, receiver) = sync_channel(QUEUE_LEN_MAX);
        let len_bytes = Arc::new(AtomicU64::new(journal.len_bytes()));
        let thread = Thread { path: path.to_owned(), journal, len_bytes: Arc::clone(&len_bytes) };
        thread::Builder::new()
            .name("txpool-journal".into())
            .spawn(move || thread.run(&receiver))
            .map_err(failed)?;
        Ok((Self { messages, len_bytes }, recovered.transactions))
    }

    pub(crate) fn append(&self, tx: Bytes) {
        if self.messages.try_send(Message::Append(tx)).is_err() {
            counter!("phala_txpool_journal_skipped_total").increment(1);
        }
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes.load(Ordering::Relaxed)
    }

    fn rewrite(&self, keep: impl FnOnce() -> Option<Vec<Bytes>> + Send + 'static) {
        // With a full queue the next upkeep tries again.
        let _ = self.messages.try_send(Message::Rewrite(Box::new(keep)));
    }

    /// Waits until everything accepted so far is on disk; false if the disk is too slow for that.
    pub(crate) fn flush(&self) -> bool {
        let (done, waiting) = sync_channel(1);
        self.messages.send(Message::Flush(done)).is_ok()
            && waiting.recv_timeout(FLUSH_TIMEOUT) != Err(RecvTimeoutError::Timeout)
    }
}

struct Thread {
    path: PathBuf,
    journal: Journal,
    len_bytes: Arc<AtomicU64>,
}

impl Thread {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut batch = Vec::new();
        while let Ok(first) = messages.recv() {
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Append(tx) => batch.push(tx),
                    Message::Rewrite(keep) => {
                        if let Some(kept) = keep() {
                            let result = self.journal.rewrite(&kept);
                            self.report(result);
                            // What is in the batch was in the pool when the pool was asked.
                            batch.clear();
                        }
                    }
                    Message::Flush(done) => {
                        self.write(&mut batch);
                        // The caller may have stopped waiting.
                        let _ = done.try_send(());
                    }
                }
                if batch.len() < BATCH_MAX {
                    next = messages.try_recv().ok();
                }
            }
            self.write(&mut batch);
        }
    }

    fn write(&mut self, batch: &mut Vec<Bytes>) {
        if !batch.is_empty() {
            let result = self.journal.append(batch);
            self.report(result);
            batch.clear();
        }
    }

    /// A pool without a journal is better than no pool: failures are reported, not passed on.
    fn report(&self, result: std::io::Result<()>) {
        self.len_bytes.store(self.journal.len_bytes(), Ordering::Relaxed);
        if let Err(error) = result {
            counter!("phala_txpool_journal_errors_total").increment(1);
            tracing::warn!(path = %self.path.display(), %error, "could not write the transaction journal");
        }
    }
}

impl Pool {
    /// Takes in what a journal kept; the journal is then compacted to what is still wanted.
    pub(crate) fn restore(&self, kept: &[Bytes]) {
        let Some(journal) = &self.inner.journal else { return };
        let mut restored = 0;
        for bytes in kept {
            match self.add_raw(bytes, Origin::Local) {
                Ok(_) => restored += 1,
                Err(error) => {
                    tracing::debug!(%error, "journaled transaction is not wanted any more")
                }
            }
        }
        if !kept.is_empty() {
            tracing::info!(
                restored,
                dropped = kept.len() - restored,
                "restored local transactions"
            );
            self.rewrite_journal(journal);
        }
    }

    /// Rewrites the journal once most of it is dead.
    pub(crate) fn compact_journal(&self) {
        let Some(journal) = &self.inner.journal else { return };
        let live = self.inner.state.read().local_usage().bytes as u64;
        if journal.len_bytes() > COMPACT_MIN_BYTES + 2 * live {
            self.rewrite_journal(journal);
        }
    }

    fn rewrite_journal(&self, journal: &JournalWriter) {
        let inner = Arc::downgrade(&self.inner);
        journal.rewrite(move || {
            // Without a pool nobody knows what is wanted.
            inner.upgrade().map(|inner| inner.state.read().local_transactions())
        });
    }

    /// Waits until local transactions accepted so far are on disk. For shutdown.
    pub fn flush_journal(&self) -> bool {
        self.inner.journal.as_ref().is_none_or(JournalWriter::flush)
    }
}
