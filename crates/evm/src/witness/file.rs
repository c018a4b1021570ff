use alloy_primitives::{Address, B64, B256, Bytes, U64};
use phala_chainspec::{BaseFeeParams, ChainSpec, Fork, Forks};
use phala_primitives::Header;
use serde::Deserialize;

use super::{Witness, WitnessError};
use crate::BlockAttributes;

/// EIP-1559 constants of a rollup configuration that names none.
const DEFAULT_FEES: BaseFeeParams =
    BaseFeeParams { elasticity: 6, denominator: 50, denominator_canyon: 250 };

#[derive(Deserialize)]
struct WitnessFile {
    #[serde(default)]
    chain: String,
    parent_header: Header,
    payload_attributes: Attributes,
    expected_block_hash: B256,
    rollup_config: RollupConfig,
    preimages: Vec<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    timestamp: U64,
    prev_randao: B256,
    suggested_fee_recipient: Address,
    parent_beacon_block_root: Option<B256>,
    transactions: Vec<Bytes>,
    gas_limit: U64,
    eip1559_params: Option<B64>,
    min_base_fee: Option<U64>,
}

/// The keys of op-node's `rollup.json` that matter to execution.
#[derive(Deserialize)]
struct RollupConfig {
    l2_chain_id: u64,
    block_time: u64,
    regolith_time: Option<u64>,
    canyon_time: Option<u64>,
    delta_time: Option<u64>,
    ecotone_time: Option<u64>,
    fjord_time: Option<u64>,
    granite_time: Option<u64>,
    holocene_time: Option<u64>,
    isthmus_time: Option<u64>,
    jovian_time: Option<u64>,
    karst_time: Option<u64>,
    chain_op_config: Option<OpConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpConfig {
    eip1559_elasticity: u32,
    eip1559_denominator: u32,
    eip1559_denominator_canyon: u32,
}

pub(super) fn read(json: &[u8]) -> Result<Witness, WitnessError> {
    let file: WitnessFile = serde_json::from_slice(json)?;
    let attributes = file.payload_attributes;
    Ok(Witness {
        spec: chain_spec(file.chain, &file.rollup_config)?,
        parent: file.parent_header,
        attributes: BlockAttributes {
            timestamp: attributes.timestamp.to(),
            prev_randao: attributes.prev_randao,
            fee_recipient: attributes.suggested_fee_recipient,
            gas_limit: attributes.gas_limit.to(),
            parent_beacon_block_root: attributes.parent_beacon_block_root,
            eip1559_params: attributes.eip1559_params,
            min_base_fee: attributes.min_base_fee.map(|fee| fee.to()),
        },
        transactions: attributes.transactions,
        expected_hash: file.expected_block_hash,
        preimages: file.preimages,
    })
}

fn chain_spec(name: String, config: &RollupConfig) -> Result<ChainSpec, WitnessError> {
    let mut spec = ChainSpec::dev();
    spec.name = name;
    spec.chain_id = config.l2_chain_id;
    spec.forks = forks(config)?;
    spec.block_time_secs = config.block_time;
    spec.fees = config.chain_op_config.as_ref().map_or(DEFAULT_FEES, |fees| BaseFeeParams {
        elasticity: fees.eip1559_elasticity,
        denominator: fees.eip1559_denominator,
        denominator_canyon: fees.eip1559_denominator_canyon,
    });
    Ok(spec)
}

/// A fork that is not named activates with its successor.
fn forks(config: &RollupConfig) -> Result<Forks, WitnessError> {
    let mut time = None;
    let mut activations = Vec::new();
    for (fork, named) in [
        (Fork::Karst, config.karst_time),
        (Fork::Jovian, config.jovian_time),
        (Fork::Isthmus, config.isthmus_time),
        (Fork::Holocene, config.holocene_time),
        (Fork::Granite, config.granite_time),
        (Fork::Fjord, config.fjord_time),
        (Fork::Ecotone, config.ecotone_time),
        (Fork::Delta, config.delta_time),
        (Fork::Canyon, config.canyon_time),
        (Fork::Regolith, config.regolith_time),
    ] {
        time = named.or(time);
        activations.extend(time.map(|time| (fork, time)));
    }
    Ok(Forks::new(activations)?)
}
