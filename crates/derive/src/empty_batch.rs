use phala_primitives::{L1BlockRef, L2BlockRef};

use crate::{l1_blocks::L1Blocks, rollup::Rollup};

/// What to do where L1 has no batch for the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmptyBatch {
    /// A batch may still come.
    Wait,
    /// The next block is one without batch, in the epoch of this height.
    Derive(u64),
    /// The current epoch has all its blocks; go on with the next.
    NextEpoch,
}

/// Decides once everything up to `origin` has been read. When the sequencing window of an epoch is
/// over, it is filled up with blocks that have no transactions of a batch.
pub(crate) fn next_empty_batch(
    rollup: &Rollup,
    l1_blocks: &L1Blocks,
    safe: &L2BlockRef,
    origin: &L1BlockRef,
) -> EmptyBatch {
    let (Some(epoch), Some(next)) = (l1_blocks.first(), l1_blocks.second()) else {
        return EmptyBatch::Wait;
    };
    if epoch.number.saturating_add(rollup.seq_window_size) > origin.number {
        return EmptyBatch::Wait;
    }
    // Every epoch has at least one block, however late it is.
    let is_first_of_epoch = safe.l1_origin.number.checked_add(1) == Some(epoch.number);
    let next_timestamp = safe.timestamp.saturating_add(rollup.block_time_secs);
    if next_timestamp < next.timestamp || is_first_of_epoch {
        EmptyBatch::Derive(epoch.number)
    } else {
        EmptyBatch::NextEpoch
    }
}

#[cfg(test)]
mod tests {
    use phala_primitives::BlockRef;

    use super::*;
    use crate::{L1Header, vectors};

    #[test]
    fn the_window_of_the_epoch_decides() {
        let rollup = vectors::rollup(2, 10);
        let mut l1_blocks = L1Blocks::default();
        let header = |number| L1Header { number, timestamp: number * 12, ..L1Header::default() };
        let mut safe = L2BlockRef {
            timestamp: 1208,
            l1_origin: BlockRef { number: 100, ..BlockRef::default() },
            ..L2BlockRef::default()
        };
        l1_blocks.push(header(100), None);
        let at = |number| header(number).block_ref();
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(110)), EmptyBatch::Wait);
        l1_blocks.push(header(101), None);
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(109)), EmptyBatch::Wait);
        // 1210 is still before the next epoch, 1212 is not.
        let derive = EmptyBatch::Derive(100);
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(110)), derive);
        safe.timestamp = 1210;
        let next = EmptyBatch::NextEpoch;
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(110)), next);
        l1_blocks.pop_first();
        l1_blocks.push(header(102), None);
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(110)), EmptyBatch::Wait);
        let derive = EmptyBatch::Derive(101);
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(111)), derive);
        // The first block of an epoch comes even after the next epoch has begun.
        safe.timestamp = 5000;
        assert_eq!(next_empty_batch(&rollup, &l1_blocks, &safe, &at(111)), derive);
    }
}
