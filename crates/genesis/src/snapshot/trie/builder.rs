use alloy_primitives::B256;

use super::{
    StateVersion,
    encoding::{BranchValue, ChildRef, Children, EMPTY, blake2_256, encode_branch, encode_leaf},
    nibbles::nibble,
};

/// Builds a trie, or a subtree of one, from sorted keys, and keeps nothing of it but the branches on the
/// path to the last key. Every push says how many nibbles its key shares with the next: with that, what
/// is complete is known at once.
#[derive(Debug)]
pub(super) struct TrieBuilder {
    version: StateVersion,
    /// Nibbles of every key that lie above this tree.
    base: usize,
    /// Unfinished branches, deeper ones last.
    stack: Vec<Branch>,
    encoding: Vec<u8>,
    finished: bool,
}

#[derive(Debug)]
struct Branch {
    depth: usize,
    value: Option<BranchValue>,
    children: Children,
}

impl Branch {
    fn new(depth: usize, value: Option<BranchValue>) -> Self {
        Self { depth, value, children: [None; 16] }
    }
}

impl TrieBuilder {
    /// A whole trie.
    pub(super) fn new(version: StateVersion) -> Self {
        Self::subtree(version, 0)
    }

    /// Whatever lies below `base` nibbles that all keys share.
    pub(super) fn subtree(version: StateVersion, base: usize) -> Self {
        Self { version, base, stack: Vec::new(), encoding: Vec::new(), finished: false }
    }

    /// The next pair. `shared` nibbles of it begin the next key as well; nothing follows without.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8], shared: Option<usize>) {
        if shared == Some(2 * key.len()) {
            let value = BranchValue::new(value, self.version);
            self.stack.push(Branch::new(2 * key.len(), Some(value)));
            return;
        }
        let from = self.parent_depth(shared).map_or(self.base, |depth| depth + 1);
        encode_leaf(key, from, value, self.version, &mut self.encoding);
        match self.parent_depth(shared) {
            Some(parent) => {
                let leaf = ChildRef::new(&self.encoding);
                self.attach(key, leaf, parent);
                self.close_branches(key, shared);
            }
            None => self.finished = true,
        }
    }

    /// A subtree built elsewhere, for the parent at the depth it has here. `key` is any key in it.
    pub(super) fn push_subtree(&mut self, key: &[u8], subtree: ChildRef, shared: Option<usize>) {
        let parent = self.parent_depth(shared).expect("a subtree has neighbours");
        self.attach(key, subtree, parent);
        self.close_branches(key, shared);
    }

    /// Finishes every branch that the next key is not below.
    fn close_branches(&mut self, key: &[u8], shared: Option<usize>) {
        while self.stack.last().is_some_and(|branch| Some(branch.depth) > shared) {
            let Some(branch) = self.stack.pop() else { return };
            let parent = self.parent_depth(shared);
            let from = parent.map_or(self.base, |depth| depth + 1);
            let value = branch.value.as_ref();
            encode_branch(key, from, branch.depth, value, &branch.children, &mut self.encoding);
            match parent {
                Some(parent) => self.attach(key, ChildRef::new(&self.encoding), parent),
                None => self.finished = true,
            }
        }
    }

    /// Depth of the branch that what was just completed hangs on.
    fn parent_depth(&self, shared: Option<usize>) -> Option<usize> {
        self.stack.last().map(|branch| branch.depth).max(shared)
    }

    fn attach(&mut self, key: &[u8], child: ChildRef, parent: usize) {
        if self.stack.last().is_none_or(|branch| branch.depth < parent) {
            self.stack.push(Branch::new(parent, None));
        }
        if let Some(branch) = self.stack.last_mut() {
            branch.children[usize::from(nibble(key, parent))] = Some(child);
        }
    }

    /// The subtree, for its parent.
    pub(super) fn into_child(self) -> ChildRef {
        assert!(self.finished, "the last key was pushed");
        ChildRef::new(&self.encoding)
    }

    /// Root hash; that of the empty trie if nothing was pushed.
    pub(super) fn into_root(self) -> B256 {
        if self.finished { blake2_256(&self.encoding) } else { blake2_256(&[EMPTY]) }
    }
}
