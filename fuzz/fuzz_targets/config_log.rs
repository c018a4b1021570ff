//! Logs of the L1 `SystemConfig`: whatever they say, the next block's attributes can be made.
#![no_main]

use std::sync::LazyLock;

use alloy_primitives::{Address, B256, U256, b256};
use libfuzzer_sys::fuzz_target;
use phala_chainspec::{ChainSpec, L1Anchor, L1Contracts, SystemConfig};
use phala_derive::{L1Header, L1Log, next_attributes};
use phala_primitives::{BlockRef, L2BlockRef};

/// keccak256 of `ConfigUpdate(uint256,uint8,bytes)`.
const CONFIG_EVENT: B256 =
    b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");
const SYSTEM_CONFIG: Address = Address::repeat_byte(0xbb);

static WORLD: LazyLock<(ChainSpec, SystemConfig, L2BlockRef, L1Header)> = LazyLock::new(|| {
    let mut spec = ChainSpec::dev();
    let anchor = BlockRef { number: 1, hash: B256::repeat_byte(1) };
    let time = spec.genesis.timestamp;
    let rollup = spec.rollup.as_mut().expect("the dev chain is a rollup");
    rollup.l1_anchor = Some(L1Anchor { number: anchor.number, hash: anchor.hash });
    rollup.l1_contracts = Some(L1Contracts {
        deposit_contract: Address::repeat_byte(0xaa),
        system_config: SYSTEM_CONFIG,
        ..L1Contracts::default()
    });
    let config = rollup.system_config.clone().expect("the dev chain has one");
    let parent = L2BlockRef { timestamp: time, l1_origin: anchor, ..L2BlockRef::default() };
    let origin = L1Header {
        hash: B256::repeat_byte(2),
        number: 2,
        parent_hash: anchor.hash,
        timestamp: time,
        ..L1Header::default()
    };
    (spec, config, parent, origin)
});

fuzz_target!(|data: &[u8]| {
    let Some(([kind, topic_count], data)) = data.split_first_chunk() else { return };
    let mut topics = vec![CONFIG_EVENT, B256::ZERO, U256::from(*kind).into(), B256::ZERO];
    topics.truncate(usize::from(topic_count % 5));
    // Most inputs have the right number of topics.
    if topic_count & 0x80 == 0 {
        topics = vec![CONFIG_EVENT, B256::ZERO, U256::from(kind % 10).into()];
    }
    let log = L1Log {
        address: SYSTEM_CONFIG,
        topics,
        data: data.to_vec().into(),
        log_index: 0,
    };
    let (spec, config, parent, origin) = &*WORLD;
    next_attributes(spec, parent, config, origin, &[log], Vec::new(), true)
        .expect("no update keeps a block from being made");
});
