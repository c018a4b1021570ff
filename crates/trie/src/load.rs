//! Reading what is not in memory. Everything read is hashed and compared with the reference that
//! its parent holds before it is used.

use std::{
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use alloy_primitives::B256;
use phala_primitives::NodeRef;

use crate::{
    TrieError,
    branch::Branch,
    cache::{Cache, Node, NodeId},
    error::Defect,
    leaves::Leaves,
    nibbles,
    page::{Entry, Leaf, Origin, PAGE_LEAVES, Page, Values},
    scratch::Scratch,
};

/// A trie as it is in the source, through the cache.
pub(crate) struct Loader<'a, L> {
    pub(crate) leaves: &'a L,
    pub(crate) cache: &'a Cache,
}

impl<L: Leaves> Loader<'_, L> {
    /// The top of a trie that is not empty, and its name in the cache.
    pub(crate) fn top(&self, root: B256, id: NodeId) -> Result<(Node, NodeId), TrieError> {
        if let Some(node) = self.cache.get(id) {
            return Ok((node, id));
        }
        let (node, found) = match self.branch(&[])? {
            Some(branch) => {
                let found = branch.node();
                (Node::Branch(Arc::new(branch)), found)
            }
            None => {
                let page = self.page(&B256::ZERO, 0)?;
                let found = page.node();
                (Node::Page(Arc::new(page)), found)
            }
        };
        if found.root() != root {
            let (expected, found) = (NodeRef::of_hash(root), NodeRef::of_hash(found.root()));
            let defect = Defect::wrong_hash(expected, found);
            return Err(self.corrupt(Vec::new(), defect));
        }
        Ok((node.clone(), self.cache.insert(node)))
    }

    /// The child of `branch` at `nibble`, which exists.
    pub(crate) fn child(&self, branch: &Branch, nibble: u8) -> Result<Node, TrieError> {
        let key = branch.child_key(nibble);
        let from = branch.at() + 1;
        let Some(child) = branch.child(nibble) else {
            return Err(self.corrupt(nibbles::unpack(&key, 0..from), Defect::Malformed));
        };
        if let Some(node) = self.cache.get(child.link) {
            return Ok(node);
        }
        let (node, found) = if child.is_stored {
            let path = nibbles::unpack(&key, 0..from);
            let Some(loaded) = self.branch(&path)? else {
                return Err(self.corrupt(path, Defect::MissingNode));
            };
            let found = loaded.node();
            (Node::Branch(Arc::new(loaded)), found)
        } else {
            let page = self.page(&key, from)?;
            let found = page.node();
            (Node::Page(Arc::new(page)), found)
        };
        if found != child.node {
            let defect = Defect::wrong_hash(child.node, found);
            return Err(self.corrupt(nibbles::unpack(&key, 0..from), defect));
        }
        branch.set_link(nibble, self.cache.insert(node.clone()));
        Ok(node)
    }

    /// Page and index of the leaf `key` under `top`, if it exists.
    pub(crate) fn find(
        &self,
        top: Node,
        key: &B256,
    ) -> Result<Option<(Arc<Page>, usize)>, TrieError> {
        let mut node = top;
        loop {
            match node {
                Node::Page(page) => {
                    return Ok(page.find(key).map(|index| (page, index)));
                }
                Node::Branch(branch) => {
                    let nibble = nibbles::at(key, branch.at());
                    let is_under = nibbles::common(key, branch.key()) >= branch.at();
                    if !is_under || branch.slot(nibble).is_none() {
                        return Ok(None);
                    }
                    node = self.child(&branch, nibble)?;
                }
            }
        }
    }

    /// Reads the value of one leaf.
    pub(crate) fn value(&self, key: &B256, out: &mut Vec<u8>) -> Result<(), TrieError> {
        let path = nibbles::unpack(key, 0..nibbles::KEY_NIBBLES);
        let mut is_found = false;
        self.leaves.scan(&path, *key, &mut |found, value| {
            is_found = found == *key;
            out.clear();
            out.extend_from_slice(value);
            ControlFlow::Break(())
        })?;
        if is_found { Ok(()) } else { Err(self.corrupt(path, Defect::MissingLeaf(*key))) }
    }

    pub(crate) fn corrupt(&self, path: Vec<u8>, defect: Defect) -> TrieError {
        TrieError::corrupt(self.leaves.owner(), path, defect)
    }

    /// Reads the stored node at `path`, not yet compared with anything.
    fn branch(&self, path: &[u8]) -> Result<Option<Branch>, TrieError> {
        self.cache.node_loads.fetch_add(1, Relaxed);
        let Some(stored) = self.leaves.stored_node(path)? else { return Ok(None) };
        match Branch::from_stored(path, &stored) {
            Some(branch) => Ok(Some(branch)),
            None => Err(self.corrupt(path.to_vec(), Defect::Malformed)),
        }
    }

    /// Reads all leaves under the first `from` nibbles of `key`, not yet compared with anything.
    fn page(&self, key: &B256, from: usize) -> Result<Page, TrieError> {
        self.cache.page_loads.fetch_add(1, Relaxed);
        let prefix = nibbles::unpack(key, 0..from);
        let mut read = ReadLeaves::default();
        let mut wrong = None;
        self.leaves.scan(&prefix, nibbles::truncate(key, from), &mut |key, value| {
            let is_next = read.entries.last().is_none_or(|last| last.leaf.key < key);
            if !is_next || !nibbles::starts_with(&key, &prefix) {
                wrong = Some(Defect::WrongLeaf(key));
            } else if read.entries.len() == PAGE_LEAVES {
                wrong = Some(Defect::TooManyLeaves { limit: PAGE_LEAVES });
            } else {
                read.push(key, value);
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        })?;
        if read.entries.is_empty() {
            wrong = wrong.or(Some(Defect::MissingLeaves));
        }
        match wrong {
            Some(defect) => Err(self.corrupt(prefix, defect)),
            None => Page::build(&read.entries, from, None, &read, &mut Scratch::default()),
        }
    }
}

/// Leaves of a page with their values.
#[derive(Default)]
struct ReadLeaves {
    entries: Vec<Entry>,
    values: Vec<u8>,
    /// Where each value ends.
    ends: Vec<usize>,
}

impl ReadLeaves {
    fn push(&mut self, key: B256, value: &[u8]) {
        let origin = Origin::Changed(self.entries.len() as u32);
        self.entries.push(Entry { leaf: Leaf::unhashed(key), storage: NodeId::NONE, origin });
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len());
    }
}

impl Values for ReadLeaves {
    fn value(&self, entry: &Entry, out: &mut Vec<u8>) -> Result<(), TrieError> {
        out.clear();
        if let Origin::Changed(index) = entry.origin {
            let index = index as usize;
            let start = if index == 0 { 0 } else { self.ends[index - 1] };
            out.extend_from_slice(&self.values[start..self.ends[index]]);
        }
        Ok(())
    }
}
