use alloy_primitives::{B256, Bytes};

use crate::BatchError;

/// One L2 block as the batcher tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SingularBatch {
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Number of the L1 origin.
    pub epoch_number: u64,
    /// Hash of the L1 origin.
    pub epoch_hash: B256,
    /// Time of the block, in seconds.
    pub timestamp: u64,
    /// Transactions of users (EIP-2718), whatever their type.
    pub transactions: Vec<Bytes>,
}

impl SingularBatch {
    /// Reads the content of a batch of version 0; bytes after the list are ignored.
    pub fn decode(_content: &[u8]) -> Result<Self, BatchError> {
        todo!()
    }

    /// Writes the content of a batch of version 0.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }
}
