use alloy_primitives::B256;
use phala_chainspec::{
    ChainSpec, Fork, HeaderError, PayloadIdInput, payload_id, resolve_eip1559_params,
};
use phala_evm::{BlockAttributes, InvalidReason};
use phala_primitives::{Header, TransactionError};

use crate::consensus::GAS_LIMIT_MAX;

pub use op_alloy_rpc_types_engine::OpPayloadAttributes as PayloadAttributes;

/// Identifier of a payload that is being built.
pub type PayloadId = alloy_rpc_types_engine::PayloadId;

/// First byte of every payload id: attributes arrive by `engine_forkchoiceUpdatedV3`.
const PAYLOAD_VERSION: u8 = 3;

/// Why payload attributes cannot become a block. Asking again cannot help; a driver that derived
/// them replaces the block by its deposits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// Time does not advance.
    #[error("timestamp {got} is not after the parent's {parent}")]
    Timestamp {
        /// Time of the attributes.
        got: u64,
        /// Time of the parent.
        parent: u64,
    },
    /// The chain ends at the last height a number can hold.
    #[error("parent has the last possible number")]
    NumberOverflow,
    /// The rollup driver always names the gas limit.
    #[error("gas limit is missing")]
    MissingGasLimit,
    /// The gas limit is zero or not representable.
    #[error("gas limit {0} is not between 1 and 2^63-1")]
    GasLimit(u64),
    /// Withdrawals must be an empty list since Canyon and absent before.
    #[error("withdrawals are {0}")]
    Withdrawals(&'static str),
    /// The beacon root must be there since Ecotone and not before.
    #[error("parent beacon block root is {0}")]
    ParentBeaconBlockRoot(&'static str),
    /// A field of a fork this chain does not have.
    #[error("{0} is set, which no fork of this chain has")]
    UnknownField(&'static str),
    /// The fee parameters break a rule of their fork.
    #[error(transparent)]
    FeeParameters(HeaderError),
    /// The base fee cannot be computed from the parent.
    #[error("parent has no usable fee parameters: {0}")]
    ParentFeeParameters(HeaderError),
    /// A forced transaction that is none.
    #[error("transaction {index} is malformed: {reason}")]
    MalformedTransaction {
        /// Place in the list.
        index: usize,
        /// What is wrong with it.
        reason: TransactionError,
    },
    /// A forced transaction that the rules of execution refuse.
    #[error("transaction {index} ({hash}) is invalid: {reason}")]
    InvalidTransaction {
        /// Place in the list.
        index: usize,
        /// Hash of the transaction.
        hash: B256,
        /// Why it is refused.
        reason: Box<InvalidReason>,
    },
}

/// Checks everything about attributes but their transactions.
pub(crate) fn check(
    spec: &ChainSpec,
    parent: &Header,
    attributes: &PayloadAttributes,
) -> Result<BlockAttributes, AttributesError> {
    let inner = &attributes.payload_attributes;
    let timestamp = inner.timestamp;
    if timestamp <= parent.timestamp {
        return Err(AttributesError::Timestamp { got: timestamp, parent: parent.timestamp });
    }
    if parent.number == u64::MAX {
        return Err(AttributesError::NumberOverflow);
    }
    check_fork_fields(spec, attributes)?;
    let gas_limit = attributes.gas_limit.ok_or(AttributesError::MissingGasLimit)?;
    if gas_limit == 0 || gas_limit > GAS_LIMIT_MAX {
        return Err(AttributesError::GasLimit(gas_limit));
    }
    let (eip1559_params, min_base_fee) = (attributes.eip_1559_params, attributes.min_base_fee);
    resolve_eip1559_params(spec, timestamp, eip1559_params, min_base_fee)
        .map_err(AttributesError::FeeParameters)?;
    Ok(BlockAttributes {
        timestamp,
        prev_randao: inner.prev_randao,
        fee_recipient: inner.suggested_fee_recipient,
        gas_limit,
        parent_beacon_block_root: inner.parent_beacon_block_root,
        eip1559_params,
        min_base_fee,
    })
}

fn check_fork_fields(
    spec: &ChainSpec,
    attributes: &PayloadAttributes,
) -> Result<(), AttributesError> {
    let inner = &attributes.payload_attributes;
    let is_canyon = spec.is_fork_active(Fork::Canyon, inner.timestamp);
    match &inner.withdrawals {
        Some(list) if !list.is_empty() => return Err(AttributesError::Withdrawals("not empty")),
        None if is_canyon => return Err(AttributesError::Withdrawals("missing")),
        Some(_) if !is_canyon => return Err(AttributesError::Withdrawals("set before Canyon")),
        _ => {}
    }
    let is_ecotone = spec.is_fork_active(Fork::Ecotone, inner.timestamp);
    match inner.parent_beacon_block_root {
        None if is_ecotone => return Err(AttributesError::ParentBeaconBlockRoot("missing")),
        Some(_) if !is_ecotone => {
            return Err(AttributesError::ParentBeaconBlockRoot("set before Ecotone"));
        }
        _ => {}
    }
    if inner.slot_number.is_some() {
        return Err(AttributesError::UnknownField("slotNumber"));
    }
    if inner.target_gas_limit.is_some() {
        return Err(AttributesError::UnknownField("targetGasLimit"));
    }
    Ok(())
}

/// The id op-geth and op-reth give to the same payload.
pub(crate) fn id_for(parent: B256, attributes: &PayloadAttributes) -> PayloadId {
    let inner = &attributes.payload_attributes;
    let input = PayloadIdInput {
        timestamp: inner.timestamp,
        prev_randao: inner.prev_randao,
        fee_recipient: inner.suggested_fee_recipient,
        withdrawals: inner.withdrawals.as_deref(),
        parent_beacon_block_root: inner.parent_beacon_block_root,
        no_tx_pool: attributes.no_tx_pool.unwrap_or_default(),
        transactions: attributes.transactions.as_deref().unwrap_or_default(),
        gas_limit: attributes.gas_limit,
        eip1559_params: attributes.eip_1559_params,
        min_base_fee: attributes.min_base_fee,
    };
    PayloadId::new(payload_id(parent, PAYLOAD_VERSION, &input).0)
}
