use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use phala_chainspec::{ChainSpec, L1Anchor, L1Contracts};
use phala_node_lib::{
    DataDir, Node, Role,
    config::{Layers, Settings, settings_command},
    open_at,
};
use phala_primitives::BlockRef;

use crate::{anvil::Anvil, http};

/// A chain on an L1, and folders for its nodes.
pub struct World {
    pub anvil: Anvil,
    pub spec: ChainSpec,
    pub place: Place,
    _folder: tempfile::TempDir,
}

/// Everything a node of a world needs to know, also one in another process.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Place {
    l1: String,
    anchor: BlockRef,
    genesis_timestamp: u64,
    seq_window_size: u64,
    folder: PathBuf,
}

impl World {
    /// A chain of one-second blocks that starts at the L1's newest block.
    pub async fn new() -> Option<Self> {
        Self::with(0, 3_600).await
    }

    /// The same with a sequencing window of so many L1 blocks.
    pub async fn with_window(seq_window_size: u64) -> Option<Self> {
        Self::with(0, seq_window_size).await
    }

    /// A chain that starts so long ago, so that it has much to catch up with.
    pub async fn in_the_past(age_secs: u64) -> Option<Self> {
        Self::with(age_secs, 3_600).await
    }

    async fn with(age_secs: u64, seq_window_size: u64) -> Option<Self> {
        let anvil = Anvil::start(age_secs).await?;
        let (number, hash, genesis_timestamp) = anvil.block("latest").await;
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            l1: anvil.url.clone(),
            anchor: BlockRef { number, hash: hash.parse().unwrap() },
            genesis_timestamp,
            seq_window_size,
            folder: folder.path().to_owned(),
        };
        Some(Self { anvil, spec: place.spec(), place, _folder: folder })
    }

    /// Starts the node of this name, on the data it had before.
    pub async fn start(&self, name: &str, flags: &[&str]) -> TestNode {
        self.place.start(name, flags).await
    }

    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    pub fn inbox(&self) -> String {
        self.spec.rollup.as_ref().unwrap().batch_inbox_address.to_string()
    }
}

impl Place {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap()
    }

    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    fn spec(&self) -> ChainSpec {
        let mut spec = ChainSpec::dev();
        spec.name = "test".to_owned();
        spec.block_time_secs = 1;
        spec.genesis.timestamp = self.genesis_timestamp;
        let rollup = spec.rollup.as_mut().unwrap();
        rollup.seq_window_size = self.seq_window_size;
        let BlockRef { number, hash } = self.anchor;
        rollup.l1_anchor = Some(L1Anchor { number, hash });
        rollup.l1_contracts = Some(L1Contracts {
            deposit_contract: Address::repeat_byte(0xd1),
            system_config: Address::repeat_byte(0xd2),
            protocol_versions: Address::repeat_byte(0xd3),
            superchain_config: None,
            cross_domain_messenger: None,
            standard_bridge: None,
            erc721_bridge: None,
        });
        spec
    }

    pub async fn start(&self, name: &str, flags: &[&str]) -> TestNode {
        let is_sequencer = flags.contains(&"--sequencer");
        let settings = settings(&self.l1, flags);
        let data = DataDir::resolve(Some(&self.folder.join(name)), "test").unwrap();
        let opened = open_at(&settings, self.spec(), data).unwrap();
        let role = Role::Rollup { is_sequencer };
        TestNode { node: Node::start(&settings, opened, role).await.unwrap() }
    }
}

fn settings(l1: &str, flags: &[&str]) -> Settings {
    let l1 = format!("--l1={l1}");
    let common = [
        &l1,
        "--l1.http-poll-interval=200ms",
        "--http",
        "--http.port=0",
        "--http.api=eth,optimism,admin",
        "--authrpc.port=0",
    ];
    let arguments = common.iter().chain(flags);
    let matches = settings_command().try_get_matches_from(arguments).unwrap();
    Layers::default().resolve(&matches).unwrap().settings
}

/// A running node.
pub struct TestNode {
    pub node: Node,
}

impl TestNode {
    pub fn latest(&self) -> BlockRef {
        self.node.engine().heads().latest
    }

    pub fn safe(&self) -> BlockRef {
        self.node.engine().heads().safe
    }

    pub fn finalized(&self) -> BlockRef {
        self.node.engine().heads().finalized
    }

    pub fn hash_at(&self, number: u64) -> Option<B256> {
        self.node.engine().store().canonical_hash(number).unwrap()
    }

    /// Waits until a head has reached a height.
    pub async fn wait(&self, what: &str, number: u64, head: impl Fn(&Self) -> BlockRef) {
        let began = Instant::now();
        while head(self).number < number {
            let waited = began.elapsed();
            assert!(
                waited < Duration::from_secs(60),
                "{what} is {:?} after {waited:?}, not {number}: {:?}",
                head(self),
                self.node.engine().heads()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Calls a method of the public RPC; the error if there is one.
    pub async fn call(
        &self,
        method: &str,
        params: serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        http::call(&self.url("http"), None, method, params).await.unwrap()
    }

    /// Height of the newest block's L1 origin.
    pub async fn l1_origin(&self) -> u64 {
        let status = self.call("optimism_syncStatus", serde_json::json!([])).await.unwrap();
        status["unsafe_l2"]["l1origin"]["number"].as_u64().unwrap()
    }

    /// Where a service is.
    pub fn url(&self, service: &str) -> String {
        self.node.urls().into_iter().find(|(name, _)| *name == service).unwrap().1
    }

    pub async fn stop(self) {
        self.node.stop().await.unwrap();
    }
}
