use alloy_primitives::B256;
use lru::LruCache;
use parking_lot::Mutex;
use phala_primitives::BlockRef;

use crate::CachedBlock;

/// Transactions whose place is remembered: eighty full blocks, 8 MB.
const ENTRIES_MAX: usize = 1 << 16;

/// Where transactions that were asked for lately are, and those next to them.
///
/// An entry says in which block a transaction is, not that the block is canonical: whoever uses it
/// has to look.
#[derive(Debug)]
pub(crate) struct TransactionPlaces(Mutex<LruCache<B256, (BlockRef, u32)>>);

impl TransactionPlaces {
    pub(crate) fn get(&self, hash: &B256) -> Option<(BlockRef, usize)> {
        let (block, index) = *self.0.lock().get(hash)?;
        Some((block, index as usize))
    }

    /// Remembers all transactions of a block; of one transaction in two blocks the later one.
    pub(crate) fn insert(&self, block: &CachedBlock) {
        let block = block.block();
        let at = BlockRef { number: block.number, hash: block.hash() };
        let mut places = self.0.lock();
        for (tx, index) in block.body().transactions.iter().zip(0u32..) {
            places.put(tx.tx_hash(), (at, index));
        }
    }
}

impl Default for TransactionPlaces {
    fn default() -> Self {
        let entries = const { std::num::NonZeroUsize::new(ENTRIES_MAX).expect("not zero") };
        Self(Mutex::new(LruCache::new(entries)))
    }
}
