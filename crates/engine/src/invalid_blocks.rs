use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{B256, map::B256HashMap};

use crate::BlockError;

/// Invalid hashes that are remembered. A driver asks about the same block again for a while, and
/// about its descendants.
const INVALID_BLOCKS_MAX: usize = 512;

/// Why a block is invalid and which ancestor is the last valid one.
#[derive(Clone, Debug)]
pub(crate) struct Invalid {
    pub(crate) latest_valid: B256,
    pub(crate) reason: Arc<BlockError>,
}

/// Hashes of invalid blocks. Only a hash that its block really has may be inserted, and only if
/// the header commits to the body: otherwise one bad delivery would condemn a good block.
#[derive(Debug, Default)]
pub(crate) struct InvalidBlocks {
    blocks: B256HashMap<Invalid>,
    order: VecDeque<B256>,
}

impl InvalidBlocks {
    pub(crate) fn get(&self, hash: &B256) -> Option<&Invalid> {
        self.blocks.get(hash)
    }

    pub(crate) fn insert(&mut self, hash: B256, invalid: Invalid) {
        if self.blocks.insert(hash, invalid).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > INVALID_BLOCKS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.blocks.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_first() {
        let mut blocks = InvalidBlocks::default();
        let hash = |n: usize| B256::from(alloy_primitives::U256::from(n));
        let invalid =
            Invalid { latest_valid: B256::ZERO, reason: Arc::new(BlockError::GasLimit(0)) };
        for n in 0..=INVALID_BLOCKS_MAX {
            blocks.insert(hash(n), invalid.clone());
            blocks.insert(hash(n), invalid.clone());
        }
        assert!(blocks.get(&hash(0)).is_none());
        assert!(blocks.get(&hash(1)).is_some());
        assert!(blocks.get(&hash(INVALID_BLOCKS_MAX)).is_some());
    }
}
