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

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, Bytes, U256};
    use phala_chainspec::{DepositError, Profile, resolve_eip1559_params};
    use phala_primitives::Header;

    use super::*;
    use crate::{L1Header, next_attributes, vectors};
    use phala_primitives::decode_transaction;

    /// Header and first transaction of a block with this configuration.
    fn block(spec: &ChainSpec, config: &SystemConfig) -> (SealedHeader, Transaction) {
        let parent = L2BlockRef {
            number: 6,
            timestamp: 1000,
            l1_origin: BlockRef { number: 100, hash: B256::repeat_byte(1) },
            sequence_number: 8,
            ..L2BlockRef::default()
        };
        let origin = L1Header { number: 100, hash: B256::repeat_byte(1), ..L1Header::default() };
        let next = next_attributes(spec, &parent, config, &origin, &[], Vec::new(), true);
        let attributes = next.unwrap().attributes;
        let extra_data =
            resolve_eip1559_params(spec, 1002, attributes.eip_1559_params, attributes.min_base_fee);
        let header = Header {
            number: 7,
            timestamp: 1002,
            gas_limit: attributes.gas_limit.unwrap(),
            extra_data: extra_data.unwrap().unwrap().encode(),
            ..Header::default()
        };
        let first = decode_transaction(&attributes.transactions.unwrap()[0]).unwrap();
        (SealedHeader::seal_slow(header), first)
    }

    fn config() -> SystemConfig {
        SystemConfig {
            batcher_address: Address::repeat_byte(5),
            base_fee_scalar: 1,
            blob_base_fee_scalar: 2,
            gas_limit: 40_000_000,
            eip1559_denominator: 300,
            eip1559_elasticity: 4,
            operator_fee_scalar: 5,
            operator_fee_constant: 6,
            min_base_fee: 7,
            da_footprint_gas_scalar: 8,
        }
    }

    #[test]
    fn a_block_tells_the_configuration_it_was_made_with() {
        for profile in [Profile::Isthmus, Profile::Jovian, Profile::Karst] {
            let spec = vectors::spec().with_profile(profile);
            let unset = SystemConfig {
                eip1559_denominator: 0,
                eip1559_elasticity: 0,
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
                ..config()
            };
            for config in [config(), unset] {
                let (header, first) = block(&spec, &config);
                let found = system_config_of(&spec, &header, Some(&first)).unwrap();
                assert_eq!(found, as_in_block(&spec, 1002, &config));
                let in_full = profile != Profile::Isthmus && config == self::config();
                assert_eq!(found == config, in_full);
                assert_eq!(as_in_block(&spec, 1002, &found), found);
            }
        }
    }

    #[test]
    fn a_block_tells_its_origin() {
        let spec = vectors::spec();
        let (header, first) = block(&spec, &config());
        let found = l2_block_ref(&spec, &header, Some(&first)).unwrap();
        let expected = L2BlockRef {
            hash: header.hash(),
            number: 7,
            parent_hash: header.parent_hash,
            timestamp: 1002,
            l1_origin: BlockRef { number: 100, hash: B256::repeat_byte(1) },
            sequence_number: 9,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_chain_file_speaks_for_genesis() {
        let spec = vectors::spec();
        let header = SealedHeader::seal_slow(Header { timestamp: 900, ..Header::default() });
        let found = l2_block_ref(&spec, &header, None).unwrap();
        assert_eq!(found.l1_origin, BlockRef { number: 100, hash: B256::repeat_byte(1) });
        assert_eq!((found.sequence_number, found.hash), (0, header.hash()));
        let config = system_config_of(&spec, &header, None).unwrap();
        assert_eq!(config, vectors::system_config());
    }

    #[test]
    fn other_first_transactions_are_refused() {
        let spec = vectors::spec();
        let (header, first) = block(&spec, &config());
        let Transaction::Deposit(deposit) = &first else { panic!("a deposit comes first") };
        let refused = |first: Option<Transaction>| {
            let by_ref = l2_block_ref(&spec, &header, first.as_ref());
            let error = system_config_of(&spec, &header, first.as_ref()).unwrap_err();
            if let Err(by_ref) = by_ref {
                assert_eq!(by_ref, error);
            }
            match error {
                DeriveError::L1Attributes { number: 7, reason } => reason,
                other => panic!("{other}"),
            }
        };
        let changed = |change: &dyn Fn(&mut TxDeposit)| {
            let mut deposit = deposit.inner().clone();
            change(&mut deposit);
            Some(Transaction::from(deposit))
        };
        assert_eq!(refused(None), L1AttributesProblem::Missing);
        for other in [
            changed(&|deposit| deposit.from = Address::ZERO),
            changed(&|deposit| deposit.to = TxKind::Create),
        ] {
            assert_eq!(refused(other), L1AttributesProblem::NotL1Attributes);
        }
        let empty = changed(&|deposit| deposit.input = Bytes::new());
        let unknown = DepositError::UnknownSelector(Vec::new());
        assert_eq!(refused(empty), L1AttributesProblem::Malformed(unknown));
        let hash = B256::from(U256::MAX);
        let other = L1Attributes { batcher_hash: hash, ..L1Attributes::default() };
        let other = changed(&|deposit| deposit.input = other.encode(Fork::Jovian));
        assert_eq!(refused(other), L1AttributesProblem::BatcherHash(hash));

        let header =
            SealedHeader::seal_slow(Header { extra_data: Bytes::new(), ..header.unseal() });
        let error = system_config_of(&spec, &header, Some(&first)).unwrap_err();
        assert!(matches!(error, DeriveError::ExtraData { number: 7, .. }), "{error}");
    }
}
