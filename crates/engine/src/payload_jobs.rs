use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tracing::{debug, warn};

use crate::{
    BuiltPayload, Engine, EngineError, PayloadAttributes, PayloadId,
    build::{BuildPlan, Fill},
    engine::Inner,
};

/// Payloads that are kept at the same time; starting another ends the oldest.
const JOBS_MAX: usize = 8;

/// Payloads that are being built, and those that were and may be asked for.
#[derive(Debug, Default)]
pub(crate) struct PayloadJobs {
    jobs: Mutex<VecDeque<Arc<Job>>>,
}

/// One payload: what is best so far, and a thread that looks for something better.
#[derive(Debug)]
struct Job {
    id: PayloadId,
    stop: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    best: Arc<BuiltPayload>,
    /// The transaction source was asked at least once, or never will be.
    is_filled: bool,
}

impl Job {
    fn stop(&self) {
        // With the lock in hand, so that nobody is between looking and waiting.
        let _state = self.state.lock();
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Keeps a payload if it is better than the best, or the first one that was filled.
    fn offer(&self, payload: Option<BuiltPayload>) {
        let mut state = self.state.lock();
        // Once somebody has the best payload it is final: it may be signed already.
        if let Some(payload) = payload
            && !self.is_stopped()
            && is_better(&payload, &state.best)
        {
            state.best = Arc::new(payload);
        }
        state.is_filled = true;
        self.changed.notify_all();
    }

    /// Pauses between two attempts; ends early when the job is stopped.
    fn pause(&self, duration: Duration) {
        let mut state = self.state.lock();
        if !self.is_stopped() {
            self.changed.wait_for(&mut state, duration);
        }
    }

    /// The best payload, once the first attempt to fill it has ended or `patience` has. It is
    /// final: nothing better is taken from then on.
    fn resolve(&self, patience: Duration) -> Arc<BuiltPayload> {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        while !state.is_filled {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        Arc::clone(&state.best)
    }
}

fn is_better(new: &BuiltPayload, old: &BuiltPayload) -> bool {
    (new.value, new.block.gas_used) > (old.value, old.block.gas_used)
}

impl PayloadJobs {
    fn get(&self, id: PayloadId) -> Option<Arc<Job>> {
        self.jobs.lock().iter().find(|job| job.id == id).cloned()
    }

    fn insert(&self, job: Arc<Job>) {
        let mut jobs = self.jobs.lock();
        while jobs.len() >= JOBS_MAX {
            if let Some(oldest) = jobs.pop_front() {
                oldest.stop();
            }
        }
        jobs.push_back(job);
    }
}

impl Drop for PayloadJobs {
    fn drop(&mut self) {
        for job in self.jobs.lock().iter() {
            job.stop();
        }
    }
}

impl Engine {
    /// Starts a payload and returns its id. The forced transactions are executed before this
    /// returns, so that invalid ones are an error here; the pool's are added beside it.
    pub fn start_payload(
        &self,
        parent: alloy_primitives::B256,
        attributes: &PayloadAttributes,
    ) -> Result<PayloadId, EngineError> {
        let plan = self.inner.plan(parent, attributes)?;
        let id = plan.id;
        if self.inner.jobs.get(id).is_some() {
            return Ok(id);
        }
        let first = Arc::new(self.inner.build(&plan, Fill::Nothing)?);
        let job = Arc::new(Job {
            id,
            stop: AtomicBool::new(false),
            state: Mutex::new(State { best: first, is_filled: plan.no_tx_pool }),
            changed: Condvar::new(),
        });
        self.inner.jobs.insert(Arc::clone(&job));
        if !plan.no_tx_pool {
            self.improve(plan, job);
        }
        Ok(id)
    }

    /// Time of the block that is being built under this id.
    pub(crate) fn payload_timestamp(&self, id: PayloadId) -> Option<u64> {
        Some(self.inner.jobs.get(id)?.state.lock().best.block.timestamp)
    }

    /// The best payload with this id so far, which is final from now on. `None` if the id was
    /// never given out or is forgotten.
    pub fn resolve_payload(&self, id: PayloadId) -> Option<Arc<BuiltPayload>> {
        let job = self.inner.jobs.get(id)?;
        Some(job.resolve(self.inner.config.build_time_limit))
    }

    fn improve(&self, plan: BuildPlan, job: Arc<Job>) {
        // Between two attempts the thread does not keep the engine, and with it the store, alive.
        let engine = Arc::downgrade(&self.inner);
        let improving = Arc::clone(&job);
        let thread = std::thread::Builder::new().name("payload".into());
        if let Err(error) = thread.spawn(move || improve(&engine, &plan, &improving)) {
            warn!(%error, "cannot start a thread, payload has forced transactions only");
            job.offer(None);
        }
    }
}

fn improve(engine: &Weak<Inner>, plan: &BuildPlan, job: &Job) {
    let began = Instant::now();
    while !job.is_stopped() {
        let Some(inner) = engine.upgrade() else { return };
        if began.elapsed() >= inner.config.payload_lifetime {
            return;
        }
        match inner.build(plan, Fill::FromSource { stop: Some(&job.stop) }) {
            Ok(payload) => job.offer(Some(payload)),
            Err(error) => {
                // The payload of forced transactions is there; the parent may be gone.
                debug!(id = %job.id, %error, "payload not improved");
                return job.offer(None);
            }
        }
        let pause = inner.config.rebuild_interval;
        drop(inner);
        job.pause(pause);
    }
}
