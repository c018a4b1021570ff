use std::{fs, thread, time::Duration};

use alloy_primitives::{Address, B256};
use phala_devnet::{Devnet, DevnetConfig, DevnetError, L1Mining, Service};
use phala_genesis::L1Addresses;

use super::{Account, ChainRpc, eventually};
use crate::run_node;

/// Lines of each log that a failed test prints.
const TAIL_LINES: usize = 25;

/// A devnet for one test: blocks of a second on both chains, a channel for each L1 block.
pub fn fast_devnet() -> DevnetConfig {
    DevnetConfig {
        l2_block_time_secs: Some(1),
        l1_mining: L1Mining::Every(Duration::from_secs(1)),
        max_channel_duration: 1,
        ..DevnetConfig::default()
    }
}

/// Ends a service as an operator would, and asserts that it ended well.
pub async fn stop_gently(service: &mut Service) {
    service.terminate();
    let status = eventually("the end of a service", async || match service.ensure_alive() {
        Ok(()) => None,
        Err(DevnetError::Died { status, .. }) => Some(status),
        Err(error) => panic!("{}: {error}", service.name()),
    })
    .await;
    assert_eq!(status, "exit code 0", "{}", service.name());
    service.stop();
}

/// A running devnet. A test that fails prints the end of its logs.
#[derive(Debug)]
pub struct Testnet {
    /// What runs.
    pub devnet: Devnet,
}

impl Testnet {
    /// Starts everything.
    pub async fn start(config: &DevnetConfig) -> Self {
        Self { devnet: Devnet::start(config).await.expect("a devnet") }
    }

    /// L1.
    pub fn l1(&self) -> ChainRpc {
        ChainRpc::new(self.devnet.anvil.rpc())
    }

    /// The sequencer.
    pub fn sequencer(&self) -> ChainRpc {
        ChainRpc::of(&self.devnet.sequencer)
    }

    /// The follower.
    pub fn follower(&self) -> ChainRpc {
        ChainRpc::of(&self.devnet.follower)
    }

    /// The batcher's admin and status methods.
    pub fn batcher(&self) -> ChainRpc {
        ChainRpc::of(&self.devnet.batcher)
    }

    /// An account by its role, such as `owner` or `user 1`.
    pub fn account(&self, role: &str) -> Account {
        Account::new(self.devnet.key(role).unwrap_or_else(|| panic!("no account is {role}")))
    }

    /// The contracts on L1.
    pub const fn contracts(&self) -> &L1Addresses {
        &self.devnet.deployment.addresses
    }

    /// Where batches go.
    pub fn batch_inbox(&self) -> Address {
        let rollup = self.devnet.files.spec.rollup.as_ref();
        rollup.expect("a devnet is a rollup").batch_inbox_address
    }

    /// Waits until both nodes say that a block is safe, and asserts that it is the same one.
    pub async fn wait_until_safe(&self, number: u64) {
        self.follower().wait_for_head("safe", number).await;
        self.sequencer().wait_for_head("safe", number).await;
        assert_eq!(self.follower().hash(number).await, self.sequencer().hash(number).await);
    }

    /// Waits until everything the sequencer has at this moment is safe on both nodes; its height.
    pub async fn settle(&self) -> u64 {
        let head = self.sequencer().block_number().await;
        self.wait_until_safe(head).await;
        head
    }

    /// Asserts that both nodes have the same blocks up to the follower's safe head; its height.
    pub async fn assert_same_chain(&self) -> u64 {
        let (safe, _) = self.follower().head("safe").await;
        let (follower, sequencer) = (self.follower(), self.sequencer());
        for number in 0..=safe {
            let hash = follower.hash(number).await;
            assert!(hash.is_some(), "the follower has no block {number}");
            assert_eq!(hash, sequencer.hash(number).await, "block {number}");
        }
        safe
    }

    /// Stops both nodes, and asserts that what they stored up to a height is the same.
    pub async fn stop_and_compare(&mut self, upto: u64) {
        stop_gently(&mut self.devnet.sequencer).await;
        stop_gently(&mut self.devnet.follower).await;
        let sequencer = self.digest("sequencer", upto);
        assert_eq!(self.digest("follower", upto), sequencer, "digests of blocks up to {upto}");
    }

    /// `db digest` of a stopped node by its name.
    pub fn digest(&self, node: &str, upto: u64) -> B256 {
        let datadir = self.devnet.folder().join(node);
        let out = run_node([
            "db",
            "digest",
            &format!("--chain={}", self.devnet.files.chain.display()),
            &format!("--datadir={}", datadir.display()),
            "--from=1",
            &format!("--to={upto}"),
        ])
        .success()
        .stdout;
        let digest = out.split_whitespace().next().and_then(|word| word.parse().ok());
        digest.unwrap_or_else(|| panic!("no digest in {out}"))
    }

    /// The log of a service so far.
    pub fn log_of(&self, service: &Service) -> String {
        fs::read_to_string(service.log()).expect("a log")
    }
}

impl Drop for Testnet {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for service in [&self.devnet.sequencer, &self.devnet.follower, &self.devnet.batcher] {
            let log = fs::read_to_string(service.log()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            eprintln!("--- {}:\n{}", service.name(), tail.join("\n"));
        }
    }
}
