//! A published chain's `rollup.json`, against what its registry entry says.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod vectors;

use alloy_primitives::{Address, B256};
use phala_chainspec::{
    ChainSpec, FeeScalars, L1Anchor, L1Contracts, RollupJson, RollupParams, SystemConfig,
};
use vectors::{bytes, field, folder, json};

fn text<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &toml::Value) -> T {
    value.as_str().expect("a string").parse().expect("its type")
}

fn number(value: &toml::Value) -> u64 {
    value.as_integer().expect("a number").try_into().expect("not negative")
}

/// The registry entry as our chain file has it.
fn read_entry(spec: &mut ChainSpec, entry: &toml::Table) {
    let genesis = &entry["genesis"];
    let config = &genesis["system_config"];
    let scalars = FeeScalars::decode(text(&config["scalar"])).expect("ecotone scalars");
    spec.l1_chain_id = 11_155_111;
    spec.block_time_secs = number(&entry["block_time"]);
    spec.rollup = Some(RollupParams {
        max_sequencer_drift_secs: number(&entry["max_sequencer_drift"]),
        seq_window_size: number(&entry["seq_window_size"]),
        channel_timeout: 300,
        granite_channel_timeout: 50,
        batch_inbox_address: text(&entry["batch_inbox_addr"]),
        l1_anchor: Some(L1Anchor {
            number: number(&genesis["l1"]["number"]),
            hash: text(&genesis["l1"]["hash"]),
        }),
        l1_contracts: Some(L1Contracts {
            deposit_contract: text(&entry["addresses"]["OptimismPortalProxy"]),
            system_config: text(&entry["addresses"]["SystemConfigProxy"]),
            protocol_versions: Address::ZERO,
            ..Default::default()
        }),
        system_config: Some(SystemConfig {
            batcher_address: text(&config["batcherAddress"]),
            base_fee_scalar: scalars.base_fee_scalar,
            blob_base_fee_scalar: scalars.blob_base_fee_scalar,
            gas_limit: number(&config["gasLimit"]),
            eip1559_denominator: 0,
            eip1559_elasticity: 0,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            min_base_fee: 0,
            da_footprint_gas_scalar: 0,
        }),
    });
}

#[test]
fn a_registry_entry_and_its_genesis_give_the_rollup_json() {
    let Some(folder) = folder() else { return };
    let expected = &json(&folder, "genesis/expected.json")["sepolia-devnet-2"];
    let file = bytes(&folder, "genesis/sepolia-devnet-2.genesis.json.gz");
    let entry = String::from_utf8(bytes(&folder, "genesis/sepolia-devnet-2.toml")).unwrap();
    let entry: toml::Table = entry.parse().expect("toml");
    let mut spec = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
    read_entry(&mut spec, &entry);

    let hash: B256 = field(expected, "genesis_hash");
    let rollup = RollupJson::new(&spec, hash).expect("complete");
    let genesis = &entry["genesis"];
    assert_eq!(rollup.genesis.l2.hash, text::<B256>(&genesis["l2"]["hash"]));
    assert_eq!(rollup.genesis.l2.number, number(&genesis["l2"]["number"]));
    assert_eq!(rollup.genesis.l2_time, number(&genesis["l2_time"]));
    assert_eq!(rollup.l2_chain_id, number(&entry["chain_id"]));
    let config = &genesis["system_config"];
    assert_eq!(rollup.genesis.system_config.scalar, text::<B256>(&config["scalar"]));
    assert_eq!(rollup.genesis.system_config.overhead, text::<B256>(&config["overhead"]));

    let written = serde_json::to_value(&rollup).expect("json");
    for (key, time) in entry["hardforks"].as_table().expect("a table") {
        assert_eq!(written[key], number(time), "{key}");
    }
    let fees = &entry["optimism"];
    let fee = |key: &str| u32::try_from(number(&fees[key])).unwrap();
    let constants = rollup.chain_op_config;
    assert_eq!(constants.eip1559_elasticity, fee("eip1559_elasticity"));
    assert_eq!(constants.eip1559_denominator, fee("eip1559_denominator"));
    assert_eq!(constants.eip1559_denominator_canyon, fee("eip1559_denominator_canyon"));

    let read: RollupJson = serde_json::from_value(written).expect("our own");
    assert_eq!(read, rollup);
    assert_eq!(
        SystemConfig::try_from(&read.genesis.system_config).as_ref(),
        Ok(spec.rollup.as_ref().unwrap().system_config.as_ref().unwrap())
    );
}
