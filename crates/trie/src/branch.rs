use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use alloy_primitives::B256;
use phala_primitives::{NodeRef, StoredNode};

use crate::{
    cache::NodeId,
    nibbles::{self, KEY_NIBBLES},
    node_rlp::{self, BranchEncoder},
    page::PAGE_LEAVES,
};

/// A stored node in memory: a branch with the extension before it folded in.
///
/// The hash of a child is kept here and not in the child, so that hashing a branch touches nothing
/// but the branch.
pub(crate) struct Branch {
    /// A key that begins with the path of this branch.
    key: B256,
    /// Nibble at which the extension begins: the length of the path under which it is stored.
    from: u8,
    /// Nibble that tells the children apart.
    at: u8,
    /// Which children exist.
    mask: u16,
    /// Which of them are stored nodes.
    stored: u16,
    /// Leaves under this branch.
    pub(crate) leaves: u64,
    /// References of the children that exist, in order.
    nodes: Box<[NodeRef]>,
    /// Where each of them is in memory.
    links: Box<[AtomicU64]>,
}

/// One child of a branch to be made.
pub(crate) struct Child {
    pub(crate) nibble: u8,
    pub(crate) node: NodeRef,
    pub(crate) is_stored: bool,
    pub(crate) link: NodeId,
}

impl Branch {
    /// The branch at nibble `at` of `key` over `children`, with the extension from `from`.
    pub(crate) fn new(key: &B256, from: usize, at: usize, leaves: u64, children: &[Child]) -> Self {
        let bits = |which: fn(&Child) -> bool| {
            children
                .iter()
                .filter(|child| which(child))
                .fold(0, |mask, child| mask | 1 << child.nibble)
        };
        Self {
            key: nibbles::truncate(key, at),
            // Neither can truncate: a key has 64 nibbles.
            from: from as u8,
            at: at as u8,
            mask: bits(|_| true),
            stored: bits(|child| child.is_stored),
            leaves,
            nodes: children.iter().map(|child| child.node).collect(),
            links: children.iter().map(|child| AtomicU64::new(child.link.get())).collect(),
        }
    }

    /// Reads a stored node; `None` if no trie contains such a node at `path`.
    pub(crate) fn from_stored(path: &[u8], stored: &StoredNode) -> Option<Self> {
        let at = path.len() + stored.prefix.len();
        let children = stored.state_mask.count_ones() as usize;
        let is_valid = at < KEY_NIBBLES
            && stored.prefix.iter().all(|nibble| *nibble < 16)
            && children >= 2
            && children == stored.refs.len()
            && stored.stored_mask & !stored.state_mask == 0
            && stored.leaf_count > PAGE_LEAVES as u64
            && stored.refs.iter().all(|node| *node != NodeRef::NONE);
        if !is_valid {
            return None;
        }
        Some(Self {
            key: nibbles::pack(&[path, &stored.prefix].concat()),
            from: path.len() as u8,
            at: at as u8,
            mask: stored.state_mask,
            stored: stored.stored_mask,
            leaves: stored.leaf_count,
            nodes: stored.refs.as_slice().into(),
            links: (0..children).map(|_| AtomicU64::new(NodeId::NONE.get())).collect(),
        })
    }

    /// This branch as it is stored.
    pub(crate) fn to_stored(&self) -> StoredNode {
        StoredNode {
            prefix: nibbles::unpack(&self.key, self.from()..self.at()),
            leaf_count: self.leaves,
            state_mask: self.mask,
            stored_mask: self.stored,
            refs: self.nodes.to_vec(),
        }
    }

    /// The path under which it is stored.
    pub(crate) fn path(&self) -> Vec<u8> {
        nibbles::unpack(&self.key, 0..self.from())
    }

    /// Path of the child at `nibble`, as the smallest key under it.
    pub(crate) fn child_key(&self, nibble: u8) -> B256 {
        let mut key = self.key;
        let at = self.at();
        key[at / 2] |= if at.is_multiple_of(2) { nibble << 4 } else { nibble };
        key
    }

    pub(crate) fn key(&self) -> &B256 {
        &self.key
    }

    pub(crate) fn from(&self) -> usize {
        usize::from(self.from)
    }

    pub(crate) fn at(&self) -> usize {
        usize::from(self.at)
    }

    /// Nibbles of the children that exist, in order.
    pub(crate) fn nibbles(&self) -> impl Iterator<Item = u8> + use<> {
        nibbles::of_mask(self.mask)
    }

    /// Position of the child at `nibble` among those that exist.
    pub(crate) fn slot(&self, nibble: u8) -> Option<usize> {
        (self.mask >> nibble & 1 == 1)
            .then(|| (self.mask & ((1 << nibble) - 1)).count_ones() as usize)
    }

    /// The child at `nibble`, if there is one.
    pub(crate) fn child(&self, nibble: u8) -> Option<Child> {
        let slot = self.slot(nibble)?;
        Some(Child {
            nibble,
            node: self.nodes[slot],
            is_stored: self.stored >> nibble & 1 == 1,
            link: NodeId::from(self.links[slot].load(Relaxed)),
        })
    }

    /// Remembers where the child at `nibble` has been loaded.
    pub(crate) fn set_link(&self, nibble: u8, id: NodeId) {
        if let Some(slot) = self.slot(nibble) {
            self.links[slot].store(id.get(), Relaxed);
        }
    }

    /// The same branch with its path cut or extended to `from` nibbles.
    pub(crate) fn moved(&self, from: usize) -> Self {
        Self {
            from: from as u8,
            nodes: self.nodes.clone(),
            links: self.links.iter().map(|link| AtomicU64::new(link.load(Relaxed))).collect(),
            ..*self
        }
    }

    /// RLP of the branch without the extension.
    pub(crate) fn encode(&self) -> BranchEncoder {
        let mut encoder = BranchEncoder::new();
        for (nibble, node) in self.nibbles().zip(&self.nodes) {
            encoder.push(nibble, node);
        }
        encoder
    }

    /// Reference of the branch, or of the extension before it.
    pub(crate) fn node(&self) -> NodeRef {
        let branch = NodeRef::of(self.encode().finish());
        if self.from == self.at {
            return branch;
        }
        let mut rlp = Vec::new();
        node_rlp::extension(&self.key, self.from(), self.at(), &branch, &mut rlp);
        NodeRef::of(&rlp)
    }

    /// Bytes this branch keeps in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.nodes) + size_of_val(&*self.links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> StoredNode {
        StoredNode {
            prefix: vec![1, 2, 3],
            leaf_count: 100,
            state_mask: 0b1000_0000_0000_0101,
            stored_mask: 0b100,
            refs: vec![NodeRef::of(&[7; 40]), NodeRef::of(&[0xc1, 5]), NodeRef::of(&[9; 40])],
        }
    }

    #[test]
    fn stored_form_survives_a_round_trip() {
        let branch = Branch::from_stored(&[4, 5], &stored()).expect("valid");
        assert_eq!(branch.to_stored(), stored());
        assert_eq!(branch.path(), [4, 5]);
        assert_eq!(branch.nibbles().collect::<Vec<_>>(), [0, 2, 15]);
        assert_eq!(nibbles::unpack(&branch.child_key(15), 0..6), [4, 5, 1, 2, 3, 15]);
        assert!(branch.child(1).is_none());
        assert!(branch.child(2).is_some_and(|child| child.is_stored));
        assert_eq!(branch.moved(5).path(), [4, 5, 1, 2, 3]);
    }

    #[test]
    fn malformed_nodes_are_refused() {
        let broken: [fn(&mut StoredNode); 8] = [
            |node| node.prefix[0] = 16,
            |node| node.prefix = vec![0; 62],
            |node| node.state_mask = 0b101,
            |node| node.stored_mask = 0b10,
            |node| node.refs[0] = NodeRef::NONE,
            |node| node.refs.clear(),
            |node| node.leaf_count = 64,
            |node| {
                node.state_mask = 1;
                node.stored_mask = 0;
                node.refs.truncate(1);
            },
        ];
        for (index, damage) in broken.iter().enumerate() {
            let mut node = stored();
            damage(&mut node);
            assert!(Branch::from_stored(&[4, 5], &node).is_none(), "case {index}");
        }
    }
}
