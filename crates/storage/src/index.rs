use phala_primitives::{BlockRef, Receipt, Transaction};

use crate::StorageError;
use crate::keys;
use crate::kv::{Family, KvSnapshot};
use crate::log_entries::log_entries;
use crate::record::{decode_body, decode_receipts, open_value};

/// One entry of an index: family, key, value.
pub(crate) type Entry = (Family, Vec<u8>, Vec<u8>);

/// All index entries of a canonical block.
pub(crate) fn index_entries(
    block: BlockRef,
    transactions: &[Transaction],
    receipts: &[Receipt],
) -> Vec<Entry> {
    let mut entries = vec![(Family::BlockIndex, keys::block_index(block).to_vec(), Vec::new())];
    for (tx, index) in transactions.iter().zip(0u32..) {
        let key = keys::tx_index(&tx.tx_hash(), block.number, index);
        entries.push((Family::TxIndex, key.to_vec(), Vec::new()));
    }
    for (prefix, positions) in log_entries(receipts) {
        let key = keys::log_index(prefix, block.number);
        entries.push((Family::LogIndex, key.to_vec(), positions));
    }
    entries
}

/// The index entries of a stored block, read without any cache.
pub(crate) fn stored_index_entries(
    snapshot: &dyn KvSnapshot,
    block: BlockRef,
) -> Result<Vec<Entry>, StorageError> {
    let key = keys::record(block);
    let body = snapshot
        .get_vec(Family::Bodies, &key)?
        .ok_or_else(|| StorageError::missing("body", block))?;
    let (body, _) = open_value(Family::Bodies, &key, &body, decode_body)?;
    let receipts = snapshot
        .get_vec(Family::Receipts, &key)?
        .ok_or_else(|| StorageError::missing("receipts", block))?;
    let receipts = open_value(Family::Receipts, &key, &receipts, decode_receipts)?;
    Ok(index_entries(block, &body.transactions, &receipts))
}
