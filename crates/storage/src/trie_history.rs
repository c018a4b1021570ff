//! Child references of large trie nodes before a block: what a proof at an old height walks.
//!
//! Recorded are the children of branches with more than [`RECORDED_LEAVES`] leaves and no prefix;
//! everything below is rebuilt from the flat state when it is asked for. Keys are hashes, so a
//! branch that large has a prefix only where somebody has ground keys; it is rebuilt as well, or
//! refused when that is too much work.

use alloy_primitives::B256;
use phala_primitives::{NodeRef, StoredNode};

use crate::record::child_ref;
use crate::state_value::HASH_REF_HEAD;

/// Leaves above which the children of a node are recorded.
pub(crate) const RECORDED_LEAVES: u64 = 1_024;

/// The child did not exist before the block.
pub(crate) const EMPTY: &[u8] = &[0];

/// The branch was not recorded before the block.
pub(crate) const NOT_RECORDED: &[u8] = &[1];

/// Whether the children of this node are recorded.
pub(crate) fn is_recorded(node: Option<&StoredNode>) -> bool {
    node.is_some_and(|node| node.leaf_count > RECORDED_LEAVES && node.prefix.is_empty())
}

/// The entries for a node that a block changed from `before` to `after`: child nibble and value.
pub(crate) fn entries(
    before: Option<&StoredNode>,
    after: Option<&StoredNode>,
) -> Vec<(u8, Vec<u8>)> {
    let (was, is) = (is_recorded(before), is_recorded(after));
    let mut entries = Vec::new();
    for child in 0..16u8 {
        let old = before.filter(|_| was).and_then(|node| child_ref(node, u32::from(child)));
        let new = after.filter(|_| is).and_then(|node| child_ref(node, u32::from(child)));
        match (was, is) {
            (true, _) if old != new => {
                entries.push((
                    child,
                    old.map_or_else(|| EMPTY.to_vec(), |reference| stored_ref(reference)),
                ));
            }
            (false, true) if new.is_some() => entries.push((child, NOT_RECORDED.to_vec())),
            _ => {}
        }
    }
    entries
}

/// A reference as a value: a hash without its RLP head, an embedded node as it is.
pub(crate) fn stored_ref(reference: &[u8]) -> Vec<u8> {
    match reference.strip_prefix(&[HASH_REF_HEAD]) {
        Some(hash) if hash.len() == 32 => hash.to_vec(),
        _ => reference.to_vec(),
    }
}

/// The reverse of [`stored_ref`]; `None` if the value is damaged.
pub(crate) fn loaded_ref(value: &[u8]) -> Option<NodeRef> {
    match B256::try_from(value) {
        Ok(hash) => Some(NodeRef::of_hash(hash)),
        Err(_) => NodeRef::from_rlp(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_ref(byte: u8) -> NodeRef {
        loaded_ref(&[byte; 32]).expect("a hash")
    }

    fn node(leaf_count: u64, refs: &[(u32, u8)]) -> StoredNode {
        StoredNode {
            prefix: vec![],
            leaf_count,
            state_mask: refs.iter().map(|(child, _)| 1u16 << child).sum(),
            stored_mask: 0,
            refs: refs.iter().map(|(_, byte)| hash_ref(*byte)).collect(),
        }
    }

    #[test]
    fn only_changed_children_of_large_nodes_are_recorded() {
        let before = node(2_000, &[(1, 1), (2, 2), (3, 3)]);
        let after = node(2_000, &[(1, 1), (2, 9), (4, 4)]);
        let found = entries(Some(&before), Some(&after));
        assert_eq!(found, [(2, vec![2; 32]), (3, vec![3; 32]), (4, EMPTY.to_vec())]);
        let small = node(1_024, &[(1, 1), (2, 2)]);
        assert!(entries(Some(&small), Some(&node(1_000, &[(1, 5), (2, 2)]))).is_empty());
    }

    #[test]
    fn crossing_the_threshold_marks_all_children() {
        let small = node(1_024, &[(1, 1), (2, 2)]);
        let large = node(1_025, &[(1, 5), (2, 2)]);
        assert_eq!(
            entries(Some(&small), Some(&large)),
            [(1, NOT_RECORDED.to_vec()), (2, NOT_RECORDED.to_vec())]
        );
        assert_eq!(entries(None, Some(&large)).len(), 2);
        assert_eq!(entries(Some(&large), Some(&small)), [(1, vec![5; 32]), (2, vec![2; 32])]);
        assert_eq!(entries(Some(&large), None).len(), 2);
        let prefixed = StoredNode { prefix: vec![3], ..large.clone() };
        assert_eq!(entries(Some(&large), Some(&prefixed)).len(), 2);
        assert!(entries(Some(&prefixed), None).is_empty());
    }
}
