use alloy_primitives::B256;
use phala_primitives::{NodeRef, StoredNode};

use super::View;
use crate::StorageError;
use crate::keys;
use crate::kv::{Bounds, Family, KvCursor, KvError};
use crate::record::child_ref;
use crate::state_value::decode_node;
use crate::trie_history::{EMPTY, NOT_RECORDED, RECORDED_LEAVES, is_recorded, loaded_ref};

/// What is known about a child at an old height.
enum Child {
    Known(Option<NodeRef>),
    /// No block in base changed it since.
    Unchanged,
}

impl View {
    /// The branch that stood at this path at the view's height, if its children were recorded
    /// then. It says that a child is stored where that child's own children were recorded.
    pub(super) fn old_node(
        &self,
        owner: Option<&B256>,
        path: &[u8],
        number: u64,
    ) -> Result<Option<StoredNode>, StorageError> {
        if self.0.base.dirty.is_some() {
            // Nodes of base are back when the interrupted advance is finished.
            return Err(KvError::Stalled.into());
        }
        let key = keys::trie(owner, path);
        let Some(refs) = self.old_children(&key, number)? else { return Ok(None) };
        let mut node = StoredNode {
            prefix: Vec::new(),
            leaf_count: RECORDED_LEAVES + 1,
            state_mask: 0,
            stored_mask: 0,
            refs: Vec::new(),
        };
        let mut child_key = key;
        for (child, reference) in (0u8..).zip(refs) {
            let Some(reference) = reference else { continue };
            node.state_mask |= 1 << child;
            node.refs.push(reference);
            child_key.push(child);
            if self.old_children(&child_key, number)?.is_some() {
                node.stored_mask |= 1 << child;
            }
            child_key.pop();
        }
        Ok(Some(node))
    }

    /// References of the sixteen children; `None` if they were not recorded at that height.
    fn old_children(
        &self,
        key: &[u8],
        number: u64,
    ) -> Result<Option<[Option<NodeRef>; 16]>, StorageError> {
        let snapshot = self.0.base.snapshot.as_ref();
        let mut current = None;
        snapshot.get(Family::Trie, key, &mut |value| current = Some(decode_node(value)))?;
        let current = current.transpose().map_err(|_| StorageError::damaged(Family::Trie, key))?;
        let current = current.filter(|node| is_recorded(Some(node)));

        let mut cursor = snapshot.cursor(Family::TrieHistory, Bounds::default());
        let mut refs: [Option<NodeRef>; 16] = Default::default();
        let mut present = 0;
        let mut child_key = key.to_vec();
        for (child, reference) in (0u32..).zip(&mut refs) {
            child_key.push(child as u8);
            *reference = match self.old_child(cursor.as_mut(), &child_key, number)? {
                None => return Ok(None),
                Some(Child::Known(reference)) => reference,
                Some(Child::Unchanged) => {
                    let node = current.as_ref();
                    node.and_then(|node| child_ref(node, child)).copied()
                }
            };
            present += usize::from(reference.is_some());
            child_key.pop();
        }
        // A branch has two children; fewer are what is left of none.
        Ok((present >= 2).then_some(refs))
    }

    /// `None` if the branch was not recorded at that height.
    fn old_child(
        &self,
        cursor: &mut dyn KvCursor,
        child_key: &[u8],
        number: u64,
    ) -> Result<Option<Child>, StorageError> {
        let from = keys::trie_history(child_key, number + 1);
        if !cursor.seek(&from)? {
            return Ok(Some(Child::Unchanged));
        }
        let (key, value) = cursor.item();
        let prefix = &from[..from.len() - keys::NUMBER_BYTES];
        let found = key.strip_prefix(prefix).filter(|rest| rest.len() == keys::NUMBER_BYTES);
        let found = found.and_then(keys::trailing_number);
        Ok(match found {
            Some(found) if found <= self.0.base.block.number => match value {
                NOT_RECORDED => None,
                EMPTY => Some(Child::Known(None)),
                reference => {
                    let damaged = || StorageError::damaged(Family::TrieHistory, key);
                    Some(Child::Known(Some(loaded_ref(reference).ok_or_else(damaged)?)))
                }
            },
            _ => Some(Child::Unchanged),
        })
    }
}
