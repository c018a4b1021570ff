use alloy_primitives::{B256, keccak256};
use alloy_rlp::{BufMut, Encodable, Header};
use phala_primitives::EMPTY_STORAGE_ROOT;

use super::{WitnessError, state::Preimages};

/// A Merkle-Patricia trie with keys of 32 bytes, of which only visited nodes are in memory.
#[derive(Debug)]
pub(super) struct PartialTrie {
    root: Node,
}

#[derive(Clone, Debug, Default)]
enum Node {
    #[default]
    Empty,
    /// A node that was not visited.
    Hash(B256),
    Leaf {
        path: Vec<u8>,
        value: Vec<u8>,
    },
    Extension {
        path: Vec<u8>,
        child: Box<Self>,
    },
    Branch(Box<[Self; 16]>),
}

impl PartialTrie {
    pub(super) fn new(root: B256) -> Self {
        Self { root: if root == EMPTY_STORAGE_ROOT { Node::Empty } else { Node::Hash(root) } }
    }

    pub(super) fn get(
        &self,
        key: B256,
        preimages: &Preimages<'_>,
    ) -> Result<Option<Vec<u8>>, WitnessError> {
        let key = nibbles(key);
        let mut node = self.root.clone();
        let mut rest = key.as_slice();
        loop {
            node = match node.loaded(preimages, &key[..key.len() - rest.len()])? {
                Node::Leaf { path, value } => return Ok((path == rest).then_some(value)),
                Node::Extension { path, child } => {
                    let Some(tail) = rest.strip_prefix(path.as_slice()) else {
                        return Ok(None);
                    };
                    rest = tail;
                    *child
                }
                Node::Branch(mut children) => {
                    let Some((nibble, tail)) = rest.split_first() else {
                        return Err(WitnessError::MalformedNode(key));
                    };
                    rest = tail;
                    std::mem::take(&mut children[*nibble as usize])
                }
                Node::Empty | Node::Hash(_) => return Ok(None),
            };
        }
    }

    pub(super) fn insert(
        &mut self,
        key: B256,
        value: Vec<u8>,
        preimages: &Preimages<'_>,
    ) -> Result<(), WitnessError> {
        let key = nibbles(key);
        let root = std::mem::take(&mut self.root);
        self.root = root.inserted(&key, 0, value, preimages)?;
        Ok(())
    }

    pub(super) fn remove(
        &mut self,
        key: B256,
        preimages: &Preimages<'_>,
    ) -> Result<(), WitnessError> {
        let key = nibbles(key);
        let root = std::mem::take(&mut self.root);
        self.root = root.removed(&key, 0, preimages)?;
        Ok(())
    }

    pub(super) fn root(&self) -> B256 {
        match &self.root {
            Node::Empty => EMPTY_STORAGE_ROOT,
            Node::Hash(hash) => *hash,
            node => keccak256(node.encoded()),
        }
    }
}

impl Node {
    /// The node itself, decoded if it was only known by its hash; never a hash.
    fn loaded(self, preimages: &Preimages<'_>, path: &[u8]) -> Result<Self, WitnessError> {
        let Self::Hash(hash) = self else {
            return Ok(self);
        };
        let bytes = preimages.get(&hash).ok_or(WitnessError::MissingPreimage(hash))?;
        decode(bytes, path.len())
            .ok_or(WitnessError::Malformed { hash, expected: "a trie node of its place" })
    }

    /// `depth` nibbles of the key lead to this node.
    fn inserted(
        self,
        key: &[u8],
        depth: usize,
        value: Vec<u8>,
        preimages: &Preimages<'_>,
    ) -> Result<Self, WitnessError> {
        let rest = &key[depth..];
        Ok(match self.loaded(preimages, &key[..depth])? {
            Self::Empty | Self::Hash(_) => Self::Leaf { path: rest.to_vec(), value },
            Self::Leaf { path, .. } if path == rest => Self::Leaf { path, value },
            Self::Leaf { path, value: other } => {
                let (shared, tail) = split(&path, rest).ok_or_else(|| malformed(key, depth))?;
                let leaf = Self::Leaf { path: tail[1..].to_vec(), value: other };
                Self::forked(key, depth, shared, tail[0], leaf, value)
            }
            Self::Extension { path, child } if rest.starts_with(&path) => {
                let child = child.inserted(key, depth + path.len(), value, preimages)?;
                Self::Extension { path, child: Box::new(child) }
            }
            Self::Extension { path, child } => {
                let (shared, tail) = split(&path, rest).ok_or_else(|| malformed(key, depth))?;
                let below = child.with_prefix(&tail[1..]);
                Self::forked(key, depth, shared, tail[0], below, value)
            }
            Self::Branch(mut children) => {
                let nibble = *rest.first().ok_or_else(|| malformed(key, depth))?;
                let child = std::mem::take(&mut children[nibble as usize]);
                children[nibble as usize] = child.inserted(key, depth + 1, value, preimages)?;
                Self::Branch(children)
            }
        })
    }

    /// A branch after `shared` nibbles, with a node that was there and a new leaf.
    fn forked(
        key: &[u8],
        depth: usize,
        shared: usize,
        nibble: u8,
        existing: Self,
        value: Vec<u8>,
    ) -> Self {
        let rest = &key[depth + shared..];
        let mut children: Box<[Self; 16]> = Box::default();
        children[nibble as usize] = existing;
        children[rest[0] as usize] = Self::Leaf { path: rest[1..].to_vec(), value };
        Self::Branch(children).with_prefix(&key[depth..depth + shared])
    }

    fn removed(
        self,
        key: &[u8],
        depth: usize,
        preimages: &Preimages<'_>,
    ) -> Result<Self, WitnessError> {
        let rest = &key[depth..];
        Ok(match self.loaded(preimages, &key[..depth])? {
            Self::Leaf { path, .. } if path == rest => Self::Empty,
            Self::Extension { path, child } if rest.starts_with(&path) => {
                child.removed(key, depth + path.len(), preimages)?.with_prefix(&path)
            }
            Self::Branch(mut children) => {
                let nibble = *rest.first().ok_or_else(|| malformed(key, depth))?;
                let child = std::mem::take(&mut children[nibble as usize]);
                children[nibble as usize] = child.removed(key, depth + 1, preimages)?;
                let mut path = key[..depth].to_vec();
                collapsed(children, &mut path, preimages)?
            }
            other => other,
        })
    }

    /// This node below some more nibbles.
    fn with_prefix(self, prefix: &[u8]) -> Self {
        if prefix.is_empty() {
            return self;
        }
        match self {
            Self::Empty => Self::Empty,
            Self::Leaf { path, value } => Self::Leaf { path: [prefix, &path].concat(), value },
            Self::Extension { path, child } => {
                Self::Extension { path: [prefix, &path].concat(), child }
            }
            node => Self::Extension { path: prefix.to_vec(), child: Box::new(node) },
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        match self {
            Self::Empty | Self::Hash(_) => self.encode_ref(&mut payload),
            Self::Leaf { path, value } => {
                hex_prefix(path, true).as_slice().encode(&mut payload);
                value.as_slice().encode(&mut payload);
                payload = list(&payload);
            }
            Self::Extension { path, child } => {
                hex_prefix(path, false).as_slice().encode(&mut payload);
                child.encode_ref(&mut payload);
                payload = list(&payload);
            }
            Self::Branch(children) => {
                for child in children.iter() {
                    child.encode_ref(&mut payload);
                }
                payload.put_u8(alloy_rlp::EMPTY_STRING_CODE);
                payload = list(&payload);
            }
        }
        payload
    }

    /// How the parent refers to this node: by hash, or by its encoding if that is shorter.
    fn encode_ref(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.put_u8(alloy_rlp::EMPTY_STRING_CODE),
            Self::Hash(hash) => hash.encode(out),
            node => {
                let encoded = node.encoded();
                if encoded.len() < B256::len_bytes() {
                    out.put_slice(&encoded);
                } else {
                    keccak256(&encoded).encode(out);
                }
            }
        }
    }
}

/// A branch after one of its children may have gone.
fn collapsed(
    mut children: Box<[Node; 16]>,
    path: &mut Vec<u8>,
    preimages: &Preimages<'_>,
) -> Result<Node, WitnessError> {
    let mut left = (0u8..16).filter(|i| !matches!(children[usize::from(*i)], Node::Empty));
    let (Some(nibble), None) = (left.next(), left.next()) else {
        return Ok(Node::Branch(children));
    };
    // The child takes over the branch's nibble, so it has to be known.
    path.push(nibble);
    let child = std::mem::take(&mut children[usize::from(nibble)]);
    Ok(child.loaded(preimages, path)?.with_prefix(&[nibble]))
}

/// Length of what two different paths share, and the rest of the first one, which is not empty.
fn split<'a>(path: &'a [u8], other: &[u8]) -> Option<(usize, &'a [u8])> {
    let shared = path.iter().zip(other).take_while(|(a, b)| a == b).count();
    (shared < path.len() && shared < other.len()).then(|| (shared, &path[shared..]))
}

fn malformed(key: &[u8], depth: usize) -> WitnessError {
    WitnessError::MalformedNode(key[..depth].to_vec())
}

fn nibbles(key: B256) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).collect()
}

fn hex_prefix(path: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 0x20 } else { 0 };
    let (first, rest) = match path.split_first() {
        Some((nibble, rest)) if path.len() % 2 == 1 => (flag | 0x10 | nibble, rest),
        _ => (flag, path),
    };
    std::iter::once(first).chain(rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

fn list(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 4);
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(payload);
    out
}

/// Nibbles of a key.
const KEY_LEN: usize = 64;

/// Decodes a node at some depth; `None` if it is not one that can be there.
fn decode(bytes: &[u8], depth: usize) -> Option<Node> {
    let mut rest = bytes;
    let mut items = Header::decode_bytes(&mut rest, true).ok().filter(|_| rest.is_empty())?;
    let mut fields = Vec::with_capacity(17);
    while !items.is_empty() {
        if fields.len() == 17 {
            return None;
        }
        let start = items;
        let header = Header::decode(&mut items).ok()?;
        let payload = items.get(..header.payload_length)?;
        items = &items[header.payload_length..];
        fields.push((header.list, payload, &start[..start.len() - items.len()]));
    }
    match fields.as_slice() {
        [(false, path, _), value] => decode_short(path, *value, depth),
        fields if fields.len() == 17 && depth < KEY_LEN => {
            let (false, [], _) = fields[16] else {
                return None;
            };
            let mut children: Box<[Node; 16]> = Box::default();
            for (child, field) in children.iter_mut().zip(fields) {
                *child = decode_ref(*field, depth + 1)?;
            }
            Some(Node::Branch(children))
        }
        _ => None,
    }
}

type Field<'a> = (bool, &'a [u8], &'a [u8]);

fn decode_short(path: &[u8], value: Field<'_>, depth: usize) -> Option<Node> {
    let first = *path.first()?;
    let mut nibbles = Vec::with_capacity(path.len() * 2);
    match first >> 4 {
        0 | 2 if first & 0xf == 0 => {}
        1 | 3 => nibbles.push(first & 0xf),
        _ => return None,
    }
    nibbles.extend(path[1..].iter().flat_map(|byte| [byte >> 4, byte & 0xf]));
    let end = depth + nibbles.len();
    if first & 0x20 != 0 {
        let (false, value, _) = value else {
            return None;
        };
        return (end == KEY_LEN).then(|| Node::Leaf { path: nibbles, value: value.to_vec() });
    }
    if nibbles.is_empty() || end >= KEY_LEN {
        return None;
    }
    match decode_ref(value, end)? {
        child @ (Node::Hash(_) | Node::Branch(_)) => {
            Some(Node::Extension { path: nibbles, child: Box::new(child) })
        }
        _ => None,
    }
}

/// A reference is a hash, nothing, or a node shorter than a hash; so nesting ends quickly.
fn decode_ref((is_list, payload, raw): Field<'_>, depth: usize) -> Option<Node> {
    match (is_list, payload.len()) {
        (false, 0) => Some(Node::Empty),
        (false, 32) => Some(Node::Hash(B256::from_slice(payload))),
        (true, _) if raw.len() < B256::len_bytes() => decode(raw, depth),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alloy_primitives::{B256, keccak256};
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

    use super::*;

    /// Encodings of all nodes that have a hash.
    fn nodes(node: &Node, out: &mut Vec<Vec<u8>>) {
        match node {
            Node::Empty | Node::Hash(_) => return,
            Node::Leaf { .. } => {}
            Node::Extension { child, .. } => nodes(child, out),
            Node::Branch(children) => children.iter().for_each(|child| nodes(child, out)),
        }
        out.push(node.encoded());
    }

    fn built(content: &BTreeMap<B256, Vec<u8>>) -> PartialTrie {
        let mut trie = PartialTrie::new(EMPTY_STORAGE_ROOT);
        for (key, value) in content {
            trie.insert(*key, value.clone(), &Preimages::default()).expect("nothing to load");
        }
        trie
    }

    #[test]
    fn root_of_one_leaf_is_as_specified() {
        let key = keccak256([1]);
        let trie = built(&BTreeMap::from([(key, vec![5])]));
        let leaf = list(&[[0xa1, 0x20].as_slice(), key.as_slice(), &[5]].concat());
        assert_eq!(trie.root(), keccak256(leaf));
    }

    #[test]
    fn a_reloaded_trie_changes_like_one_built_from_scratch() {
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..200 {
            let size = rng.random_range(1..60);
            // Few distinct leading bytes, so that extensions and embedded nodes appear.
            let mut random_key = || {
                let mut key = B256::repeat_byte(0x11);
                key[30] = rng.random_range(0..2);
                key[31] = rng.random();
                key
            };
            let mut content: BTreeMap<_, _> =
                (0..size).map(|i| (random_key(), vec![i as u8 + 1])).collect();
            let full = built(&content);
            let mut encoded = Vec::new();
            nodes(&full.root, &mut encoded);
            let preimages: Preimages<'_> =
                encoded.iter().map(|bytes| (keccak256(bytes), bytes.as_slice())).collect();
            let mut partial = PartialTrie::new(full.root());
            let keys: Vec<_> = content.keys().copied().collect();
            for _ in 0..20 {
                if rng.random() {
                    let key = *keys.choose(&mut rng).expect("not empty");
                    partial.remove(key, &preimages).expect("all nodes are known");
                    content.remove(&key);
                } else {
                    let mut key = *keys.choose(&mut rng).expect("not empty");
                    key[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8);
                    partial.insert(key, vec![0x99; 40], &preimages).expect("all nodes are known");
                    content.insert(key, vec![0x99; 40]);
                }
                assert_eq!(partial.root(), built(&content).root());
                for key in &keys {
                    let got = partial.get(*key, &preimages).expect("all nodes are known");
                    assert_eq!(got.as_ref(), content.get(key));
                }
            }
        }
    }

    #[test]
    fn a_missing_node_is_an_error_and_not_an_absent_key() {
        let root = keccak256([1, 2, 3]);
        let mut trie = PartialTrie::new(root);
        let preimages = Preimages::default();
        assert!(matches!(
            trie.get(B256::ZERO, &preimages),
            Err(WitnessError::MissingPreimage(hash)) if hash == root
        ));
        assert!(trie.insert(B256::ZERO, vec![1], &preimages).is_err());
        let mut trie = PartialTrie::new(root);
        assert!(trie.remove(B256::ZERO, &preimages).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_decoded_but_never_panic() {
        let mut rng = StdRng::seed_from_u64(11);
        let content = (0u8..40).map(|i| (keccak256([i]), vec![i; 33])).collect();
        let mut encoded = Vec::new();
        nodes(&built(&content).root, &mut encoded);
        for _ in 0..20_000 {
            let mut bytes = encoded.choose(&mut rng).expect("not empty").clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            bytes.truncate(rng.random_range(0..=bytes.len()));
            let root = keccak256(&bytes);
            let preimages: Preimages<'_> = [(root, bytes.as_slice())].into_iter().collect();
            let mut trie = PartialTrie::new(root);
            let _ = trie.get(keccak256([1]), &preimages);
            let _ = trie.insert(keccak256([1]), vec![1], &preimages);
        }
    }
}
