//! Applying sorted changes to one trie. Nothing that exists is altered: whatever changes is built
//! anew and shares the rest.

use std::sync::Arc;

use alloy_primitives::B256;
use phala_primitives::{EMPTY_STORAGE_ROOT, NodeRef, StoredNode};

use crate::{
    TrieError,
    assemble::{Part, Place},
    branch::Branch,
    cache::{Cache, Node, NodeId},
    leaves::Leaves,
    load::Loader,
    nibbles, node_rlp,
    page::{Entry, Leaf, Origin, PAGE_LEAVES, Page, Values},
    parallel::{self, Split},
    scratch::Scratch,
};

/// What to do with one leaf.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) key: B256,
    /// Index of the new value.
    pub(crate) index: u32,
    /// Whether there is a leaf afterwards.
    pub(crate) is_present: bool,
}

/// What an update leaves behind besides the root.
#[derive(Default)]
pub(crate) struct Effects {
    /// Stored nodes of the old trie that were replaced, with their paths.
    pub(crate) removed: Vec<(Vec<u8>, StoredNode)>,
    /// Stored nodes of the new trie that may differ, with their paths.
    pub(crate) added: Vec<(Vec<u8>, StoredNode)>,
    /// Nodes in memory that only the new trie has.
    pub(crate) created: Vec<NodeId>,
    /// Nodes in memory that the new trie no longer has.
    pub(crate) superseded: Vec<NodeId>,
    /// Buffers of this thread.
    pub(crate) scratch: Scratch,
}

impl parallel::Merge for Effects {
    fn merge(&mut self, mut other: Self) {
        self.removed.append(&mut other.removed);
        self.added.append(&mut other.added);
        self.created.append(&mut other.created);
        self.superseded.append(&mut other.superseded);
    }
}

/// A subtree that was built and has no place in the cache yet.
pub(crate) struct Subtree {
    pub(crate) node: Node,
    pub(crate) reference: NodeRef,
}

impl Subtree {
    pub(crate) fn page(page: Page) -> Self {
        let reference = page.node();
        Self { node: Node::Page(Arc::new(page)), reference }
    }

    pub(crate) fn branch(branch: Branch) -> Self {
        let reference = branch.node();
        Self { node: Node::Branch(Arc::new(branch)), reference }
    }
}

/// What became of a subtree.
pub(crate) enum Outcome {
    Unchanged,
    Changed {
        /// Leaves there were.
        before: u64,
        /// What there is now; `None` if no leaf is left.
        after: Option<Subtree>,
    },
}

/// A finished update of one trie.
pub(crate) struct Updated {
    pub(crate) root: B256,
    pub(crate) id: NodeId,
    /// Whether anything is other than before.
    pub(crate) is_changed: bool,
    pub(crate) effects: Effects,
}

/// One update of one trie.
pub(crate) struct Update<'a, L> {
    pub(crate) loader: Loader<'a, L>,
    /// All changes, sorted.
    pub(crate) changes: &'a [Change],
}

impl<'a, L: Leaves> Update<'a, L> {
    pub(crate) fn new(leaves: &'a L, cache: &'a Cache, changes: &'a [Change]) -> Self {
        Self { loader: Loader { leaves, cache }, changes }
    }

    /// Applies the changes to the trie with that root and top; a trie without top is empty.
    pub(crate) fn run(
        &self,
        root: B256,
        top: Option<(Node, NodeId)>,
    ) -> Result<Updated, TrieError> {
        let mut effects = Effects::default();
        let (old, outcome) = match top {
            None => (NodeId::NONE, self.insert(self.changes, 0, &mut effects)?),
            Some((node, id)) => (id, self.subtree(node, 0, self.changes, &mut effects)?),
        };
        let Outcome::Changed { after, .. } = outcome else {
            return Ok(Updated { root, id: old, is_changed: false, effects });
        };
        self.supersede(Some(old), &mut effects);
        let (root, id) = match after {
            None => (EMPTY_STORAGE_ROOT, NodeId::NONE),
            Some(top) => (top.reference.root(), self.place(top, &mut effects).link),
        };
        Ok(Updated { root, id, is_changed: true, effects })
    }

    /// Applies `changes` to what is under the first `from` nibbles of their keys.
    fn subtree(
        &self,
        node: Node,
        from: usize,
        changes: &[Change],
        effects: &mut Effects,
    ) -> Result<Outcome, TrieError> {
        match node {
            Node::Page(page) => self.page(&page, from, changes, effects),
            Node::Branch(branch) => self.branch(&branch, from, changes, effects),
        }
    }

    /// Builds a subtree where there was none.
    fn insert(
        &self,
        changes: &[Change],
        from: usize,
        effects: &mut Effects,
    ) -> Result<Outcome, TrieError> {
        let entries: Vec<Entry> =
            changes.iter().filter(|change| change.is_present).map(|c| self.entry(c)).collect();
        Ok(match self.build(&entries, from, None, effects)? {
            None => Outcome::Unchanged,
            after => Outcome::Changed { before: 0, after },
        })
    }

    fn page(
        &self,
        page: &Page,
        from: usize,
        changes: &[Change],
        effects: &mut Effects,
    ) -> Result<Outcome, TrieError> {
        let after = match self.overwrite(page, changes, &mut effects.scratch) {
            Some(page) => Some(Subtree::page(page)),
            None => self.build(&self.merge(page, changes), from, Some(page), effects)?,
        };
        let is_same = after.as_ref().is_some_and(|after| {
            after.reference == page.node() && after.node.leaves() == page.len() as u64
        });
        if is_same {
            return Ok(Outcome::Unchanged);
        }
        Ok(Outcome::Changed { before: page.len() as u64, after })
    }

    /// The page with new values in leaves it has already; `None` if leaves come or go.
    fn overwrite(&self, page: &Page, changes: &[Change], scratch: &mut Scratch) -> Option<Page> {
        let mut found = [0; PAGE_LEAVES];
        if changes.len() > page.len() {
            return None;
        }
        for (change, place) in changes.iter().zip(&mut found) {
            *place = page.find(&change.key).filter(|_| change.is_present)?;
        }
        let mut nodes = self.loader.cache.buffer(page.nodes.len());
        nodes.extend_from_slice(&page.nodes);
        let mut dirty = 0;
        for (change, index) in changes.iter().zip(found) {
            let Scratch { value, rlp } = &mut *scratch;
            self.loader.leaves.changed_value(change.index, value);
            node_rlp::leaf(&change.key, usize::from(page.shape.froms[index]), value, rlp);
            let node = NodeRef::of(rlp);
            if nodes[index] != node {
                nodes[index] = node;
                dirty |= 1 << index;
            }
        }
        let page = page.with_nodes(nodes, dirty, scratch);
        for (change, index) in changes.iter().zip(found) {
            if let Some(id) = self.loader.leaves.changed_storage(change.index) {
                page.set_storage(index, id);
            }
        }
        Some(page)
    }

    /// Leaves of a page after the changes.
    fn merge(&self, page: &Page, changes: &[Change]) -> Vec<Entry> {
        let mut merged = Vec::with_capacity(page.len() + changes.len());
        let mut changes = changes.iter().peekable();
        for entry in page.entries(Origin::Kept) {
            while let Some(change) = changes.next_if(|change| change.key < entry.leaf.key) {
                merged.extend(change.is_present.then(|| self.entry(change)));
            }
            match changes.next_if(|change| change.key == entry.leaf.key) {
                None => merged.push(entry),
                Some(change) if change.is_present => {
                    let storage = self.loader.leaves.changed_storage(change.index);
                    let storage = storage.unwrap_or(entry.storage);
                    merged.push(Entry { storage, ..self.entry(change) });
                }
                Some(_) => {}
            }
        }
        merged.extend(changes.filter(|change| change.is_present).map(|c| self.entry(c)));
        merged
    }

    fn branch(
        &self,
        branch: &Arc<Branch>,
        from: usize,
        changes: &[Change],
        effects: &mut Effects,
    ) -> Result<Outcome, TrieError> {
        let at = branch.at();
        let shared = |change: &Change| nibbles::common(&change.key, branch.key());
        // Keys are sorted, so that those sharing the branch's path are together.
        let start = changes.partition_point(|change| change.key < *branch.key());
        let inside = &changes[start..];
        let inside = &inside[..inside.partition_point(|change| shared(change) >= at)];
        if inside.len() == changes.len() {
            return self.inside(branch, from, inside, effects);
        }
        // A new leaf outside of the branch's path cuts the extension before the branch.
        let outside = changes.iter().filter(|change| change.is_present && shared(change) < at);
        match outside.map(shared).min() {
            None => self.inside(branch, from, inside, effects),
            Some(cut) => self.outside(branch, from, cut, changes, effects),
        }
    }

    /// Changes that are all under the path of the branch.
    fn inside(
        &self,
        branch: &Arc<Branch>,
        from: usize,
        changes: &[Change],
        effects: &mut Effects,
    ) -> Result<Outcome, TrieError> {
        let groups = by_nibble(changes, branch.at());
        let split = match changes.len() {
            ..parallel::KEYS_MIN => Split::None,
            _ if from == 0 => Split::By(1),
            // Threads are busy with the parts of the top already: halves do for balance.
            _ => Split::By(8),
        };
        let outcomes = parallel::each(groups, split, effects, |(nibble, group), effects| {
            let from = branch.at() + 1;
            let outcome = if branch.slot(nibble).is_some() {
                let child = self.loader.child(branch, nibble)?;
                self.subtree(child, from, group, effects)
            } else {
                self.insert(group, from, effects)
            };
            outcome.map(|outcome| (nibble, outcome))
        })?;

        let mut parts: Vec<(u8, Part)> =
            branch.nibbles().map(|nibble| (nibble, Part::Kept)).collect();
        let (mut before, mut after) = (0, 0);
        let mut is_changed = false;
        for (nibble, outcome) in outcomes {
            let Outcome::Changed { before: lost, after: subtree } = outcome else { continue };
            is_changed = true;
            before += lost;
            after += subtree.as_ref().map_or(0, |subtree| subtree.node.leaves());
            self.supersede(branch.child(nibble).map(|child| child.link), effects);
            match (parts.binary_search_by_key(&nibble, |(nibble, _)| *nibble), subtree) {
                (Ok(slot), Some(subtree)) => parts[slot].1 = Part::New(subtree),
                (Ok(slot), None) => drop(parts.remove(slot)),
                (Err(slot), Some(subtree)) => parts.insert(slot, (nibble, Part::New(subtree))),
                (Err(_), None) => {}
            }
        }
        if !is_changed {
            return Ok(Outcome::Unchanged);
        }
        effects.removed.push((branch.path(), branch.to_stored()));
        let leaves = self.leaves_after(branch, before, after)?;
        let place = Place { key: *branch.key(), from, at: branch.at(), leaves };
        let after = self.assemble(&place, parts, Some(branch), effects)?;
        Ok(Outcome::Changed { before: branch.leaves, after })
    }

    /// Changes of which some insert leaves outside of the branch's path, the first at nibble `cut`:
    /// a new branch goes there, with the old one among its children.
    fn outside(
        &self,
        branch: &Arc<Branch>,
        from: usize,
        cut: usize,
        changes: &[Change],
        effects: &mut Effects,
    ) -> Result<Outcome, TrieError> {
        let key = branch.key();
        let start = changes.partition_point(|c| c.key < *key && nibbles::common(&c.key, key) < cut);
        let near = &changes[start..];
        let near = &near[..near.partition_point(|c| nibbles::common(&c.key, key) >= cut)];
        let own = nibbles::at(key, cut);
        let mut groups = by_nibble(near, cut);
        if let Err(slot) = groups.binary_search_by_key(&own, |(nibble, _)| *nibble) {
            groups.insert(slot, (own, &[]));
        }
        let mut parts = Vec::with_capacity(groups.len());
        for (nibble, group) in groups {
            let outcome = if nibble == own {
                match self.branch(branch, cut + 1, group, effects)? {
                    Outcome::Unchanged => {
                        effects.removed.push((branch.path(), branch.to_stored()));
                        Some(Subtree::branch(branch.moved(cut + 1)))
                    }
                    Outcome::Changed { after, .. } => after,
                }
            } else {
                match self.insert(group, cut + 1, effects)? {
                    Outcome::Unchanged => None,
                    Outcome::Changed { after, .. } => after,
                }
            };
            parts.extend(outcome.map(|subtree| (nibble, Part::New(subtree))));
        }
        let leaves = parts.iter().map(|(_, part)| part.new_leaves()).sum();
        let after =
            self.assemble(&Place { key: *key, from, at: cut, leaves }, parts, None, effects)?;
        Ok(Outcome::Changed { before: branch.leaves, after })
    }

    /// Notes that the new trie has something else in the place of a node.
    pub(crate) fn supersede(&self, id: Option<NodeId>, effects: &mut Effects) {
        if let Some(id) = id.filter(|id| *id != NodeId::NONE) {
            self.loader.cache.supersede(id);
            effects.superseded.push(id);
        }
    }

    pub(crate) fn entry(&self, change: &Change) -> Entry {
        Entry {
            leaf: Leaf::unhashed(change.key),
            storage: self.loader.leaves.changed_storage(change.index).unwrap_or(NodeId::NONE),
            origin: Origin::Changed(change.index),
        }
    }
}

impl<L: Leaves> Values for Update<'_, L> {
    fn value(&self, entry: &Entry, out: &mut Vec<u8>) -> Result<(), TrieError> {
        let key = &entry.leaf.key;
        let index = match entry.origin {
            Origin::Changed(index) => Some(index),
            Origin::Kept(_) => None,
            Origin::Moved => {
                let found = self.changes.binary_search_by(|change| change.key.cmp(key));
                found.ok().map(|found| self.changes[found].index)
            }
        };
        match index {
            Some(index) => self.loader.leaves.changed_value(index, out),
            None => self.loader.value(key, out)?,
        }
        Ok(())
    }
}

/// Splits sorted changes by their nibble at `at`.
pub(crate) fn by_nibble(changes: &[Change], at: usize) -> Vec<(u8, &[Change])> {
    let nibble = |change: &Change| nibbles::at(&change.key, at);
    changes
        .chunk_by(|a, b| nibble(a) == nibble(b))
        .map(|group| (nibble(&group[0]), group))
        .collect()
}
