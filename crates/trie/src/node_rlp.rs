//! RLP of trie nodes, written by hand because hashing them is what a state root costs.

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, NodeRef};

use crate::nibbles;

/// Flag in the first nibble of a compact path: the node is a leaf.
const LEAF: u8 = 0x20;
/// Flag in the first nibble of a compact path: its length is odd.
const ODD: u8 = 0x10;

/// First byte of an RLP string of 32 bytes.
const HASH_HEAD: u8 = 0xa0;

/// Largest branch: a list header of 3 bytes, sixteen hashes, and no value.
const BRANCH_MAX: usize = 3 + 16 * 33 + 1;

/// Room for the header before the payload of a branch is known.
const HEADER_MAX: usize = 3;

/// Writes a branch child by child.
pub(crate) struct BranchEncoder {
    rlp: [u8; BRANCH_MAX],
    len: usize,
    children: u8,
}

impl BranchEncoder {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { rlp: [0; BRANCH_MAX], len: HEADER_MAX, children: 0 }
    }

    /// Adds the child at `nibble`, which must be above all added before.
    #[inline]
    pub(crate) fn push(&mut self, nibble: u8, child: &NodeRef) {
        self.skip_to(nibble);
        self.rlp[self.len..self.len + child.len()].copy_from_slice(child);
        self.len += child.len();
        self.children += 1;
    }

    /// The finished node.
    #[inline]
    pub(crate) fn finish(&mut self) -> &[u8] {
        // The seventeenth item is the value, which no key of fixed length ever has.
        self.skip_to(17);
        let payload = self.len - HEADER_MAX;
        let start = match payload {
            0..=55 => {
                self.rlp[2] = 0xc0 + payload as u8;
                2
            }
            56..=255 => {
                self.rlp[1] = 0xf8;
                self.rlp[2] = payload as u8;
                1
            }
            _ => {
                self.rlp[0] = 0xf9;
                self.rlp[1] = (payload >> 8) as u8;
                self.rlp[2] = payload as u8;
                0
            }
        };
        &self.rlp[start..self.len]
    }

    fn skip_to(&mut self, nibble: u8) {
        while self.children < nibble {
            self.rlp[self.len] = 0x80;
            self.len += 1;
            self.children += 1;
        }
    }
}

/// Writes the extension over nibbles `from..to` of `key` with `child` below it.
pub(crate) fn extension(key: &B256, from: usize, to: usize, child: &NodeRef, out: &mut Vec<u8>) {
    debug_assert!(from < to);
    let mut compact = [0; 33];
    let odd = (to - from) % 2;
    compact[0] = if odd == 1 { ODD | nibbles::at(key, from) } else { 0 };
    let mut len = 1;
    for index in (from + odd..to).step_by(2) {
        compact[len] = nibbles::at(key, index) << 4 | nibbles::at(key, index + 1);
        len += 1;
    }
    let compact = &compact[..len];
    out.clear();
    list_header(string_len(compact) + child.len(), out);
    string(compact, out);
    out.extend_from_slice(child);
}

/// Writes the leaf of `key` whose path begins at nibble `from`.
pub(crate) fn leaf(key: &B256, from: usize, value: &[u8], out: &mut Vec<u8>) {
    let mut compact = [0; 33];
    compact[0] = if from % 2 == 1 { LEAF | ODD | nibbles::at(key, from) } else { LEAF };
    let rest = &key[from.div_ceil(2)..];
    compact[1..=rest.len()].copy_from_slice(rest);
    let compact = &compact[..=rest.len()];
    out.clear();
    list_header(string_len(compact) + string_len(value), out);
    string(compact, out);
    string(value, out);
}

/// Writes an account as the value of its leaf.
pub(crate) fn account(account: &Account, out: &mut Vec<u8>) {
    let nonce = account.nonce.to_be_bytes();
    let nonce = trim(&nonce);
    let balance = account.balance.to_be_bytes::<32>();
    let balance = trim(&balance);
    out.clear();
    list_header(string_len(nonce) + string_len(balance) + 66, out);
    string(nonce, out);
    string(balance, out);
    for hash in [&account.storage_root, &account.code_hash] {
        out.push(HASH_HEAD);
        out.extend_from_slice(hash.as_slice());
    }
}

/// Writes the value of a slot as the value of its leaf.
pub(crate) fn slot(value: &U256, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes::<32>();
    out.clear();
    string(trim(&bytes), out);
}

fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn string_len(bytes: &[u8]) -> usize {
    match bytes {
        [0..0x80] => 1,
        _ => header_len(bytes.len()) + bytes.len(),
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    if !matches!(bytes, [0..0x80]) {
        header(0x80, bytes.len(), out);
    }
    out.extend_from_slice(bytes);
}

fn list_header(payload: usize, out: &mut Vec<u8>) {
    header(0xc0, payload, out);
}

fn header_len(payload: usize) -> usize {
    if payload <= 55 { 1 } else { 1 + length_bytes(payload) }
}

fn header(offset: u8, payload: usize, out: &mut Vec<u8>) {
    if payload <= 55 {
        out.push(offset + payload as u8);
    } else {
        let count = length_bytes(payload);
        out.push(offset + 55 + count as u8);
        out.extend_from_slice(&payload.to_be_bytes()[size_of::<usize>() - count..]);
    }
}

/// Bytes of a length without leading zeros.
fn length_bytes(length: usize) -> usize {
    size_of::<usize>() - length.leading_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, keccak256};
    use alloy_rlp::{Encodable, encode};
    use alloy_trie::{
        Nibbles, TrieAccount, TrieMask,
        nodes::{BranchNode, ExtensionNode, LeafNode, RlpNode},
    };

    use super::*;

    fn key() -> B256 {
        keccak256(b"node_rlp")
    }

    #[test]
    fn leaves_equal_those_of_alloy_at_every_depth() {
        let mut out = Vec::new();
        for from in 0..=64 {
            for len in [0, 1, 2, 20, 55, 56, 60, 110, 255, 256, 300] {
                for first in [0x00, 0x7f, 0x80] {
                    let value = vec![first; len];
                    leaf(&key(), from, &value, &mut out);
                    let path = Nibbles::from_nibbles(nibbles::unpack(&key(), from..64));
                    assert_eq!(out, encode(LeafNode::new(path, value)));
                }
            }
        }
    }

    #[test]
    fn extensions_equal_those_of_alloy() {
        let mut out = Vec::new();
        for child in [NodeRef::of(&[0xc1, 0x05]), NodeRef::of(&[1; 40])] {
            for from in 0..63 {
                for to in from + 1..64 {
                    extension(&key(), from, to, &child, &mut out);
                    let path = Nibbles::from_nibbles(nibbles::unpack(&key(), from..to));
                    let child = RlpNode::from_raw(&child).expect("a reference");
                    assert_eq!(out, encode(ExtensionNode::new(path, child)));
                }
            }
        }
    }

    #[test]
    fn branches_equal_those_of_alloy() {
        for mask in [0x0003u16, 0x8001, 0xffff, 0x1248, 0x7ffe, 0x00f0] {
            for embedded in [0u16, 0xffff, 0x5555] {
                let mut ours = BranchEncoder::new();
                let mut stack = Vec::new();
                for nibble in (0..16).filter(|nibble| mask >> nibble & 1 == 1) {
                    let child = match embedded >> nibble & 1 {
                        1 => NodeRef::of(&[0xc2, 0x05, nibble]),
                        _ => NodeRef::of(&[nibble; 40]),
                    };
                    ours.push(nibble, &child);
                    stack.push(RlpNode::from_raw(&child).expect("a reference"));
                }
                let theirs = BranchNode::new(stack, TrieMask::new(mask));
                assert_eq!(ours.finish(), encode(theirs));
            }
        }
    }

    #[test]
    fn values_equal_those_of_alloy() {
        let mut out = Vec::new();
        for shift in 0..=256usize {
            let value = U256::MAX.checked_shr(shift).unwrap_or_default();
            slot(&value, &mut out);
            assert_eq!(out, encode(value));
            let nonce = value.wrapping_to::<u64>();
            let ours = Account { nonce, balance: value, ..Account::default() };
            account(&ours, &mut out);
            let mut theirs = Vec::new();
            TrieAccount::new(nonce, value, ours.storage_root, ours.code_hash).encode(&mut theirs);
            assert_eq!(Bytes::from(out.clone()), Bytes::from(theirs));
        }
    }
}
