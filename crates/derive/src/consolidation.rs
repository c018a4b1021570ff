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

#[cfg(test)]
mod tests {
    use alloy_primitives::{B64, Bytes};
    use phala_chainspec::ExtraData;
    use phala_primitives::{Block, BlockBody, BlockRef, Header, L2BlockRef, decode_transaction};

    use super::*;
    use crate::{L1Header, next_attributes, vectors};

    fn derived(spec: &ChainSpec) -> OpPayloadAttributes {
        let id = BlockRef { number: 100, hash: B256::repeat_byte(1) };
        let parent =
            L2BlockRef { number: 6, timestamp: 1000, l1_origin: id, ..L2BlockRef::default() };
        let origin = L1Header { number: id.number, hash: id.hash, ..L1Header::default() };
        let config = vectors::system_config();
        next_attributes(spec, &parent, &config, &origin, &[], Vec::new(), true).unwrap().attributes
    }

    fn block(spec: &ChainSpec, attributes: &OpPayloadAttributes) -> Block {
        let inner = &attributes.payload_attributes;
        let extra_data = ExtraData {
            denominator: spec.fees.denominator_canyon,
            elasticity: spec.fees.elasticity,
            min_base_fee: attributes.min_base_fee,
        };
        let header = Header {
            parent_hash: B256::repeat_byte(7),
            timestamp: inner.timestamp,
            mix_hash: inner.prev_randao,
            beneficiary: inner.suggested_fee_recipient,
            gas_limit: attributes.gas_limit.unwrap(),
            parent_beacon_block_root: inner.parent_beacon_block_root,
            extra_data: extra_data.encode(),
            ..Header::default()
        };
        let transactions = attributes.transactions.as_ref().unwrap();
        let transactions = transactions.iter().map(|tx| decode_transaction(tx).unwrap());
        let withdrawals = Some(Default::default());
        let body =
            BlockBody { transactions: transactions.collect(), ommers: Vec::new(), withdrawals };
        Block { header, body }
    }

    fn compare(
        spec: &ChainSpec,
        attributes: &OpPayloadAttributes,
        block: Block,
    ) -> Result<(), Mismatch> {
        let senders = block.body.transactions.iter().map(|_| Default::default()).collect();
        let block = RecoveredBlock::new_unhashed(block, senders);
        attributes_match(spec, B256::repeat_byte(7), attributes, &block)
    }

    #[test]
    fn the_block_of_the_attributes_matches() {
        let spec = vectors::spec();
        let mut attributes = derived(&spec);
        let block = block(&spec, &attributes);
        // The chain's constants, left out and spelled out.
        assert_eq!(attributes.eip_1559_params, Some(B64::ZERO));
        assert_eq!(compare(&spec, &attributes, block.clone()), Ok(()));
        attributes.eip_1559_params = Some(B64::from([0, 0, 0, 250, 0, 0, 0, 6]));
        assert_eq!(compare(&spec, &attributes, block.clone()), Ok(()));
        attributes.eip_1559_params = Some(B64::from([0, 0, 0, 250, 0, 0, 0, 7]));
        assert!(compare(&spec, &attributes, block.clone()).is_err());
        attributes.eip_1559_params = None;
        assert!(compare(&spec, &attributes, block).is_err());
    }

    #[test]
    fn every_difference_is_found() {
        let spec = vectors::spec();
        let attributes = derived(&spec);
        let other = |change: &dyn Fn(&mut Block)| {
            let mut block = block(&spec, &attributes);
            change(&mut block);
            compare(&spec, &attributes, block).unwrap_err()
        };
        let field = |mismatch| match mismatch {
            Mismatch::Field { field, .. } => field,
            other => panic!("{other}"),
        };
        assert_eq!(field(other(&|b| b.header.parent_hash = B256::ZERO)), "parentHash");
        assert_eq!(field(other(&|b| b.header.timestamp += 1)), "timestamp");
        assert_eq!(field(other(&|b| b.header.mix_hash.0[0] ^= 1)), "prevRandao");
        assert_eq!(field(other(&|b| b.header.beneficiary.0[0] ^= 1)), "feeRecipient");
        assert_eq!(field(other(&|b| b.header.gas_limit += 1)), "gasLimit");
        let root = "parentBeaconBlockRoot";
        assert_eq!(field(other(&|b| b.header.parent_beacon_block_root = None)), root);
        assert_eq!(field(other(&|b| b.body.withdrawals = None)), "withdrawals");
        let extra_data = |block: &mut Block, at: usize| {
            let mut bytes = block.header.extra_data.to_vec();
            bytes[at] ^= 1;
            block.header.extra_data = bytes.into();
        };
        // Denominator, elasticity and minimum base fee.
        for at in [4, 8, 16] {
            assert_eq!(field(other(&|b| extra_data(b, at))), "extraData");
        }
        assert_eq!(field(other(&|b| b.header.extra_data = Bytes::new())), "extraData");
        let count = other(&|b| b.body.transactions.clear());
        assert_eq!(count, Mismatch::TransactionCount { block: 0, derived: 1 });
        let deposit = op_alloy_consensus::TxDeposit::default();
        let replaced = other(&|b| b.body.transactions[0] = deposit.clone().into());
        assert!(matches!(replaced, Mismatch::Transaction { index: 0, .. }), "{replaced}");
    }
}
