use phala_primitives::NodeRef;

use crate::{
    TrieError, nibbles, node_buffers,
    node_rlp::{self, BranchEncoder},
    page::{Entry, Origin, PAGE_LEAVES, Page, PageBranch, Shape, Values, extended},
    scratch::Scratch,
};

/// A page being built from its leaves.
pub(crate) struct Draft<'a, V> {
    entries: &'a [Entry],
    old: Option<&'a Page>,
    values: &'a V,
    scratch: &'a mut Scratch,
    branches: Vec<PageBranch>,
    froms: [u8; PAGE_LEAVES],
    leaf_nodes: Vec<NodeRef>,
    branch_nodes: Vec<NodeRef>,
}

impl<'a, V: Values> Draft<'a, V> {
    pub(crate) fn new(
        entries: &'a [Entry],
        old: Option<&'a Page>,
        values: &'a V,
        scratch: &'a mut Scratch,
    ) -> Self {
        debug_assert!((1..=PAGE_LEAVES).contains(&entries.len()));
        let len = entries.len();
        Self {
            entries,
            old,
            values,
            scratch,
            branches: Vec::with_capacity(len / 2),
            froms: [0; PAGE_LEAVES],
            leaf_nodes: Vec::with_capacity(len),
            branch_nodes: Vec::with_capacity(len / 2),
        }
    }

    /// Builds the page whose path has `from` nibbles.
    pub(crate) fn finish(mut self, from: usize) -> Result<(Shape, Vec<NodeRef>), TrieError> {
        self.subtree(0, self.entries.len(), from)?;
        let shape = Shape {
            keys: self.entries.iter().map(|entry| entry.leaf.key).collect(),
            froms: self.froms,
            branches: self.branches.into_boxed_slice(),
        };
        let len = self.leaf_nodes.len() + self.branch_nodes.len();
        let mut nodes = Vec::with_capacity(node_buffers::capacity(len));
        nodes.append(&mut self.leaf_nodes);
        nodes.append(&mut self.branch_nodes);
        Ok((shape, nodes))
    }

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
        let mut branch = PageBranch {
            from: from as u8,
            at: at as u8,
            mask: 0,
            first: first as u8,
            end: end as u8,
            size: 0,
        };
        self.branches.push(branch);
        self.branch_nodes.push(NodeRef::NONE);
        let mut encoder = BranchEncoder::new();
        let mut child = first;
        while child < end {
            let nibble = nibbles::at(&self.entries[child].leaf.key, at);
            let next = (child + 1..end)
                .find(|next| nibbles::at(&self.entries[*next].leaf.key, at) != nibble)
                .unwrap_or(end);
            let node = self.subtree(child, next, at + 1)?;
            encoder.push(nibble, &node);
            branch.mask |= 1 << nibble;
            child = next;
        }
        let node = extended(&key, &branch, encoder.finish(), self.scratch);
        branch.size = (self.branches.len() - index) as u8;
        self.branches[index] = branch;
        self.branch_nodes[index] = node;
        Ok(node)
    }

    fn leaf(&mut self, index: usize, from: usize) -> Result<NodeRef, TrieError> {
        let entry = &self.entries[index];
        let mut node = entry.leaf.node;
        let is_new = matches!(entry.origin, Origin::Changed(_));
        if is_new || usize::from(entry.leaf.from) != from {
            let Scratch { value, rlp } = &mut *self.scratch;
            self.values.value(entry, value)?;
            node_rlp::leaf(&entry.leaf.key, from, value, rlp);
            node = NodeRef::of(rlp);
        }
        self.froms[self.leaf_nodes.len()] = from as u8;
        self.leaf_nodes.push(node);
        Ok(node)
    }

    /// Copies the branch of the old page that stands over exactly these leaves, if there is one.
    fn take_over(&mut self, first: usize, end: usize, from: usize) -> Option<NodeRef> {
        let old = self.old?;
        let Origin::Kept(start) = self.entries[first].origin else { return None };
        let entries = &self.entries[first..end];
        let is_kept = |(offset, entry): (usize, &Entry)| {
            entry.origin == Origin::Kept(start.saturating_add(offset as u8))
        };
        if !entries.iter().enumerate().all(is_kept) {
            return None;
        }
        let branches = &*old.shape.branches;
        let stop = usize::from(start) + entries.len();
        let candidates = branches.partition_point(|branch| branch.first < start);
        let index = (candidates..branches.len())
            .take_while(|index| branches[*index].first == start)
            .find(|index| usize::from(branches[*index].end) == stop)?;
        if usize::from(branches[index].from) != from {
            return None;
        }
        let range = index..index + usize::from(branches[index].size);
        self.branches.extend(branches[range.clone()].iter().map(|branch| PageBranch {
            first: branch.first - start + first as u8,
            end: branch.end - start + first as u8,
            ..*branch
        }));
        let branch_nodes = &old.nodes[old.len()..];
        self.branch_nodes.extend_from_slice(&branch_nodes[range]);
        for entry in entries {
            self.froms[self.leaf_nodes.len()] = entry.leaf.from;
            self.leaf_nodes.push(entry.leaf.node);
        }
        Some(branch_nodes[index])
    }
}
