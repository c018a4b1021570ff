use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use alloy_primitives::B256;
use phala_primitives::NodeRef;

use crate::{
    TrieError,
    cache::NodeId,
    nibbles,
    node_rlp::{self, BranchEncoder},
    page_draft::Draft,
    scratch::Scratch,
};

/// Most leaves of a page; a branch with more under it is a stored node, and only that.
///
/// The limit is the same in both directions, so that the stored nodes follow from the state alone,
/// whatever way led to it: the record of a block names nodes as changes against its parent, and must
/// still fit when the parent's state was reached again by an unwind.
pub(crate) const PAGE_LEAVES: usize = 64;

/// A subtree of at most [`PAGE_LEAVES`] leaves: the unit that is loaded and evicted.
///
/// What changes with every value, the references, is apart from what changes only when leaves come
/// or go, so that most blocks copy the former and share the latter.
pub(crate) struct Page {
    pub(crate) shape: Arc<Shape>,
    /// References of the leaves, then of the branches.
    pub(crate) nodes: Vec<NodeRef>,
    /// For accounts, once there is one: where the top of each one's storage trie is in memory.
    storage: OnceLock<Box<[AtomicU64]>>,
}

/// Which nodes a page has.
pub(crate) struct Shape {
    /// Keys of the leaves, sorted.
    pub(crate) keys: Box<[B256]>,
    /// Nibble at which the path of each leaf begins.
    pub(crate) froms: [u8; PAGE_LEAVES],
    /// The branches in pre-order.
    pub(crate) branches: Box<[PageBranch]>,
}

/// A branch inside a page, with the extension before it.
#[derive(Clone, Copy)]
pub(crate) struct PageBranch {
    /// Nibble at which the extension begins; `at` if there is none.
    pub(crate) from: u8,
    /// Nibble that tells the children apart.
    pub(crate) at: u8,
    /// Which children exist.
    pub(crate) mask: u16,
    /// Leaves under it.
    pub(crate) first: u8,
    pub(crate) end: u8,
    /// Branches in this subtree, this one included.
    pub(crate) size: u8,
}

/// A leaf without its value, which is needed only if the leaf's path becomes longer or shorter.
#[derive(Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) key: B256,
    pub(crate) node: NodeRef,
    /// Nibble at which the path of this leaf begins.
    pub(crate) from: u8,
}

/// What a page is built from.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) leaf: Leaf,
    pub(crate) storage: NodeId,
    pub(crate) origin: Origin,
}

/// Where the value of an entry is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The leaf is as it was, at this index of the page being replaced.
    Kept(u8),
    /// The leaf is as it was, in some other page.
    Moved,
    /// The value is new: this is its index among the changes or the leaves read.
    Changed(u32),
}

/// Gives the value of an entry whose leaf has to be hashed.
pub(crate) trait Values {
    /// Puts the RLP of the value into `out`.
    fn value(&self, entry: &Entry, out: &mut Vec<u8>) -> Result<(), TrieError>;
}

impl Page {
    /// Builds the page over `entries` (sorted, 1 to [`PAGE_LEAVES`]) whose path is the first `from`
    /// nibbles. Subtrees that are also in `old` are taken over without hashing.
    pub(crate) fn build(
        entries: &[Entry],
        from: usize,
        old: Option<&Self>,
        values: &impl Values,
        scratch: &mut Scratch,
    ) -> Result<Self, TrieError> {
        let (shape, nodes) = Draft::new(entries, old, values, scratch).finish(from)?;
        let page = Self { shape: Arc::new(shape), nodes, storage: OnceLock::new() };
        for (index, entry) in entries.iter().enumerate() {
            page.set_storage(index, entry.storage);
        }
        Ok(page)
    }

    /// Leaves in the page.
    pub(crate) fn len(&self) -> usize {
        self.shape.keys.len()
    }

    /// Reference of the top node.
    pub(crate) fn node(&self) -> NodeRef {
        match self.shape.branches.is_empty() {
            true => self.nodes[0],
            false => self.nodes[self.len()],
        }
    }

    /// Index of the leaf with that key.
    pub(crate) fn find(&self, key: &B256) -> Option<usize> {
        // Keys are hashes, so that a key's place among those of a page can be guessed from the eight
        // bits after the page's path, and the search touches little more than what it looks for.
        let keys = &*self.shape.keys;
        let from = usize::from(self.shape.branches.first().map_or(0, |top| top.at));
        let guess = nibbles::at(key, from) << 4 | nibbles::at(key, (from + 1).min(63));
        let mut index = keys.len() * usize::from(guess) / 256;
        while index > 0 && keys[index] > *key {
            index -= 1;
        }
        while index + 1 < keys.len() && keys[index] < *key {
            index += 1;
        }
        (keys[index] == *key).then_some(index)
    }

    /// Where the storage trie of the account at `index` is in memory.
    pub(crate) fn storage_at(&self, index: usize) -> NodeId {
        let link = self.storage.get().and_then(|links| links.get(index));
        link.map_or(NodeId::NONE, |link| NodeId::from(link.load(Relaxed)))
    }

    /// Remembers where the storage trie of the account at `index` is.
    pub(crate) fn set_storage(&self, index: usize, id: NodeId) {
        if id == NodeId::NONE && self.storage.get().is_none() {
            return;
        }
        let none = || (0..self.len()).map(|_| AtomicU64::new(NodeId::NONE.get())).collect();
        if let Some(link) = self.storage.get_or_init(none).get(index) {
            link.store(id.get(), Relaxed);
        }
    }

    /// The leaves as entries to build another page from; `origin` tells where each comes from.
    pub(crate) fn entries(&self, origin: impl Fn(u8) -> Origin) -> impl Iterator<Item = Entry> {
        (0..self.len()).map(move |index| Entry {
            leaf: Leaf {
                key: self.shape.keys[index],
                node: self.nodes[index],
                from: self.shape.froms[index],
            },
            storage: self.storage_at(index),
            // Cannot truncate: a page has at most 64 leaves.
            origin: origin(index as u8),
        })
    }

    /// The same leaves, with new references in those of `dirty` (one bit a leaf): the branches above
    /// are hashed anew.
    pub(crate) fn with_nodes(
        &self,
        mut nodes: Vec<NodeRef>,
        dirty: u64,
        scratch: &mut Scratch,
    ) -> Self {
        let shape = &*self.shape;
        // Children come after their parents in pre-order, so that backwards is bottom-up.
        for index in (0..shape.branches.len()).rev() {
            if shape.branches[index].leaves_mask() & dirty != 0 {
                nodes[shape.keys.len() + index] =
                    hash_branch(&shape.keys, &shape.branches[index..], index, &nodes, scratch);
            }
        }
        Self { shape: Arc::clone(&self.shape), nodes, storage: self.copy_storage() }
    }

    /// The same page with its path cut or extended to `from` nibbles. `None` if it is a single leaf,
    /// of which the value is needed.
    pub(crate) fn moved(&self, from: usize, scratch: &mut Scratch) -> Option<Self> {
        let shape = &*self.shape;
        let mut branches = shape.branches.clone();
        // Cannot truncate: a key has 64 nibbles.
        branches.first_mut()?.from = from as u8;
        let mut nodes = self.nodes.clone();
        nodes[self.len()] = hash_branch(&shape.keys, &branches, 0, &nodes, scratch);
        let shape = Shape { keys: shape.keys.clone(), froms: shape.froms, branches };
        Some(Self { shape: Arc::new(shape), nodes, storage: self.copy_storage() })
    }

    /// Bytes this page keeps in memory, and how many of them are its shape, which pages share.
    pub(crate) fn size_bytes(&self) -> (usize, usize) {
        let links = self.storage.get().map_or(0, |links| size_of_val(&**links));
        let shape = size_of::<Shape>()
            + size_of_val(&*self.shape.keys)
            + size_of_val(&*self.shape.branches);
        (size_of::<Self>() + self.nodes.capacity() * size_of::<NodeRef>() + links + shape, shape)
    }

    fn copy_storage(&self) -> OnceLock<Box<[AtomicU64]>> {
        match self.storage.get() {
            None => OnceLock::new(),
            Some(links) => {
                let copy = links.iter().map(|link| AtomicU64::new(link.load(Relaxed)));
                OnceLock::from(copy.collect::<Box<[_]>>())
            }
        }
    }
}

impl Leaf {
    /// A leaf of which the reference is still to be computed.
    pub(crate) fn unhashed(key: B256) -> Self {
        Self { key, node: NodeRef::NONE, from: u8::MAX }
    }
}

impl PageBranch {
    /// The leaves under this branch, one bit each.
    fn leaves_mask(&self) -> u64 {
        let below = |end: u8| if end >= 64 { u64::MAX } else { (1 << end) - 1 };
        below(self.end) & !below(self.first)
    }
}

/// Hashes the first of `branches`, which is the one at `index` in the page; its descendants follow it.
fn hash_branch(
    keys: &[B256],
    branches: &[PageBranch],
    index: usize,
    nodes: &[NodeRef],
    scratch: &mut Scratch,
) -> NodeRef {
    let top = &branches[0];
    let branch_nodes = &nodes[keys.len() + index..];
    let mut encoder = BranchEncoder::new();
    let mut leaf = usize::from(top.first);
    let mut below = 1;
    for nibble in nibbles::of_mask(top.mask) {
        // The branches under this one are the next in pre-order.
        match branches.get(below) {
            Some(child) if below < usize::from(top.size) && usize::from(child.first) == leaf => {
                encoder.push(nibble, &branch_nodes[below]);
                leaf = usize::from(child.end);
                below += usize::from(child.size);
            }
            _ => {
                encoder.push(nibble, &nodes[leaf]);
                leaf += 1;
            }
        }
    }
    extended(&keys[usize::from(top.first)], top, encoder.finish(), scratch)
}

/// Reference of a branch together with the extension before it, if any.
pub(crate) fn extended(
    key: &B256,
    branch: &PageBranch,
    rlp: &[u8],
    scratch: &mut Scratch,
) -> NodeRef {
    let node = NodeRef::of(rlp);
    if branch.from == branch.at {
        return node;
    }
    let (from, at) = (usize::from(branch.from), usize::from(branch.at));
    node_rlp::extension(key, from, at, &node, &mut scratch.rlp);
    NodeRef::of(&scratch.rlp)
}
