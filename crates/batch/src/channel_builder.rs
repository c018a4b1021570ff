use alloy_primitives::{B256, Bytes};
use phala_primitives::BlockRef;

use crate::{BatchContext, BatchType, BuildError, ChannelId, Compression, Frame};

/// An L2 block for the batcher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchBlock {
    /// Hash of the block.
    pub hash: B256,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Height of the block.
    pub number: u64,
    /// Time of the block, in seconds.
    pub timestamp: u64,
    /// Its L1 origin.
    pub epoch: BlockRef,
    /// L2 blocks since the first one of the epoch.
    pub sequence_number: u64,
    /// Transactions of users (EIP-2718): everything but deposits.
    pub transactions: Vec<Bytes>,
}

/// How a channel is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Encoding of blocks.
    pub batch_type: BatchType,
    /// Compression of the whole channel.
    pub compression: Compression,
    /// Bytes of data in one frame: 130,020 for one frame a blob.
    pub frame_data_max: usize,
    /// Frames a channel should fill and not exceed.
    pub target_frames: u16,
    /// Blocks in one channel.
    pub max_blocks: u64,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOutcome {
    /// It is in the channel.
    Added,
    /// It is not: the channel has no room for it and should be closed.
    Full,
}

/// Packs consecutive blocks into one channel.
#[derive(Debug)]
pub struct ChannelBuilder {
    id: ChannelId,
    config: ChannelConfig,
    context: BatchContext,
    blocks: u64,
}

impl ChannelBuilder {
    /// An empty channel.
    pub fn new(id: ChannelId, config: ChannelConfig, context: BatchContext) -> Self {
        Self { id, config, context, blocks: 0 }
    }

    /// Name of the channel.
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Appends a block. After an error or `Full` the channel is what it was before the call.
    pub fn add(&mut self, _block: &BatchBlock) -> Result<AddOutcome, BuildError> {
        let _ = (self.config, self.context);
        todo!()
    }

    /// Whether no block was added.
    pub const fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// Blocks added.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// About how many bytes the channel would have if it were closed now.
    pub fn estimated_bytes(&self) -> usize {
        0
    }

    /// Compresses and cuts the channel into frames; the last one says so.
    pub fn close(self) -> Result<Vec<Frame>, BuildError> {
        todo!()
    }
}
