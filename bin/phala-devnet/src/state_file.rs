use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use phala_genesis::L1Addresses;
use serde::{Deserialize, Serialize};
use url::Url;

/// What `state.json` says of a running devnet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevnetState {
    /// Where everything answers.
    pub urls: DevnetUrls,
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// The chain file.
    pub chain_file: PathBuf,
    /// The genesis for other execution clients.
    pub genesis_file: PathBuf,
    /// `rollup.json` for other rollup nodes.
    pub rollup_file: PathBuf,
    /// Hash of the L2 genesis.
    pub genesis_hash: B256,
    /// The contracts on L1.
    pub l1_contracts: L1Addresses,
    /// Where batches go.
    pub batch_inbox: Address,
    /// Accounts with ether on both chains, and what they do here.
    pub accounts: Vec<DevnetAccount>,
    /// Logs of the children.
    pub log_dir: PathBuf,
    /// Process ids by name.
    pub process_ids: std::collections::BTreeMap<String, u32>,
}

/// Where everything answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevnetUrls {
    /// RPC of L1.
    pub l1: Url,
    /// Beacon API of L1.
    pub l1_beacon: Url,
    /// RPC of the sequencer.
    pub sequencer: Url,
    /// WebSocket of the sequencer.
    pub sequencer_ws: Url,
    /// RPC of the follower.
    pub follower: Url,
    /// WebSocket of the follower.
    pub follower_ws: Url,
    /// Admin and status RPC of the batcher.
    pub batcher: Url,
}

/// An account of the devnet. Everybody has its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevnetAccount {
    /// What it does here.
    pub role: String,
    /// Address.
    pub address: Address,
    /// Private key.
    pub key: B256,
}
