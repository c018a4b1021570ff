use std::sync::Arc;

use phala_primitives::{BlockRef, Heads, Receipt, RecoveredBlock};

/// A canonical block with its receipts.
#[derive(Clone, Debug)]
pub struct CanonicalBlock {
    /// The block.
    pub block: Arc<RecoveredBlock>,
    /// One receipt for each transaction.
    pub receipts: Arc<Vec<Receipt>>,
}

/// A change of the canonical chain, sent after it is durable.
#[derive(Clone, Debug)]
pub struct ChainEvent {
    /// Newest block that both the old and the new chain have.
    pub fork_point: BlockRef,
    /// Blocks that are no longer canonical, newest first. After a reorg deeper than
    /// [`EVENT_BLOCKS_MAX`](crate::EVENT_BLOCKS_MAX) only the newest are listed.
    pub removed: Vec<CanonicalBlock>,
    /// Blocks that became canonical, oldest first; of more than
    /// [`EVENT_BLOCKS_MAX`](crate::EVENT_BLOCKS_MAX) only the newest are listed.
    pub added: Vec<CanonicalBlock>,
    /// Heads now.
    pub heads: Heads,
}
