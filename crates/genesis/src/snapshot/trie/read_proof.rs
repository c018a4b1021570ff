use std::collections::HashMap;

use alloy_primitives::B256;

use super::{Child, NibblePath, Node, Value, blake2_256};
use crate::snapshot::SnapshotError;

/// Reads the value of a key from the nodes of a proof, of whatever state version: each node is found by
/// the hash its parent has of it, the first by the root.
pub(crate) fn read_from_proof(
    root: B256,
    nodes: &[Vec<u8>],
    key: &[u8],
) -> Result<Vec<u8>, SnapshotError> {
    let by_hash: HashMap<B256, &[u8]> =
        nodes.iter().map(|node| (blake2_256(node), node.as_slice())).collect();
    let find = |hash: B256| {
        let reason = || SnapshotError::RelayProof { reason: format!("node {hash} is missing") };
        by_hash.get(&hash).copied().ok_or_else(reason)
    };
    let bad = |reason: &str| SnapshotError::RelayProof { reason: reason.to_owned() };
    let path = NibblePath::from_key(key);
    let mut path = path.as_slice();
    let mut node = find(root)?;
    loop {
        let Node::Full { partial, value, children } = Node::decode(node).map_err(bad)? else {
            return Err(bad("the trie is empty"));
        };
        let (_, below) = path
            .split_at_checked(partial.len())
            .filter(|(own, _)| partial.nibbles().eq(own.iter().copied()))
            .ok_or_else(|| bad("the key is not in the trie"))?;
        let Some((nibble, rest)) = below.split_first() else {
            return match value {
                Some(Value::Inline(value)) => Ok(value.to_vec()),
                Some(Value::Hashed(hash)) => find(hash).map(<[u8]>::to_vec),
                None => Err(bad("the key has no value")),
            };
        };
        let child = children.into_iter().find(|(index, _)| index == nibble);
        node = match child.ok_or_else(|| bad("the key is not in the trie"))?.1 {
            Child::Inline(bytes) => bytes,
            Child::Hashed(hash) => find(hash)?,
        };
        path = rest;
    }
}
