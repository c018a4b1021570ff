use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B64, Bytes};
use phala_chainspec::{
    ChainSpec, Fork, L1Attributes, SystemConfig,
    addresses::{L1_BLOCK, SEQUENCER_FEE_VAULT},
};
use phala_engine::PayloadAttributes;
use phala_primitives::{RecoveredBlock, Transaction};

use super::PseudoL1;

/// Turns a parent and a time into payload attributes, as derivation from L1 would.
#[derive(Clone, Debug)]
pub struct DevAttributes {
    l1: PseudoL1,
    system: SystemConfig,
}

impl DevAttributes {
    /// Attributes for a chain.
    pub fn new(spec: &ChainSpec) -> Self {
        let system = system_config(spec);
        let l1 = PseudoL1::new(spec.genesis.timestamp, system.clone());
        // Fees are read from the contract that the attributes are sent to. Where it is missing,
        // nobody pays them, and the attributes must not say otherwise.
        let l1_block = spec.genesis.alloc.get(&L1_BLOCK);
        let is_readable = l1_block.is_some_and(|account| !account.code.is_empty());
        Self { l1: if is_readable { l1 } else { l1.without_fees() }, system }
    }

    /// Attributes of the block after `parent`.
    pub fn next(
        &self,
        spec: &ChainSpec,
        parent: &RecoveredBlock,
        timestamp: u64,
    ) -> PayloadAttributes {
        let from = |fork| spec.is_fork_active(fork, timestamp);
        let attributes = self.l1.attributes(timestamp, l1_attributes_of(parent).as_ref());
        let deposit = attributes.to_deposit(spec.l1_attributes_fork(timestamp));
        PayloadAttributes {
            payload_attributes: alloy_rpc_types_engine::PayloadAttributes {
                timestamp,
                prev_randao: self.l1.prev_randao(attributes.number),
                suggested_fee_recipient: SEQUENCER_FEE_VAULT,
                withdrawals: from(Fork::Canyon).then(Vec::new),
                parent_beacon_block_root: from(Fork::Ecotone)
                    .then(|| self.l1.parent_beacon_block_root(attributes.number)),
                slot_number: None,
                target_gas_limit: None,
            },
            transactions: Some(vec![Bytes::from(deposit.encoded_2718())]),
            no_tx_pool: Some(false),
            gas_limit: Some(self.system.gas_limit),
            eip_1559_params: from(Fork::Holocene).then(|| self.eip1559_params()),
            min_base_fee: from(Fork::Jovian).then_some(self.system.min_base_fee),
        }
    }

    /// Denominator and elasticity; both zero stand for the chain's constants.
    fn eip1559_params(&self) -> B64 {
        let mut params = [0; 8];
        params[..4].copy_from_slice(&self.system.eip1559_denominator.to_be_bytes());
        params[4..].copy_from_slice(&self.system.eip1559_elasticity.to_be_bytes());
        B64::from(params)
    }
}

/// What the block says about its L1 origin; genesis says nothing.
fn l1_attributes_of(block: &RecoveredBlock) -> Option<L1Attributes> {
    match block.body().transactions.first()? {
        Transaction::Deposit(deposit) => L1Attributes::decode(&deposit.input).ok(),
        _ => None,
    }
}

/// The chain's L1 configuration, or one without fees for a chain that names none.
fn system_config(spec: &ChainSpec) -> SystemConfig {
    let named = spec.rollup.as_ref().and_then(|rollup| rollup.system_config.clone());
    named.unwrap_or_else(|| SystemConfig {
        batcher_address: Default::default(),
        base_fee_scalar: 0,
        blob_base_fee_scalar: 0,
        gas_limit: spec.genesis.gas_limit,
        eip1559_denominator: 0,
        eip1559_elasticity: 0,
        operator_fee_scalar: 0,
        operator_fee_constant: 0,
        min_base_fee: 0,
        da_footprint_gas_scalar: 0,
    })
}
