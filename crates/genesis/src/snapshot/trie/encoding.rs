use alloy_primitives::B256;

use super::{StateVersion, nibbles::nibble};
use crate::snapshot::scale::push_compact;

/// An encoding shorter than a hash is put into the parent as it is.
pub(super) const HASH_LEN: usize = 32;
/// Under V1, values of this length and more are replaced by their hash.
const HASHED_VALUE_LEN_MIN: usize = 33;

const LEAF: Header = Header { pattern: 0b0100_0000, len_bits: 6 };
const BRANCH: Header = Header { pattern: 0b1000_0000, len_bits: 6 };
const BRANCH_WITH_VALUE: Header = Header { pattern: 0b1100_0000, len_bits: 6 };
const HASHED_LEAF: Header = Header { pattern: 0b0010_0000, len_bits: 5 };
const HASHED_BRANCH: Header = Header { pattern: 0b0001_0000, len_bits: 4 };
/// The whole encoding of a trie without keys.
pub(super) const EMPTY: u8 = 0;

/// Kind of a node and how many bits of its first byte count nibbles.
#[derive(Clone, Copy, Debug)]
struct Header {
    pattern: u8,
    len_bits: u32,
}

impl Header {
    /// Lengths that do not fit below all ones go on in bytes of at most 255.
    fn push(self, nibbles: usize, to: &mut Vec<u8>) {
        let most = (1usize << self.len_bits) - 1;
        if nibbles < most {
            to.push(self.pattern | nibbles as u8);
            return;
        }
        to.push(self.pattern | most as u8);
        let mut rest = nibbles - most;
        while rest >= 255 {
            to.push(255);
            rest -= 255;
        }
        to.push(rest as u8);
    }
}

pub(crate) fn blake2_256(bytes: &[u8]) -> B256 {
    let hash = blake2b_simd::Params::new().hash_length(HASH_LEN).hash(bytes);
    B256::from_slice(hash.as_bytes())
}

/// What a parent holds of a child: its encoding or the hash of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChildRef {
    bytes: [u8; HASH_LEN],
    len: u8,
}

impl ChildRef {
    pub(super) fn new(encoding: &[u8]) -> Self {
        if encoding.len() >= HASH_LEN {
            return Self { bytes: blake2_256(encoding).0, len: HASH_LEN as u8 };
        }
        let mut bytes = [0; HASH_LEN];
        bytes[..encoding.len()].copy_from_slice(encoding);
        Self { bytes, len: encoding.len() as u8 }
    }
}

pub(super) type Children = [Option<ChildRef>; 16];

/// The value of a branch, kept until its children are known.
#[derive(Clone, Debug)]
pub(super) enum BranchValue {
    /// With its length before it.
    Inline(Vec<u8>),
    Hashed(B256),
}

impl BranchValue {
    pub(super) fn new(value: &[u8], version: StateVersion) -> Self {
        if is_hashed(value, version) {
            return Self::Hashed(blake2_256(value));
        }
        let mut inline = Vec::with_capacity(value.len() + 4);
        push_value(value, &mut inline);
        Self::Inline(inline)
    }
}

/// Encodes a leaf whose partial key is what follows `from` in the key.
pub(super) fn encode_leaf(
    key: &[u8],
    from: usize,
    value: &[u8],
    version: StateVersion,
    to: &mut Vec<u8>,
) {
    to.clear();
    let end = 2 * key.len();
    if is_hashed(value, version) {
        HASHED_LEAF.push(end - from, to);
        push_partial(key, from, end, to);
        to.extend_from_slice(blake2_256(value).as_slice());
    } else {
        LEAF.push(end - from, to);
        push_partial(key, from, end, to);
        push_value(value, to);
    }
}

/// Encodes a branch whose partial key are the nibbles `from..depth` of any key below it.
pub(super) fn encode_branch(
    key: &[u8],
    from: usize,
    depth: usize,
    value: Option<&BranchValue>,
    children: &Children,
    to: &mut Vec<u8>,
) {
    to.clear();
    let header = match value {
        None => BRANCH,
        Some(BranchValue::Inline(_)) => BRANCH_WITH_VALUE,
        Some(BranchValue::Hashed(_)) => HASHED_BRANCH,
    };
    header.push(depth - from, to);
    push_partial(key, from, depth, to);
    let mut bitmap = 0u16;
    for (index, child) in children.iter().enumerate() {
        bitmap |= u16::from(child.is_some()) << index;
    }
    to.extend_from_slice(&bitmap.to_le_bytes());
    match value {
        None => {}
        Some(BranchValue::Inline(value)) => to.extend_from_slice(value),
        Some(BranchValue::Hashed(hash)) => to.extend_from_slice(hash.as_slice()),
    }
    for child in children.iter().flatten() {
        // A length below 64 is one byte in compact form.
        to.push(child.len << 2);
        to.extend_from_slice(&child.bytes[..usize::from(child.len)]);
    }
}

fn is_hashed(value: &[u8], version: StateVersion) -> bool {
    version == StateVersion::V1 && value.len() >= HASHED_VALUE_LEN_MIN
}

fn push_value(value: &[u8], to: &mut Vec<u8>) {
    push_compact(value.len() as u64, to);
    to.extend_from_slice(value);
}

/// An odd number of nibbles has the first in a byte of its own.
fn push_partial(key: &[u8], mut from: usize, end: usize, to: &mut Vec<u8>) {
    if !(end - from).is_multiple_of(2) {
        to.push(nibble(key, from));
        from += 1;
    }
    if from.is_multiple_of(2) {
        to.extend_from_slice(&key[from / 2..end / 2]);
        return;
    }
    to.extend((from..end).step_by(2).map(|at| nibble(key, at) << 4 | nibble(key, at + 1)));
}
