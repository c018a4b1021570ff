use std::ops::ControlFlow;

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, StoredNode};

use crate::SourceError;

/// The state of one block as the trie reads it: flat accounts and slots by hashed key, and the
/// stored nodes above them.
///
/// The stored nodes are exactly those that genesis and the `nodes` of every
/// [`TrieUpdate`](crate::TrieUpdate) up to that block left behind, and every account carries its
/// storage root. Whatever is read is checked against the hashes above it.
pub trait TrieSource: Sync {
    /// The stored node at `path` (one nibble per byte) of the account trie, or of the storage trie
    /// of `owner`.
    fn stored_node(
        &self,
        owner: Option<&B256>,
        path: &[u8],
    ) -> Result<Option<StoredNode>, SourceError>;

    /// Accounts in key order with key >= `start` whose nibbles begin with `prefix`, until `f` breaks.
    fn accounts(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, Account) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;

    /// Slots of `owner` in key order with key >= `start` whose nibbles begin with `prefix`, until
    /// `f` breaks. Slots that hold zero do not exist.
    fn slots(
        &self,
        owner: &B256,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, U256) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;
}
