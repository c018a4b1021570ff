use std::vec;

use alloy_primitives::B256;

use super::{
    Progress, SnapshotError, Step,
    limits::{CHILD_TRIES_MAX, KEY_LEN_MAX, NODES_MAX},
    node_store::NodeStore,
    sorter::Sorter,
    store::{CHILD_ROOT_PREFIX, Store},
    trie::{Child, NibblePath, Node, Value, blake2_256},
};

/// Walks tries from their roots and takes out the pairs.
#[derive(Debug)]
pub(crate) struct TrieWalk<'a> {
    nodes: &'a NodeStore,
    sorter: Sorter,
    progress: &'a Progress,
    /// Nodes read so far. Damaged references could make a graph of which a walk does not end soon.
    nodes_read: u64,
    pairs: u64,
    /// Names and roots of the child tries met.
    children: Vec<(Vec<u8>, B256)>,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Children of a branch that are still to be walked.
#[derive(Debug)]
struct Frame {
    path_len: usize,
    hash: B256,
    children: vec::IntoIter<(u8, OwnedChild)>,
}

#[derive(Debug)]
enum OwnedChild {
    Inline(Vec<u8>),
    Hashed(B256),
}

impl<'a> TrieWalk<'a> {
    pub(crate) fn new(nodes: &'a NodeStore, sorter: Sorter, progress: &'a Progress) -> Self {
        Self {
            nodes,
            sorter,
            progress,
            nodes_read: 0,
            pairs: 0,
            children: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The whole state: the top trie, and the child tries whose roots are in it.
    pub(crate) fn state(&mut self, root: B256) -> Result<(), SnapshotError> {
        self.trie(root, None)?;
        for (name, root) in std::mem::take(&mut self.children) {
            self.trie(root, Some(&name))?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Store, SnapshotError> {
        self.progress.report(Step::Walk, self.pairs, None);
        self.sorter.finish()
    }

    fn trie(&mut self, root: B256, trie: Option<&[u8]>) -> Result<(), SnapshotError> {
        if root == blake2_256(&[0]) {
            return Ok(());
        }
        let mut path = NibblePath::default();
        let mut node = Vec::new();
        let mut stack = Vec::new();
        self.load(root, &path, &mut node)?;
        self.visit(&node, root, trie, &mut path, &mut stack)?;
        while let Some(frame) = stack.last_mut() {
            path.truncate(frame.path_len);
            let Some((nibble, child)) = frame.children.next() else {
                stack.pop();
                continue;
            };
            path.push(nibble);
            let hash = match child {
                OwnedChild::Inline(bytes) => {
                    node = bytes;
                    frame.hash
                }
                OwnedChild::Hashed(hash) => {
                    self.load(hash, &path, &mut node)?;
                    hash
                }
            };
            self.visit(&node, hash, trie, &mut path, &mut stack)?;
        }
        Ok(())
    }

    fn load(
        &mut self,
        hash: B256,
        path: &NibblePath,
        to: &mut Vec<u8>,
    ) -> Result<(), SnapshotError> {
        self.nodes_read += 1;
        if self.nodes_read > NODES_MAX {
            return Err(SnapshotError::Limit {
                what: "trie nodes walked",
                found: self.nodes_read,
                limit: NODES_MAX,
            });
        }
        if self.nodes.read(hash, to)? {
            return Ok(());
        }
        Err(SnapshotError::MissingNode { hash, path: path.packed() })
    }

    /// Takes the value of a node and notes its children.
    fn visit(
        &mut self,
        bytes: &[u8],
        hash: B256,
        trie: Option<&[u8]>,
        path: &mut NibblePath,
        stack: &mut Vec<Frame>,
    ) -> Result<(), SnapshotError> {
        let bad = |reason| SnapshotError::BadNode { hash, reason };
        let Node::Full { partial, value, children } = Node::decode(bytes).map_err(bad)? else {
            return Err(bad("an empty node within a trie"));
        };
        if path.len() + partial.len() > 2 * KEY_LEN_MAX {
            return Err(bad("its path is longer than a key may be"));
        }
        path.extend(partial.nibbles());
        if let Some(value) = value {
            if !path.key_into(&mut self.key) {
                return Err(bad("a value below half a byte"));
            }
            self.emit(value, hash, trie, path)?;
        }
        if children.is_empty() {
            return Ok(());
        }
        let children: Vec<_> = children
            .into_iter()
            .map(|(nibble, child)| match child {
                Child::Inline(bytes) => (nibble, OwnedChild::Inline(bytes.to_vec())),
                Child::Hashed(hash) => (nibble, OwnedChild::Hashed(hash)),
            })
            .collect();
        stack.push(Frame { path_len: path.len(), hash, children: children.into_iter() });
        Ok(())
    }

    /// Hands on the pair of `self.key`.
    fn emit(
        &mut self,
        value: Value<'_>,
        hash: B256,
        trie: Option<&[u8]>,
        path: &NibblePath,
    ) -> Result<(), SnapshotError> {
        let mut loaded = std::mem::take(&mut self.value);
        let value = match value {
            Value::Inline(bytes) => bytes,
            Value::Hashed(hash) => {
                self.load(hash, path, &mut loaded)?;
                &loaded
            }
        };
        if let (None, Some(name)) = (trie, self.key.strip_prefix(CHILD_ROOT_PREFIX)) {
            let reason = "a child trie's root that has not 32 bytes";
            let root =
                B256::try_from(value).map_err(|_| SnapshotError::BadNode { hash, reason })?;
            if self.children.len() == CHILD_TRIES_MAX {
                return Err(SnapshotError::Limit {
                    what: "child tries",
                    found: CHILD_TRIES_MAX as u64 + 1,
                    limit: CHILD_TRIES_MAX as u64,
                });
            }
            self.children.push((name.to_vec(), root));
        }
        self.sorter.push(trie, &self.key, value)?;
        self.value = loaded;
        self.pairs += 1;
        self.progress.report_pair(Step::Walk, self.pairs, None);
        Ok(())
    }
}
