//! Putting a branch together from its children after an update, in whatever form is right for the
//! number of leaves and children left.

use std::sync::Arc;

use alloy_primitives::B256;

use crate::{
    TrieError,
    branch::{Branch, Child},
    cache::{Node, NodeId},
    error::Defect,
    leaves::Leaves,
    nibbles,
    page::{Entry, Origin, PAGE_LEAVES, Page},
    parallel::{self, Split},
    scratch::Scratch,
    update::{Effects, Subtree, Update},
};

/// Entries from which the children of a new branch are built in parallel.
const PARALLEL_ENTRIES_MIN: usize = 1024;

/// A child of the branch to be made.
pub(crate) enum Part {
    /// As it is in the old branch.
    Kept,
    /// Built by this update.
    New(Subtree),
}

impl Part {
    /// Leaves, if this is new.
    pub(crate) fn new_leaves(&self) -> u64 {
        match self {
            Self::Kept => 0,
            Self::New(subtree) => subtree.node.leaves(),
        }
    }
}

/// Where the branch to be made is.
pub(crate) struct Place {
    /// A key that begins with the branch's path.
    pub(crate) key: B256,
    /// Nibble at which its extension begins.
    pub(crate) from: usize,
    /// Nibble that tells its children apart.
    pub(crate) at: usize,
    /// Leaves under it.
    pub(crate) leaves: u64,
}

impl<L: Leaves> Update<'_, L> {
    /// Makes a branch of `parts` (sorted by nibble), of which the kept ones are in `old`.
    pub(crate) fn assemble(
        &self,
        place: &Place,
        mut parts: Vec<(u8, Part)>,
        old: Option<&Arc<Branch>>,
        effects: &mut Effects,
    ) -> Result<Option<Subtree>, TrieError> {
        if parts.len() <= 1 {
            let Some((nibble, part)) = parts.pop() else { return Ok(None) };
            let subtree = self.take(nibble, part, old, effects)?;
            return self.collapse(place, subtree, &mut effects.scratch).map(Some);
        }
        if place.leaves > PAGE_LEAVES as u64 {
            let children: Vec<Child> = parts
                .into_iter()
                .filter_map(|(nibble, part)| match part {
                    Part::New(subtree) => Some(Child { nibble, ..self.place(subtree, effects) }),
                    Part::Kept => old.and_then(|old| old.child(nibble)),
                })
                .collect();
            let branch = Branch::new(&place.key, place.from, place.at, place.leaves, &children);
            return Ok(Some(Subtree::branch(branch)));
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(PAGE_LEAVES);
        for (nibble, part) in parts {
            match self.take(nibble, part, old, effects)?.node {
                Node::Page(page) => entries.extend(page.entries(|_| Origin::Moved)),
                // Its leaves are more than those of the branch it is in.
                Node::Branch(branch) => return Err(self.miscounted(place, branch.leaves)),
            }
        }
        if entries.len() as u64 != place.leaves {
            return Err(self.miscounted(place, entries.len() as u64));
        }
        let page = Page::build(&entries, place.from, None, self, &mut effects.scratch)?;
        Ok(Some(Subtree::page(page)))
    }

    /// The subtree of a part, taken out of the old branch if it is still there.
    fn take(
        &self,
        nibble: u8,
        part: Part,
        old: Option<&Arc<Branch>>,
        effects: &mut Effects,
    ) -> Result<Subtree, TrieError> {
        let (old, child) = match (part, old.and_then(|old| Some((old, old.child(nibble)?)))) {
            (Part::New(subtree), _) => return Ok(subtree),
            (Part::Kept, Some(old)) => old,
            (Part::Kept, None) => {
                return Err(self.loader.corrupt(Vec::new(), Defect::Malformed));
            }
        };
        let node = self.loader.child(old, nibble)?;
        if let Node::Branch(branch) = &node {
            effects.removed.push((branch.path(), branch.to_stored()));
        }
        // Loading has given it a name if it had none.
        self.supersede(old.child(nibble).map(|child| child.link), effects);
        Ok(Subtree { node, reference: child.node })
    }

    /// Puts the only child left in the place of its parent.
    fn collapse(
        &self,
        place: &Place,
        subtree: Subtree,
        scratch: &mut Scratch,
    ) -> Result<Subtree, TrieError> {
        let found = subtree.node.leaves();
        if found != place.leaves {
            return Err(self.miscounted(place, found));
        }
        match subtree.node {
            Node::Branch(branch) => Ok(Subtree::branch(branch.moved(place.from))),
            Node::Page(page) => {
                if let Some(moved) = page.moved(place.from, scratch) {
                    return Ok(Subtree::page(moved));
                }
                let entries: Vec<Entry> = page.entries(|_| Origin::Moved).collect();
                Page::build(&entries, place.from, None, self, scratch).map(Subtree::page)
            }
        }
    }

    /// Builds the subtree over `entries` (sorted) whose path has `from` nibbles; `None` without any.
    pub(crate) fn build(
        &self,
        entries: &[Entry],
        from: usize,
        old: Option<&Page>,
        effects: &mut Effects,
    ) -> Result<Option<Subtree>, TrieError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(None) };
        if entries.len() <= PAGE_LEAVES {
            let page = Page::build(entries, from, old, self, &mut effects.scratch)?;
            return Ok(Some(Subtree::page(page)));
        }
        let key = first.leaf.key;
        let at = nibbles::common(&key, &last.leaf.key);
        let nibble = |entry: &Entry| nibbles::at(&entry.leaf.key, at);
        let groups: Vec<&[Entry]> = entries.chunk_by(|a, b| nibble(a) == nibble(b)).collect();
        let is_large = entries.len() >= PARALLEL_ENTRIES_MIN;
        let split = if is_large { Split::By(1) } else { Split::None };
        let built = parallel::each(groups, split, effects, |group, effects| {
            let subtree = self.build(group, at + 1, old, effects)?;
            Ok::<_, TrieError>((nibble(&group[0]), subtree))
        })?;
        let parts = built
            .into_iter()
            .filter_map(|(nibble, subtree)| Some((nibble, Part::New(subtree?))))
            .collect();
        let place = Place { key, from, at, leaves: entries.len() as u64 };
        self.assemble(&place, parts, None, effects)
    }

    /// Gives a finished subtree its place: in memory, and among the stored nodes if it is one.
    pub(crate) fn place(&self, subtree: Subtree, effects: &mut Effects) -> Child {
        let is_stored = match &subtree.node {
            Node::Branch(branch) => {
                effects.added.push((branch.path(), branch.to_stored()));
                true
            }
            Node::Page(_) => false,
        };
        let link = self.loader.cache.insert(subtree.node);
        if link != NodeId::NONE {
            effects.created.push(link);
        }
        Child { nibble: 0, node: subtree.reference, is_stored, link }
    }

    /// Leaves under `branch` when `before` of them are replaced by `after`.
    pub(crate) fn leaves_after(
        &self,
        branch: &Branch,
        before: u64,
        after: u64,
    ) -> Result<u64, TrieError> {
        branch.leaves.checked_sub(before).and_then(|rest| rest.checked_add(after)).ok_or_else(
            || {
                let defect = Defect::LeafCount { stored: branch.leaves, found: before };
                self.loader.corrupt(branch.path(), defect)
            },
        )
    }

    fn miscounted(&self, place: &Place, found: u64) -> TrieError {
        let path = nibbles::unpack(&place.key, 0..place.from);
        self.loader.corrupt(path, Defect::LeafCount { stored: place.leaves, found })
    }
}
