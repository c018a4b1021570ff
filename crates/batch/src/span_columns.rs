use alloy_primitives::Bytes;

use crate::{
    BatchContext, BuildError, MAX_SPAN_BATCH_ELEMENT_COUNT,
    bitlist::BitlistBuilder,
    span_transactions::{TransactionColumns, TransactionMark},
    uvarint,
};

/// A span batch that is being written, block by block.
#[derive(Clone, Debug)]
pub(crate) struct SpanColumns {
    context: BatchContext,
    start_timestamp: u64,
    parent_check: [u8; 20],
    origin_bits: BitlistBuilder,
    block_tx_counts: Vec<u8>,
    transactions: TransactionColumns,
    /// Epoch of the last block.
    epoch_number: u64,
}

/// State before the last block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanMark {
    blocks: usize,
    block_tx_counts: usize,
    transactions: TransactionMark,
    epoch_number: u64,
}

impl SpanColumns {
    /// Without blocks yet.
    pub(crate) fn new(context: BatchContext, start_timestamp: u64, parent_check: [u8; 20]) -> Self {
        Self {
            context,
            start_timestamp,
            parent_check,
            origin_bits: BitlistBuilder::default(),
            block_tx_counts: Vec::new(),
            transactions: TransactionColumns::default(),
            epoch_number: 0,
        }
    }

    /// Appends a block, or leaves the columns as they are. `starts_epoch` matters for the first
    /// block only: for the others it follows from their epochs.
    pub(crate) fn push(
        &mut self,
        timestamp: u64,
        epoch_number: u64,
        starts_epoch: bool,
        transactions: &[Bytes],
    ) -> Result<(), BuildError> {
        let blocks = self.blocks();
        let elapsed_secs = self.context.block_time_secs.wrapping_mul(blocks as u64);
        if timestamp != self.start_timestamp.wrapping_add(elapsed_secs) {
            return Err(BuildError::Timestamp(timestamp));
        }
        let origin_bit = match epoch_number.wrapping_sub(self.epoch_number) {
            _ if blocks == 0 => starts_epoch,
            0 => false,
            1 => true,
            _ => return Err(BuildError::Origin { from: self.epoch_number, to: epoch_number }),
        };
        let count = self.transactions.count() + transactions.len();
        if count.max(blocks + 1) as u64 > MAX_SPAN_BATCH_ELEMENT_COUNT {
            return Err(BuildError::TooManyElements(count.max(blocks + 1)));
        }
        let mark = self.transactions.mark();
        for (index, transaction) in transactions.iter().enumerate() {
            if let Err(reason) = self.transactions.push(transaction, self.context.chain_id) {
                self.transactions.rewind(&mark);
                return Err(BuildError::Transaction { index, reason });
            }
        }
        self.origin_bits.push(origin_bit);
        uvarint::write(transactions.len() as u64, &mut self.block_tx_counts);
        self.epoch_number = epoch_number;
        Ok(())
    }

    /// Blocks so far.
    pub(crate) const fn blocks(&self) -> usize {
        self.origin_bits.len()
    }

    /// Remembers where the columns end.
    pub(crate) const fn mark(&self) -> SpanMark {
        SpanMark {
            blocks: self.blocks(),
            block_tx_counts: self.block_tx_counts.len(),
            transactions: self.transactions.mark(),
            epoch_number: self.epoch_number,
        }
    }

    /// Forgets what was pushed since.
    pub(crate) fn rewind(&mut self, mark: &SpanMark) {
        self.origin_bits.truncate(mark.blocks);
        self.block_tx_counts.truncate(mark.block_tx_counts);
        self.transactions.rewind(&mark.transactions);
        self.epoch_number = mark.epoch_number;
    }

    /// Bytes of signatures, which do not compress.
    pub(crate) const fn signatures_len(&self) -> usize {
        self.transactions.signatures_len()
    }

    /// What was pushed since (`None`: ever), in the columns that compress.
    pub(crate) fn compressible_since(&self, mark: Option<&SpanMark>) -> [&[u8]; 4] {
        let mark = mark.map_or_else(Default::default, |mark| mark.transactions);
        self.transactions.compressible_since(&mark)
    }

    /// Bytes [`write`](Self::write) appends.
    pub(crate) const fn encoded_len(&self) -> usize {
        let rel_timestamp = self.start_timestamp.wrapping_sub(self.context.genesis_time);
        uvarint::len(rel_timestamp)
            + uvarint::len(self.epoch_number)
            + 40
            + uvarint::len(self.blocks() as u64)
            + self.origin_bits.encoded_len()
            + self.block_tx_counts.len()
            + self.transactions.encoded_len()
    }

    /// Appends the content of the batch, given the start of the last epoch's hash.
    pub(crate) fn write(&self, l1_origin_check: &[u8; 20], out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        uvarint::write(self.start_timestamp.wrapping_sub(self.context.genesis_time), out);
        uvarint::write(self.epoch_number, out);
        out.extend_from_slice(&self.parent_check);
        out.extend_from_slice(l1_origin_check);
        uvarint::write(self.blocks() as u64, out);
        self.origin_bits.write(out);
        out.extend_from_slice(&self.block_tx_counts);
        self.transactions.write(out);
    }
}
