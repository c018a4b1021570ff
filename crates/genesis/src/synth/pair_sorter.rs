use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _},
};

use rayon::slice::ParallelSliceMut as _;

use crate::Pair;

/// Bytes of pairs held before they are sorted and spilled. 10 M keys make about 50 runs.
const RUN_BYTES: usize = 64 << 20;

/// Read-ahead of each run while merging.
const MERGE_BUFFER_BYTES: usize = 128 << 10;

/// Sorts pairs on disk; memory stays at [`RUN_BYTES`] whatever there is to sort.
#[derive(Default)]
pub(super) struct PairSorter {
    /// Keys and values one after another.
    arena: Vec<u8>,
    /// Offset of a key, its length, and that of the value after it.
    index: Vec<(usize, usize, usize)>,
    runs: Vec<File>,
    count: usize,
}

impl PairSorter {
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if self.arena.len() + key.len() + value.len() > RUN_BYTES {
            self.spill()?;
        }
        self.index.push((self.arena.len(), key.len(), value.len()));
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }

    /// How many pairs there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn finish(mut self) -> io::Result<SortedPairs> {
        self.spill()?;
        Ok(SortedPairs { runs: self.runs })
    }

    fn spill(&mut self) -> io::Result<()> {
        let arena = &self.arena;
        // Keys are unique, so an unstable sort has one result only.
        self.index.par_sort_unstable_by_key(|(at, key_len, _)| &arena[*at..*at + *key_len]);
        let mut file = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
        for (at, key_len, value_len) in &self.index {
            let length = |length: usize| u32::try_from(length).map_err(io::Error::other);
            file.write_all(&length(*key_len)?.to_le_bytes())?;
            file.write_all(&length(*value_len)?.to_le_bytes())?;
            file.write_all(&arena[*at..*at + *key_len + *value_len])?;
        }
        self.runs.push(file.into_inner()?);
        self.index.clear();
        self.arena.clear();
        Ok(())
    }
}

/// Pairs in the order of their keys, as often as they are asked for.
pub(super) struct SortedPairs {
    runs: Vec<File>,
}

impl SortedPairs {
    /// From the first pair. Iterators share the position in the files: one at a time.
    pub(super) fn iter(&mut self) -> io::Result<MergedPairs<'_>> {
        let mut merged = MergedPairs { runs: Vec::new(), heads: BinaryHeap::new() };
        for file in &mut self.runs {
            file.rewind()?;
            merged.runs.push(BufReader::with_capacity(MERGE_BUFFER_BYTES, file));
        }
        for run in 0..merged.runs.len() {
            merged.advance(run)?;
        }
        Ok(merged)
    }
}

/// All runs, merged.
pub(super) struct MergedPairs<'a> {
    runs: Vec<BufReader<&'a mut File>>,
    heads: BinaryHeap<Reverse<(Pair, usize)>>,
}

impl MergedPairs<'_> {
    fn advance(&mut self, run: usize) -> io::Result<()> {
        let reader = &mut self.runs[run];
        let mut lengths = [0; 8];
        match reader.read_exact(&mut lengths) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let (key_len, value_len) = lengths.split_at(4);
        let mut read = |length: &[u8]| {
            let length = u32::from_le_bytes(length.try_into().expect("4 of 8 bytes"));
            let mut bytes = vec![0; length as usize];
            reader.read_exact(&mut bytes).map(|()| bytes)
        };
        let pair = Pair { key: read(key_len)?, value: read(value_len)? };
        self.heads.push(Reverse((pair, run)));
        Ok(())
    }
}

impl Iterator for MergedPairs<'_> {
    type Item = io::Result<Pair>;

    fn next(&mut self) -> Option<io::Result<Pair>> {
        let Reverse((pair, run)) = self.heads.pop()?;
        Some(self.advance(run).map(|()| pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_come_out_in_order_and_again() {
        let mut sorter = PairSorter::default();
        for number in 0..1_000_u32 {
            let key = number.wrapping_mul(2_654_435_761).to_be_bytes();
            sorter.push(&key, &number.to_le_bytes()).expect("push");
            if number % 70 == 0 {
                sorter.spill().expect("spill");
            }
        }
        let mut sorted = sorter.finish().expect("finish");
        let all = |sorted: &mut SortedPairs| -> Vec<Pair> {
            sorted.iter().expect("rewind").map(|pair| pair.expect("read")).collect()
        };
        let first = all(&mut sorted);
        assert_eq!(first.len(), 1_000);
        assert!(first.windows(2).all(|two| two[0].key < two[1].key));
        assert_eq!(first, all(&mut sorted));
        for pair in first {
            let number = u32::from_le_bytes(pair.value.try_into().expect("4 bytes"));
            assert_eq!(pair.key, number.wrapping_mul(2_654_435_761).to_be_bytes());
        }
    }
}
