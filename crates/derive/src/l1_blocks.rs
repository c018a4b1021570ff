use std::collections::VecDeque;

use phala_primitives::L1BlockRef;

use crate::{L1Header, L1Log};

/// Bytes of logs that are kept for epochs to come. Blocks beyond come without, and are asked for
/// again when their epoch starts: a sequencing window of blocks full of deposits would not fit.
const LOG_BYTES_MAX: usize = 64 << 20;

/// The L1 blocks that can be origin of the next L2 blocks: from the safe head's epoch, or the one
/// after it, up to the newest that was read. Their number is bounded by the sequencing window, after
/// which the oldest epoch ends by itself.
#[derive(Debug, Default)]
pub(crate) struct L1Blocks {
    blocks: VecDeque<Epoch>,
    log_bytes: usize,
}

#[derive(Debug)]
struct Epoch {
    header: L1Header,
    /// `None` where they were not kept.
    logs: Option<Vec<L1Log>>,
}

impl L1Blocks {
    /// Adds the block after the last one; `logs` is left out where its epoch has begun already.
    pub(crate) fn push(&mut self, header: L1Header, logs: Option<Vec<L1Log>>) {
        let fits = |logs: &Vec<L1Log>| self.log_bytes + size_bytes(logs) <= LOG_BYTES_MAX;
        let logs = logs.filter(fits);
        self.log_bytes += logs.as_deref().map_or(0, size_bytes);
        self.blocks.push_back(Epoch { header, logs });
    }

    /// Gives the logs of a block again.
    pub(crate) fn supply(&mut self, block: L1BlockRef, logs: Vec<L1Log>) {
        let Some(epoch) = self.index(block.number).and_then(|index| self.blocks.get_mut(index))
        else {
            return;
        };
        if epoch.header.hash == block.hash && epoch.logs.is_none() {
            self.log_bytes += size_bytes(&logs);
            epoch.logs = Some(logs);
        }
    }

    /// Forgets the blocks before that of this height.
    pub(crate) fn prune_below(&mut self, number: u64) {
        while self.first().is_some_and(|first| first.number < number) {
            self.pop_first();
        }
    }

    /// Forgets the first block.
    pub(crate) fn pop_first(&mut self) {
        if let Some(Epoch { logs: Some(logs), .. }) = self.blocks.pop_front() {
            self.log_bytes -= size_bytes(&logs);
        }
    }

    /// The current epoch.
    pub(crate) fn first(&self) -> Option<&L1Header> {
        self.blocks.front().map(|epoch| &epoch.header)
    }

    /// The epoch after the current one.
    pub(crate) fn second(&self) -> Option<&L1Header> {
        self.blocks.get(1).map(|epoch| &epoch.header)
    }

    /// The block of this height.
    pub(crate) fn get(&self, number: u64) -> Option<&L1Header> {
        let epoch = self.blocks.get(self.index(number)?)?;
        (epoch.header.number == number).then_some(&epoch.header)
    }

    /// The logs of the block of this height, if they were kept.
    pub(crate) fn logs(&self, number: u64) -> Option<&[L1Log]> {
        self.blocks.get(self.index(number)?)?.logs.as_deref()
    }

    fn index(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.first()?.number)?.try_into().ok()
    }
}

fn size_bytes(logs: &[L1Log]) -> usize {
    logs.iter().map(L1Log::size_bytes).sum()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, Bytes};

    use super::*;

    fn header(number: u64) -> L1Header {
        L1Header { number, hash: B256::with_last_byte(number as u8), ..L1Header::default() }
    }

    fn log(len: usize) -> L1Log {
        L1Log { data: Bytes::from(vec![0; len]), ..L1Log::default() }
    }

    #[test]
    fn blocks_are_found_by_height() {
        let mut blocks = L1Blocks::default();
        assert_eq!(blocks.get(5), None);
        for number in 5..8 {
            blocks.push(header(number), Some(Vec::new()));
        }
        blocks.prune_below(6);
        assert_eq!(blocks.first(), Some(&header(6)));
        assert_eq!(blocks.second(), Some(&header(7)));
        assert_eq!(blocks.get(5), None);
        assert_eq!(blocks.get(7), Some(&header(7)));
        assert_eq!(blocks.get(8), None);
        assert_eq!(blocks.get(u64::MAX), None);
        blocks.prune_below(9);
        assert_eq!(blocks.first(), None);
    }

    #[test]
    fn logs_beyond_the_bound_are_asked_for_again() {
        let mut blocks = L1Blocks::default();
        blocks.push(header(1), Some(vec![log(LOG_BYTES_MAX - 1000)]));
        blocks.push(header(2), Some(vec![log(1000)]));
        blocks.push(header(3), Some(Vec::new()));
        assert!(blocks.logs(1).is_some());
        assert_eq!(blocks.logs(2), None);
        assert!(blocks.logs(3).is_some());
        blocks.prune_below(2);
        assert_eq!(blocks.log_bytes, 0);
        // Another block of that height is not taken.
        let other = L1BlockRef { hash: B256::ZERO, ..header(2).block_ref() };
        blocks.supply(other, vec![log(1)]);
        assert_eq!(blocks.logs(2), None);
        blocks.supply(header(2).block_ref(), vec![log(1)]);
        assert_eq!(blocks.logs(2), Some([log(1)].as_slice()));
        blocks.prune_below(3);
        assert_eq!(blocks.log_bytes, 0);
    }
}
