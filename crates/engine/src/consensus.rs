//! What makes a block invalid before and after it is executed, one error for each field.

use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{B256, Bloom};
use phala_chainspec::{ChainSpec, ExtraData, Fork, next_base_fee_at};
use phala_primitives::{BlockBody, EMPTY_STORAGE_ROOT, Header, Transaction, TransactionError};

use crate::BlockError;

/// Largest gas limit a header may name: 2^32, eight times what the `SystemConfig` contract lets
/// anybody set (500 million), and with that out of reach of every chain whose gas limit comes from
/// L1.
///
/// Other clients take up to 2^63 - 1. That is no limit for memory, which costs the square of its
/// words: the gas of a block buys at most about 127 * sqrt(8 * gas) words over nested calls, whose
/// gas shrinks by 63/64 each. That is 0.75 GB here and 35 TB there.
pub(crate) const GAS_LIMIT_MAX: u64 = 1 << 32;

/// Longest `extraData`. Since Holocene its length is exact, and shorter; what is longer need not be
/// looked at, nor kept with the reason of the refusal.
const EXTRA_DATA_LEN_MAX: usize = 32;

/// Checks that the header's optional fields are there without a gap, so that its hash is of this
/// header and of no other.
pub(crate) fn check_shape(header: &Header) -> Result<(), BlockError> {
    let optional = [
        (header.base_fee_per_gas.is_some(), "base fee"),
        (header.withdrawals_root.is_some(), "withdrawals root"),
        (header.blob_gas_used.is_some(), "blob gas used"),
        (header.excess_blob_gas.is_some(), "excess blob gas"),
        (header.parent_beacon_block_root.is_some(), "parent beacon block root"),
        (header.requests_hash.is_some(), "requests hash"),
        (header.block_access_list_hash.is_some(), "block access list hash"),
        (header.slot_number.is_some(), "slot number"),
    ];
    match optional.windows(2).find(|pair| !pair[0].0 && pair[1].0) {
        Some(gap) => Err(BlockError::MissingField(gap[0].1)),
        None => Ok(()),
    }
}

/// Checks what can be known from the header and its parent's.
pub(crate) fn check_header(
    spec: &ChainSpec,
    header: &Header,
    parent: &Header,
) -> Result<(), BlockError> {
    check_position(header, parent)?;
    check_constants(header)?;
    check_gas(header)?;
    check_extra_data(spec, header)?;
    let expected = next_base_fee_at(spec, parent, header.timestamp)
        .map_err(BlockError::ParentFeeParameters)?;
    if header.base_fee_per_gas != Some(expected) {
        return Err(BlockError::BaseFee { got: header.base_fee_per_gas, expected });
    }
    check_fork_fields(spec, header)
}

fn check_position(header: &Header, parent: &Header) -> Result<(), BlockError> {
    // A header at the last height has no valid child, so saturation cannot make one.
    let expected = parent.number.saturating_add(1);
    if header.number != expected || header.number == parent.number {
        return Err(BlockError::Number { got: header.number, expected });
    }
    if header.timestamp <= parent.timestamp {
        return Err(BlockError::Timestamp { got: header.timestamp, parent: parent.timestamp });
    }
    Ok(())
}

fn check_constants(header: &Header) -> Result<(), BlockError> {
    if header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return Err(BlockError::OmmersHash(header.ommers_hash));
    }
    if !header.difficulty.is_zero() {
        return Err(BlockError::Difficulty(header.difficulty));
    }
    if !header.nonce.is_zero() {
        return Err(BlockError::Nonce(header.nonce));
    }
    if header.block_access_list_hash.is_some() {
        return Err(BlockError::UnknownField("a block access list hash"));
    }
    if header.slot_number.is_some() {
        return Err(BlockError::UnknownField("a slot number"));
    }
    Ok(())
}

fn check_gas(header: &Header) -> Result<(), BlockError> {
    if header.gas_limit == 0 || header.gas_limit > GAS_LIMIT_MAX {
        return Err(BlockError::GasLimit(header.gas_limit));
    }
    if header.gas_used > header.gas_limit {
        let (used, limit) = (header.gas_used, header.gas_limit);
        return Err(BlockError::GasUsedAboveLimit { used, limit });
    }
    Ok(())
}

fn check_extra_data(spec: &ChainSpec, header: &Header) -> Result<(), BlockError> {
    let data = &header.extra_data;
    if data.len() > EXTRA_DATA_LEN_MAX {
        return Err(BlockError::ExtraDataTooLong(data.len()));
    }
    ExtraData::decode_at(&spec.forks, header.timestamp, data)
        .map_err(|reason| BlockError::ExtraData { data: data.clone(), reason })?;
    Ok(())
}

fn check_fork_fields(spec: &ChainSpec, header: &Header) -> Result<(), BlockError> {
    let ecotone = spec.is_fork_active(Fork::Ecotone, header.timestamp);
    let isthmus = spec.is_fork_active(Fork::Isthmus, header.timestamp);

    let excess = ecotone.then_some(0);
    if header.excess_blob_gas != excess {
        return Err(BlockError::ExcessBlobGas { got: header.excess_blob_gas, expected: excess });
    }
    check_blob_gas_form(spec, header)?;
    if header.parent_beacon_block_root.is_some() != ecotone {
        return Err(BlockError::ParentBeaconBlockRoot(header.parent_beacon_block_root));
    }
    let requests = isthmus.then_some(EMPTY_REQUESTS_HASH);
    if header.requests_hash != requests {
        return Err(BlockError::RequestsHash { got: header.requests_hash, expected: requests });
    }
    // Since Isthmus the value is known only after execution.
    if isthmus && header.withdrawals_root.is_some() {
        return Ok(());
    }
    let expected =
        spec.is_fork_active(Fork::Canyon, header.timestamp).then_some(EMPTY_STORAGE_ROOT);
    if header.withdrawals_root != expected {
        return Err(BlockError::WithdrawalsRoot { got: header.withdrawals_root, expected });
    }
    Ok(())
}

fn check_blob_gas_form(spec: &ChainSpec, header: &Header) -> Result<(), BlockError> {
    if spec.is_fork_active(Fork::Jovian, header.timestamp) {
        return match header.blob_gas_used {
            None => Err(BlockError::BlobGasUsed { got: None, expected: Some(0) }),
            Some(used) if used > header.gas_limit => {
                Err(BlockError::BlobGasUsedAboveLimit { used, limit: header.gas_limit })
            }
            Some(_) => Ok(()),
        };
    }
    let expected = spec.is_fork_active(Fork::Ecotone, header.timestamp).then_some(0);
    if header.blob_gas_used != expected {
        return Err(BlockError::BlobGasUsed { got: header.blob_gas_used, expected });
    }
    Ok(())
}

/// Checks what a body must look like apart from its transactions' contents.
pub(crate) fn check_body(
    spec: &ChainSpec,
    header: &Header,
    body: &BlockBody,
) -> Result<(), BlockError> {
    if !body.ommers.is_empty() {
        return Err(BlockError::Ommers(body.ommers.len()));
    }
    match &body.withdrawals {
        Some(list) if !list.is_empty() => return Err(BlockError::Withdrawals("not empty")),
        Some(_) if !spec.is_fork_active(Fork::Canyon, header.timestamp) => {
            return Err(BlockError::Withdrawals("present before Canyon"));
        }
        None if spec.is_fork_active(Fork::Canyon, header.timestamp) => {
            return Err(BlockError::Withdrawals("missing"));
        }
        _ => {}
    }
    let unscheduled = |tx: &Transaction| matches!(tx, Transaction::PostExec(_));
    match body.transactions.iter().position(unscheduled) {
        Some(index) => Err(BlockError::MalformedTransaction {
            index,
            reason: TransactionError::UnsupportedType(0x7d),
        }),
        None => Ok(()),
    }
}

/// What executing a block gave, in the words of its header.
#[derive(Clone, Debug)]
pub(crate) struct ExecutedFields {
    /// Root of the state.
    pub(crate) state_root: B256,
    /// Root of the receipts.
    pub(crate) receipts_root: B256,
    /// Bloom filter over all logs.
    pub(crate) logs_bloom: Bloom,
    /// Gas used by all transactions.
    pub(crate) gas_used: u64,
    /// Data footprint since Jovian, zero since Ecotone, absent before.
    pub(crate) blob_gas_used: Option<u64>,
    /// Storage root of the message passer since Isthmus, of nothing since Canyon.
    pub(crate) withdrawals_root: Option<B256>,
}

/// Compares a header with what executing its block gave. The state root comes last: when the
/// execution differs, a receipt says more about it.
pub(crate) fn check_executed(header: &Header, executed: &ExecutedFields) -> Result<(), BlockError> {
    if header.gas_used != executed.gas_used {
        return Err(BlockError::GasUsed { got: executed.gas_used, expected: header.gas_used });
    }
    if header.blob_gas_used != executed.blob_gas_used {
        return Err(BlockError::BlobGasUsed {
            got: header.blob_gas_used,
            expected: executed.blob_gas_used,
        });
    }
    if header.receipts_root != executed.receipts_root {
        return Err(BlockError::ReceiptsRoot {
            got: executed.receipts_root,
            expected: header.receipts_root,
        });
    }
    if header.logs_bloom != executed.logs_bloom {
        return Err(BlockError::LogsBloom {
            got: Box::new(executed.logs_bloom),
            expected: Box::new(header.logs_bloom),
        });
    }
    if header.withdrawals_root != executed.withdrawals_root {
        return Err(BlockError::WithdrawalsRoot {
            got: header.withdrawals_root,
            expected: executed.withdrawals_root,
        });
    }
    if header.state_root != executed.state_root {
        return Err(BlockError::StateRoot {
            got: executed.state_root,
            expected: header.state_root,
        });
    }
    Ok(())
}
