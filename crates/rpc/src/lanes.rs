use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::{RpcError, RpcLimits, method::Lane};

/// Submissions checked at once: each takes a core for a signature, then the lock of the pool.
const SUBMISSIONS_MAX: usize = 4;

/// Explanations at once: eight GPUs take a core for 25 ms, and anybody may ask.
const EXPLANATIONS_MAX: usize = 2;

/// Engine calls at once; they queue at the engine's writer anyway, payload reads do not.
const ENGINE_CALLS_MAX: usize = 8;

/// Calls of operators to the driver at once; it answers one after the other.
const ADMIN_CALLS_MAX: usize = 4;

/// Calls of anybody to the driver at once.
const ROLLUP_CALLS_MAX: usize = 2;

/// Keeps calls that block from taking every thread and all memory.
///
/// Each lane runs a few calls at a time and lets a bounded number wait. One that takes too long is
/// answered with an error; its thread is given back when it ends, which the gas limit bounds.
#[derive(Debug)]
pub(crate) struct Lanes {
    read: LaneState,
    submit: LaneState,
    explain: LaneState,
    engine: LaneState,
    admin: LaneState,
    rollup: LaneState,
    timeout: Duration,
}

#[derive(Debug)]
struct LaneState {
    /// One permit for each call that runs or waits.
    admitted: Arc<Semaphore>,
    /// One permit for each call that runs.
    running: Arc<Semaphore>,
    queue_len_max: usize,
}

impl Lanes {
    pub(crate) fn new(limits: &RpcLimits) -> Self {
        let queue = limits.heavy_queue_len_max;
        Self {
            read: LaneState::new(limits.heavy_calls_max.max(1), queue),
            submit: LaneState::new(SUBMISSIONS_MAX, queue),
            explain: LaneState::new(EXPLANATIONS_MAX, queue),
            engine: LaneState::new(ENGINE_CALLS_MAX, queue),
            admin: LaneState::new(ADMIN_CALLS_MAX, queue),
            rollup: LaneState::new(ROLLUP_CALLS_MAX, queue),
            timeout: limits.call_timeout,
        }
    }

    /// Runs `work` on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let state = match lane {
            Lane::Read => &self.read,
            Lane::Submit => &self.submit,
            Lane::Explain => &self.explain,
            Lane::Engine => &self.engine,
            Lane::Admin => &self.admin,
            Lane::Rollup => &self.rollup,
        };
        let Ok(admitted) = Arc::clone(&state.admitted).try_acquire_owned() else {
            return Err(RpcError::Busy(state.queue_len_max));
        };
        let call = async {
            let running = Arc::clone(&state.running)
                .acquire_owned()
                .await
                .expect("the semaphores of lanes are never closed");
            let job = tokio::task::spawn_blocking(move || {
                let result = work();
                drop((running, admitted));
                result
            });
            job.await.map_err(RpcError::internal)?
        };
        // A block that takes long to import must still be answered.
        if lane == Lane::Engine {
            return call.await;
        }
        match tokio::time::timeout(self.timeout, call).await {
            Ok(result) => result,
            Err(_) => Err(RpcError::Timeout(self.timeout)),
        }
    }
}

impl LaneState {
    fn new(running: usize, queue_len_max: usize) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(running + queue_len_max)),
            running: Arc::new(Semaphore::new(running)),
            queue_len_max,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn lanes(running: usize, queue: usize, timeout: Duration) -> Arc<Lanes> {
        let limits = RpcLimits {
            heavy_calls_max: running,
            heavy_queue_len_max: queue,
            call_timeout: timeout,
            ..Default::default()
        };
        Arc::new(Lanes::new(&limits))
    }

    #[tokio::test]
    async fn refuses_when_the_queue_is_full_and_recovers() {
        let lanes = lanes(1, 1, Duration::from_secs(10));
        let (release, blocked) = mpsc::channel::<()>();
        let spawn = |work: Box<dyn FnOnce() -> Result<u8, RpcError> + Send>| {
            let lanes = Arc::clone(&lanes);
            tokio::spawn(async move { lanes.run(Lane::Read, work).await })
        };
        let first = spawn(Box::new(move || {
            let _ = blocked.recv();
            Ok(1)
        }));
        let second = spawn(Box::new(|| Ok(2)));
        while lanes.read.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = lanes.run(Lane::Read, || Ok(3)).await.unwrap_err();
        assert_eq!(refused.code(), -32005);
        assert_eq!(lanes.run(Lane::Submit, || Ok(4)).await.unwrap(), 4);
        release.send(()).unwrap();
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (1, 2));
        assert_eq!(lanes.run(Lane::Read, || Ok(5)).await.unwrap(), 5);
    }

    #[tokio::test]
    async fn a_call_that_takes_too_long_is_answered_and_keeps_its_place() {
        let lanes = lanes(1, 4, Duration::from_millis(20));
        let (release, blocked) = mpsc::channel::<()>();
        let slow = lanes.run(Lane::Read, move || {
            let _ = blocked.recv();
            Ok(())
        });
        assert!(matches!(slow.await, Err(RpcError::Timeout(_))));
        assert_eq!(lanes.read.running.available_permits(), 0);
        release.send(()).unwrap();
        while lanes.read.running.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        lanes.run(Lane::Read, || Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error() {
        let lanes = lanes(1, 1, Duration::from_secs(10));
        let result = lanes.run(Lane::Read, || -> Result<(), RpcError> { panic!("boom") }).await;
        assert_eq!(result.unwrap_err().code(), -32603);
        lanes.run(Lane::Read, || Ok(())).await.unwrap();
    }
}
