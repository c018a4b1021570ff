use std::ops::Range;

use alloy_primitives::B256;

/// Most leading bits the table covers; above, several keys share an entry.
const TABLE_BITS_MAX: u32 = 20;

/// Sorted 32-byte keys with small values.
///
/// Keys are keccak hashes, so their leading bits spread them evenly: a table from these bits to
/// places leaves about one key to compare. Keys ground to collide share an entry, and a binary
/// search within it bounds the cost.
#[derive(Debug, Default)]
pub(crate) struct Run {
    keys: Vec<B256>,
    /// End of each value in `values`.
    ends: Vec<u32>,
    values: Vec<u8>,
    table: Vec<u32>,
    shift: u32,
}

impl Run {
    /// Appends a key greater than all before it.
    pub(crate) fn push(&mut self, key: B256, value: &[u8]) {
        debug_assert!(self.keys.last().is_none_or(|last| *last < key), "keys come in order");
        self.keys.push(key);
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len() as u32);
    }

    /// Makes the table; reads before that find nothing.
    pub(crate) fn seal(&mut self) {
        (self.table, self.shift) = table(&self.keys);
    }

    pub(crate) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.keys.len() * 36 + self.values.len() + self.table.len() * 4
    }

    pub(crate) fn get(&self, key: &B256) -> Option<&[u8]> {
        let place = self.find(key)?;
        Some(self.value(place))
    }

    /// Place of a key.
    pub(crate) fn find(&self, key: &B256) -> Option<usize> {
        if self.table.is_empty() {
            return None;
        }
        let entry = (head(key) >> self.shift) as usize;
        let range = self.table[entry] as usize..self.table[entry + 1] as usize;
        find_in(&self.keys, range, key)
    }

    /// Place of the first key not below `key`.
    pub(crate) fn lower_bound(&self, key: &B256) -> usize {
        self.keys.partition_point(|candidate| candidate < key)
    }

    pub(crate) fn key(&self, place: usize) -> &B256 {
        &self.keys[place]
    }

    pub(crate) fn value(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        &self.values[start..self.ends[place] as usize]
    }

    pub(crate) fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = Self {
            keys: Vec::with_capacity(older.len() + newer.len()),
            ends: Vec::with_capacity(older.len() + newer.len()),
            values: Vec::with_capacity(older.values.len() + newer.values.len()),
            ..Self::default()
        };
        let (mut old, mut new) = (0, 0);
        while old < older.len() || new < newer.len() {
            let take_new = match (older.keys.get(old), newer.keys.get(new)) {
                (Some(a), Some(b)) => {
                    if a == b {
                        old += 1;
                    }
                    b <= a
                }
                (None, Some(_)) => true,
                _ => false,
            };
            if take_new {
                merged.push(newer.keys[new], newer.value(new));
                new += 1;
            } else {
                merged.push(older.keys[old], older.value(old));
                old += 1;
            }
        }
        merged.seal();
        merged
    }
}

/// The leading 64 bits of a key.
pub(super) fn head(key: &B256) -> u64 {
    let (head, _) = key.split_first_chunk::<8>().expect("a key has 32 bytes");
    u64::from_be_bytes(*head)
}

/// Starts of the keys by leading bits, and how far a head is shifted to give these bits.
pub(super) fn table(keys: &[B256]) -> (Vec<u32>, u32) {
    if keys.is_empty() {
        return (Vec::new(), 0);
    }
    let bits = keys.len().next_power_of_two().trailing_zeros().clamp(1, TABLE_BITS_MAX);
    let shift = 64 - bits;
    let mut table = Vec::with_capacity((1 << bits) + 1);
    for (place, key) in keys.iter().enumerate() {
        let entry = (head(key) >> shift) as usize;
        while table.len() <= entry {
            table.push(place as u32);
        }
    }
    table.resize((1 << bits) + 1, keys.len() as u32);
    (table, shift)
}

pub(super) fn find_in(keys: &[B256], range: Range<usize>, key: &B256) -> Option<usize> {
    match range.len() {
        0 => None,
        1 => (keys[range.start] == *key).then_some(range.start),
        _ => keys[range.clone()].binary_search(key).ok().map(|place| range.start + place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_share_their_leading_bits_are_found() {
        let mut run = Run::default();
        let mut keys = Vec::new();
        for byte in 0..200u8 {
            let mut key = B256::repeat_byte(0xaa);
            key[31] = byte;
            keys.push(key);
            run.push(key, &[byte]);
        }
        run.seal();
        for (byte, key) in keys.iter().enumerate() {
            assert_eq!(run.get(key), Some(&[byte as u8][..]));
        }
        assert_eq!(run.get(&B256::repeat_byte(0xaa)), Some(&[0xaa][..]));
        assert_eq!(run.get(&B256::ZERO), None);
        assert_eq!(run.get(&B256::repeat_byte(0xff)), None);
        assert_eq!(run.lower_bound(&B256::ZERO), 0);
        assert_eq!(run.lower_bound(&B256::repeat_byte(0xff)), 200);
    }

    #[test]
    fn an_empty_run_has_nothing() {
        let mut run = Run::default();
        run.seal();
        assert_eq!(run.get(&B256::ZERO), None);
        assert_eq!(Run::merge(&run, &Run::default()).len(), 0);
    }
}
