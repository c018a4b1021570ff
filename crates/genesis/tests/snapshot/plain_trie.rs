//! A second trie, written straight from its definition: recursive, all in memory, nibbles as bytes.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use parity_scale_codec::{Compact, Encode as _};
use phala_genesis_lib::snapshot::StateVersion;

pub(crate) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug)]
pub(crate) struct PlainTrie {
    pub(crate) version: StateVersion,
    pub(crate) root: B256,
    /// Every node that is known by its hash, and every value that is.
    pub(crate) nodes: Vec<PlainNode>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlainNode {
    pub(crate) path: Vec<u8>,
    pub(crate) encoding: Vec<u8>,
}

impl PlainNode {
    pub(crate) fn hash(&self) -> B256 {
        blake2_256(&self.encoding)
    }
}

pub(crate) fn blake2_256(bytes: &[u8]) -> B256 {
    B256::from_slice(blake2b_simd::Params::new().hash_length(32).hash(bytes).as_bytes())
}

impl PlainTrie {
    pub(crate) fn new(pairs: &Pairs, version: StateVersion) -> Self {
        let entries: Vec<_> =
            pairs.iter().map(|(key, value)| (nibbles(key), value.clone())).collect();
        let mut trie = Self { version, root: blake2_256(&[0]), nodes: Vec::new() };
        let encoding = if entries.is_empty() { vec![0] } else { trie.node(&entries, 0) };
        trie.root = blake2_256(&encoding);
        trie.nodes.push(PlainNode { path: Vec::new(), encoding });
        trie
    }

    fn node(&mut self, entries: &[(Vec<u8>, Vec<u8>)], from: usize) -> Vec<u8> {
        let (first, last) = (&entries[0].0, &entries[entries.len() - 1].0);
        if entries.len() == 1 {
            let (value, is_hashed) = self.value(first, &entries[0].1);
            let (prefix, bits) = if is_hashed { (0b0010_0000, 5) } else { (0b0100_0000, 6) };
            return [partial(prefix, bits, &first[from..]), value].concat();
        }
        let depth = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        let own = (first.len() == depth).then(|| self.value(first, &entries[0].1));
        let mut bitmap = 0u16;
        let mut children = Vec::new();
        for nibble in 0..16u8 {
            let below: Vec<_> = entries
                .iter()
                .filter(|(key, _)| key.get(depth) == Some(&nibble))
                .cloned()
                .collect();
            if below.is_empty() {
                continue;
            }
            bitmap |= 1 << nibble;
            let encoding = self.node(&below, depth + 1);
            if encoding.len() < 32 {
                children.extend(encoding.encode());
            } else {
                children.extend(blake2_256(&encoding).to_vec().encode());
                self.nodes.push(PlainNode { path: packed(&below[0].0[..=depth]), encoding });
            }
        }
        let (prefix, bits) = match &own {
            None => (0b1000_0000, 6),
            Some((_, false)) => (0b1100_0000, 6),
            Some((_, true)) => (0b0001_0000, 4),
        };
        let value = own.map(|(value, _)| value).unwrap_or_default();
        [partial(prefix, bits, &first[from..depth]), bitmap.to_le_bytes().to_vec(), value, children]
            .concat()
    }

    fn value(&mut self, path: &[u8], value: &[u8]) -> (Vec<u8>, bool) {
        if self.version == StateVersion::V0 || value.len() < 33 {
            return ([Compact(value.len() as u32).encode(), value.to_vec()].concat(), false);
        }
        self.nodes.push(PlainNode { path: packed(path), encoding: value.to_vec() });
        (blake2_256(value).to_vec(), true)
    }
}

/// Header as sp-trie's `size_and_prefix_iterator` has it, then the nibbles.
fn partial(prefix: u8, bits: u32, nibbles: &[u8]) -> Vec<u8> {
    let most = (1 << bits) - 1;
    let first = nibbles.len().min(most - 1);
    let mut out = Vec::new();
    if first == nibbles.len() {
        out.push(prefix + first as u8);
    } else {
        out.push(prefix + most as u8);
        let mut rest = nibbles.len() - first;
        while rest >= 256 {
            out.push(255);
            rest -= 255;
        }
        out.push((rest - 1) as u8);
    }
    let (odd, even) = nibbles.split_at(nibbles.len() % 2);
    out.extend(odd);
    out.extend(even.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    out
}

fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

fn packed(nibbles: &[u8]) -> Vec<u8> {
    nibbles.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect()
}
