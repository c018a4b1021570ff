use alloy_primitives::{Address, B256};
use phala_primitives::{L1BlockRef, L2BlockRef};
use serde::{Deserialize, Serialize};

/// What `optimism_syncStatus` says, as far as the batcher needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// L1 block derivation reads.
    pub current_l1: L1BlockRef,
    /// Head of L1, as the node sees it.
    pub head_l1: L1BlockRef,
    /// Newest L2 block.
    pub unsafe_l2: L2BlockRef,
    /// Newest L2 block derived from L1.
    pub safe_l2: L2BlockRef,
    /// Newest L2 block derived from finalized L1 blocks.
    pub finalized_l2: L2BlockRef,
}

/// What `optimism_rollupConfig` says, as far as the batcher needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RollupConfig {
    /// Where the chain starts.
    pub genesis: RollupGenesis,
    /// Seconds from one L2 block to the next.
    pub block_time: u64,
    /// L1 blocks within which a batch must be included after its epoch.
    pub seq_window_size: u64,
    /// L1 blocks a channel may stay open since Granite.
    #[serde(default = "default_channel_timeout")]
    pub granite_channel_timeout: u64,
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// Where batches are sent.
    pub batch_inbox_address: Address,
    /// Contract that names the batcher.
    pub l1_system_config_address: Address,
}

/// The start of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RollupGenesis {
    /// Genesis block of L2.
    pub l2: GenesisBlock,
    /// Time of the genesis block.
    pub l2_time: u64,
    /// Configuration at genesis.
    pub system_config: GenesisSystemConfig,
}

/// A block of the genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct GenesisBlock {
    /// Its hash.
    pub hash: B256,
    /// Its height.
    pub number: u64,
}

/// The part of the first system configuration that concerns the batcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct GenesisSystemConfig {
    /// Whose batches count.
    #[serde(rename = "batcherAddr")]
    pub batcher: Address,
}

/// Granite's channel timeout, where the configuration names none.
const fn default_channel_timeout() -> u64 {
    50
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_op_node_prints() {
        let l1 = json!({"hash": B256::repeat_byte(1), "number": 7, "parentHash": B256::repeat_byte(2), "timestamp": 70});
        let l2 = json!({"hash": B256::repeat_byte(3), "number": 9, "parentHash": B256::repeat_byte(4), "timestamp": 90,
            "l1origin": {"hash": B256::repeat_byte(1), "number": 7}, "sequenceNumber": 2});
        let text = json!({
            "current_l1": l1, "current_l1_finalized": l1, "head_l1": l1, "safe_l1": l1, "finalized_l1": l1,
            "unsafe_l2": l2, "safe_l2": l2, "finalized_l2": l2, "pending_safe_l2": l2,
            "cross_unsafe_l2": l2, "local_safe_l2": l2, "queued_unsafe_l2": l2,
        });
        let status: SyncStatus = serde_json::from_value(text).expect("parses");
        assert_eq!(status.head_l1.number, 7);
        assert_eq!(status.unsafe_l2.l1_origin.number, 7);
        assert_eq!(status.safe_l2.sequence_number, 2);
    }

    #[test]
    fn reads_a_rollup_configuration_and_defaults_the_channel_timeout() {
        let text = json!({
            "genesis": {
                "l1": {"hash": B256::repeat_byte(1), "number": 1}, "l2": {"hash": B256::repeat_byte(2), "number": 0},
                "l2_time": 1_700_000_000_u64,
                "system_config": {"batcherAddr": Address::repeat_byte(5), "overhead": B256::ZERO, "scalar": B256::ZERO, "gasLimit": 60_000_000},
            },
            "block_time": 2, "max_sequencer_drift": 600, "seq_window_size": 3600, "channel_timeout": 300,
            "l1_chain_id": 31337, "l2_chain_id": 20351337, "regolith_time": 0,
            "batch_inbox_address": Address::repeat_byte(6), "deposit_contract_address": Address::repeat_byte(7),
            "l1_system_config_address": Address::repeat_byte(8),
        });
        let config: RollupConfig = serde_json::from_value(text.clone()).expect("parses");
        assert_eq!(config.granite_channel_timeout, 50);
        assert_eq!(config.genesis.system_config.batcher, Address::repeat_byte(5));
        let mut text = text;
        text["granite_channel_timeout"] = json!(20);
        let config: RollupConfig = serde_json::from_value(text).expect("parses");
        assert_eq!(config.granite_channel_timeout, 20);
    }
}
