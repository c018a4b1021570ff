use std::collections::VecDeque;

use alloy_primitives::B256;

use crate::candidate::Candidate;

/// Blocks without a parent that are kept at most.
pub(crate) const ORPHANS_MAX: usize = 64;

/// Bytes of transactions in them at most.
pub(crate) const ORPHAN_BYTES_MAX: usize = 64 << 20;

/// Blocks whose parent has not arrived. When the buffer is full the oldest block is dropped: the
/// driver sends it again once it has been told that the block is unknown.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    blocks: VecDeque<Candidate>,
    size_bytes: usize,
}

impl Orphans {
    /// Keeps a block; returns whether it is kept now, which a block larger than the buffer is not.
    pub(crate) fn insert(&mut self, block: Candidate) -> bool {
        let size = block.size_bytes();
        if size > ORPHAN_BYTES_MAX {
            return false;
        }
        if self.contains(&block.hash()) {
            return true;
        }
        while self.blocks.len() >= ORPHANS_MAX || self.size_bytes + size > ORPHAN_BYTES_MAX {
            self.take_at(0);
        }
        self.size_bytes += size;
        self.blocks.push_back(block);
        true
    }

    /// Whether a block is waiting here.
    pub(crate) fn contains(&self, hash: &B256) -> bool {
        self.blocks.iter().any(|block| block.hash() == *hash)
    }

    /// Takes a block out that waits for `parent`.
    pub(crate) fn take_child(&mut self, parent: &B256) -> Option<Candidate> {
        let index = self.blocks.iter().position(|block| block.header().parent_hash == *parent)?;
        self.take_at(index)
    }

    /// Number of blocks waiting.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    fn take_at(&mut self, index: usize) -> Option<Candidate> {
        let block = self.blocks.remove(index)?;
        self.size_bytes -= block.size_bytes();
        Some(block)
    }
}
