use alloy_primitives::{Address, TxKind};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{
    ChainSpec, ExtraData, Fork, L1Attributes, SystemConfig,
    addresses::{L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK},
};
use phala_primitives::{BlockRef, L2BlockRef, RecoveredBlock, SealedHeader, Transaction};

use crate::{DeriveError, L1AttributesProblem, rollup::Rollup};

/// What a block's first transaction says of its L1 origin, besides what its header says.
///
/// `first` is the first transaction; the genesis block has none, and the chain file speaks for it.
pub fn l2_block_ref(
    spec: &ChainSpec,
    header: &SealedHeader,
    first: Option<&Transaction>,
) -> Result<L2BlockRef, DeriveError> {
    let number = header.number;
    let (l1_origin, sequence_number) = if number == spec.genesis.number {
        (Rollup::new(spec)?.l1_anchor, 0)
    } else {
        let attributes = l1_attributes(number, first)?;
        let origin = BlockRef { number: attributes.number, hash: attributes.hash };
        (origin, attributes.sequence_number)
    };
    Ok(L2BlockRef {
        hash: header.hash(),
        number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        l1_origin,
        sequence_number,
    })
}

/// The system configuration a block was made with, as far as the block tells.
///
/// Where L1 leaves a parameter to the chain's constants, this has the constants.
pub fn system_config_of(
    spec: &ChainSpec,
    header: &SealedHeader,
    first: Option<&Transaction>,
) -> Result<SystemConfig, DeriveError> {
    let number = header.number;
    if number == spec.genesis.number {
        return Ok(Rollup::new(spec)?.genesis_config);
    }
    let attributes = l1_attributes(number, first)?;
    if attributes.batcher_hash[..12].iter().any(|byte| *byte != 0) {
        let reason = L1AttributesProblem::BatcherHash(attributes.batcher_hash);
        return Err(DeriveError::L1Attributes { number, reason });
    }
    let extra_data = ExtraData::decode_at(&spec.forks, header.timestamp, &header.extra_data)
        .map_err(|source| DeriveError::ExtraData { number, source })?;
    let (denominator, elasticity, min_base_fee) = extra_data
        .map_or((0, 0, None), |data| (data.denominator, data.elasticity, data.min_base_fee));
    Ok(SystemConfig {
        batcher_address: attributes.batcher(),
        base_fee_scalar: attributes.base_fee_scalar,
        blob_base_fee_scalar: attributes.blob_base_fee_scalar,
        gas_limit: header.gas_limit,
        eip1559_denominator: denominator,
        eip1559_elasticity: elasticity,
        operator_fee_scalar: attributes.operator_fee_scalar,
        operator_fee_constant: attributes.operator_fee_constant,
        min_base_fee: min_base_fee.unwrap_or_default(),
        da_footprint_gas_scalar: attributes.da_footprint_gas_scalar,
    })
}

/// [`l2_block_ref`] and [`system_config_of`] of a block at hand.
pub fn rollup_view(
    spec: &ChainSpec,
    block: &RecoveredBlock,
) -> Result<(L2BlockRef, SystemConfig), DeriveError> {
    let (header, first) = (block.sealed_header(), block.body().transactions.first());
    Ok((l2_block_ref(spec, header, first)?, system_config_of(spec, header, first)?))
}

/// A configuration as [`system_config_of`] finds it in a block of this time that was made with it.
pub(crate) fn as_in_block(spec: &ChainSpec, timestamp: u64, config: &SystemConfig) -> SystemConfig {
    let is_isthmus = spec.is_fork_active(Fork::Isthmus, timestamp);
    let is_jovian = spec.is_fork_active(Fork::Jovian, timestamp);
    let mut config = config.clone();
    if config.eip1559_denominator == 0 && config.eip1559_elasticity == 0 {
        config.eip1559_denominator = spec.fees.denominator_canyon;
        config.eip1559_elasticity = spec.fees.elasticity;
    }
    if !is_isthmus {
        (config.operator_fee_scalar, config.operator_fee_constant) = (0, 0);
    }
    (config.min_base_fee, config.da_footprint_gas_scalar) = if is_jovian {
        (config.min_base_fee, config.effective_da_footprint_gas_scalar())
    } else {
        (0, 0)
    };
    config
}

fn l1_attributes(number: u64, first: Option<&Transaction>) -> Result<L1Attributes, DeriveError> {
    let attributes = match first {
        None => Err(L1AttributesProblem::Missing),
        Some(Transaction::Deposit(deposit)) if is_l1_attributes(deposit.inner()) => {
            L1Attributes::decode(&deposit.input).map_err(L1AttributesProblem::Malformed)
        }
        Some(_) => Err(L1AttributesProblem::NotL1Attributes),
    };
    attributes.map_err(|reason| DeriveError::L1Attributes { number, reason })
}

fn is_l1_attributes(deposit: &TxDeposit) -> bool {
    const DEPOSITOR: Address = L1_ATTRIBUTES_DEPOSITOR;
    deposit.from == DEPOSITOR && deposit.to == TxKind::Call(L1_BLOCK)
}
