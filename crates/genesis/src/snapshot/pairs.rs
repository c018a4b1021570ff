use std::{iter::Peekable, vec};

use alloy_primitives::{B256, hex};

use super::{SnapshotError, record::RecordReader, store::CHILD_ROOT_PREFIX, trie::PairSource};
use crate::Pair;

/// Key of the top trie that holds the root of a child trie, and the root.
pub(crate) type ChildRoot = (Vec<u8>, B256);

/// The pairs of one trie of a snapshot, sorted by key, each key once. In the top trie, the roots of child
/// tries are among them. Ends after an error.
#[derive(Debug)]
pub struct Pairs {
    stored: RecordReader,
    at: At,
    /// To be merged in, sorted by key.
    roots: Peekable<vec::IntoIter<ChildRoot>>,
    root: ChildRoot,
}

/// The pair that was handed out last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// None yet, or the stored one: a new one has to be read.
    Stored,
    /// A root; the stored pair is for later.
    Root,
    /// A root, and no stored pair is left.
    LaterRoot,
    End,
}

impl Pairs {
    pub(crate) fn new(stored: RecordReader, roots: Vec<ChildRoot>) -> Self {
        let roots = roots.into_iter().peekable();
        Self { stored, at: At::Stored, roots, root: ChildRoot::default() }
    }

    fn step(&mut self) -> Result<(), SnapshotError> {
        let has_stored = match self.at {
            At::Stored => self.stored.advance()?,
            At::Root => true,
            At::LaterRoot | At::End => false,
        };
        let Some((key, root)) = self.roots.peek() else {
            self.at = if has_stored { At::Stored } else { At::End };
            return Ok(());
        };
        if has_stored && self.stored.key < *key {
            self.at = At::Stored;
        } else if has_stored && self.stored.key == *key {
            if self.stored.value != root.as_slice() {
                return Err(SnapshotError::ChildRoot {
                    name: key[CHILD_ROOT_PREFIX.len()..].to_vec(),
                    found: hex::encode_prefixed(&self.stored.value),
                    computed: *root,
                });
            }
            self.roots.next();
            self.at = At::Stored;
        } else if let Some(root) = self.roots.next() {
            self.root = root;
            self.at = if has_stored { At::Root } else { At::LaterRoot };
        }
        Ok(())
    }
}

impl PairSource for Pairs {
    fn next_pair(&mut self) -> Result<Option<(&[u8], &[u8])>, SnapshotError> {
        if self.at == At::End {
            return Ok(None);
        }
        if let Err(error) = self.step() {
            self.at = At::End;
            return Err(error);
        }
        Ok(match self.at {
            At::Stored => Some((&self.stored.key, &self.stored.value)),
            At::Root | At::LaterRoot => Some((&self.root.0, self.root.1.as_slice())),
            At::End => None,
        })
    }
}

impl Iterator for Pairs {
    type Item = Result<Pair, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.next_pair().transpose()?;
        Some(pair.map(|(key, value)| Pair { key: key.to_vec(), value: value.to_vec() }))
    }
}
