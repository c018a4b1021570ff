use alloy_eips::eip4844::Blob;
use alloy_primitives::Address;
use phala_batch::{Batch, BatchContext};
use phala_primitives::{BlockRef, L1BlockRef};

use crate::{
    BlobId, DeriveError, InboxTransaction,
    channel_assembler::ChannelAssembler,
    channel_reader::ChannelReader,
    cursor::Position,
    frame_queue::FrameQueue,
    l1_retrieval::{L1Retrieval, Retrieved},
    rollup::Rollup,
};

/// The stages from L1 blocks to batches. What they give follows from L1 alone.
#[derive(Debug)]
pub(crate) struct Pipeline {
    retrieval: L1Retrieval,
    frames: FrameQueue,
    assembler: ChannelAssembler,
    reader: ChannelReader,
}

/// What the stages have next.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// A batch and its place.
    Batch(Position, Batch),
    /// Nothing yet; ask again.
    Progress,
    /// An L1 block must be given again.
    NeedBlock(L1BlockRef),
    /// Blobs must be given.
    NeedBlobs(L1BlockRef, Vec<BlobId>),
    /// All L1 blocks have been read through.
    End,
}

impl Pipeline {
    pub(crate) fn new(rollup: &Rollup) -> Self {
        let context = BatchContext {
            chain_id: rollup.chain_id,
            genesis_time: rollup.genesis_time,
            block_time_secs: rollup.block_time_secs,
        };
        Self {
            retrieval: L1Retrieval::default(),
            frames: FrameQueue::default(),
            assembler: ChannelAssembler::new(rollup.channel_timeout),
            reader: ChannelReader::new(context),
        }
    }

    pub(crate) fn push(
        &mut self,
        block: L1BlockRef,
        batcher: Address,
        inbox: Vec<InboxTransaction>,
    ) {
        self.retrieval.push(block, batcher, inbox);
    }

    /// The L1 block that is being read.
    pub(crate) fn unread(&self) -> Option<BlockRef> {
        self.retrieval.unread()
    }

    pub(crate) fn supply(&mut self, block: L1BlockRef, inbox: Vec<InboxTransaction>) {
        self.retrieval.supply(block, inbox);
    }

    pub(crate) fn supply_blobs(&mut self, blobs: Vec<Box<Blob>>) -> Result<(), DeriveError> {
        self.retrieval.supply_blobs(blobs)
    }

    /// Moves one thing one stage on: a batch out of the channel, or else a frame into it, or else
    /// data into frames.
    pub(crate) fn next_batch(&mut self) -> Pulled {
        if let Some((position, batch)) = self.reader.next_batch() {
            return Pulled::Batch(position, batch);
        }
        if let Some((l1_block, frame)) = self.frames.next() {
            if let Some((position, data)) = self.assembler.push(l1_block, frame) {
                self.reader.open(position, data);
            }
            return Pulled::Progress;
        }
        match self.retrieval.next() {
            Retrieved::Data(l1_block, data) => {
                self.assembler.advance(l1_block);
                self.frames.load(l1_block, &data);
                Pulled::Progress
            }
            Retrieved::Void => Pulled::Progress,
            Retrieved::NeedBlock(block) => Pulled::NeedBlock(block),
            Retrieved::NeedBlobs(block, blobs) => Pulled::NeedBlobs(block, blobs),
            Retrieved::End => Pulled::End,
        }
    }

    /// Drops the channel that is being read, and a staged one. Frames that follow stay.
    pub(crate) fn flush(&mut self) {
        self.reader.flush();
        self.assembler.flush();
    }
}
