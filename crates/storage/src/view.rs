//! The state after one block.

mod database;
mod old_node;
mod scan;
mod trie_source;

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, U256};
use phala_primitives::{Account, BlockRef, EMPTY_CODE_HASH, StoredNode};

use crate::StorageError;
use crate::chain::Base;
use crate::history::LiveView;
use crate::keys;
use crate::kv::{Bounds, Family, KvStore};
use crate::layer::Layer;
use crate::record::open_value;
use crate::stack::Stack;
use crate::state_value::{decode_account, decode_account_before, decode_node, decode_slot};

/// The state after one block. Immutable, cheap to clone, needs no lock to read.
///
/// It keeps memory and disk space of its moment alive, so hold it for a request, not for minutes.
#[derive(Clone)]
pub struct View(Arc<Inner>);

struct Inner {
    block: BlockRef,
    base: Arc<Base>,
    stack: Stack,
    /// Hashes of the blocks above base on the way to this one.
    ancestry: Arc<Vec<B256>>,
    /// Set for a height below base: values come from the histories.
    history: Option<LiveView>,
    kv: Arc<dyn KvStore>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("block", &self.0.block).finish_non_exhaustive()
    }
}

impl View {
    pub(crate) fn new(
        block: BlockRef,
        base: Arc<Base>,
        stack: Stack,
        ancestry: Arc<Vec<B256>>,
        history: Option<LiveView>,
        kv: Arc<dyn KvStore>,
    ) -> Self {
        Self(Arc::new(Inner { block, base, stack, ancestry, history, kv }))
    }

    /// The block whose state this is.
    pub fn block(&self) -> BlockRef {
        self.0.block
    }

    /// Whether values come from the histories, which makes reads slower and proofs bounded.
    pub fn is_historical(&self) -> bool {
        self.0.history.is_some()
    }

    /// An account by the hash of its address.
    pub fn account(&self, hash: &B256) -> Result<Option<Account>, StorageError> {
        let damaged = || StorageError::damaged(Family::Accounts, hash.as_slice());
        for layer in self.layers() {
            if let Some(value) = layer.accounts.get(hash) {
                return decode_account_before(value).map_err(|_| damaged());
            }
        }
        if let Some(view) = &self.0.history {
            if let Some(before) = self.account_before(hash, view.number())? {
                return Ok(before);
            }
            if let Some(value) = self.covered(|cover| cover.accounts.get(hash)) {
                return decode_account_before(value).map_err(|_| damaged());
            }
        }
        let mut found = Ok(None);
        self.0.base.snapshot.get(Family::Accounts, hash.as_slice(), &mut |value| {
            found = decode_account(value).map(Some);
        })?;
        found.map_err(|_| damaged())
    }

    /// A storage slot by the hashes of the account's address and of the slot number.
    pub fn slot(&self, account: &B256, slot: &B256) -> Result<U256, StorageError> {
        let damaged = || StorageError::damaged(Family::Storage, &keys::slot(account, slot));
        for layer in self.layers() {
            if let Some(value) = layer.slots.get(account, slot) {
                return decode_slot(value).map_err(|_| damaged());
            }
        }
        if let Some(view) = &self.0.history {
            if let Some(before) = self.slot_before(account, slot, view.number())? {
                return Ok(before);
            }
            if let Some(value) = self.covered(|cover| cover.slots.get(account, slot)) {
                return decode_slot(value).map_err(|_| damaged());
            }
        }
        let mut found = Ok(U256::ZERO);
        self.0.base.snapshot.get(Family::Storage, &keys::slot(account, slot), &mut |value| {
            found = decode_slot(value);
        })?;
        found.map_err(|_| damaged())
    }

    /// Bytecode by its hash; the hash of no code gives no bytes.
    pub fn code(&self, hash: &B256) -> Result<Bytes, StorageError> {
        if *hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        // Code is never deleted and may be newer than base, so it is read from the live store.
        let mut found = None;
        self.0.kv.get(Family::Codes, hash.as_slice(), &mut |value| {
            found = Some(open_value(Family::Codes, hash.as_slice(), value, |code| {
                Ok(Bytes::copy_from_slice(code))
            }));
        })?;
        found.unwrap_or(Err(StorageError::MissingCode(*hash)))
    }

    /// Hash of the ancestor at this height, or of the block itself; `None` above it.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        let block = self.0.block;
        if number > block.number {
            return Ok(None);
        }
        if number == block.number {
            return Ok(Some(block.hash));
        }
        let base = self.0.base.block.number;
        if let Some(place) = number.checked_sub(base + 1) {
            let hash = usize::try_from(place).ok().and_then(|place| self.0.ancestry.get(place));
            return Ok(hash.copied());
        }
        let mut found = None;
        let key = keys::number(number);
        self.0.base.snapshot.get(Family::Canonical, &key, &mut |value| {
            found = Some(B256::try_from(value));
        })?;
        let damaged = |_| StorageError::damaged(Family::Canonical, &key);
        found.transpose().map_err(damaged)
    }

    /// A stored trie node of a block not below base.
    pub(crate) fn node(&self, key: &[u8]) -> Result<Option<StoredNode>, StorageError> {
        node_in(&self.0.stack, &self.0.base, self.0.block.number, key)
    }

    /// Layers over the flat families, newest first.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        let cover = match (&self.0.history, &self.0.base.dirty) {
            (None, Some(dirty)) => Some(dirty.cover.as_ref()),
            _ => None,
        };
        self.0.stack.newest_first().chain(cover)
    }

    fn covered<'a, T>(&'a self, find: impl FnOnce(&'a Layer) -> Option<T>) -> Option<T> {
        self.0.base.dirty.as_ref().and_then(|dirty| find(&dirty.cover))
    }

    /// The account's value before the first block above `number` that changed it and is in base.
    fn account_before(
        &self,
        hash: &B256,
        number: u64,
    ) -> Result<Option<Option<Account>>, StorageError> {
        let from = keys::account_history(hash, number + 1);
        self.first_history(Family::AccountHistory, &from, decode_account_before)
    }

    fn slot_before(
        &self,
        account: &B256,
        slot: &B256,
        number: u64,
    ) -> Result<Option<U256>, StorageError> {
        let from = keys::storage_history(account, slot, number + 1);
        self.first_history(Family::StorageHistory, &from, decode_slot)
    }

    /// First entry from `from` on with the same key and a number in base.
    fn first_history<T>(
        &self,
        family: Family,
        from: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, crate::wire::Damaged>,
    ) -> Result<Option<T>, StorageError> {
        let prefix = &from[..from.len() - keys::NUMBER_BYTES];
        let bounds = Bounds { within_prefix: true, ..Bounds::default() };
        let mut cursor = self.0.base.snapshot.cursor(family, bounds);
        if !cursor.seek(from)? {
            return Ok(None);
        }
        let (key, value) = cursor.item();
        let found = key.strip_prefix(prefix).and_then(keys::trailing_number);
        if key.len() != from.len() || found.is_none_or(|found| found > self.0.base.block.number) {
            return Ok(None);
        }
        decode(value).map(Some).map_err(|_| StorageError::damaged(family, key))
    }
}

/// A stored trie node of block `number`, which `stack` leads to from `base`.
pub(crate) fn node_in(
    stack: &Stack,
    base: &Base,
    number: u64,
    key: &[u8],
) -> Result<Option<StoredNode>, StorageError> {
    let damaged = |_| StorageError::damaged(Family::Trie, key);
    for layer in stack.newest_first() {
        if let Some(value) = layer.nodes.get(key) {
            if value.is_empty() {
                return Ok(None);
            }
            return decode_node(value).map(Some).map_err(damaged);
        }
    }
    if base.dirty.as_ref().is_some_and(|dirty| number < dirty.until.number) {
        // Stored nodes of these blocks are back when the interrupted advance is finished.
        return Err(StorageError::Kv(crate::kv::KvError::Stalled));
    }
    let mut found = None;
    base.snapshot.get(Family::Trie, key, &mut |value| found = Some(decode_node(value)))?;
    found.transpose().map_err(damaged)
}
