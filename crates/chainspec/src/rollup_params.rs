use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::SystemConfig;

/// How the chain is derived from L1: the part of `rollup.json` that is not in the genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollupParams {
    /// How far L2 time may run ahead of its L1 origin; 1800 from Fjord on, whatever is written here.
    pub max_sequencer_drift_secs: u64,
    /// L1 blocks within which a batch must follow its epoch.
    pub seq_window_size: u64,
    /// L1 blocks a channel may span before Granite.
    pub channel_timeout: u64,
    /// L1 blocks a channel may span from Granite on.
    pub granite_channel_timeout: u64,
    /// L1 address batches are sent to.
    pub batch_inbox_address: Address,
    /// The L1 block this chain starts after; known once the L1 contracts are deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_anchor: Option<L1Anchor>,
    /// The L1 contracts; known once they are deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_contracts: Option<L1Contracts>,
    /// The L1 `SystemConfig` at the anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_config: Option<SystemConfig>,
}

/// The L1 block that is the origin of the genesis block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Anchor {
    /// Height on L1.
    pub number: u64,
    /// Hash on L1.
    pub hash: B256,
}

/// Addresses of this chain's contracts on L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Contracts {
    /// `OptimismPortal`, whose events are deposits.
    pub deposit_contract: Address,
    /// `SystemConfig`.
    pub system_config: Address,
    /// `ProtocolVersions`.
    pub protocol_versions: Address,
    /// `SuperchainConfig`, where the chain has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superchain_config: Option<Address>,
    /// `L1CrossDomainMessenger`, which the messenger of this chain trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_domain_messenger: Option<Address>,
    /// `L1StandardBridge`, which the bridge of this chain trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_bridge: Option<Address>,
    /// `L1ERC721Bridge`, which the ERC-721 bridge of this chain trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erc721_bridge: Option<Address>,
}
