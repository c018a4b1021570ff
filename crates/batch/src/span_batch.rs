use alloy_primitives::Bytes;

use crate::{
    BatchContext, BatchError, BuildError, MAX_SPAN_BATCH_ELEMENT_COUNT, bitlist::Bitlist,
    span_columns::SpanColumns, span_transactions::TransactionReader, uvarint,
};

/// A run of L2 blocks, with the times and epochs its bits stand for worked out.
///
/// Numbers wrap around where the content makes them, as they do in the reference implementation:
/// the validity rules know what to do with absurd times and epochs.
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
    pub fn decode(mut content: &[u8], context: &BatchContext) -> Result<Self, BatchError> {
        let buf = &mut content;
        let rel_timestamp = uvarint::read(buf, "timestamp")?;
        let l1_origin_num = uvarint::read(buf, "l1 origin")?;
        let parent_check = check(buf, "parent check")?;
        let l1_origin_check = check(buf, "l1 origin check")?;
        let block_count = uvarint::read(buf, "block count")?;
        if block_count == 0 {
            return Err(BatchError::NoBlocks);
        }
        let block_count = element_count(block_count)?;
        let origin_bits = Bitlist::read(buf, block_count, "origin bits")?;
        let mut tx_counts = *buf;
        let mut tx_total = 0;
        for _ in 0..block_count {
            let count = element_count(uvarint::read(buf, "transaction count")?)?;
            // Both are below 10^7: no overflow.
            tx_total = element_count(tx_total as u64 + count as u64)?;
        }
        let mut transactions = TransactionReader::new(buf, tx_total, context.chain_id)?;

        let start_timestamp = context.genesis_time.wrapping_add(rel_timestamp);
        let starts_epoch = origin_bits.get(0);
        let origins_after_first = origin_bits.count_ones() as u64 - u64::from(starts_epoch);
        let mut epoch_number = l1_origin_num.wrapping_sub(origins_after_first);
        // Every block had a byte at least for its count: room for all is no promise to nobody.
        let mut blocks = Vec::with_capacity(block_count);
        for index in 0..block_count {
            let elapsed_secs = context.block_time_secs.wrapping_mul(index as u64);
            if index > 0 && origin_bits.get(index) {
                epoch_number = epoch_number.wrapping_add(1);
            }
            let count = uvarint::read(&mut tx_counts, "transaction count")?;
            // Counted before against what there is.
            let mut block_transactions = Vec::with_capacity(element_count(count)?);
            for _ in 0..count {
                block_transactions.push(transactions.next_transaction()?);
            }
            blocks.push(SpanBlock {
                timestamp: start_timestamp.wrapping_add(elapsed_secs),
                epoch_number,
                transactions: block_transactions,
            });
        }
        Ok(Self {
            start_timestamp,
            l1_origin_num,
            parent_check,
            l1_origin_check,
            starts_epoch,
            blocks,
        })
    }

    /// Writes the content of a batch of version 1.
    pub fn encode(&self, context: &BatchContext) -> Result<Vec<u8>, BuildError> {
        let last = self.blocks.last().ok_or(BuildError::Empty)?;
        if last.epoch_number != self.l1_origin_num {
            return Err(BuildError::Origin { from: last.epoch_number, to: self.l1_origin_num });
        }
        let mut columns = SpanColumns::new(*context, self.start_timestamp, self.parent_check);
        for block in &self.blocks {
            columns.push(
                block.timestamp,
                block.epoch_number,
                self.starts_epoch,
                &block.transactions,
            )?;
        }
        let mut out = Vec::new();
        columns.write(&self.l1_origin_check, &mut out);
        Ok(out)
    }
}

fn check(buf: &mut &[u8], what: &'static str) -> Result<[u8; 20], BatchError> {
    let (check, rest) = buf.split_first_chunk().ok_or(BatchError::Truncated(what))?;
    *buf = rest;
    Ok(*check)
}

fn element_count(count: u64) -> Result<usize, BatchError> {
    if count > MAX_SPAN_BATCH_ELEMENT_COUNT {
        return Err(BatchError::TooManyElements(count));
    }
    Ok(usize::try_from(count).expect("the bound fits 32 bits"))
}
