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

#[cfg(test)]
mod tests {
    use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
    use alloy_eips::eip2718::Decodable2718;
    use alloy_primitives::{B256, Bytes, hex};

    use super::*;
    use crate::vectors::{self, field};

    /// A transaction the batcher of OP Mainnet sent, and what was found in it by other means.
    fn recorded() -> Option<(InboxTransaction, serde_json::Value)> {
        let expected = vectors::json("derive/op-mainnet-batcher-calldata-tx.expected.json")?;
        let bytes = vectors::bytes("derive/op-mainnet-batcher-calldata-tx.bin");
        let tx = TxEnvelope::decode_2718(&mut bytes.as_slice()).unwrap();
        assert_eq!(*tx.tx_hash(), field::<B256>(&expected, "tx_hash"));
        assert_eq!(tx.to(), Some(field(&expected, "to")));
        let from = tx.recover_signer().unwrap();
        let inbox = InboxTransaction { from, input: tx.input().clone(), ..Default::default() };
        Some((inbox, expected))
    }

    fn op_mainnet() -> Rollup {
        let genesis_time = 1_686_068_903;
        Rollup { chain_id: 10, genesis_time, ..vectors::rollup(2, 3600) }
    }

    fn pull(pipeline: &mut Pipeline) -> Vec<(Position, Batch)> {
        let mut batches = Vec::new();
        loop {
            match pipeline.next_batch() {
                Pulled::Batch(position, batch) => batches.push((position, batch)),
                Pulled::Progress => {}
                Pulled::End => return batches,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_recorded_transaction_of_the_batcher_is_read() {
        let Some((tx, expected)) = recorded() else { return };
        let batcher: Address = field(&expected, "sender");
        assert_eq!(tx.from, batcher);
        let mut pipeline = Pipeline::new(&op_mainnet());
        let block = L1BlockRef { number: 19_426_590, ..L1BlockRef::default() };
        pipeline.push(block, batcher, vec![tx]);
        let batches = pull(&mut pipeline);
        let [(position, Batch::Span(span))] = batches.as_slice() else { panic!("one span") };
        assert_eq!(*position, Position { l1_block: 19_426_590, channel: 0, batch: 0 });
        let recorded = &expected["batches"][0];
        assert_eq!(span.l1_origin_num, field::<u64>(&recorded["prefix"], "l1_origin_num"));
        assert_eq!(hex::encode(span.parent_check), recorded["prefix"]["parent_check"]);
        let blocks = recorded["blocks"].as_array().unwrap();
        assert_eq!(span.blocks.len(), blocks.len());
        for (block, recorded) in span.blocks.iter().zip(blocks) {
            assert_eq!(block.timestamp, field::<u64>(recorded, "timestamp"));
            assert_eq!(block.epoch_number, field::<u64>(recorded, "epoch_num"));
            let hashes: Vec<B256> =
                block.transactions.iter().map(alloy_primitives::keccak256).collect();
            assert_eq!(hashes, field::<Vec<B256>>(recorded, "tx_hashes"));
        }
    }

    #[test]
    fn the_same_transaction_from_another_sender_is_not() {
        let Some((tx, expected)) = recorded() else { return };
        let batcher: Address = field(&expected, "sender");
        let mut pipeline = Pipeline::new(&op_mainnet());
        let forged = InboxTransaction { from: Address::repeat_byte(1), ..tx.clone() };
        // As calldata of a blob transaction it means nothing either.
        let blob = InboxTransaction { is_blob: true, ..tx.clone() };
        let cut = InboxTransaction { input: tx.input.slice(..tx.input.len() - 1), ..tx };
        let empty = InboxTransaction { input: Bytes::new(), ..cut.clone() };
        pipeline.push(L1BlockRef::default(), batcher, vec![forged, blob, cut, empty]);
        assert!(pull(&mut pipeline).is_empty());
    }
}
