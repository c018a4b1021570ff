use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use alloy_primitives::Address;
use jsonrpsee::server::ServerHandle;
use parking_lot::Mutex;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    AdminCommand, BatcherConfig, BatcherError, BatcherStatus, L2Client, Severity, Throttle,
    TxSigner,
    admin_rpc::{self, COMMANDS_MAX},
    driver::Driver,
    monitor::Monitor,
    startup::{Refusal, prepare},
    status::Shared,
    throttler,
};

/// Longest pause between two tries to reach both chains at the start.
const CONNECT_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Longest time a stop may take.
const STOP_LIMIT: Duration = Duration::from_millis(4_500);

/// Exit code of a stop that had to be forced.
const EXIT_FORCED: i32 = 70;

/// Longest wait for connections to the admin RPC to end.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// A batcher with its servers. Dropping it is as safe as killing the process.
#[derive(Debug)]
pub struct Batcher {
    config: BatcherConfig,
    signer: TxSigner,
    shared: Arc<Shared>,
    throttle: Arc<Mutex<Throttle>>,
    commands: mpsc::Receiver<AdminCommand>,
    rpc: Option<(SocketAddr, ServerHandle)>,
    monitor: Option<Monitor>,
}

impl Batcher {
    /// Checks the settings, reads the key and starts the servers. Nothing is asked of either chain.
    pub async fn start(config: BatcherConfig) -> Result<Self, BatcherError> {
        config.check()?;
        let signer = TxSigner::open(&config.key, config.request_timeout)?;
        let shared = Arc::new(Shared::new(signer.address(), Address::ZERO));
        let throttle = Arc::new(Mutex::new(Throttle::new(config.throttle)));
        let monitor = match config.metrics {
            Some(address) => Some(Monitor::start(address, Arc::clone(&shared)).await?),
            None => None,
        };
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let rpc = match config.rpc {
            Some(address) => {
                let (throttle, shared) = (Arc::clone(&throttle), Arc::clone(&shared));
                Some(admin_rpc::serve(address, sender, throttle, shared).await?)
            }
            None => None,
        };
        Ok(Self { config, signer, shared, throttle, commands, rpc, monitor })
    }

    /// Address of the admin RPC.
    pub fn rpc_address(&self) -> Option<SocketAddr> {
        self.rpc.as_ref().map(|(address, _)| *address)
    }

    /// Address of the metrics and health server.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.monitor.as_ref().map(Monitor::address)
    }

    /// Reads the status at any time.
    pub fn status_reader(&self) -> impl Fn() -> BatcherStatus + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.status()
    }

    /// Posts batches until `stop` is done, or an error cannot heal.
    ///
    /// A stop may come at any moment: what was signed is in the journal, the rest is read again.
    /// Needs a runtime with several threads.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), BatcherError> {
        let rpc = self.rpc.take();
        let result = tokio::select! {
            result = self.post() => result,
            () = stop => Ok(()),
        };
        if let Some((_, handle)) = rpc
            && handle.stop().is_ok()
            && timeout(STOP_GRACE, handle.stopped()).await.is_err()
        {
            tracing::info!("admin rpc connections left behind");
        }
        tracing::info!("batcher stopped");
        result
    }

    async fn post(self) -> Result<(), BatcherError> {
        let Self { config, signer, shared, throttle, mut commands, rpc: _, monitor } = self;
        // Without a server nobody sends commands, and the channel must not look closed.
        let _monitor = monitor;
        let mut driver = connect(&config, signer, Arc::clone(&shared)).await?;
        let mut throttler = Task(start_throttler(&config, throttle, shared)?);
        let mut throttling = true;
        loop {
            driver.look().await?;
            tokio::select! {
                () = sleep(config.poll_interval) => {}
                Some(command) = commands.recv() => obey(&mut driver, command),
                ended = &mut throttler.0, if throttling => {
                    throttling = false;
                    // A panic there has told about itself.
                    ended.unwrap_or(Ok(()))?;
                }
            }
        }
    }
}

/// A task that ends with its owner.
struct Task(JoinHandle<Result<(), BatcherError>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tries until both chains answer. What an operator has to change is an error at once.
async fn connect(
    config: &BatcherConfig,
    mut signer: TxSigner,
    shared: Arc<Shared>,
) -> Result<Driver, BatcherError> {
    let mut pause = config.poll_interval.min(CONNECT_PAUSE_MAX);
    loop {
        match prepare(config, signer, Arc::clone(&shared)).await {
            Ok(driver) => return Ok(driver),
            Err(Refusal::Error(error)) => return Err(error),
            Err(Refusal::Retry { error, signer: again }) => {
                if !matches!(error.severity(), Severity::Transient { .. } | Severity::Reset) {
                    return Err(error);
                }
                tracing::warn!(%error, ?pause, "waiting for both chains");
                signer = again;
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(CONNECT_PAUSE_MAX);
    }
}

fn start_throttler(
    config: &BatcherConfig,
    throttle: Arc<Mutex<Throttle>>,
    shared: Arc<Shared>,
) -> Result<JoinHandle<Result<(), BatcherError>>, BatcherError> {
    let endpoints = if config.throttle_endpoints.is_empty() {
        std::slice::from_ref(&config.l2)
    } else {
        &config.throttle_endpoints
    };
    let builders = endpoints.iter().map(|url| L2Client::new(url.clone(), config.request_timeout));
    let mut builders = builders.collect::<Result<Vec<_>, _>>()?;
    if config.throttle.lower_threshold == 0 {
        builders.clear();
    }
    Ok(tokio::spawn(throttler::run(throttle, shared, builders, config.throttle_strict)))
}

fn obey(driver: &mut Driver, command: AdminCommand) {
    // Whoever asked may have stopped waiting.
    let _ = match command {
        AdminCommand::Start(reply) => {
            let changes = !driver.wanted;
            if changes {
                tracing::info!("started by the operator");
                driver.set_wanted(true);
            }
            reply.send(changes)
        }
        AdminCommand::Stop(reply) => {
            let changes = driver.wanted;
            if changes {
                tracing::info!("stopped by the operator");
                driver.set_wanted(false);
            }
            reply.send(changes)
        }
        AdminCommand::Flush(reply) => {
            driver.encoder.flush();
            reply.send(driver.wanted)
        }
    };
}

/// Runs a batcher until SIGINT or SIGTERM; a stop takes less than five seconds.
pub async fn run(config: BatcherConfig) -> Result<(), BatcherError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(BatcherError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(BatcherError::Signals)?;
    let batcher = Batcher::start(config).await?;
    let (stop, stopped) = oneshot::channel();
    // In a task of its own, because compression may keep the batcher's busy.
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        tracing::info!(signal = name, "stopping");
        // The batcher may have ended by itself.
        let _ = stop.send(());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = sleep(STOP_LIMIT) => {}
        }
        tracing::warn!("stop was forced; the journal is consistent at any moment");
        std::process::exit(EXIT_FORCED);
    });
    batcher
        .run(async {
            // A sender that is gone would mean the task panicked: stop as well.
            let _ = stopped.await;
        })
        .await
}
