//! The batcher: L2 blocks as frames in transactions, in every way the protocol has.

use alloy_primitives::{Address, Bytes};
use phala_batch::{
    AddOutcome, BatchBlock, BatchContext, BatchType, ChannelBuilder, ChannelConfig, ChannelId,
    Compression, Frame, encode_frames,
};
use phala_chainspec::ChainSpec;
use phala_derive::InboxTransaction;

use crate::{l1::L1, sequencer::L2Block};

#[derive(Clone, Debug)]
pub(crate) struct Batcher {
    context: BatchContext,
    pub(crate) address: Address,
    channels: u8,
    pub(crate) batch_type: BatchType,
    pub(crate) compression: Compression,
    pub(crate) frame_data_max: usize,
}

impl Batcher {
    pub(crate) fn new(spec: &ChainSpec) -> Self {
        let config = spec.rollup.as_ref().unwrap().system_config.as_ref().unwrap();
        Self {
            context: BatchContext {
                chain_id: spec.chain_id,
                genesis_time: spec.genesis.timestamp,
                block_time_secs: spec.block_time_secs,
            },
            address: config.batcher_address,
            channels: 0,
            batch_type: BatchType::Span,
            compression: Compression::Brotli { quality: 5 },
            frame_data_max: 100_000,
        }
    }

    /// The frames of a channel with these blocks.
    pub(crate) fn channel(&mut self, blocks: &[BatchBlock]) -> Vec<Frame> {
        self.channels = self.channels.wrapping_add(1);
        let config = ChannelConfig {
            batch_type: self.batch_type,
            compression: self.compression,
            frame_data_max: self.frame_data_max,
            target_frames: u16::MAX,
            max_blocks: u64::MAX,
        };
        let id = ChannelId([self.channels; 16]);
        let mut channel = ChannelBuilder::new(id, config, self.context);
        for block in blocks {
            assert_eq!(channel.add(block).unwrap(), AddOutcome::Added);
        }
        channel.close().unwrap()
    }

    /// [`Batcher::channel`] of blocks as they are.
    pub(crate) fn frames(&mut self, blocks: &[L2Block]) -> Vec<Frame> {
        let blocks: Vec<_> = blocks.iter().map(batch_block).collect();
        self.channel(&blocks)
    }

    /// One transaction with a channel of these blocks.
    pub(crate) fn post(&mut self, blocks: &[L2Block]) -> InboxTransaction {
        let frames = self.frames(blocks);
        self.calldata(&frames)
    }

    /// A transaction with these frames as calldata.
    pub(crate) fn calldata(&self, frames: &[Frame]) -> InboxTransaction {
        self.data(encode_frames(frames).into())
    }

    /// A transaction with this calldata.
    pub(crate) fn data(&self, input: Bytes) -> InboxTransaction {
        InboxTransaction { from: self.address, input, ..InboxTransaction::default() }
    }

    /// A blob transaction with one frame a blob.
    pub(crate) fn blobs(&self, l1: &mut L1, frames: &[Frame]) -> InboxTransaction {
        let blob = |frame| l1.add_blob(&encode_frames(std::slice::from_ref(frame)));
        InboxTransaction {
            from: self.address,
            input: Bytes::from_static(b"not looked at"),
            blobs: frames.iter().map(blob).collect(),
            is_blob: true,
        }
    }
}

pub(crate) fn batch_block(block: &L2Block) -> BatchBlock {
    let transactions = block.user_transactions();
    let L2Block { block, .. } = block;
    BatchBlock {
        hash: block.hash,
        parent_hash: block.parent_hash,
        number: block.number,
        timestamp: block.timestamp,
        epoch: block.l1_origin,
        sequence_number: block.sequence_number,
        transactions,
    }
}
