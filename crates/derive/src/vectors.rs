//! Recorded vectors and the rollup they are for.

use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use phala_chainspec::{ChainSpec, L1Anchor, L1Contracts, SystemConfig};
use phala_primitives::{BlockRef, L2BlockRef};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{L1Header, l1_blocks::L1Blocks, rollup::Rollup};

/// Names the folder of the vectors.
const FOLDER: &str = "PHALA_VECTORS";

/// A file of the OP-stack vectors; `None`, said aloud, where the machine has none.
pub(crate) fn json(path: &str) -> Option<Value> {
    if std::env::var_os(FOLDER).is_none() {
        println!("SKIPPED: no vectors");
        return None;
    }
    Some(serde_json::from_slice(&bytes(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// The bytes of a file of the OP-stack vectors, which are known to be there.
pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let folder = std::env::var_os(FOLDER).expect("the folder is named");
    let path = PathBuf::from(folder).join("opstack").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn field<T: DeserializeOwned>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// Parameters as the vectors have them.
pub(crate) fn rollup(block_time_secs: u64, seq_window_size: u64) -> Rollup {
    Rollup {
        chain_id: 901,
        genesis_time: 900,
        block_time_secs,
        seq_window_size,
        channel_timeout: 50,
        l1_anchor: BlockRef::default(),
        deposit_contract: Address::repeat_byte(0xd0),
        system_config_contract: Address::repeat_byte(0xc0),
        genesis_config: system_config(),
    }
}

/// The development chain, as if its contracts were deployed, with a clock that starts early.
pub(crate) fn spec() -> ChainSpec {
    let mut spec = ChainSpec::dev();
    spec.genesis.timestamp = 900;
    let rollup = spec.rollup.as_mut().expect("the development chain is a rollup");
    rollup.l1_anchor = Some(L1Anchor { number: 100, hash: B256::repeat_byte(1) });
    rollup.l1_contracts = Some(L1Contracts {
        deposit_contract: Address::repeat_byte(0xd0),
        system_config: Address::repeat_byte(0xc0),
        ..L1Contracts::default()
    });
    spec
}

pub(crate) fn system_config() -> SystemConfig {
    let rollup = spec().rollup;
    rollup.and_then(|rollup| rollup.system_config).expect("the development chain has one")
}

pub(crate) fn l2_block(block: &Value) -> L2BlockRef {
    let origin = &block["l1_origin"];
    L2BlockRef {
        hash: field(block, "hash"),
        number: field(block, "number"),
        parent_hash: B256::ZERO,
        timestamp: field(block, "time"),
        l1_origin: BlockRef { number: field(origin, "number"), hash: field(origin, "hash") },
        sequence_number: block["seq_num"].as_u64().unwrap_or_default(),
    }
}

/// What the cases on the validity of batches have in common.
pub(crate) struct ValidityCase {
    pub(crate) rollup: Rollup,
    pub(crate) l1_blocks: L1Blocks,
    pub(crate) safe: L2BlockRef,
    pub(crate) inclusion: u64,
}

impl ValidityCase {
    pub(crate) fn new(config: &Value, case: &Value) -> Self {
        let mut l1_blocks = L1Blocks::default();
        for block in case["l1_blocks"].as_array().unwrap() {
            let header = L1Header {
                number: field(block, "number"),
                hash: field(block, "hash"),
                timestamp: field(block, "time"),
                ..L1Header::default()
            };
            l1_blocks.push(header, Some(Vec::new()));
        }
        Self {
            rollup: rollup(field(config, "block_time"), field(config, "seq_window_size")),
            l1_blocks,
            safe: l2_block(&case["parent"]),
            inclusion: field(&case["inclusion"], "number"),
        }
    }
}
