use std::sync::Arc;

use alloy_primitives::B256;
use lru::LruCache;
use parking_lot::Mutex;

use crate::CachedBlock;

/// Recent blocks and those asked for lately, bounded by the memory they take.
#[derive(Debug)]
pub(crate) struct BlockCache {
    bytes_max: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    blocks: LruCache<B256, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    block: Arc<CachedBlock>,
    /// Weight that was counted when the entry was last looked at; texts are added later.
    weight: usize,
}

impl BlockCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, entries: Mutex::new(Entries { blocks: LruCache::unbounded(), bytes: 0 }) }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<CachedBlock>> {
        let mut entries = self.entries.lock();
        entries.blocks.get(hash).map(|entry| Arc::clone(&entry.block))
    }

    /// Keeps a block; if it is there already, the one that is there stays and is returned.
    pub(crate) fn insert(&self, hash: B256, block: Arc<CachedBlock>) -> Arc<CachedBlock> {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.blocks.get(&hash) {
            return Arc::clone(&entry.block);
        }
        let weight = block.weight();
        entries.bytes += weight;
        entries.blocks.put(hash, Entry { block: Arc::clone(&block), weight });
        entries.shrink(self.bytes_max);
        block
    }

    /// Counts the texts that were added to a block since.
    pub(crate) fn reweigh(&self, hash: &B256) {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.blocks.peek_mut(hash) else { return };
        let weight = entry.block.weight();
        let before = std::mem::replace(&mut entry.weight, weight);
        entries.bytes = (entries.bytes + weight).saturating_sub(before);
        entries.shrink(self.bytes_max);
    }
}

impl Entries {
    /// Drops the least recently used blocks; the newest stays even if it is larger than the limit.
    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.blocks.len() > 1 {
            if let Some((_, entry)) = self.blocks.pop_lru() {
                self.bytes = self.bytes.saturating_sub(entry.weight);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use phala_primitives::{Block, Header, RecoveredBlock};

    use super::*;

    fn block(number: u64) -> (B256, Arc<CachedBlock>) {
        let header = Header { number, ..Default::default() };
        let block =
            RecoveredBlock::new_unhashed(Block { header, ..Default::default() }, Vec::new());
        (block.hash(), Arc::new(CachedBlock::new(Arc::new(block), Arc::default())))
    }

    #[test]
    fn drops_what_was_not_used_for_longest() {
        let weight = block(0).1.weight();
        let cache = BlockCache::new(weight * 2);
        let blocks: Vec<_> = (0..3).map(block).collect();
        for (hash, block) in &blocks[..2] {
            cache.insert(*hash, Arc::clone(block));
        }
        assert!(cache.get(&blocks[0].0).is_some());
        cache.insert(blocks[2].0, Arc::clone(&blocks[2].1));
        assert!(cache.get(&blocks[1].0).is_none());
        assert!(cache.get(&blocks[0].0).is_some() && cache.get(&blocks[2].0).is_some());
    }

    #[test]
    fn texts_count_once_they_are_there() {
        let (hash, first) = block(0);
        let cache = BlockCache::new(first.weight() * 2 + 100);
        cache.insert(hash, Arc::clone(&first));
        let (second_hash, second) = block(1);
        cache.insert(second_hash, Arc::clone(&second));
        second.full_json().unwrap();
        cache.reweigh(&second_hash);
        assert!(cache.get(&hash).is_none());
        assert!(cache.get(&second_hash).is_some());
    }
}
