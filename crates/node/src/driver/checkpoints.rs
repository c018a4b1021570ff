use alloy_primitives::B256;
use phala_derive::Cursor;
use phala_primitives::{BlockRef, L2BlockRef};
use phala_rpc::SafeHeadAtL1;

/// First byte of the encoding; another layout gets another number.
const VERSION: u8 = 1;

/// Length of one checkpoint: L2 height u64, then [`Cursor`].
const CHECKPOINT_LEN: usize = 8 + Cursor::LEN;

/// Checkpoints that are kept while L1 does not finalize them. Ethereum finalizes about 64 to 96 blocks
/// after the head; with more than this waiting, every second old one is left out, and finality moves
/// in larger steps. About 25 kB.
const WAITING_MAX: usize = 256;

/// Finalized checkpoints that are kept to answer questions about them.
const FINALIZED_MAX: usize = 32;

/// A safe head, and the L1 block from which it was derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Height of the L2 block.
    pub(crate) number: u64,
    /// Its hash, the L1 block that had been read, and the place in it.
    pub(crate) cursor: Cursor,
}

impl Checkpoint {
    pub(crate) const fn l2(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.cursor.safe }
    }

    pub(crate) const fn l1(&self) -> BlockRef {
        self.cursor.origin
    }
}

/// For each L1 block that brought safe blocks, the newest of them.
///
/// This is the derivation cursor in the database: the newest checkpoint is the safe head, the others
/// are what finality and a return after an L1 reorg need. It is written with the safe head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoints {
    /// By L1 height and, with that, L2 height; no L1 height twice.
    list: Vec<Checkpoint>,
    /// How many at the front are finalized.
    finalized: usize,
}

impl Checkpoints {
    /// Notes a new safe head.
    pub(crate) fn note(&mut self, safe: &L2BlockRef, cursor: Cursor) {
        debug_assert_eq!(safe.hash, cursor.safe, "a cursor belongs to its safe head");
        let is_superseded = |last: &Checkpoint| {
            last.cursor.origin.number >= cursor.origin.number || last.number >= safe.number
        };
        while self.list.last().is_some_and(is_superseded) {
            self.list.pop();
        }
        self.list.push(Checkpoint { number: safe.number, cursor });
        self.finalized = self.finalized.min(self.list.len());
        self.limit();
    }

    /// The checkpoints with a new safe head.
    pub(crate) fn with(&self, safe: &L2BlockRef, cursor: Cursor) -> Self {
        let mut checkpoints = self.clone();
        checkpoints.note(safe, cursor);
        checkpoints
    }

    /// Takes back what lies above an L2 height.
    pub(crate) fn rewind(&mut self, number: u64) {
        self.list.retain(|checkpoint| checkpoint.number <= number);
        self.finalized = self.finalized.min(self.list.len());
    }

    /// Newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Checkpoint> {
        self.list.iter().rev()
    }

    /// The newest one.
    pub(crate) fn last(&self) -> Option<&Checkpoint> {
        self.list.last()
    }

    /// The newest one that is final once the L1 block at `l1_number` is.
    pub(crate) fn final_at(&self, l1_number: u64) -> Option<&Checkpoint> {
        self.newest_first().find(|checkpoint| checkpoint.l1().number <= l1_number)
    }

    /// Everything derived up to `l1_number` is final.
    pub(crate) fn finalize(&mut self, l1_number: u64) {
        self.finalized =
            self.list.partition_point(|checkpoint| checkpoint.l1().number <= l1_number);
        self.limit();
    }

    /// The safe head once the L1 block at this height had been read; `None` before the oldest one.
    pub(crate) fn safe_at_l1(&self, l1_number: u64) -> Option<SafeHeadAtL1> {
        let checkpoint = self.final_at(l1_number)?;
        Some(SafeHeadAtL1 { l1_block: checkpoint.l1(), safe_head: checkpoint.l2() })
    }

    /// The oldest L1 height that is remembered.
    pub(crate) fn oldest_l1(&self) -> Option<u64> {
        self.list.first().map(|checkpoint| checkpoint.l1().number)
    }

    fn limit(&mut self) {
        let surplus = self.finalized.saturating_sub(FINALIZED_MAX);
        self.list.drain(..surplus);
        self.finalized -= surplus;
        let waiting = self.list.len() - self.finalized;
        if waiting > WAITING_MAX {
            let (first, half) = (self.finalized, waiting / 2);
            let mut index = 0;
            self.list.retain(|_| {
                let place = index;
                index += 1;
                let is_old = place >= first && place < first + half;
                !is_old || (place - first).is_multiple_of(2)
            });
        }
    }

    /// Layout: version u8, count u16, then each checkpoint from the oldest: L2 height u64 and the
    /// derivation cursor. Numbers are big-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 + self.list.len() * CHECKPOINT_LEN);
        bytes.push(VERSION);
        let count = u16::try_from(self.list.len()).expect("the list has a few hundred entries");
        bytes.extend_from_slice(&count.to_be_bytes());
        for checkpoint in &self.list {
            bytes.extend_from_slice(&checkpoint.number.to_be_bytes());
            bytes.extend_from_slice(&checkpoint.cursor.to_bytes());
        }
        bytes
    }

    /// Reads the encoding; `None` for anything else. What is finalized is not part of it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_be_bytes(*count));
        if *version != VERSION || rest.len() != count * CHECKPOINT_LEN {
            return None;
        }
        let checkpoint = |bytes: &[u8]| {
            let (number, cursor) = bytes.split_first_chunk()?;
            let number = u64::from_be_bytes(*number);
            Some(Checkpoint { number, cursor: Cursor::from_bytes(cursor)? })
        };
        let list: Vec<_> =
            rest.chunks_exact(CHECKPOINT_LEN).map(checkpoint).collect::<Option<_>>()?;
        let is_ordered = list.windows(2).all(|pair| {
            pair[0].number < pair[1].number && pair[0].l1().number < pair[1].l1().number
        });
        is_ordered.then_some(Self { list, finalized: 0 })
    }

    /// Whether the newest one is this safe head, as it is unless a write was lost.
    pub(crate) fn belongs_to(&self, safe: B256) -> bool {
        self.last().is_some_and(|checkpoint| checkpoint.cursor.safe == safe)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    fn hash(number: u64) -> B256 {
        U256::from(number).into()
    }

    /// A cursor as derivation encodes it, with nothing but what is compared here.
    fn cursor(l2: u64, l1: u64) -> Cursor {
        let mut bytes = [0; Cursor::LEN];
        bytes[0] = 1;
        bytes[1..33].copy_from_slice(hash(l2).as_slice());
        bytes[33..41].copy_from_slice(&l1.to_be_bytes());
        bytes[41..73].copy_from_slice(hash(l1).as_slice());
        Cursor::from_bytes(&bytes).expect("a cursor")
    }

    fn noted(pairs: impl IntoIterator<Item = (u64, u64)>) -> Checkpoints {
        let mut checkpoints = Checkpoints::default();
        for (l2, l1) in pairs {
            let safe = L2BlockRef { number: l2, hash: hash(l2), ..Default::default() };
            checkpoints.note(&safe, cursor(l2, l1));
        }
        checkpoints
    }

    fn pairs(checkpoints: &Checkpoints) -> Vec<(u64, u64)> {
        checkpoints.list.iter().map(|c| (c.number, c.l1().number)).collect()
    }

    #[test]
    fn keeps_the_newest_block_of_each_l1_block() {
        let checkpoints = noted([(1, 10), (2, 10), (3, 12), (4, 12)]);
        assert_eq!(pairs(&checkpoints), [(2, 10), (4, 12)]);
        assert!(checkpoints.belongs_to(hash(4)) && !checkpoints.belongs_to(hash(2)));
    }

    #[test]
    fn finds_what_is_final_and_what_was_safe() {
        let checkpoints = noted([(2, 10), (4, 12), (9, 20)]);
        let number = |l1| checkpoints.final_at(l1).map(|checkpoint| checkpoint.number);
        assert_eq!(
            [9, 10, 11, 12, 19, 20, 99].map(number),
            [None, Some(2), Some(2), Some(4), Some(4), Some(9), Some(9)]
        );
        assert_eq!(checkpoints.safe_at_l1(15).expect("known").safe_head.number, 4);
        assert_eq!(checkpoints.safe_at_l1(9), None);
    }

    #[test]
    fn a_rewind_takes_back_what_lies_above() {
        let mut checkpoints = noted([(2, 10), (4, 12), (9, 20)]);
        checkpoints.rewind(8);
        assert_eq!(pairs(&checkpoints), [(2, 10), (4, 12)]);
        // Derived again from another L1 block.
        let safe = L2BlockRef { number: 5, hash: hash(5), ..Default::default() };
        checkpoints.note(&safe, cursor(5, 11));
        assert_eq!(pairs(&checkpoints), [(2, 10), (5, 11)]);
    }

    #[test]
    fn what_is_final_is_forgotten_and_what_is_not_gets_sparse() {
        let mut checkpoints = noted((1..=100).map(|n| (n, n + 1_000)));
        checkpoints.finalize(1_090);
        assert_eq!(pairs(&checkpoints).len(), FINALIZED_MAX + 10);
        assert_eq!(checkpoints.oldest_l1(), Some(1_059));
        let checkpoints = noted((1..=10_000).map(|n| (n, n + 1_000)));
        assert!(checkpoints.list.len() <= WAITING_MAX, "{}", checkpoints.list.len());
        assert_eq!(checkpoints.last().expect("one").number, 10_000);
        assert_eq!(checkpoints.list[0].number, 1, "the first stays, so that finality can move");
        assert!(checkpoints.to_bytes().len() < 32_768);
    }

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let checkpoints = noted([(2, 10), (4, 12), (9, 20)]);
        let bytes = checkpoints.to_bytes();
        assert_eq!(Checkpoints::from_bytes(&bytes), Some(checkpoints));
        assert_eq!(Checkpoints::from_bytes(&[VERSION, 0, 0]), Some(Checkpoints::default()));
        for len in 0..bytes.len() {
            assert_eq!(Checkpoints::from_bytes(&bytes[..len]), None, "{len}");
        }
        for (place, value) in [(0, 2), (2, 2), (3, 0xff), (11, 9)] {
            let mut wrong = bytes.clone();
            wrong[place] = value;
            assert_eq!(Checkpoints::from_bytes(&wrong), None, "{place}");
        }
    }
}
