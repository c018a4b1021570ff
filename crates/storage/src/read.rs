//! Reading records, and taking views.

use std::sync::Arc;

use alloy_primitives::B256;
use phala_primitives::{BlockRef, Receipt, RecoveredBlock, SealedHeader};

use crate::chain::TailBlock;
use crate::keys;
use crate::kv::{Bounds, Family};
use crate::open::{read_diff, read_header};
use crate::record::{BlockDiff, Record, decode_body, decode_receipts, join_block, open_value};
use crate::store::Inner;
use crate::{StorageError, Store, View};

/// Transactions that share the leading eight bytes of a hash and are looked at.
const CANDIDATES_MAX: usize = 64;

impl Store {
    /// Header of a stored block: any block above base, canonical ones below.
    pub fn header(&self, hash: B256) -> Result<Option<Arc<SealedHeader>>, StorageError> {
        let inner = self.inner();
        if let Some(tail) = inner.chain.read().blocks.get(&hash) {
            return Ok(Some(Arc::clone(&tail.header)));
        }
        let Some(block) = inner.locate(hash)? else { return Ok(None) };
        Ok(inner.read_header(block)?.map(Arc::new))
    }

    /// Header of the canonical block at this height.
    pub fn header_by_number(&self, number: u64) -> Result<Option<Arc<SealedHeader>>, StorageError> {
        let inner = self.inner();
        if let Some(tail) = inner.chain.read().canonical_tail(number) {
            return Ok(Some(Arc::clone(&tail.header)));
        }
        let Some(hash) = inner.canonical_hash_now(number)? else { return Ok(None) };
        Ok(inner.read_header(BlockRef { number, hash })?.map(Arc::new))
    }

    /// Hash of the canonical block at this height.
    pub fn canonical_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        self.inner().canonical_hash_now(number)
    }

    /// Whether this block is canonical.
    pub fn is_canonical(&self, block: BlockRef) -> Result<bool, StorageError> {
        Ok(self.canonical_hash(block.number)? == Some(block.hash))
    }

    /// Height of a stored block.
    pub fn block_number(&self, hash: B256) -> Result<Option<u64>, StorageError> {
        Ok(self.inner().locate(hash)?.map(|block| block.number))
    }

    /// Whether the block's record is stored and its state can be viewed.
    pub fn has_state(&self, hash: B256) -> bool {
        let chain = self.inner().chain.read();
        hash == chain.base.block.hash || chain.blocks.contains_key(&hash)
    }

    /// A stored block with its senders.
    pub fn block(&self, hash: B256) -> Result<Option<Arc<RecoveredBlock>>, StorageError> {
        let inner = self.inner();
        if let Some(block) = inner.cache.block(&hash) {
            return Ok(Some(block));
        }
        let Some(block) = inner.locate(hash)? else { return Ok(None) };
        inner.read_block(block)
    }

    /// The canonical block at this height.
    pub fn block_by_number(
        &self,
        number: u64,
    ) -> Result<Option<Arc<RecoveredBlock>>, StorageError> {
        let inner = self.inner();
        let Some(hash) = inner.canonical_hash_now(number)? else { return Ok(None) };
        inner.read_block(BlockRef { number, hash })
    }

    /// Receipts of a stored block.
    pub fn receipts(&self, hash: B256) -> Result<Option<Arc<Vec<Receipt>>>, StorageError> {
        let inner = self.inner();
        if let Some(receipts) = inner.cache.receipts(&hash) {
            return Ok(Some(receipts));
        }
        let Some(block) = inner.locate(hash)? else { return Ok(None) };
        inner.read_receipts(block)
    }

    /// A whole record, as far as it is read back: without codes and trie nodes.
    pub fn record(&self, hash: B256) -> Result<Option<Arc<Record>>, StorageError> {
        let Some(at) = self.inner().locate(hash)? else { return Ok(None) };
        let (Some(block), Some(receipts)) = (self.block(hash)?, self.receipts(hash)?) else {
            return Ok(None);
        };
        let Some(diff) = self.diff(at)? else { return Ok(None) };
        Ok(Some(Arc::new(Record { block, receipts, diff: Arc::new(diff), codes: Vec::new() })))
    }

    /// What a stored block changed in the state; `None` if that is no longer kept.
    pub fn diff(&self, block: BlockRef) -> Result<Option<BlockDiff>, StorageError> {
        match read_diff(self.inner().kv.snapshot().as_ref(), block) {
            Ok(diff) => {
                Ok(Some(BlockDiff { parent: diff.parent, accounts: diff.accounts, trie: vec![] }))
            }
            Err(StorageError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Address hashes of the accounts a block changed, from memory: `None` for blocks at or below
    /// base, and for unknown ones.
    pub fn changed_accounts(&self, hash: B256) -> Option<Vec<B256>> {
        let layer = Arc::clone(&self.inner().chain.read().blocks.get(&hash)?.layer);
        Some((0..layer.accounts.len()).map(|place| *layer.accounts.key(place)).collect())
    }

    /// Block and index of a canonical transaction.
    pub fn transaction(&self, hash: B256) -> Result<Option<(BlockRef, usize)>, StorageError> {
        self.inner().find_transaction(hash)
    }

    /// The state after a block: the canonical head and tail, base, and side blocks above base.
    /// Below base see [`history`](Self::history) and [`state`](Self::state).
    pub fn view(&self, hash: B256) -> Result<Option<View>, StorageError> {
        Ok(self.inner().view(hash))
    }

    /// The state after the canonical head.
    pub fn latest_view(&self) -> Result<View, StorageError> {
        let inner = self.inner();
        if !self.is_initialised() {
            return Err(StorageError::NoGenesis);
        }
        loop {
            let latest = inner.chain.read().heads.latest;
            // The head may have gone back in between; then look again.
            if let Some(view) = inner.view(latest.hash) {
                return Ok(view);
            }
        }
    }

    /// The state after the canonical block at this height, if it is kept.
    pub fn history(&self, number: u64) -> Result<View, StorageError> {
        self.inner().history(number)
    }

    /// The state after a block, from memory or from the histories.
    pub fn state(&self, hash: B256) -> Result<Option<View>, StorageError> {
        let inner = self.inner();
        if let Some(view) = inner.view(hash) {
            return Ok(Some(view));
        }
        match inner.locate(hash)? {
            Some(block) if inner.canonical_hash_now(block.number)? == Some(hash) => {
                inner.history(block.number).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Lowest height whose state is kept.
    pub fn oldest_state(&self) -> u64 {
        self.inner().chain.read().oldest_state
    }
}

impl Inner {
    pub(crate) fn view(&self, hash: B256) -> Option<View> {
        let (block, base, mut stack, ancestry, is_loose) = {
            let chain = self.chain.read();
            if hash == chain.heads.latest.hash {
                let base = Arc::clone(&chain.base);
                let (stack, hashes) = (chain.head_stack.clone(), Arc::clone(&chain.hashes));
                (chain.heads.latest, base, stack, hashes, false)
            } else {
                drop(chain);
                let mut chain = self.chain.write();
                let block = if hash == chain.base.block.hash {
                    chain.base.block
                } else {
                    chain.blocks.get(&hash)?.block
                };
                let (stack, is_loose) = chain.loose_stack(hash)?;
                (block, Arc::clone(&chain.base), stack, chain.ancestry(block)?, is_loose)
            }
        };
        if is_loose {
            // Without the lock: whoever asks for old blocks must not make the chain wait.
            stack = stack.compacted();
            self.chain.write().keep_stack(&base, hash, stack.clone());
        }
        Some(View::new(block, base, stack, ancestry, None, Arc::clone(&self.kv)))
    }

    pub(crate) fn history(&self, number: u64) -> Result<View, StorageError> {
        loop {
            let tail = {
                let chain = self.chain.read();
                let latest = chain.heads.latest.number;
                if number > latest {
                    return Err(StorageError::AboveHead { requested: number, latest });
                }
                if number == latest {
                    chain.heads.latest.hash
                } else if number == chain.base.block.number {
                    chain.base.block.hash
                } else if let Some(tail) = chain.canonical_tail(number) {
                    tail.block.hash
                } else {
                    // Registered under the lock, so that pruning sees it.
                    let live = self.live_views.register(number);
                    let base = Arc::clone(&chain.base);
                    let oldest = chain.oldest_state;
                    drop(chain);
                    if number < oldest {
                        return Err(StorageError::Pruned { requested: number, oldest });
                    }
                    return self.history_below(number, base, live);
                }
            };
            // The chain may have moved in between; then look again.
            if let Some(view) = self.view(tail) {
                return Ok(view);
            }
        }
    }

    fn history_below(
        &self,
        number: u64,
        base: Arc<crate::chain::Base>,
        live: crate::history::LiveView,
    ) -> Result<View, StorageError> {
        let key = keys::number(number);
        let hash = base.snapshot.get_vec(Family::Canonical, &key)?;
        let hash = hash
            .as_deref()
            .and_then(|hash| B256::try_from(hash).ok())
            .ok_or_else(|| StorageError::damaged(Family::Canonical, &key))?;
        let block = BlockRef { number, hash };
        let kv = Arc::clone(&self.kv);
        Ok(View::new(block, base, Default::default(), Arc::default(), Some(live), kv))
    }

    /// Hash of the canonical block at this height, from memory above base.
    pub(crate) fn canonical_hash_now(&self, number: u64) -> Result<Option<B256>, StorageError> {
        {
            let chain = self.chain.read();
            if number > chain.heads.latest.number {
                return Ok(None);
            }
            if number == chain.base.block.number {
                let initialised = self.identity.read().is_some();
                return Ok(initialised.then_some(chain.base.block.hash));
            }
            if let Some(tail) = chain.canonical_tail(number) {
                return Ok(Some(tail.block.hash));
            }
        }
        let key = keys::number(number);
        let mut found = None;
        self.kv.get(Family::Canonical, &key, &mut |value| found = Some(B256::try_from(value)))?;
        found.transpose().map_err(|_| StorageError::damaged(Family::Canonical, &key))
    }

    /// Number of a stored block.
    pub(crate) fn locate(&self, hash: B256) -> Result<Option<BlockRef>, StorageError> {
        let snapshot = {
            let chain = self.chain.read();
            if let Some(tail) = chain.blocks.get(&hash) {
                return Ok(Some(tail.block));
            }
            if hash == chain.base.block.hash {
                return Ok(Some(chain.base.block));
            }
            Arc::clone(&chain.base.snapshot)
        };
        let bounds = Bounds { within_prefix: true, ..Bounds::default() };
        let mut cursor = snapshot.cursor(Family::BlockIndex, bounds);
        let mut found = cursor.seek(&hash[..8])?;
        for _ in 0..CANDIDATES_MAX {
            let key = cursor.item().0;
            if !found || !key.starts_with(&hash[..8]) {
                break;
            }
            if let Some(number) = keys::trailing_number(key) {
                let block = BlockRef { number, hash };
                if self.kv.get(Family::Headers, &keys::record(block), &mut |_| {})? {
                    return Ok(Some(block));
                }
            }
            found = cursor.next()?;
        }
        Ok(None)
    }

    pub(crate) fn read_header(
        &self,
        block: BlockRef,
    ) -> Result<Option<SealedHeader>, StorageError> {
        let key = keys::record(block);
        let mut found = None;
        self.kv.get(Family::Headers, &key, &mut |value| found = Some(read_header(&key, value)))?;
        Ok(found.transpose()?.map(|(_, header)| header))
    }

    pub(crate) fn read_block(
        &self,
        block: BlockRef,
    ) -> Result<Option<Arc<RecoveredBlock>>, StorageError> {
        if let Some(block) = self.cache.block(&block.hash) {
            return Ok(Some(block));
        }
        let key = keys::record(block);
        let mut found = None;
        self.kv.get(Family::Bodies, &key, &mut |value| {
            found = Some(open_value(Family::Bodies, &key, value, decode_body));
        })?;
        let Some((body, senders)) = found.transpose()? else { return Ok(None) };
        let header =
            self.read_header(block)?.ok_or_else(|| StorageError::missing("header", block))?;
        let read = Arc::new(join_block(header.into_header(), block.hash, body, senders));
        self.cache.insert_block(&read);
        Ok(Some(read))
    }

    pub(crate) fn read_receipts(
        &self,
        block: BlockRef,
    ) -> Result<Option<Arc<Vec<Receipt>>>, StorageError> {
        if let Some(receipts) = self.cache.receipts(&block.hash) {
            return Ok(Some(receipts));
        }
        let key = keys::record(block);
        let mut found = None;
        self.kv.get(Family::Receipts, &key, &mut |value| {
            found = Some(open_value(Family::Receipts, &key, value, decode_receipts));
        })?;
        let Some(receipts) = found.transpose()?.map(Arc::new) else { return Ok(None) };
        self.cache.insert_receipts(block.hash, &receipts);
        Ok(Some(receipts))
    }

    fn find_transaction(&self, hash: B256) -> Result<Option<(BlockRef, usize)>, StorageError> {
        let (tail, snapshot): (Vec<_>, _) = {
            let chain = self.chain.read();
            (
                chain.canonical.iter().rev().map(Arc::clone).collect(),
                Arc::clone(&chain.base.snapshot),
            )
        };
        for block in tail {
            let transactions = self.tail_transactions(&block)?;
            if let Ok(place) = transactions.binary_search_by(|(tx, _)| tx.cmp(&hash)) {
                return Ok(Some((block.block, transactions[place].1 as usize)));
            }
        }
        let bounds = Bounds { within_prefix: true, ..Bounds::default() };
        let mut cursor = snapshot.cursor(Family::TxIndex, bounds);
        let mut found = cursor.seek(&hash[..8])?;
        for _ in 0..CANDIDATES_MAX {
            let key = cursor.item().0;
            if !found || !key.starts_with(&hash[..8]) {
                break;
            }
            let place = keys::tx_index_place(key);
            let (number, index) =
                place.ok_or_else(|| StorageError::damaged(Family::TxIndex, key))?;
            if let Some(block_hash) = self.canonical_hash_now(number)? {
                let at = BlockRef { number, hash: block_hash };
                if let Some(block) = self.read_block(at)?
                    && let Some(tx) = block.body().transactions.get(index as usize)
                    && tx.tx_hash() == hash
                {
                    return Ok(Some((at, index as usize)));
                }
            }
            found = cursor.next()?;
        }
        Ok(None)
    }

    /// Transaction hashes of a tail block, sorted; computed when first asked for.
    fn tail_transactions<'a>(
        &self,
        block: &'a TailBlock,
    ) -> Result<&'a [(B256, u32)], StorageError> {
        if let Some(transactions) = block.transactions.get() {
            return Ok(transactions);
        }
        let body = self
            .read_block(block.block)?
            .ok_or_else(|| StorageError::missing("body", block.block))?;
        let mut transactions: Vec<_> = body
            .body()
            .transactions
            .iter()
            .zip(0u32..)
            .map(|(tx, index)| (tx.tx_hash(), index))
            .collect();
        transactions.sort_unstable();
        Ok(block.transactions.get_or_init(|| transactions.into_boxed_slice()))
    }
}
