//! Keys as sequences of nibbles. A path is kept as the key of any leaf under it plus a length, so
//! that nothing is allocated while descending.

use std::ops::Range;

use alloy_primitives::B256;

/// Nibbles of a key.
pub(crate) const KEY_NIBBLES: usize = 64;

/// The nibble at `index`, counted from the most significant.
#[inline]
pub(crate) fn at(key: &B256, index: usize) -> u8 {
    let byte = key[index / 2];
    if index.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
}

/// How many leading nibbles two keys share; 64 if they are equal.
#[inline]
pub(crate) fn common(a: &B256, b: &B256) -> usize {
    for (index, (x, y)) in a.0.chunks_exact(8).zip(b.0.chunks_exact(8)).enumerate() {
        let word =
            |bytes: &[u8]| bytes.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        let difference = word(x) ^ word(y);
        if difference != 0 {
            return index * 16 + difference.leading_zeros() as usize / 4;
        }
    }
    KEY_NIBBLES
}

/// The nibbles of which the bit in `mask` is set, ascending.
#[inline]
pub(crate) fn of_mask(mask: u16) -> impl Iterator<Item = u8> {
    std::iter::successors(Some(mask), |rest| Some(rest & rest.wrapping_sub(1)))
        .take_while(|rest| *rest != 0)
        // Cannot truncate: below 16.
        .map(|rest| rest.trailing_zeros() as u8)
}

/// Nibbles `range` of a key, one per byte.
pub(crate) fn unpack(key: &B256, range: Range<usize>) -> Vec<u8> {
    range.map(|index| at(key, index)).collect()
}

/// The smallest key that begins with `path`, of which nibbles past the 64th are ignored.
pub(crate) fn pack(path: &[u8]) -> B256 {
    let mut key = B256::ZERO;
    for (index, nibble) in path.iter().take(KEY_NIBBLES).enumerate() {
        key[index / 2] |= if index.is_multiple_of(2) { nibble << 4 } else { nibble & 0x0f };
    }
    key
}

/// Whether the nibbles of `key` begin with `path`.
pub(crate) fn starts_with(key: &B256, path: &[u8]) -> bool {
    path.len() <= KEY_NIBBLES
        && path.iter().enumerate().all(|(index, nibble)| at(key, index) == *nibble)
}

/// `key` with every nibble from `length` on set to zero.
pub(crate) fn truncate(key: &B256, length: usize) -> B256 {
    let mut cut = B256::ZERO;
    let bytes = length / 2;
    cut[..bytes].copy_from_slice(&key[..bytes]);
    if length % 2 == 1 {
        cut[bytes] = key[bytes] & 0xf0;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_counts_nibbles_across_words() {
        let a = B256::repeat_byte(0x55);
        assert_eq!(common(&a, &a), 64);
        for index in 0..64 {
            let mut b = a;
            b[index / 2] ^= if index % 2 == 0 { 0x10 } else { 0x01 };
            assert_eq!(common(&a, &b), index);
            assert_eq!(common(&b, &a), index);
        }
    }

    #[test]
    fn masks_list_their_nibbles() {
        for mask in 0..=u16::MAX {
            assert!(of_mask(mask).eq((0..16).filter(|nibble| mask >> nibble & 1 == 1)));
        }
    }

    #[test]
    fn pack_and_unpack_are_inverse() {
        let key = B256::from(std::array::from_fn(|i| (i * 37 + 11) as u8));
        for length in 0..=64 {
            let path = unpack(&key, 0..length);
            assert_eq!(pack(&path), truncate(&key, length));
            assert!(starts_with(&key, &path));
        }
        assert!(!starts_with(&key, &[15]));
        assert!(!starts_with(&key, &[0; 65]));
    }
}
