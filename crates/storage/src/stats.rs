use phala_primitives::{BlockRef, Heads};

use crate::Store;
use crate::kv::{Family, FamilySize};

/// Sizes and heights of a store.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The heads.
    pub heads: Heads,
    /// Where the derived families are.
    pub base: BlockRef,
    /// Lowest height with state.
    pub oldest_state: u64,
    /// Canonical blocks above base.
    pub tail_blocks: usize,
    /// Their changed keys.
    pub tail_entries: usize,
    /// Memory of their layers.
    pub tail_bytes: usize,
    /// Stored blocks above base that are not canonical.
    pub side_blocks: usize,
    /// Layers a read of the latest state probes at most.
    pub layer_depth: usize,
    /// Decoded blocks and receipts in memory.
    pub record_cache_bytes: usize,
    /// Views of heights below base that are held.
    pub historical_views: usize,
    /// Bytes in the write-ahead log.
    pub log_bytes: u64,
    /// Bytes free on the disk; all bits set without a disk.
    pub disk_free_bytes: u64,
    /// Size of each family, by name.
    pub families: Vec<(&'static str, FamilySize)>,
}

impl Store {
    /// Sizes and heights, for people.
    pub fn stats(&self) -> Stats {
        let inner = self.inner();
        let size = |family: Family| (family.name(), inner.kv.size(family));
        let families = Family::ALL.into_iter().map(size).collect();
        let chain = inner.chain.read();
        let (tail_entries, tail_bytes) = chain.tail_size(u64::MAX);
        Stats {
            heads: chain.heads,
            base: chain.base.block,
            oldest_state: chain.oldest_state,
            tail_blocks: chain.canonical.len(),
            tail_entries,
            tail_bytes,
            side_blocks: chain.blocks.len().saturating_sub(chain.canonical.len()),
            layer_depth: chain.head_stack.depth(),
            record_cache_bytes: inner.cache.bytes(),
            historical_views: inner.live_views.count(),
            log_bytes: inner.kv.log_bytes(),
            disk_free_bytes: inner.disk.free_bytes(),
            families,
        }
    }

    /// Rewrites all families so that deleted data gives its space back. Takes long.
    pub fn compact(&self) -> Result<(), crate::StorageError> {
        for family in Family::ALL {
            self.inner().kv.compact(family)?;
        }
        Ok(())
    }
}
