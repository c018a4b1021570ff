//! Blocks as witness files, in the format of the recorded ones.

use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, Bytes, U64};
use phala_chainspec::{ChainSpec, Fork};
use phala_primitives::{Header, RecoveredBlock};
use serde_json::{Value, json};

/// What a program needs to execute a block on its parent, and the hash it must get.
pub(crate) fn witness_file(
    spec: &ChainSpec,
    parent: &Header,
    block: &RecoveredBlock,
    preimages: &[Bytes],
) -> Value {
    let header = block.header();
    let transactions: Vec<Bytes> =
        block.body().transactions.iter().map(|tx| tx.encoded_2718().into()).collect();
    let extra = &header.extra_data;
    let mut attributes = json!({
        "timestamp": U64::from(header.timestamp),
        "prevRandao": header.mix_hash,
        "suggestedFeeRecipient": header.beneficiary,
        "parentBeaconBlockRoot": header.parent_beacon_block_root,
        "transactions": transactions,
        "gasLimit": U64::from(header.gas_limit),
        "eip1559Params": Bytes::copy_from_slice(&extra[1..9]),
    });
    if let Some(floor) = extra.get(9..17) {
        attributes["minBaseFee"] = json!(U64::from_be_slice(floor));
    }
    json!({
        "chain": spec.name,
        "block_number": header.number,
        "parent_header": parent,
        "payload_attributes": attributes,
        "expected_block_hash": block.hash(),
        "rollup_config": rollup_config(spec),
        "preimages": preimages,
    })
}

/// `rollup.json` as far as execution looks at it.
fn rollup_config(spec: &ChainSpec) -> Value {
    let block = json!({ "number": 0, "hash": B256::ZERO });
    let mut config = json!({
        "genesis": {
            "l1": block,
            "l2": block,
            "l2_time": spec.genesis.timestamp,
            "system_config": {
                "batcherAddr": alloy_primitives::Address::ZERO,
                "overhead": B256::ZERO,
                "scalar": B256::ZERO,
                "gasLimit": spec.genesis.gas_limit,
            },
        },
        "block_time": spec.block_time_secs,
        "max_sequencer_drift": 1800,
        "seq_window_size": 3600,
        "channel_timeout": 300,
        "granite_channel_timeout": 50,
        "l1_chain_id": spec.l1_chain_id,
        "l2_chain_id": spec.chain_id,
        "batch_inbox_address": alloy_primitives::Address::ZERO,
        "deposit_contract_address": alloy_primitives::Address::ZERO,
        "l1_system_config_address": alloy_primitives::Address::ZERO,
        "protocol_versions_address": alloy_primitives::Address::ZERO,
        "interop_message_expiry_window": 3600,
        "alt_da": null,
        "chain_op_config": {
            "eip1559Elasticity": spec.fees.elasticity,
            "eip1559Denominator": spec.fees.denominator,
            "eip1559DenominatorCanyon": spec.fees.denominator_canyon,
        },
    });
    for (fork, key) in [
        (Fork::Regolith, "regolith_time"),
        (Fork::Canyon, "canyon_time"),
        (Fork::Delta, "delta_time"),
        (Fork::Ecotone, "ecotone_time"),
        (Fork::Fjord, "fjord_time"),
        (Fork::Granite, "granite_time"),
        (Fork::Holocene, "holocene_time"),
        (Fork::Isthmus, "isthmus_time"),
        (Fork::Jovian, "jovian_time"),
        (Fork::Karst, "karst_time"),
    ] {
        if let Some(time) = spec.forks.time(fork) {
            config[key] = json!(time);
        }
    }
    config
}
