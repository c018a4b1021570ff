//! Records: everything about one block given its parent, and how it is stored.

mod body;
mod diff;
mod header;
mod receipts;

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use phala_primitives::{AccountDiff, BlockRef, Receipt, RecoveredBlock, TrieNodeDiff};

use crate::StorageError;
use crate::envelope;
use crate::keys;
use crate::kv::{Batch, Family};

pub(crate) use body::{decode_body, encode_body, join_block};
pub(crate) use diff::{NodeChange, StoredDiff, child_ref, decode_diff, encode_diff};
pub(crate) use header::{decode_header, encode_header};
pub(crate) use receipts::{decode_receipts, encode_receipts};

/// Everything about one block given its parent. Written in one batch, never rewritten.
#[derive(Clone, Debug)]
pub struct Record {
    /// The block with its senders.
    pub block: Arc<RecoveredBlock>,
    /// Its receipts, in order.
    pub receipts: Arc<Vec<Receipt>>,
    /// What it changed.
    pub diff: Arc<BlockDiff>,
    /// Bytecode it deployed, by code hash. A record read back has none: code is kept by hash.
    pub codes: Vec<(B256, Bytes)>,
}

impl Record {
    /// Number and hash of the block.
    pub fn block_ref(&self) -> BlockRef {
        BlockRef { number: self.block.number, hash: self.block.hash() }
    }
}

/// What one block changed, relative to its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockDiff {
    /// The parent's hash.
    pub parent: B256,
    /// Changed accounts, sorted by hash.
    pub accounts: Vec<AccountDiff>,
    /// Changed stored trie nodes, sorted by owner and path. A record read back has none: the
    /// store keeps references relative to the parent's nodes.
    pub trie: Vec<TrieNodeDiff>,
}

/// The sealed values of a record, ready to be written.
pub(crate) struct EncodedRecord {
    key: [u8; 40],
    header: Vec<u8>,
    body: Vec<u8>,
    receipts: Vec<u8>,
    diff: Vec<u8>,
    codes: Vec<(B256, Vec<u8>)>,
}

impl EncodedRecord {
    /// Encodes the values in parallel: together they cost a few milliseconds for a full block.
    pub(crate) fn new(record: &Record) -> Self {
        let key = keys::record(record.block_ref());
        let ((header, body), (receipts, diff)) = rayon::join(
            || {
                (
                    envelope::seal(Family::Headers, &key, &encode_header(record.block.header())),
                    envelope::seal_compressed(Family::Bodies, &key, &encode_body(&record.block)),
                )
            },
            || {
                rayon::join(
                    || {
                        let receipts = encode_receipts(&record.receipts);
                        envelope::seal_compressed(Family::Receipts, &key, &receipts)
                    },
                    || envelope::seal_compressed(Family::Diffs, &key, &encode_diff(&record.diff)),
                )
            },
        );
        let codes = record
            .codes
            .iter()
            .map(|(hash, code)| {
                (*hash, envelope::seal_compressed(Family::Codes, hash.as_slice(), code))
            })
            .collect();
        Self { key, header, body, receipts, diff, codes }
    }

    pub(crate) fn put(&self, batch: &mut Batch) {
        for (hash, code) in &self.codes {
            batch.put(Family::Codes, hash.as_slice(), code);
        }
        batch.put(Family::Headers, &self.key, &self.header);
        batch.put(Family::Bodies, &self.key, &self.body);
        batch.put(Family::Receipts, &self.key, &self.receipts);
        batch.put(Family::Diffs, &self.key, &self.diff);
    }
}

/// Opens a sealed value and decodes it.
pub(crate) fn open_value<T>(
    family: Family,
    key: &[u8],
    value: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, crate::wire::Damaged>,
) -> Result<T, StorageError> {
    envelope::open(family, key, value, decode).map_err(|_| StorageError::damaged(family, key))
}
