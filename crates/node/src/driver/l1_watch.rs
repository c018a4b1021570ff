use std::{sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle, time::Instant};

use super::{
    event::{Event, L1Heads},
    l1_reader::L1Reader,
};
use crate::{Cause, Health};

/// Shortest pause between two polls, whatever the operator asks for.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// Polls of the head for one of the safe and finalized blocks, which move once in 32 slots.
const FINALITY_POLLS: u64 = 8;

/// Time without an answer after which an operator should know.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Asks L1 for its heads again and again, until dropped.
#[derive(Debug)]
pub(crate) struct L1Watch(AbortHandle);

impl L1Watch {
    pub(crate) fn start(
        runtime: &Handle,
        reader: L1Reader,
        interval: Duration,
        events: mpsc::Sender<Event>,
        health: Arc<Health>,
    ) -> Self {
        let task = runtime.spawn(async move {
            let mut ticks = tokio::time::interval(interval.max(POLL_INTERVAL_MIN));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut silence = Silence { since: Instant::now(), failures: 0, health };
            for poll in 0_u64.. {
                ticks.tick().await;
                let mut heads = L1Heads::default();
                match reader.head().await {
                    Ok(head) => {
                        silence.end();
                        heads.head = Some(head);
                    }
                    Err(error) => {
                        silence.go_on(&error.to_string());
                        continue;
                    }
                }
                if poll.is_multiple_of(FINALITY_POLLS) {
                    // A young L1 has neither.
                    heads.safe = reader.safe().await.ok();
                    heads.finalized = reader.finalized().await.ok();
                }
                if events.send(Event::L1Heads(Box::new(heads))).await.is_err() {
                    return;
                }
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for L1Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells operators about an L1 that does not answer.
#[derive(Debug)]
struct Silence {
    since: Instant,
    failures: u64,
    health: Arc<Health>,
}

impl Silence {
    fn end(&mut self) {
        if self.since.elapsed() > SILENCE_MAX && self.failures > 0 {
            tracing::info!(failures = self.failures, "l1 answers again");
        }
        self.health.clear(Cause::L1Unreachable);
        (self.since, self.failures) = (Instant::now(), 0);
    }

    fn go_on(&mut self, error: &str) {
        self.failures += 1;
        let silent = self.since.elapsed();
        if silent > SILENCE_MAX {
            let detail = format!("no l1 head for {} s: {error}", silent.as_secs());
            self.health.raise(Cause::L1Unreachable, detail);
        }
        // Repeated lines are counted, not repeated.
        if self.failures.is_power_of_two() {
            tracing::warn!(failures = self.failures, %error, "l1 head cannot be read");
        }
    }
}
