use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use alloy_primitives::B256;

use crate::{
    TrieError,
    cache::NodeId,
    nibbles,
    node_ref::NodeRef,
    node_rlp::{self, BranchEncoder},
};

/// Most leaves of a page; a branch with more under it is a stored node.
pub(crate) const PAGE_LEAVES: usize = 64;

/// A stored node that falls to this many leaves becomes part of a page. The distance to
/// [`PAGE_LEAVES`] keeps a node that hovers around the limit from being written and deleted by turns.
pub(crate) const UNSTORE_LEAVES: u64 = 32;

/// A subtree of at most [`PAGE_LEAVES`] leaves: the unit that is loaded and evicted.
///
/// Nodes hold no links. Leaves are sorted by key; branches are in pre-order, each a range of leaves.
pub(crate) struct Page {
    pub(crate) leaves: Box<[Leaf]>,
    pub(crate) branches: Box<[PageBranch]>,
    /// For pages of the account trie: where the top of each account's storage trie is in memory.
    pub(crate) storage: Box<[AtomicU64]>,
}

/// A leaf without its value, which is needed only if the leaf's path becomes longer or shorter.
#[derive(Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) key: B256,
    pub(crate) node: NodeRef,
    /// Nibble at which the path of this leaf begins.
    pub(crate) from: u8,
}

/// A branch inside a page.
#[derive(Clone, Copy)]
pub(crate) struct PageBranch {
    /// Reference of the branch, or of the extension before it.
    node: NodeRef,
    /// Nibble at which that extension begins; `at` if there is none.
    from: u8,
    /// Nibble that tells the children apart.
    at: u8,
    /// Leaves under it.
    first: u8,
    end: u8,
    /// Branches in this subtree, this one included.
    size: u8,
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
        with_storage: bool,
        values: &impl Values,
    ) -> Result<Self, TrieError> {
        debug_assert!((1..=PAGE_LEAVES).contains(&entries.len()));
        let mut draft = Draft {
            entries,
            old,
            values,
            leaves: Vec::with_capacity(entries.len()),
            branches: Vec::with_capacity(entries.len() / 2),
            value: Vec::new(),
            rlp: Vec::new(),
        };
        draft.subtree(0, entries.len(), from)?;
        let links = if with_storage { entries } else { &[] };
        Ok(Self {
            leaves: draft.leaves.into_boxed_slice(),
            branches: draft.branches.into_boxed_slice(),
            storage: links.iter().map(|entry| AtomicU64::new(entry.storage.get())).collect(),
        })
    }

    /// Reference of the top node.
    pub(crate) fn node(&self) -> NodeRef {
        match self.branches.first() {
            Some(top) => top.node,
            None => self.leaves[0].node,
        }
    }

    /// Leaves in the page.
    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Index of the leaf with that key, or where it would be.
    pub(crate) fn find(&self, key: &B256) -> Result<usize, usize> {
        self.leaves.binary_search_by(|leaf| leaf.key.cmp(key))
    }

    /// Where the storage trie of the account at `index` is in memory.
    pub(crate) fn storage_at(&self, index: usize) -> NodeId {
        self.storage.get(index).map_or(NodeId::NONE, |link| NodeId::from(link.load(Relaxed)))
    }

    /// Remembers where the storage trie of the account at `index` has been loaded.
    pub(crate) fn set_storage(&self, index: usize, id: NodeId) {
        if let Some(link) = self.storage.get(index) {
            link.store(id.get(), Relaxed);
        }
    }

    /// The leaves as entries to build another page from; `origin` tells where each comes from.
    pub(crate) fn entries(&self, origin: impl Fn(u8) -> Origin) -> impl Iterator<Item = Entry> {
        self.leaves.iter().enumerate().map(move |(index, leaf)| Entry {
            leaf: *leaf,
            storage: self.storage_at(index),
            // Cannot truncate: a page has at most 64 leaves.
            origin: origin(index as u8),
        })
    }

    /// The same leaves with the references of some replaced (`dirty`, one bit a leaf): the branches
    /// above those are hashed anew.
    pub(crate) fn with_leaves(&self, leaves: Box<[Leaf]>, dirty: u64) -> Self {
        let mut page = Self {
            leaves,
            branches: self.branches.clone(),
            storage: self.storage.iter().map(|link| AtomicU64::new(link.load(Relaxed))).collect(),
        };
        let mut rlp = Vec::new();
        // Children come after their parents in pre-order, so that backwards is bottom-up.
        for index in (0..page.branches.len()).rev() {
            if page.branches[index].leaves_mask() & dirty != 0 {
                page.branches[index].node =
                    hash_branch(&page.leaves, &page.branches[index..], &mut rlp);
            }
        }
        page
    }

    /// The same page with its path cut or extended to `from` nibbles. `None` if it is a single leaf,
    /// of which the value is needed.
    pub(crate) fn moved(&self, from: usize) -> Option<Self> {
        let mut branches = self.branches.clone();
        let top = branches.first_mut()?;
        top.from = from as u8;
        let node = hash_branch(&self.leaves, &branches, &mut Vec::new());
        branches[0].node = node;
        Some(Self {
            leaves: self.leaves.clone(),
            branches,
            storage: self.storage.iter().map(|link| AtomicU64::new(link.load(Relaxed))).collect(),
        })
    }

    /// Bytes this page keeps in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.leaves)
            + size_of_val(&*self.branches)
            + size_of_val(&*self.storage)
    }
}

impl Leaf {
    /// A leaf of which the reference is still to be computed.
    pub(crate) fn unhashed(key: B256) -> Self {
        Self { key, node: NodeRef::NONE, from: u8::MAX }
    }

    /// Hashes the leaf with a new value in its old place.
    pub(crate) fn rehash(&mut self, value: &[u8], rlp: &mut Vec<u8>) {
        node_rlp::leaf(&self.key, usize::from(self.from), value, rlp);
        self.node = NodeRef::of(rlp);
    }
}

impl PageBranch {
    /// The leaves under this branch, one bit each.
    fn leaves_mask(&self) -> u64 {
        let below = |end: u8| if end >= 64 { u64::MAX } else { (1 << end) - 1 };
        below(self.end) & !below(self.first)
    }
}

/// Hashes the first of `branches`, whose descendants follow it and are up to date.
fn hash_branch(leaves: &[Leaf], branches: &[PageBranch], rlp: &mut Vec<u8>) -> NodeRef {
    let top = &branches[0];
    let mut encoder = BranchEncoder::new();
    let mut leaf = usize::from(top.first);
    let mut below = 1;
    while leaf < usize::from(top.end) {
        let nibble = nibbles::at(&leaves[leaf].key, usize::from(top.at));
        match branches.get(below) {
            Some(child) if usize::from(child.first) == leaf && child.end <= top.end => {
                encoder.push(nibble, &child.node);
                leaf = usize::from(child.end);
                below += usize::from(child.size);
            }
            _ => {
                encoder.push(nibble, &leaves[leaf].node);
                leaf += 1;
            }
        }
    }
    let key = &leaves[usize::from(top.first)].key;
    extended(key, top.from, top.at, encoder.finish(), rlp)
}

/// Reference of a branch together with the extension over nibbles `from..at` of `key`, if any.
fn extended(key: &B256, from: u8, at: u8, branch: &[u8], rlp: &mut Vec<u8>) -> NodeRef {
    let node = NodeRef::of(branch);
    if from == at {
        return node;
    }
    node_rlp::extension(key, usize::from(from), usize::from(at), &node, rlp);
    NodeRef::of(rlp)
}

/// A page being built.
struct Draft<'a, V> {
    entries: &'a [Entry],
    old: Option<&'a Page>,
    values: &'a V,
    leaves: Vec<Leaf>,
    branches: Vec<PageBranch>,
    value: Vec<u8>,
    rlp: Vec<u8>,
}

impl<V: Values> Draft<'_, V> {
    /// Appends the subtree over entries `first..end`, whose path has `from` nibbles.
    fn subtree(&mut self, first: usize, end: usize, from: usize) -> Result<NodeRef, TrieError> {
        if end - first == 1 {
            return self.leaf(first, from);
        }
        if let Some(node) = self.take_over(first, end, from) {
            return Ok(node);
        }
        let key = self.entries[first].leaf.key;
        let at = nibbles::common(&key, &self.entries[end - 1].leaf.key);
        let index = self.branches.len();
        // None of these can truncate: at most 64 leaves, 63 branches and 64 nibbles.
        self.branches.push(PageBranch {
            node: NodeRef::NONE,
            from: from as u8,
            at: at as u8,
            first: first as u8,
            end: end as u8,
            size: 0,
        });
        let mut encoder = BranchEncoder::new();
        let mut child = first;
        while child < end {
            let nibble = nibbles::at(&self.entries[child].leaf.key, at);
            let next = (child + 1..end)
                .find(|next| nibbles::at(&self.entries[*next].leaf.key, at) != nibble)
                .unwrap_or(end);
            let node = self.subtree(child, next, at + 1)?;
            encoder.push(nibble, &node);
            child = next;
        }
        let node = extended(&key, from as u8, at as u8, encoder.finish(), &mut self.rlp);
        self.branches[index].node = node;
        self.branches[index].size = (self.branches.len() - index) as u8;
        Ok(node)
    }

    fn leaf(&mut self, index: usize, from: usize) -> Result<NodeRef, TrieError> {
        let entry = &self.entries[index];
        let mut leaf = entry.leaf;
        let is_new = matches!(entry.origin, Origin::Changed(_));
        if is_new || usize::from(leaf.from) != from {
            self.values.value(entry, &mut self.value)?;
            leaf.from = from as u8;
            leaf.rehash(&self.value, &mut self.rlp);
        }
        self.leaves.push(leaf);
        Ok(leaf.node)
    }

    /// Copies the branch of the old page that stands over exactly these leaves, if there is one.
    fn take_over(&mut self, first: usize, end: usize, from: usize) -> Option<NodeRef> {
        let old = self.old?;
        let Origin::Kept(start) = self.entries[first].origin else { return None };
        let entries = &self.entries[first..end];
        let kept = |(offset, entry): (usize, &Entry)| {
            entry.origin == Origin::Kept(start.saturating_add(offset as u8))
        };
        if !entries.iter().enumerate().all(kept) {
            return None;
        }
        let stop = usize::from(start) + entries.len();
        let candidates = old.branches.partition_point(|branch| branch.first < start);
        let index = (candidates..old.branches.len())
            .take_while(|index| old.branches[*index].first == start)
            .find(|index| usize::from(old.branches[*index].end) == stop)?;
        let top = &old.branches[index];
        if usize::from(top.from) != from {
            return None;
        }
        let copied = &old.branches[index..index + usize::from(top.size)];
        self.branches.extend(copied.iter().map(|branch| PageBranch {
            first: branch.first - start + first as u8,
            end: branch.end - start + first as u8,
            ..*branch
        }));
        self.leaves.extend(entries.iter().map(|entry| entry.leaf));
        Some(top.node)
    }
}
