use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B64, B256, Bytes, U256};
use alloy_rpc_types_engine::PayloadAttributes;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use phala_chainspec::{
    ChainSpec, Fork, L1Attributes, SystemConfig, addresses::SEQUENCER_FEE_VAULT, blob_base_fee,
};
use phala_primitives::{BlockRef, L2BlockRef};

use crate::{
    DeriveError, L1Header, L1Log, deposits::user_deposits, rollup::Rollup,
    system_config_update::apply_updates,
};

/// The attributes of one block, with what the next one is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextAttributes {
    /// What the engine builds the block from.
    pub attributes: OpPayloadAttributes,
    /// The L1 origin of the block.
    pub l1_origin: BlockRef,
    /// L2 blocks since the first one of the epoch.
    pub sequence_number: u64,
    /// The system configuration of the block.
    pub system_config: SystemConfig,
}

/// What follows `parent`, for derivation and sequencing alike.
///
/// `origin` is the parent's L1 origin or the L1 block after it, with its logs; those are not looked
/// at where the epoch goes on. `transactions` come after the deposits.
pub fn next_attributes(
    spec: &ChainSpec,
    parent: &L2BlockRef,
    parent_config: &SystemConfig,
    origin: &L1Header,
    logs: &[L1Log],
    transactions: Vec<Bytes>,
    no_tx_pool: bool,
) -> Result<NextAttributes, DeriveError> {
    let rollup = Rollup::new(spec)?;
    Builder { spec, rollup: &rollup }.build(parent, parent_config, origin, logs, transactions).map(
        |mut next| {
            next.attributes.no_tx_pool = Some(no_tx_pool);
            next
        },
    )
}

/// [`next_attributes`] with the parameters of derivation at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Builder<'a> {
    pub(crate) spec: &'a ChainSpec,
    pub(crate) rollup: &'a Rollup,
}

impl Builder<'_> {
    pub(crate) fn build(
        self,
        parent: &L2BlockRef,
        parent_config: &SystemConfig,
        origin: &L1Header,
        logs: &[L1Log],
        batch: Vec<Bytes>,
    ) -> Result<NextAttributes, DeriveError> {
        let Self { spec, rollup } = self;
        let mut config = parent_config.clone();
        let mut deposits = Vec::new();
        let end_of_time =
            DeriveError::EndOfTime { number: parent.number, timestamp: parent.timestamp };
        let is_new_epoch = check_origin(parent, origin)?;
        let sequence_number = if is_new_epoch {
            apply_updates(&mut config, rollup, origin, logs);
            deposits = user_deposits(rollup, origin, logs)?;
            0
        } else {
            parent.sequence_number.checked_add(1).ok_or_else(|| end_of_time.clone())?
        };
        let timestamp = parent
            .timestamp
            .checked_add(rollup.block_time_secs)
            .filter(|_| parent.number < u64::MAX)
            .ok_or(end_of_time)?;
        if timestamp < origin.timestamp {
            return Err(DeriveError::TimeBeforeOrigin {
                timestamp,
                origin: origin.number,
                origin_timestamp: origin.timestamp,
            });
        }
        let mut transactions = Vec::with_capacity(1 + deposits.len() + batch.len());
        transactions.push(self.l1_attributes(timestamp, &config, origin, sequence_number));
        transactions.extend(deposits);
        transactions.extend(batch);
        let is_jovian = spec.is_fork_active(Fork::Jovian, timestamp);
        let attributes = OpPayloadAttributes {
            payload_attributes: PayloadAttributes {
                timestamp,
                prev_randao: origin.mix_hash,
                suggested_fee_recipient: SEQUENCER_FEE_VAULT,
                withdrawals: Some(Vec::new()),
                parent_beacon_block_root: Some(
                    origin.parent_beacon_block_root.unwrap_or(B256::ZERO),
                ),
                ..PayloadAttributes::default()
            },
            transactions: Some(transactions),
            no_tx_pool: Some(true),
            gas_limit: Some(config.gas_limit),
            eip_1559_params: Some(eip1559_params(&config)),
            min_base_fee: is_jovian.then_some(config.min_base_fee),
        };
        let l1_origin = origin.id();
        Ok(NextAttributes { attributes, l1_origin, sequence_number, system_config: config })
    }

    /// The first transaction of the block.
    fn l1_attributes(
        self,
        timestamp: u64,
        config: &SystemConfig,
        origin: &L1Header,
        sequence_number: u64,
    ) -> Bytes {
        let fee = blob_base_fee(&self.spec.l1, origin.timestamp, origin.excess_blob_gas);
        L1Attributes {
            number: origin.number,
            timestamp: origin.timestamp,
            base_fee: U256::from(origin.base_fee),
            blob_base_fee: U256::from(fee),
            hash: origin.hash,
            sequence_number,
            batcher_hash: config.batcher_address.into_word(),
            base_fee_scalar: config.base_fee_scalar,
            blob_base_fee_scalar: config.blob_base_fee_scalar,
            operator_fee_scalar: config.operator_fee_scalar,
            operator_fee_constant: config.operator_fee_constant,
            da_footprint_gas_scalar: config.effective_da_footprint_gas_scalar(),
            ..L1Attributes::default()
        }
        .to_deposit(self.spec.l1_attributes_fork(timestamp))
        .encoded_2718()
        .into()
    }
}

/// Whether the block starts the epoch of `origin`; an error if it can belong to no such epoch.
fn check_origin(parent: &L2BlockRef, origin: &L1Header) -> Result<bool, DeriveError> {
    let BlockRef { number, hash } = parent.l1_origin;
    if origin.number == number && origin.hash == hash {
        return Ok(false);
    }
    if number.checked_add(1) == Some(origin.number) && origin.parent_hash == hash {
        return Ok(true);
    }
    Err(DeriveError::Origin { origin: parent.l1_origin, first: origin.id() })
}

fn eip1559_params(config: &SystemConfig) -> B64 {
    let mut params = B64::ZERO;
    params[..4].copy_from_slice(&config.eip1559_denominator.to_be_bytes());
    params[4..].copy_from_slice(&config.eip1559_elasticity.to_be_bytes());
    params
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;
    use phala_chainspec::Profile;
    use phala_primitives::{Transaction, decode_transaction};

    use super::*;
    use crate::vectors::{self, field};

    fn spec(profile: Profile) -> ChainSpec {
        vectors::spec().with_profile(profile)
    }

    fn origin() -> L1Header {
        L1Header {
            hash: B256::repeat_byte(2),
            number: 101,
            parent_hash: B256::repeat_byte(1),
            timestamp: 1012,
            mix_hash: B256::repeat_byte(3),
            base_fee: 7,
            excess_blob_gas: None,
            parent_beacon_block_root: None,
        }
    }

    fn parent() -> L2BlockRef {
        L2BlockRef {
            hash: B256::repeat_byte(9),
            number: 5,
            timestamp: 1010,
            l1_origin: BlockRef { number: 100, hash: B256::repeat_byte(1) },
            sequence_number: 3,
            ..L2BlockRef::default()
        }
    }

    fn l1_attributes(attributes: &OpPayloadAttributes) -> L1Attributes {
        let first = &attributes.transactions.as_ref().unwrap()[0];
        let Transaction::Deposit(deposit) = decode_transaction(first).unwrap() else {
            panic!("a deposit comes first")
        };
        L1Attributes::decode(&deposit.input).unwrap()
    }

    #[test]
    fn recorded_l1_attributes_come_out_again() {
        let Some(file) = vectors::json("vectors/l1_info_tx.json") else { return };
        let mut compared = 0;
        for case in file.as_array().unwrap() {
            let decoded = &case["decoded"];
            let profile = match field::<String>(decoded, "format").as_str() {
                "isthmus" => Profile::Isthmus,
                "jovian" => Profile::Jovian,
                _ => continue,
            };
            let timestamp: u64 = field(decoded, "time");
            let header = L1Header {
                hash: field(decoded, "block_hash"),
                number: field(decoded, "number"),
                timestamp,
                base_fee: field(decoded, "base_fee"),
                ..origin()
            };
            let config = SystemConfig {
                batcher_address: field(decoded, "batcher"),
                base_fee_scalar: field(decoded, "base_fee_scalar"),
                blob_base_fee_scalar: field(decoded, "blob_base_fee_scalar"),
                operator_fee_scalar: field(decoded, "operator_fee_scalar"),
                operator_fee_constant: field(decoded, "operator_fee_constant"),
                da_footprint_gas_scalar: decoded["da_footprint_gas_scalar"]
                    .as_u64()
                    .unwrap_or_default() as u16,
                ..vectors::system_config()
            };
            let sequence_number: u64 = field(decoded, "sequence_number");
            let parent = L2BlockRef {
                sequence_number: sequence_number - 1,
                timestamp,
                l1_origin: header.id(),
                ..parent()
            };
            let spec = spec(profile);
            let next = next_attributes(&spec, &parent, &config, &header, &[], Vec::new(), true);
            let first = next.unwrap().attributes.transactions.unwrap().remove(0);
            let Transaction::Deposit(deposit) = decode_transaction(&first).unwrap() else {
                panic!("a deposit comes first")
            };
            assert_eq!(deposit.input, field::<Bytes>(case, "calldata"));
            compared += 1;
        }
        assert_eq!(compared, 3);
    }

    #[test]
    fn fields_come_from_the_origin_and_the_configuration() {
        let spec = spec(Profile::Karst);
        let config = SystemConfig {
            batcher_address: address!("0x0000000000000000000000000000000000000abc"),
            gas_limit: 30_000_000,
            eip1559_denominator: 100,
            eip1559_elasticity: 5,
            min_base_fee: 77,
            ..vectors::system_config()
        };
        let root = Some(B256::repeat_byte(4));
        let header = L1Header {
            // The Cancun target twice over, under the Prague fraction.
            excess_blob_gas: Some(50_077_160),
            parent_beacon_block_root: root,
            ..origin()
        };
        let batch = vec![Bytes::from_static(&[2, 1])];
        for no_tx_pool in [true, false] {
            let next =
                next_attributes(&spec, &parent(), &config, &header, &[], batch.clone(), no_tx_pool)
                    .unwrap();
            let attributes = &next.attributes;
            let inner = &attributes.payload_attributes;
            assert_eq!(inner.timestamp, 1012);
            assert_eq!(inner.prev_randao, header.mix_hash);
            assert_eq!(inner.suggested_fee_recipient, SEQUENCER_FEE_VAULT);
            assert_eq!(inner.withdrawals, Some(Vec::new()));
            assert_eq!(inner.parent_beacon_block_root, root);
            assert_eq!((inner.slot_number, inner.target_gas_limit), (None, None));
            assert_eq!(attributes.gas_limit, Some(30_000_000));
            assert_eq!(attributes.eip_1559_params.unwrap().0, [0, 0, 0, 100, 0, 0, 0, 5]);
            assert_eq!(attributes.min_base_fee, Some(77));
            assert_eq!(attributes.no_tx_pool, Some(no_tx_pool));
            assert_eq!(attributes.transactions.as_ref().unwrap()[1..], batch);
            assert_eq!((next.l1_origin, next.sequence_number), (header.id(), 0));
            let first = l1_attributes(attributes);
            assert_eq!((first.number, first.timestamp, first.hash), (101, 1012, header.hash));
            assert_eq!(first.base_fee, U256::from(7));
            // e^10.
            assert_eq!(first.blob_base_fee, U256::from(22026));
            assert_eq!(first.batcher(), config.batcher_address);
            assert_eq!(first.da_footprint_gas_scalar, 400);
        }
    }

    #[test]
    fn absent_l1_fields_have_their_defaults_and_older_forks_no_minimum() {
        let config = vectors::system_config();
        let spec = spec(Profile::Isthmus);
        let next = next_attributes(&spec, &parent(), &config, &origin(), &[], Vec::new(), true);
        let attributes = next.unwrap().attributes;
        let inner = &attributes.payload_attributes;
        assert_eq!(inner.parent_beacon_block_root, Some(B256::ZERO));
        assert_eq!(attributes.min_base_fee, None);
        assert_eq!(attributes.eip_1559_params, Some(B64::ZERO));
        assert_eq!(l1_attributes(&attributes).blob_base_fee, U256::ONE);
    }

    #[test]
    fn the_origin_must_be_the_parents_or_the_next() {
        let spec = spec(Profile::Karst);
        let config = vectors::system_config();
        let build = |parent: &L2BlockRef, origin: &L1Header| {
            next_attributes(&spec, parent, &config, origin, &[], Vec::new(), true)
        };
        let same = L1Header {
            number: 100,
            hash: B256::repeat_byte(1),
            parent_hash: B256::ZERO,
            timestamp: 1000,
            ..origin()
        };
        assert_eq!(build(&parent(), &same).unwrap().sequence_number, 4);
        for other in [
            L1Header { hash: B256::ZERO, ..same },
            L1Header { parent_hash: B256::ZERO, ..origin() },
            L1Header { number: 102, ..origin() },
            L1Header { number: 99, ..origin() },
        ] {
            let error = build(&parent(), &other).unwrap_err();
            assert!(matches!(error, DeriveError::Origin { .. }), "{error}");
        }
        let early = L1Header { timestamp: 1013, ..origin() };
        let error = build(&parent(), &early).unwrap_err();
        assert!(matches!(error, DeriveError::TimeBeforeOrigin { .. }), "{error}");
        for last in [
            L2BlockRef { number: u64::MAX, ..parent() },
            L2BlockRef { timestamp: u64::MAX - 1, ..parent() },
        ] {
            let error = build(&last, &origin()).unwrap_err();
            assert!(matches!(error, DeriveError::EndOfTime { .. }), "{error}");
        }
    }
}
