//! The background thread: merges layers and moves base up.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::StorageError;
use crate::kv::KvError;
use crate::store::Inner;

/// Pause after an error before the next try; grows up to the maximum.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How much nicer than the rest of the process the thread is to others.
const NICENESS: libc::c_int = 10;

/// Wakes the thread, and those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    /// Something to do, or closing.
    work: Condvar,
    /// Base has moved, or the thread failed to move it, or closing.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: bool,
    closing: bool,
    /// Moves of base and failures of moves so far.
    turns: u64,
    /// Why the last move failed, until one succeeds.
    failure: Option<KvError>,
}

impl Signal {
    pub(crate) fn wake(&self) {
        self.state.lock().wanted = true;
        self.work.notify_one();
    }

    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.work.notify_all();
        self.moved.notify_all();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Base has moved.
    pub(crate) fn turned(&self) {
        let mut state = self.state.lock();
        state.turns += 1;
        state.failure = None;
        self.moved.notify_all();
    }

    /// Base could not be moved.
    fn failed(&self, error: &StorageError) {
        let mut state = self.state.lock();
        state.turns += 1;
        state.failure = Some(match error {
            StorageError::Kv(error) => error.clone(),
            other => KvError::Io(other.to_string()),
        });
        self.moved.notify_all();
    }

    pub(crate) fn turns(&self) -> u64 {
        self.state.lock().turns
    }

    /// Waits until the count of turns is no longer this one. If it was a failure, says which.
    pub(crate) fn wait_turn(&self, seen: u64, at_most: Duration) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        if state.turns == seen && !state.closing {
            self.moved.wait_for(&mut state, at_most);
        }
        match &state.failure {
            Some(error) if state.turns != seen => Err(error.clone().into()),
            _ => Ok(()),
        }
    }

    /// Waits for work; `false` means closing.
    fn wait_work(&self, at_most: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.wanted && !state.closing {
            self.work.wait_for(&mut state, at_most);
        }
        state.wanted = false;
        !state.closing
    }

    /// Sleeps unless closing.
    pub(crate) fn pause(&self, time: Duration) {
        let mut state = self.state.lock();
        let until = Instant::now() + time;
        while !state.closing && !self.moved.wait_until(&mut state, until).timed_out() {}
    }
}

pub(crate) fn spawn(inner: Arc<Inner>) -> Result<JoinHandle<()>, StorageError> {
    std::thread::Builder::new()
        .name("storage".into())
        .spawn(move || {
            let _guard = CloseOnPanic(&inner);
            run(&inner);
        })
        .map_err(|error| StorageError::Folder { path: "storage thread".into(), error })
}

/// Without its thread the store would fill up and wait for ever: better it takes no more blocks.
struct CloseOnPanic<'a>(&'a Inner);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.signal.close();
        }
    }
}

fn run(inner: &Inner) {
    // SAFETY: Plain system call; on Linux it changes the calling thread only.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
    let mut last_move = Instant::now();
    let mut retry = RETRY_MIN;
    loop {
        let wait = inner.config.tail.interval.saturating_sub(last_move.elapsed());
        if !inner.signal.wait_work(wait) {
            return;
        }
        inner.compact_head_stack();
        let timer = last_move.elapsed() >= inner.config.tail.interval;
        match inner.advance_if_due(timer) {
            Ok(moved) => {
                retry = RETRY_MIN;
                if moved || timer {
                    last_move = Instant::now();
                }
            }
            Err(StorageError::Closing) => return,
            Err(error) => {
                tracing::error!(%error, "derived data does not follow the chain");
                metrics::counter!("phala_storage_advance_failures_total").increment(1);
                inner.signal.failed(&error);
                inner.signal.pause(retry);
                inner.signal.wake();
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}
