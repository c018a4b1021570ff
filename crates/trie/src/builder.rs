use alloy_primitives::B256;
use phala_primitives::{EMPTY_STORAGE_ROOT, NodeRef, StoredNode};

use crate::{
    SourceError, TrieError,
    nibbles::{self, KEY_NIBBLES},
    node_rlp::{self, BranchEncoder},
    page::PAGE_LEAVES,
};

/// Sees the nodes of a trie while it is built, children before parents.
pub(crate) trait Visitor {
    /// A leaf, branch or extension under the first `from` nibbles of `key`.
    fn node(&mut self, key: &B256, from: usize, rlp: &[u8]) {
        let _ = (key, from, rlp);
    }

    /// A branch that is to be stored.
    fn stored(&mut self, branch: &OpenBranch, key: &B256, from: usize) -> Result<(), SourceError> {
        let _ = (branch, key, from);
        Ok(())
    }
}

/// Builds a trie, or a subtree of one, from leaves in key order. Holds one branch per level.
pub(crate) struct TrieBuilder<V> {
    pub(crate) visitor: V,
    /// Length of the path of the subtree.
    from: usize,
    /// Branches on the path of the last leaf that still miss children, outermost first.
    open: Vec<OpenBranch>,
    /// The last leaf, or what it became part of, until its parent is known.
    pending: Option<Pending>,
    /// Key of the last leaf.
    key: B256,
    value: Vec<u8>,
    rlp: Vec<u8>,
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is moved once")]
enum Pending {
    Leaf,
    Branch(OpenBranch),
}

/// A branch of which the children so far are known.
pub(crate) struct OpenBranch {
    /// Nibble that tells the children apart.
    at: u8,
    mask: u16,
    stored: u16,
    leaves: u64,
    /// References of the children in `mask`, in order.
    children: [NodeRef; 16],
}

impl<V: Visitor> TrieBuilder<V> {
    /// A builder for what is under a path of `from` nibbles.
    pub(crate) fn new(from: usize, visitor: V) -> Self {
        Self {
            visitor,
            from,
            open: Vec::new(),
            pending: None,
            key: B256::ZERO,
            value: Vec::new(),
            rlp: Vec::new(),
        }
    }

    /// Adds a leaf; its key must be greater than all before.
    pub(crate) fn leaf(&mut self, key: B256, value: &[u8]) -> Result<(), TrieError> {
        if self.pending.is_some() {
            if key <= self.key {
                return Err(TrieError::Unsorted { previous: self.key, next: key });
            }
            self.close(nibbles::common(&key, &self.key))?;
        }
        self.pending = Some(Pending::Leaf);
        self.key = key;
        self.value.clear();
        self.value.extend_from_slice(value);
        Ok(())
    }

    /// Closes the subtree; `None` if it has no leaf.
    pub(crate) fn finish(&mut self) -> Result<Option<NodeRef>, TrieError> {
        if self.pending.is_none() {
            return Ok(None);
        }
        // No branch is further out than the first of those open.
        if let Some(first) = self.open.first() {
            self.close(usize::from(first.at))?;
            self.pending = self.open.pop().map(Pending::Branch);
        }
        self.attach(self.from).map(|attached| attached.map(|(node, _)| node))
    }

    /// Closes the whole trie and returns its root.
    pub(crate) fn finish_root(&mut self) -> Result<B256, TrieError> {
        Ok(self.finish()?.map_or(EMPTY_STORAGE_ROOT, |node| node.root()))
    }

    /// Closes all branches beyond nibble `at`, and opens one there if there is none.
    fn close(&mut self, at: usize) -> Result<(), TrieError> {
        loop {
            if self.open.last().is_none_or(|last| usize::from(last.at) < at) {
                self.open.push(OpenBranch::new(at));
            }
            let parent_at = self.open.last().map_or(at, |parent| usize::from(parent.at));
            let attached = self.attach(parent_at + 1)?;
            if let (Some(parent), Some((node, pending))) = (self.open.last_mut(), attached) {
                parent.push(nibbles::at(&self.key, parent_at), node, &pending);
            }
            if parent_at == at {
                return Ok(());
            }
            self.pending = self.open.pop().map(Pending::Branch);
        }
    }

    /// Hashes what is pending as a node whose path has `from` nibbles.
    fn attach(&mut self, from: usize) -> Result<Option<(NodeRef, Pending)>, TrieError> {
        let Some(pending) = self.pending.take() else { return Ok(None) };
        let node = match &pending {
            Pending::Leaf => {
                node_rlp::leaf(&self.key, from, &self.value, &mut self.rlp);
                self.visitor.node(&self.key, from, &self.rlp);
                NodeRef::of(&self.rlp)
            }
            Pending::Branch(branch) => {
                let at = usize::from(branch.at);
                let mut encoder = branch.encode();
                let rlp = encoder.finish();
                self.visitor.node(&self.key, at, rlp);
                let mut node = NodeRef::of(rlp);
                if from < at {
                    node_rlp::extension(&self.key, from, at, &node, &mut self.rlp);
                    self.visitor.node(&self.key, from, &self.rlp);
                    node = NodeRef::of(&self.rlp);
                }
                if branch.is_stored() {
                    self.visitor.stored(branch, &self.key, from)?;
                }
                node
            }
        };
        Ok(Some((node, pending)))
    }
}

impl OpenBranch {
    fn new(at: usize) -> Self {
        debug_assert!(at < KEY_NIBBLES);
        Self { at: at as u8, mask: 0, stored: 0, leaves: 0, children: [NodeRef::NONE; 16] }
    }

    fn push(&mut self, nibble: u8, node: NodeRef, child: &Pending) {
        self.children[self.mask.count_ones() as usize] = node;
        self.mask |= 1 << nibble;
        match child {
            Pending::Leaf => self.leaves += 1,
            Pending::Branch(branch) => {
                self.leaves += branch.leaves;
                self.stored |= u16::from(branch.is_stored()) << nibble;
            }
        }
    }

    fn is_stored(&self) -> bool {
        self.leaves > PAGE_LEAVES as u64
    }

    fn children(&self) -> &[NodeRef] {
        &self.children[..self.mask.count_ones() as usize]
    }

    fn encode(&self) -> BranchEncoder {
        let mut encoder = BranchEncoder::new();
        for (nibble, child) in nibbles::of_mask(self.mask).zip(self.children()) {
            encoder.push(nibble, child);
        }
        encoder
    }

    /// This branch, under the first `from` nibbles of `key`, as it is stored.
    pub(crate) fn to_stored(&self, key: &B256, from: usize) -> StoredNode {
        StoredNode {
            prefix: nibbles::unpack(key, from..usize::from(self.at)),
            leaf_count: self.leaves,
            state_mask: self.mask,
            stored_mask: self.stored,
            refs: self.children().to_vec(),
        }
    }
}
