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
            parent.sequence_number.checked_add(1).ok_or(end_of_time.clone())?
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
