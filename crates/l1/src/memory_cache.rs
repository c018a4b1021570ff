use std::sync::Arc;

use alloy_primitives::B256;
use lru::LruCache;
use parking_lot::Mutex;

use crate::L1Block;

/// Blocks in memory, the least recently used ones leaving when their bytes exceed the bound.
pub(crate) struct MemoryCache {
    bytes_max: usize,
    state: Mutex<State>,
}

struct State {
    blocks: LruCache<B256, Arc<L1Block>>,
    bytes: usize,
}

impl MemoryCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::new(State { blocks: LruCache::unbounded(), bytes: 0 }) }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<L1Block>> {
        self.state.lock().blocks.get(hash).map(Arc::clone)
    }

    pub(crate) fn insert(&self, block: Arc<L1Block>) {
        let mut state = self.state.lock();
        state.bytes += block.size_bytes();
        if let Some((_, replaced)) = state.blocks.push(block.hash(), block) {
            state.bytes -= replaced.size_bytes();
        }
        while state.bytes > self.bytes_max {
            let Some((_, evicted)) = state.blocks.pop_lru() else { break };
            state.bytes -= evicted.size_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use phala_primitives::{Header, SealedHeader};

    use super::*;

    #[test]
    fn stays_within_its_bytes_and_keeps_what_is_used() {
        let block = |number| {
            let header = SealedHeader::seal_slow(Header { number, ..Header::default() });
            Arc::new(L1Block::new(header, Vec::new(), Vec::new()))
        };
        let size = block(0).size_bytes();
        let cache = MemoryCache::new(size * 3);
        let blocks: Vec<_> = (0..4).map(block).collect();
        for block in &blocks[..3] {
            cache.insert(Arc::clone(block));
            cache.insert(Arc::clone(block));
        }
        cache.get(&blocks[0].hash()).unwrap();
        cache.insert(Arc::clone(&blocks[3]));
        let kept: Vec<bool> =
            blocks.iter().map(|block| cache.get(&block.hash()).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
        assert_eq!(cache.state.lock().bytes, size * 3);
    }
}
