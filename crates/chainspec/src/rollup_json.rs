use alloy_primitives::{Address, B64, B256};
use phala_primitives::BlockRef;
use serde::{Deserialize, Serialize};

use crate::{BaseFeeParams, ChainSpec, ChainSpecError, FeeScalars, Fork, SystemConfig};

/// The channel timeout other verifiers assume from Granite on when the file does not name one.
const GRANITE_CHANNEL_TIMEOUT: u64 = 50;

/// `rollup.json`: how a chain is derived from L1, in the words of op-node and kona-node.
///
/// Both refuse fields they do not know, so a fork that is not scheduled leaves neither its time nor
/// its part of the system config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollupJson {
    /// Where the chain starts on both sides.
    pub genesis: RollupGenesis,
    /// Seconds from one L2 block to the next.
    pub block_time: u64,
    /// How far L2 time may run ahead of L1 before Fjord.
    pub max_sequencer_drift: u64,
    /// L1 blocks within which a batch must follow its epoch.
    pub seq_window_size: u64,
    /// L1 blocks a channel may span before Granite.
    pub channel_timeout: u64,
    /// The same from Granite on, where it is not what everybody assumes; op-node has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granite_channel_timeout: Option<u64>,
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id in L2 transactions.
    pub l2_chain_id: u64,
    /// When Regolith activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regolith_time: Option<u64>,
    /// When Canyon activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canyon_time: Option<u64>,
    /// When Delta activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta_time: Option<u64>,
    /// When Ecotone activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecotone_time: Option<u64>,
    /// When Fjord activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fjord_time: Option<u64>,
    /// When Granite activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granite_time: Option<u64>,
    /// When Holocene activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holocene_time: Option<u64>,
    /// When Isthmus activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isthmus_time: Option<u64>,
    /// When Jovian activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jovian_time: Option<u64>,
    /// When Karst activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub karst_time: Option<u64>,
    /// L1 address of batches.
    pub batch_inbox_address: Address,
    /// The L1 contract whose events are deposits.
    pub deposit_contract_address: Address,
    /// The L1 contract whose events change the system config.
    pub l1_system_config_address: Address,
    /// `ProtocolVersions` on L1.
    pub protocol_versions_address: Address,
    /// EIP-1559 constants; without them other verifiers take those of OP Mainnet.
    pub chain_op_config: ChainOpConfig,
}

/// Where a chain starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollupGenesis {
    /// The L1 block that is the origin of the first L2 block.
    pub l1: BlockRef,
    /// L2 block 0.
    pub l2: BlockRef,
    /// Timestamp of L2 block 0.
    pub l2_time: u64,
    /// The L1 `SystemConfig` at that L1 block.
    pub system_config: RollupSystemConfig,
}

/// The system config as `rollup.json` packs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollupSystemConfig {
    /// Account whose L1 transactions carry batches.
    pub batcher_addr: Address,
    /// Not used since Ecotone; 0.
    pub overhead: B256,
    /// Both fee scalars and a version byte.
    pub scalar: B256,
    /// Gas limit of blocks.
    pub gas_limit: u64,
    /// Denominator and elasticity, both 0 for the chain's constants (Holocene and later).
    #[serde(default, rename = "eip1559Params", skip_serializing_if = "Option::is_none")]
    pub eip1559_params: Option<B64>,
    /// Operator fee scalar in bytes 20 to 24, constant in the last 8 (Isthmus and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_fee_params: Option<B256>,
    /// Lower bound of the base fee (Jovian and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_base_fee: Option<u64>,
    /// Gas per byte of data availability, 0 for 400 (Jovian and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub da_footprint_gas_scalar: Option<u16>,
}

/// The EIP-1559 constants under their names in genesis files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs, reason = "the same three as in `BaseFeeParams`, under their names in JSON")]
pub struct ChainOpConfig {
    pub eip1559_elasticity: u32,
    pub eip1559_denominator: u32,
    pub eip1559_denominator_canyon: u32,
}

impl RollupJson {
    /// What a chain's file says, with the hash of its genesis block, which the caller computes.
    ///
    /// The error names the key the chain file lacks: before the L1 contracts are deployed there is
    /// nothing to derive from.
    pub fn new(spec: &ChainSpec, genesis_hash: B256) -> Result<Self, ChainSpecError> {
        use ChainSpecError::MissingKey;
        let rollup = spec.rollup.as_ref().ok_or(MissingKey("rollup"))?;
        let anchor = rollup.l1_anchor.ok_or(MissingKey("rollup.l1_anchor"))?;
        let contracts = rollup.l1_contracts.as_ref().ok_or(MissingKey("rollup.l1_contracts"))?;
        let config = rollup.system_config.as_ref().ok_or(MissingKey("rollup.system_config"))?;
        let time = |fork| spec.forks.time(fork);
        let granite = rollup.granite_channel_timeout;
        Ok(Self {
            genesis: RollupGenesis {
                l1: BlockRef { number: anchor.number, hash: anchor.hash },
                l2: BlockRef { number: spec.genesis.number, hash: genesis_hash },
                l2_time: spec.genesis.timestamp,
                system_config: RollupSystemConfig::new(spec, config),
            },
            block_time: spec.block_time_secs,
            max_sequencer_drift: rollup.max_sequencer_drift_secs,
            seq_window_size: rollup.seq_window_size,
            channel_timeout: rollup.channel_timeout,
            granite_channel_timeout: (granite != GRANITE_CHANNEL_TIMEOUT).then_some(granite),
            l1_chain_id: spec.l1_chain_id,
            l2_chain_id: spec.chain_id,
            regolith_time: time(Fork::Regolith),
            canyon_time: time(Fork::Canyon),
            delta_time: time(Fork::Delta),
            ecotone_time: time(Fork::Ecotone),
            fjord_time: time(Fork::Fjord),
            granite_time: time(Fork::Granite),
            holocene_time: time(Fork::Holocene),
            isthmus_time: time(Fork::Isthmus),
            jovian_time: time(Fork::Jovian),
            karst_time: time(Fork::Karst),
            batch_inbox_address: rollup.batch_inbox_address,
            deposit_contract_address: contracts.deposit_contract,
            l1_system_config_address: contracts.system_config,
            protocol_versions_address: contracts.protocol_versions,
            chain_op_config: spec.fees.into(),
        })
    }
}

impl RollupSystemConfig {
    fn new(spec: &ChainSpec, config: &SystemConfig) -> Self {
        let scheduled = |fork| spec.forks.time(fork).is_some();
        let jovian = scheduled(Fork::Jovian);
        Self {
            batcher_addr: config.batcher_address,
            overhead: B256::ZERO,
            scalar: config.scalars().encode(),
            gas_limit: config.gas_limit,
            eip1559_params: scheduled(Fork::Holocene).then(|| eip1559_params(config)),
            operator_fee_params: scheduled(Fork::Isthmus).then(|| operator_fee_params(config)),
            min_base_fee: jovian.then_some(config.min_base_fee),
            da_footprint_gas_scalar: jovian.then_some(config.da_footprint_gas_scalar),
        }
    }
}

impl TryFrom<&RollupSystemConfig> for SystemConfig {
    type Error = crate::DepositError;

    fn try_from(packed: &RollupSystemConfig) -> Result<Self, Self::Error> {
        let FeeScalars { base_fee_scalar, blob_base_fee_scalar } =
            FeeScalars::decode(packed.scalar)?;
        let [d0, d1, d2, d3, e0, e1, e2, e3] = packed.eip1559_params.unwrap_or_default().0;
        let operator = packed.operator_fee_params.unwrap_or_default();
        let [.., s0, s1, s2, s3, c0, c1, c2, c3, c4, c5, c6, c7] = operator.0;
        Ok(Self {
            batcher_address: packed.batcher_addr,
            base_fee_scalar,
            blob_base_fee_scalar,
            gas_limit: packed.gas_limit,
            eip1559_denominator: u32::from_be_bytes([d0, d1, d2, d3]),
            eip1559_elasticity: u32::from_be_bytes([e0, e1, e2, e3]),
            operator_fee_scalar: u32::from_be_bytes([s0, s1, s2, s3]),
            operator_fee_constant: u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
            min_base_fee: packed.min_base_fee.unwrap_or(0),
            da_footprint_gas_scalar: packed.da_footprint_gas_scalar.unwrap_or(0),
        })
    }
}

fn eip1559_params(config: &SystemConfig) -> B64 {
    let (denominator, elasticity) = (config.eip1559_denominator, config.eip1559_elasticity);
    B64::from((u64::from(denominator) << 32 | u64::from(elasticity)).to_be_bytes())
}

fn operator_fee_params(config: &SystemConfig) -> B256 {
    let mut params = B256::ZERO;
    params[20..24].copy_from_slice(&config.operator_fee_scalar.to_be_bytes());
    params[24..].copy_from_slice(&config.operator_fee_constant.to_be_bytes());
    params
}

impl From<BaseFeeParams> for ChainOpConfig {
    fn from(fees: BaseFeeParams) -> Self {
        Self {
            eip1559_elasticity: fees.elasticity,
            eip1559_denominator: fees.denominator,
            eip1559_denominator_canyon: fees.denominator_canyon,
        }
    }
}

#[cfg(test)]
mod tests;
