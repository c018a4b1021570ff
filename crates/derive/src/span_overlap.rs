use alloy_primitives::B256;
use phala_batch::SpanBlock;
use phala_primitives::L2BlockRef;

use crate::{DeriveError, SafeBlock};

/// The comparison of a span batch with the safe blocks it covers again, one block at a time.
///
/// The block before the span comes first, then the overlapped ones up to the safe head.
#[derive(Debug, Default)]
pub(crate) struct SpanOverlap {
    parent: Option<L2BlockRef>,
    /// Overlapped blocks that were found equal.
    compared: usize,
    /// Hash of the block that was compared last.
    last_hash: B256,
    differs: bool,
}

impl SpanOverlap {
    /// The block before the span, once it is known.
    pub(crate) const fn parent(&self) -> Option<&L2BlockRef> {
        self.parent.as_ref()
    }

    /// Whether a block was found to differ.
    pub(crate) const fn differs(&self) -> bool {
        self.differs
    }

    /// Height of the block to compare next, until that many are compared.
    pub(crate) fn next(&self, overlapped: usize) -> Option<u64> {
        let parent = self.parent.as_ref().filter(|_| self.compared < overlapped)?;
        parent.number.checked_add(1)?.checked_add(self.compared as u64)
    }

    /// Takes the next block of the safe chain, which must link to the one before and to the safe head.
    pub(crate) fn push(
        &mut self,
        block: SafeBlock,
        span: &[SpanBlock],
        safe: &L2BlockRef,
    ) -> Result<(), DeriveError> {
        let number = block.block.number;
        let unlinked = |actual, expected| Err(DeriveError::L2Block { number, actual, expected });
        if number == safe.number && block.block.hash != safe.hash {
            return unlinked(block.block.hash, safe.hash);
        }
        if self.parent.is_none() {
            self.last_hash = block.block.hash;
            self.parent = Some(block.block);
            return Ok(());
        }
        if block.block.parent_hash != self.last_hash {
            return unlinked(block.block.parent_hash, self.last_hash);
        }
        self.last_hash = block.block.hash;
        let claimed = span.get(self.compared);
        self.compared += 1;
        self.differs |= !claimed.is_some_and(|claimed| {
            claimed.epoch_number == block.block.l1_origin.number
                && claimed.timestamp == block.block.timestamp
                && claimed.transactions == block.transactions
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use phala_primitives::BlockRef;

    use super::*;

    fn block(number: u64) -> SafeBlock {
        SafeBlock {
            block: L2BlockRef {
                hash: B256::with_last_byte(number as u8),
                number,
                parent_hash: B256::with_last_byte(number as u8 - 1),
                timestamp: 2 * number,
                l1_origin: BlockRef { number: number / 3, hash: B256::ZERO },
                sequence_number: 0,
            },
            transactions: vec![Bytes::from(vec![2, number as u8])],
        }
    }

    fn span() -> Vec<SpanBlock> {
        (5..9)
            .map(|number| {
                let SafeBlock { block, transactions } = block(number);
                let (timestamp, epoch_number) = (block.timestamp, block.l1_origin.number);
                SpanBlock { timestamp, epoch_number, transactions }
            })
            .collect()
    }

    fn compare(span: &[SpanBlock]) -> bool {
        let safe = block(6).block;
        let mut overlap = SpanOverlap::default();
        overlap.push(block(4), span, &safe).unwrap();
        assert_eq!(overlap.parent(), Some(&block(4).block));
        while let Some(number) = overlap.next(2) {
            overlap.push(block(number), span, &safe).unwrap();
        }
        assert_eq!(overlap.compared, 2);
        !overlap.differs()
    }

    #[test]
    fn same_blocks_are_equal_and_others_are_not() {
        assert!(compare(&span()));
        for change in [
            |block: &mut SpanBlock| block.epoch_number += 1,
            |block: &mut SpanBlock| block.timestamp += 1,
            |block: &mut SpanBlock| block.transactions.clear(),
            |block: &mut SpanBlock| block.transactions.push(Bytes::from_static(&[2])),
        ] {
            for index in 0..2 {
                let mut span = span();
                change(&mut span[index]);
                assert!(!compare(&span));
            }
            // What comes after the safe head is not its business.
            let mut span = span();
            change(&mut span[2]);
            assert!(compare(&span));
        }
    }

    #[test]
    fn blocks_must_link_up_to_the_safe_head() {
        let safe = block(6).block;
        let mut overlap = SpanOverlap::default();
        overlap.push(block(4), &span(), &safe).unwrap();
        let mut other = block(5);
        other.block.parent_hash = B256::repeat_byte(9);
        let error = overlap.push(other, &span(), &safe).unwrap_err();
        assert!(matches!(error, DeriveError::L2Block { number: 5, .. }), "{error}");
        overlap.push(block(5), &span(), &safe).unwrap();
        let mut other = block(6);
        other.block.hash = B256::repeat_byte(9);
        let error = overlap.push(other, &span(), &safe).unwrap_err();
        assert!(matches!(error, DeriveError::L2Block { number: 6, .. }), "{error}");
    }
}
