use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use phala_chainspec::{ChainSpec, resolve_eip1559_params};
use phala_primitives::RecoveredBlock;

/// The first thing in which an unsafe block is not the derived one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A field of the header.
    #[error("{field} is {block}, derived was {derived}")]
    Field {
        /// Name of the field as the Engine API spells it.
        field: &'static str,
        /// What the block has.
        block: String,
        /// What was derived.
        derived: String,
    },
    /// Another number of transactions.
    #[error("{block} transactions, derived were {derived}")]
    TransactionCount {
        /// What the block has.
        block: usize,
        /// What was derived.
        derived: usize,
    },
    /// Another transaction.
    #[error("transaction {index} ({hash}) is not the derived one")]
    Transaction {
        /// Place in the block.
        index: usize,
        /// Hash of the block's transaction.
        hash: B256,
    },
}

/// Whether `block` is what attributes on top of `parent` become, as far as can be told without
/// executing them.
///
/// Attributes that leave the EIP-1559 parameters to the chain match a block with its constants.
pub fn attributes_match(
    spec: &ChainSpec,
    parent: B256,
    attributes: &OpPayloadAttributes,
    block: &RecoveredBlock,
) -> Result<(), Mismatch> {
    let (header, inner) = (block.header(), &attributes.payload_attributes);
    let extra_data = resolve_eip1559_params(
        spec,
        inner.timestamp,
        attributes.eip_1559_params,
        attributes.min_base_fee,
    );
    same("parentHash", &header.parent_hash, &parent)?;
    same("timestamp", &header.timestamp, &inner.timestamp)?;
    same("prevRandao", &header.mix_hash, &inner.prev_randao)?;
    same("feeRecipient", &header.beneficiary, &inner.suggested_fee_recipient)?;
    same("gasLimit", &Some(header.gas_limit), &attributes.gas_limit)?;
    let beacon_root = inner.parent_beacon_block_root;
    same("parentBeaconBlockRoot", &header.parent_beacon_block_root, &beacon_root)?;
    let withdrawals = block.body().withdrawals.as_ref().map(|list| list.len());
    same("withdrawals", &withdrawals, &inner.withdrawals.as_ref().map(Vec::len))?;
    let extra_data = extra_data.map(|data| data.map(|data| data.encode()).unwrap_or_default());
    same("extraData", &Ok(header.extra_data.clone()), &extra_data)?;
    same_transactions(attributes, block)
}

fn same<T: PartialEq + std::fmt::Debug>(
    field: &'static str,
    block: &T,
    derived: &T,
) -> Result<(), Mismatch> {
    if block == derived {
        return Ok(());
    }
    let (block, derived) = (format!("{block:?}"), format!("{derived:?}"));
    Err(Mismatch::Field { field, block, derived })
}

fn same_transactions(
    attributes: &OpPayloadAttributes,
    block: &RecoveredBlock,
) -> Result<(), Mismatch> {
    let derived = attributes.transactions.as_deref().unwrap_or_default();
    let transactions = &block.body().transactions;
    if derived.len() != transactions.len() {
        let (block, derived) = (transactions.len(), derived.len());
        return Err(Mismatch::TransactionCount { block, derived });
    }
    let mut encoded = Vec::new();
    for (index, (tx, derived)) in transactions.iter().zip(derived).enumerate() {
        encoded.clear();
        tx.encode_2718(&mut encoded);
        if encoded != *derived {
            return Err(Mismatch::Transaction { index, hash: tx.tx_hash() });
        }
    }
    Ok(())
}
