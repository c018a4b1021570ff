use alloy_primitives::{B256, U256};

use crate::{Account, NodeRef};

/// What one block did to one account, with the value on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDiff {
    /// keccak256 of the address.
    pub hash: B256,
    /// The account before the block; `None` if it did not exist.
    pub before: Option<Account>,
    /// The account after the block; `None` if it no longer exists.
    pub after: Option<Account>,
    /// Changed slots, sorted by hash, each once; `before != after` in each.
    pub slots: Vec<SlotDiff>,
}

/// What one block did to one storage slot; zero means absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotDiff {
    /// keccak256 of the 32-byte slot number.
    pub hash: B256,
    /// Value before the block.
    pub before: U256,
    /// Value after the block.
    pub after: U256,
}

/// A branch node that has more leaves under it than a page holds, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNode {
    /// Nibbles between this node's path and its branch (the extension folded in); one per byte.
    pub prefix: Vec<u8>,
    /// Leaves under this node, exactly.
    pub leaf_count: u64,
    /// Which of the sixteen children exist.
    pub state_mask: u16,
    /// Which of them are stored nodes themselves; a subset of `state_mask`.
    pub stored_mask: u16,
    /// Reference of each existing child in order.
    pub refs: Vec<NodeRef>,
}

/// Change of one stored trie node by one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrieNodeDiff {
    /// keccak256 of the account's address for a storage trie, `None` for the account trie.
    pub owner: Option<B256>,
    /// Path from the root of that trie, one nibble per byte.
    pub path: Vec<u8>,
    /// The stored node before; `None` if it was not stored.
    pub before: Option<StoredNode>,
    /// The stored node after; `None` if it is no longer stored.
    pub after: Option<StoredNode>,
}
