use alloy_evm::EvmEnv;
use alloy_primitives::{Address, B256, U256};
use op_revm::OpSpecId;
use phala_chainspec::ChainSpec;
use phala_primitives::Header;
use revm::{
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
};

/// What transactions of a block can see of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockEnvironment {
    /// Height.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Receives priority fees.
    pub beneficiary: Address,
    /// Gas limit of the block.
    pub gas_limit: u64,
    /// Base fee, in wei.
    pub base_fee: u64,
    /// `prevRandao` of the L1 origin.
    pub prev_randao: B256,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Beacon root of the L1 origin's parent; from Ecotone on.
    pub parent_beacon_block_root: Option<B256>,
}

impl From<&Header> for BlockEnvironment {
    fn from(header: &Header) -> Self {
        Self {
            number: header.number,
            timestamp: header.timestamp,
            beneficiary: header.beneficiary,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            prev_randao: header.mix_hash,
            parent_hash: header.parent_hash,
            parent_beacon_block_root: header.parent_beacon_block_root,
        }
    }
}

/// Environment of the EVM for a block: rules by timestamp, blob fee 1 and no blobs.
pub fn evm_env(spec: &ChainSpec, env: &BlockEnvironment) -> EvmEnv<OpSpecId, BlockEnv> {
    let op_spec = spec.forks.op_spec_id(env.timestamp);
    let mut cfg_env = CfgEnv::new_with_spec(op_spec);
    cfg_env.chain_id = spec.chain_id;
    // Deposits are exempt from EIP-7825, which op-revm does not know: see `Execution`.
    cfg_env.tx_gas_limit_cap = Some(u64::MAX);
    let block_env = BlockEnv {
        number: U256::from(env.number),
        beneficiary: env.beneficiary,
        timestamp: U256::from(env.timestamp),
        gas_limit: env.gas_limit,
        basefee: env.base_fee,
        difficulty: U256::ZERO,
        prevrandao: Some(env.prev_randao),
        blob_excess_gas_and_price: op_spec
            .is_enabled_in(OpSpecId::ECOTONE)
            .then_some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    };
    EvmEnv { cfg_env, block_env }
}
