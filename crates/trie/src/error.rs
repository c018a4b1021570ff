use std::fmt;

use alloy_primitives::B256;
use phala_primitives::NodeRef;

/// What went wrong where the trie reads its data: an I/O error, never a statement about a block.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(Box<dyn std::error::Error + Send + Sync>);

impl SourceError {
    /// Wraps the error of a store.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The wrapped error.
    pub fn into_inner(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

/// Why a root or a proof could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum TrieError {
    /// The source failed to read. Nothing is known about the state; the same call may succeed later.
    #[error("trie source failed: {0}")]
    Source(#[from] SourceError),

    /// What the source returned contradicts itself or the root asked for. The stored state is
    /// damaged, or the source is a view of another block: going on would compute a wrong root.
    #[error("state is corrupt in {} at {}: {defect}", Trie(.owner), Path(.path))]
    Corrupt {
        /// keccak256 of the address for a storage trie, `None` for the account trie.
        owner: Option<B256>,
        /// Nibbles from the root of that trie.
        path: Vec<u8>,
        /// What is wrong there.
        defect: Defect,
    },

    /// Keys were given out of order or twice. The caller has to sort them.
    #[error("keys are not in ascending order: {next} after {previous}")]
    Unsorted {
        /// The key given before.
        previous: B256,
        /// The key that is not greater.
        next: B256,
    },

    /// An account was deleted while its storage trie still has entries, which no block can do since
    /// EIP-6780. The caller's changes are wrong.
    #[error("account {account} is deleted but its storage root is {storage_root}")]
    OrphanStorage {
        /// keccak256 of the account's address.
        account: B256,
        /// What its storage trie still holds.
        storage_root: B256,
    },

    /// The proof needs more reads than the caller allows. It cannot be served from this state.
    #[error("proof needs more than {budget} reads")]
    BudgetExceeded {
        /// The limit that was reached.
        budget: u64,
    },
}

impl TrieError {
    pub(crate) fn corrupt(owner: Option<B256>, path: Vec<u8>, defect: Defect) -> Self {
        Self::Corrupt { owner, path, defect }
    }
}

/// What is wrong with a piece of stored state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// A parent says that the node is stored, and it is not.
    #[error("stored node is missing")]
    MissingNode,
    /// A parent says that there are leaves, and there are none.
    #[error("no leaf where the parent has a child")]
    MissingLeaves,
    /// The leaf is in the trie but not in the flat state.
    #[error("leaf {0} is missing")]
    MissingLeaf(B256),
    /// What was read does not hash to the reference its parent holds.
    #[error("hashes to {found}, expected {expected}")]
    WrongHash {
        /// The reference held by the parent, or the root.
        expected: Box<NodeRef>,
        /// What the data give.
        found: Box<NodeRef>,
    },
    /// More leaves under an unstored node than a page can hold.
    #[error("more than {limit} leaves without a stored node")]
    TooManyLeaves {
        /// Leaves of the largest page.
        limit: usize,
    },
    /// The leaf count of a stored node disagrees with its children.
    #[error("leaf count is {stored}, children have {found}")]
    LeafCount {
        /// The count the node was stored with.
        stored: u64,
        /// The count found below it.
        found: u64,
    },
    /// A stored node no trie can contain: masks, references or prefix are out of range.
    #[error("stored node is malformed")]
    Malformed,
    /// The flat state returned keys out of order or outside of the range asked for.
    #[error("leaf {0} is out of order or out of range")]
    WrongLeaf(B256),
}

impl Defect {
    /// References are boxed, so that results stay small where nothing is wrong.
    pub(crate) fn wrong_hash(expected: NodeRef, found: NodeRef) -> Self {
        Self::WrongHash { expected: Box::new(expected), found: Box::new(found) }
    }
}

struct Trie<'a>(&'a Option<B256>);

impl fmt::Display for Trie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("the account trie"),
            Some(owner) => write!(f, "the storage trie of {owner}"),
        }
    }
}

struct Path<'a>(&'a [u8]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the root");
        }
        f.write_str("path ")?;
        self.0.iter().try_for_each(|nibble| write!(f, "{nibble:x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corruption_names_the_place_and_the_values() {
        let error = TrieError::corrupt(None, vec![1, 10, 15], Defect::MissingNode);
        assert_eq!(
            error.to_string(),
            "state is corrupt in the account trie at path 1af: stored node is missing"
        );
        let defect = Defect::LeafCount { stored: 70, found: 3 };
        let error = TrieError::corrupt(Some(B256::ZERO), Vec::new(), defect);
        assert!(error.to_string().ends_with("at the root: leaf count is 70, children have 3"));
    }
}
