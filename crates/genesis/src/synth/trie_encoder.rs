use std::io;

use parity_scale_codec::{Compact, Encode as _};

use super::account_id::blake2_256;

/// Encodings below this are part of their parent.
const HASH_LEN: usize = 32;

/// Values from this length on are nodes of their own in state version 1.
const V1_VALUE_MIN: usize = 33;

/// A node as a trie database has it.
pub(super) struct TrieNode<'a> {
    /// Nibbles from the root to the node; of a value on its own, to the end of its key.
    pub(super) path: &'a [u8],
    pub(super) hash: [u8; 32],
    pub(super) encoded: &'a [u8],
}

/// Builds the base-16 trie of a Substrate state from sorted pairs, in memory of one path: branches on
/// the way to the current key are open, everything left of it is encoded and gone.
pub(super) struct TrieEncoder {
    state_version: u8,
    /// The pair that waits for its successor, which decides where it hangs: nibbles and value.
    pending: Option<(Vec<u8>, Vec<u8>)>,
    /// Nibbles that the pending key shares with the one before it, if there was one.
    shared_before: Option<usize>,
    open: Vec<Branch>,
}

/// A branch that may get more children.
struct Branch {
    /// Nibbles of its whole path.
    depth: usize,
    value: Option<Vec<u8>>,
    /// As they stand in the encoding.
    children: [Option<Vec<u8>>; 16],
}

impl TrieEncoder {
    pub(super) const fn new(state_version: u8) -> Self {
        Self { state_version, pending: None, shared_before: None, open: Vec::new() }
    }

    /// Takes the next pair; keys must rise. Nodes that are complete go to `sink`.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        value: &[u8],
        sink: &mut impl FnMut(TrieNode<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let nibbles: Vec<u8> = key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
        if let Some((before, before_value)) = self.pending.take() {
            let shared = before.iter().zip(&nibbles).take_while(|(a, b)| a == b).count();
            debug_assert!(before < nibbles, "keys rise");
            self.place(&before, before_value, Some(shared), sink)?;
            self.shared_before = Some(shared);
        }
        self.pending = Some((nibbles, value.to_vec()));
        Ok(())
    }

    /// The root, after the last pair.
    pub(super) fn finish(
        mut self,
        sink: &mut impl FnMut(TrieNode<'_>) -> io::Result<()>,
    ) -> io::Result<[u8; 32]> {
        let root = match self.pending.take() {
            None => vec![0],
            Some((last, value)) => self.place(&last, value, None, sink)?.expect("nothing follows"),
        };
        let hash = blake2_256(&root);
        sink(TrieNode { path: &[], hash, encoded: &root })?;
        Ok(hash)
    }

    /// Hangs a pair into the trie and closes branches that the next key is not under; the encoded root
    /// if there is no next key.
    fn place(
        &mut self,
        key: &[u8],
        value: Vec<u8>,
        shared_after: Option<usize>,
        sink: &mut impl FnMut(TrieNode<'_>) -> io::Result<()>,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut node = if shared_after == Some(key.len()) {
            self.open.push(Branch {
                depth: key.len(),
                value: Some(value),
                children: Default::default(),
            });
            return Ok(None);
        } else {
            let parent = shared_after.max(self.shared_before);
            let start = parent.map_or(0, |depth| depth + 1);
            let encoded = self.encode(key, start, Some(value), None, sink)?;
            (parent, encoded)
        };
        loop {
            let (Some(parent), encoded) = node else {
                return Ok(Some(node.1));
            };
            if self.open.last().is_none_or(|branch| branch.depth < parent) {
                self.open.push(Branch { depth: parent, value: None, children: Default::default() });
            }
            let reference = child_reference(encoded, &key[..=parent], sink)?;
            let branch = self.open.last_mut().expect("just made sure");
            branch.children[usize::from(key[parent])] = Some(reference);
            if shared_after.is_some_and(|shared| shared >= parent) {
                return Ok(None);
            }
            let closed = self.open.pop().expect("still there");
            let above = self.open.last().map(|branch| branch.depth).max(shared_after);
            let start = above.map_or(0, |depth| depth + 1);
            let path = &key[..closed.depth];
            let encoded = self.encode(path, start, closed.value, Some(&closed.children), sink)?;
            node = (above, encoded);
        }
    }

    /// One node: header, partial key from `start` on, bitmap, value, children.
    fn encode(
        &self,
        path: &[u8],
        start: usize,
        value: Option<Vec<u8>>,
        children: Option<&[Option<Vec<u8>>; 16]>,
        sink: &mut impl FnMut(TrieNode<'_>) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        let partial = &path[start..];
        let is_hashed = |value: &Vec<u8>| self.state_version == 1 && value.len() >= V1_VALUE_MIN;
        let hashed = value.as_ref().is_some_and(is_hashed);
        let (prefix, bits) = match (children.is_some(), value.is_some(), hashed) {
            (false, _, false) => (0b01 << 6, 6),
            (false, _, true) => (0b001 << 5, 5),
            (true, false, _) => (0b10 << 6, 6),
            (true, true, false) => (0b11 << 6, 6),
            (true, true, true) => (0b0001 << 4, 4),
        };
        let mut encoded = Vec::new();
        put_header(&mut encoded, prefix, bits, partial.len());
        put_nibbles(&mut encoded, partial);
        if let Some(children) = children {
            let bit =
                |(index, child): (usize, &Option<Vec<u8>>)| u16::from(child.is_some()) << index;
            let bitmap: u16 = children.iter().enumerate().map(bit).sum();
            encoded.extend(bitmap.to_le_bytes());
        }
        match value {
            Some(value) if hashed => {
                let hash = blake2_256(&value);
                encoded.extend(hash);
                sink(TrieNode { path, hash, encoded: &value })?;
            }
            Some(value) => value.encode_to(&mut encoded),
            None => {}
        }
        for child in children.into_iter().flatten().flatten() {
            encoded.extend_from_slice(child);
        }
        Ok(encoded)
    }
}

/// What a branch holds of a child: the whole of it, or its hash.
fn child_reference(
    encoded: Vec<u8>,
    path: &[u8],
    sink: &mut impl FnMut(TrieNode<'_>) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    if encoded.len() < HASH_LEN {
        return Ok(encoded.encode());
    }
    let hash = blake2_256(&encoded);
    sink(TrieNode { path, hash, encoded: &encoded })?;
    let mut reference = Compact(HASH_LEN as u32).encode();
    reference.extend(hash);
    Ok(reference)
}

/// The length of the partial key, in what is left of the first byte and as many more as it takes.
fn put_header(encoded: &mut Vec<u8>, prefix: u8, bits: u32, length: usize) {
    let all_ones = (1_usize << bits) - 1;
    if length < all_ones {
        encoded.push(prefix | length as u8);
        return;
    }
    encoded.push(prefix | all_ones as u8);
    let mut rest = length - all_ones;
    while rest >= 255 {
        encoded.push(255);
        rest -= 255;
    }
    encoded.push(rest as u8);
}

/// An odd nibble comes first, in a byte of its own.
fn put_nibbles(encoded: &mut Vec<u8>, nibbles: &[u8]) {
    let (odd, pairs) = nibbles.split_at(nibbles.len() % 2);
    encoded.extend_from_slice(odd);
    encoded.extend(pairs.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
}

#[cfg(test)]
mod tests;
