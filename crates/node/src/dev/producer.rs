use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use phala_engine::{Engine, EngineError, Produced, Severity};

use super::{
    DevAttributes,
    clock::{on_demand_timestamp, scheduled_timestamp},
};
use crate::{Cause, Health, NodeError, health::unix_now_secs};

/// Wake-ups that wait for the producer. One is enough: it stands for everything that arrived
/// before the block it leads to, so a full channel loses nothing.
const WAKE_LEN_MAX: usize = 1;

/// When blocks are produced.
#[derive(Clone, Copy, Debug)]
pub struct ProducerConfig {
    /// Time between two scheduled blocks.
    pub block_time: Duration,
    /// Whether a transaction that arrives gets a block at once.
    pub on_demand: bool,
}

/// Produces the blocks of a development chain on a thread of its own.
#[derive(Debug)]
pub struct BlockProducer {
    wake: SyncSender<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// What the producer waits for, beside the time.
#[derive(Clone, Copy, Debug)]
enum Wake {
    /// A transaction became executable.
    Transaction,
    /// The node stops.
    Stop,
}

impl BlockProducer {
    /// Starts producing; the first block comes at once.
    pub fn start(
        engine: Engine,
        health: Arc<Health>,
        config: ProducerConfig,
    ) -> Result<Self, NodeError> {
        let (wake, woken) = sync_channel(WAKE_LEN_MAX);
        let attributes = DevAttributes::new(engine.spec());
        let worker = Worker { engine, health, config, attributes, failures: 0 };
        let thread = thread::Builder::new()
            .name("dev-chain".to_owned())
            .spawn(move || worker.run(&woken))
            .map_err(|source| NodeError::Thread { name: "dev-chain", source })?;
        Ok(Self { wake, thread: Some(thread) })
    }

    /// A handle that says that a transaction arrived.
    pub fn transaction_signal(&self) -> impl Fn() + Send + 'static {
        let wake = self.wake.clone();
        move || {
            let _ = wake.try_send(Wake::Transaction);
        }
    }

    /// Finishes the block in work and stops.
    pub fn stop(mut self) {
        self.stop_thread();
    }

    fn stop_thread(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A worker that is gone has stopped already.
            let _ = self.wake.send(Wake::Stop);
            let _ = thread.join();
        }
    }
}

impl Drop for BlockProducer {
    fn drop(&mut self) {
        self.stop_thread();
    }
}

struct Worker {
    engine: Engine,
    health: Arc<Health>,
    config: ProducerConfig,
    attributes: DevAttributes,
    /// Blocks that failed since the last one that did not.
    failures: u64,
}

impl Worker {
    fn run(mut self, woken: &Receiver<Wake>) {
        let mut next = Instant::now();
        loop {
            match woken.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Wake::Transaction) => {
                    if self.config.on_demand {
                        self.produce(on_demand_timestamp);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let block_time = self.config.block_time;
                    self.produce(|parent, now| scheduled_timestamp(parent, now, block_time));
                    // Blocks that were missed, as during a suspend, are not made up for.
                    next = (next + block_time).max(Instant::now());
                }
            }
        }
    }

    fn produce(&mut self, timestamp: impl Fn(u64, u64) -> u64) {
        match self.try_produce(timestamp) {
            Ok(_) => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "block production works again");
                    self.failures = 0;
                    self.health.clear(Cause::ProductionFailing);
                }
            }
            Err(error) if error.severity() == Severity::Bug => {
                panic!("block production broke an invariant: {error}");
            }
            Err(error) => {
                self.failures += 1;
                self.health.raise(Cause::ProductionFailing, error.to_string());
                // Repeated lines are counted, not repeated.
                if self.failures.is_power_of_two() {
                    tracing::error!(failures = self.failures, %error, "block production failed");
                }
            }
        }
    }

    fn try_produce(&self, timestamp: impl Fn(u64, u64) -> u64) -> Result<Produced, EngineError> {
        let head = self.engine.heads().latest.hash;
        let parent = self.engine.store().block(head)?.ok_or(EngineError::UnknownBlock(head))?;
        let timestamp = timestamp(parent.header().timestamp, unix_now_secs());
        let attributes = self.attributes.next(self.engine.spec(), &parent, timestamp);
        self.engine.produce(&attributes)
    }
}
