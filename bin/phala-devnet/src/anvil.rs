use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use phala_genesis::L1Rpc;
use serde_json::{Value, json};
use url::Url;

use crate::{ChildProcess, DevnetError};

/// Longest time anvil takes until it answers.
const START_PATIENCE: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// How anvil is started.
#[derive(Clone, Debug)]
pub struct AnvilConfig {
    /// The program.
    pub program: PathBuf,
    /// Port to listen on.
    pub port: u16,
    /// Rules of L1: Prague at least.
    pub hardfork: String,
    /// `safe` is one epoch of so many blocks behind the head, `finalized` two.
    pub slots_in_an_epoch: u64,
    /// Chain id.
    pub chain_id: u64,
}

/// An L1 on this machine. It ends with this value.
#[derive(Debug)]
pub struct Anvil {
    child: ChildProcess,
    rpc: L1Rpc,
}

impl Anvil {
    /// Starts it without mining, and waits until it answers.
    pub async fn start(config: &AnvilConfig, log: &Path) -> Result<Self, DevnetError> {
        let mut command = Command::new(&config.program);
        command
            .args(["--host", "127.0.0.1", "--no-mining", "--quiet"])
            .args(["--port", &config.port.to_string()])
            .args(["--hardfork", &config.hardfork])
            .args(["--chain-id", &config.chain_id.to_string()])
            .args(["--slots-in-an-epoch", &config.slots_in_an_epoch.to_string()]);
        let child = ChildProcess::start("anvil", command, log)?;
        let url = Url::parse(&format!("http://127.0.0.1:{}", config.port));
        let mut anvil = Self { child, rpc: L1Rpc::new(url.expect("a number is a port")) };
        let started = Instant::now();
        while anvil.rpc.chain_id().await.is_err() {
            anvil.ensure_alive()?;
            if started.elapsed() > START_PATIENCE {
                return Err(anvil.child.silent(START_PATIENCE));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(anvil)
    }

    /// A client of its RPC.
    pub const fn rpc(&self) -> &L1Rpc {
        &self.rpc
    }

    /// Its RPC.
    pub const fn url(&self) -> &Url {
        self.rpc.url()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error if it ended.
    pub fn ensure_alive(&mut self) -> Result<(), DevnetError> {
        self.child.ensure_running()
    }

    /// Mines a block every so often; `None` mines on demand only.
    pub async fn set_interval(&self, interval: Option<Duration>) -> Result<(), DevnetError> {
        let seconds = interval.map_or(0, |interval| interval.as_secs());
        self.control("evm_setIntervalMining", json!([seconds])).await
    }

    /// Makes the time of each block that of its parent and so many seconds, whatever the clock says.
    /// Without it anvil gives blocks mined within a second the same time, which no real L1 does.
    pub async fn set_time_step(&self, seconds: u64) -> Result<(), DevnetError> {
        self.control("anvil_setBlockTimestampInterval", json!([seconds])).await
    }

    /// Lets the clock say the time of blocks.
    pub async fn remove_time_step(&self) -> Result<(), DevnetError> {
        self.control("anvil_removeBlockTimestampInterval", json!([])).await
    }

    /// Mines so many blocks.
    pub async fn mine(&self, blocks: u64) -> Result<(), DevnetError> {
        for _ in 0..blocks {
            self.control("evm_mine", json!([])).await?;
        }
        Ok(())
    }

    /// Replaces the newest `depth` blocks by empty ones: their transactions are gone.
    pub async fn reorg(&self, depth: u64) -> Result<(), DevnetError> {
        self.control("anvil_reorg", json!([depth, []])).await
    }

    /// Takes back the newest `depth` blocks; what is mined next replaces them.
    pub async fn rollback(&self, depth: u64) -> Result<(), DevnetError> {
        self.control("anvil_rollback", json!([depth])).await
    }

    /// Takes every waiting transaction out of the pool.
    pub async fn drop_all_transactions(&self) -> Result<(), DevnetError> {
        self.control("anvil_dropAllTransactions", json!([])).await
    }

    async fn control(&self, method: &str, params: Value) -> Result<(), DevnetError> {
        Ok(self.rpc.request::<Value>(method, params).await.map(|_| ())?)
    }
}
