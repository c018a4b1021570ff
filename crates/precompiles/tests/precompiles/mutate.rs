//! Changes of evidence. `tests/differential` uses this file too.

use rand::{Rng, rngs::StdRng};

/// One to four changes of the kinds that break parsers.
pub(crate) fn mutate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            2 => bytes[at] = rng.random(),
            3 => bytes[at] = bytes[at].wrapping_add([1, u8::MAX][rng.random_range(0..2)]),
            4 => bytes.truncate(at.max(1)),
            5 => bytes.insert(at, rng.random()),
            _ => {
                let len = rng.random_range(0..64).min(bytes.len() - at);
                let copy = bytes[at..at + len].to_vec();
                let to = rng.random_range(0..=bytes.len() - len);
                bytes[to..to + len].copy_from_slice(&copy);
            }
        }
    }
}
