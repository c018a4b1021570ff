//! L1, a rollup node, and batchers that come and go.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use phala_batch::Compression;
use phala_batcher_lib::{
    Batcher, BatcherConfig, BatcherError, BatcherStatus, DaChoice, DaType, KeySource, ResendPolicy,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{anvil::Anvil, chain::L2Chain, derivation::Derived, rollup_node::RollupNode};

/// The second account of anvil.
pub(crate) const KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// Longest wait for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn batcher_address() -> Address {
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse().expect("address")
}

pub(crate) struct World {
    pub(crate) anvil: Arc<Anvil>,
    pub(crate) node: RollupNode,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn new(anvil: &[&str], seed: u64) -> Self {
        // Silent unless RUST_LOG says otherwise; the first test of the process decides for all.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let anvil = Arc::new(Anvil::start(anvil).await);
        let chain = L2Chain::new(batcher_address(), seed);
        let node = RollupNode::start(Arc::clone(&anvil), chain, batcher_address()).await;
        let folder = tempfile::tempdir().expect("folder");
        write_key(&folder, KEY);
        Self { anvil, node, folder }
    }

    pub(crate) fn grow(&self, blocks: usize, bytes_max: usize) -> u64 {
        let mut state = self.node.state.lock();
        state.chain.grow(blocks, bytes_max);
        state.chain.head().number
    }

    /// Settings that make everything happen at once.
    pub(crate) fn config(&self, da: DaType) -> BatcherConfig {
        let key = KeySource::KeyFile(self.folder.path().join("key"));
        let journal = self.folder.path().join("journal");
        let l1 = self.anvil.url.parse().expect("url");
        let l2 = self.node.url.parse().expect("url");
        let mut config = BatcherConfig::new(vec![l1], l2, key, journal);
        config.da = DaChoice::Fixed(da);
        config.compression = Compression::Brotli { quality: 5 };
        config.channel_duration_max = 1;
        config.poll_interval = Duration::from_millis(50);
        config.resend = ResendPolicy {
            bump_after: Duration::from_secs(60),
            repeat_after: Duration::from_secs(1),
            confirmations: 2,
        };
        config.rpc = None;
        config
    }

    /// Starts a batcher that runs until it is killed.
    pub(crate) async fn spawn(&self, config: BatcherConfig) -> Running {
        let batcher = Batcher::start(config).await.expect("starts");
        let rpc = batcher.rpc_address();
        let status = Box::new(batcher.status_reader());
        let task = tokio::spawn(batcher.run(std::future::pending()));
        Running { task: Some(task), status, rpc }
    }

    /// Waits until derivation shows what is wanted.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Derived) -> bool) -> Derived {
        let begun = Instant::now();
        loop {
            let derived = self.node.derived();
            if done(&derived) {
                return derived;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {derived:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn until_safe(&self, height: u64) -> Derived {
        self.until(&format!("block {height} safe"), |derived| derived.safe >= height).await
    }
}

pub(crate) fn write_key(folder: &TempDir, key: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    let path = folder.path().join("key");
    std::fs::write(&path, key).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("mode set");
}

/// A batcher in a task.
pub(crate) struct Running {
    task: Option<JoinHandle<Result<(), BatcherError>>>,
    pub(crate) status: Box<dyn Fn() -> BatcherStatus + Send + Sync>,
    pub(crate) rpc: Option<std::net::SocketAddr>,
}

impl Running {
    /// Ends it where it stands, and waits until nothing of it is left.
    pub(crate) async fn kill(mut self) {
        let task = self.task.take().expect("running");
        task.abort();
        if let Ok(Err(error)) = task.await {
            panic!("the batcher had failed: {error}");
        }
    }

    pub(crate) fn task_is_alive(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Waits until it fails.
    pub(crate) async fn failure(mut self) -> BatcherError {
        let task = self.task.take().expect("running");
        let ended = tokio::time::timeout(PATIENCE, task).await.expect("ends").expect("no panic");
        ended.expect_err("fails")
    }

    pub(crate) async fn until(&self, what: &str, done: impl Fn(&BatcherStatus) -> bool) {
        let begun = Instant::now();
        while !done(&(self.status)()) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", (self.status)());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Polls a future so many times, then drops it wherever it is.
pub(crate) struct KillAfter<F> {
    pub(crate) future: Pin<Box<F>>,
    pub(crate) polls: u32,
}

impl<F: Future> Future for KillAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
