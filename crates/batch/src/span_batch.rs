use alloy_primitives::Bytes;

use crate::{BatchContext, BatchError, BuildError};

/// A run of L2 blocks, with the times and epochs its bits stand for worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanBatch {
    /// Time of the first block, in seconds.
    pub start_timestamp: u64,
    /// L1 origin of the last block.
    pub l1_origin_num: u64,
    /// First bytes of the hash of the block before the first.
    pub parent_check: [u8; 20],
    /// First bytes of the hash of the L1 origin of the last block.
    pub l1_origin_check: [u8; 20],
    /// Whether the batch says that its first block is the first of its epoch. Kept to write the
    /// same bytes again; derivation has no use for it.
    pub starts_epoch: bool,
    /// The blocks, at least one.
    pub blocks: Vec<SpanBlock>,
}

/// One block of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanBlock {
    /// Time of the block, in seconds.
    pub timestamp: u64,
    /// Number of its L1 origin.
    pub epoch_number: u64,
    /// Transactions of users (EIP-2718).
    pub transactions: Vec<Bytes>,
}

impl SpanBatch {
    /// L1 origin of the first block.
    pub fn start_epoch(&self) -> u64 {
        self.blocks.first().map_or(self.l1_origin_num, |block| block.epoch_number)
    }

    /// Time of the last block, in seconds.
    pub fn end_timestamp(&self) -> u64 {
        self.blocks.last().map_or(self.start_timestamp, |block| block.timestamp)
    }

    /// Reads the content of a batch of version 1; bytes after the last column are ignored.
    pub fn decode(_content: &[u8], _context: &BatchContext) -> Result<Self, BatchError> {
        todo!()
    }

    /// Writes the content of a batch of version 1.
    pub fn encode(&self, _context: &BatchContext) -> Result<Vec<u8>, BuildError> {
        todo!()
    }
}
