use alloy_primitives::{B256, map::B256HashMap};
use phala_trie::TrieVersion;

/// Depth below the head to which tries are kept. A reorg within it starts with warm nodes; a
/// deeper one reads pages from the database.
const VERSIONS_DEPTH: u64 = 16;

/// Tries kept at most, side branches included.
const VERSIONS_MAX: usize = 64;

/// The tries of recent blocks, canonical or not. They share all nodes they have in common.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    by_block: B256HashMap<(u64, TrieVersion)>,
}

impl Versions {
    pub(crate) fn get(&self, block: &B256) -> Option<TrieVersion> {
        self.by_block.get(block).map(|(_, version)| version.clone())
    }

    pub(crate) fn insert(&mut self, block: B256, number: u64, version: TrieVersion) {
        self.by_block.insert(block, (number, version));
        while self.by_block.len() > VERSIONS_MAX {
            let oldest = self.by_block.iter().min_by_key(|(_, (number, _))| *number);
            let Some(hash) = oldest.map(|(hash, _)| *hash) else { break };
            self.by_block.remove(&hash);
        }
    }

    /// Releases everything.
    pub(crate) fn clear(&mut self) {
        self.by_block.clear();
    }

    /// Releases what is too far below the head to be built upon again soon.
    pub(crate) fn retire_below(&mut self, head: u64) {
        self.by_block.retain(|_, (number, _)| number.saturating_add(VERSIONS_DEPTH) >= head);
    }
}
