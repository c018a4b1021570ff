use std::ops::ControlFlow;

use alloy_primitives::B256;
use phala_primitives::{AccountDiff, SlotDiff, StoredNode};

use crate::{SourceError, TrieSource, cache::NodeId, node_rlp};

/// The leaves of one trie: what the source has, and what an update sets.
pub(crate) trait Leaves: Sync {
    /// Whose storage this is; `None` for the account trie.
    fn owner(&self) -> Option<B256>;

    /// RLP of the value that change `index` sets.
    fn changed_value(&self, index: u32, out: &mut Vec<u8>);

    /// Where the storage trie that change `index` made is in memory; `None` if it is as before.
    fn changed_storage(&self, index: u32) -> Option<NodeId>;

    /// Reads a stored node.
    fn stored_node(&self, path: &[u8]) -> Result<Option<StoredNode>, SourceError>;

    /// Reads keys under `prefix` from `start` on with the RLP of their values, until `f` breaks.
    fn scan(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;
}

/// Accounts and what a block does to them.
pub(crate) struct AccountLeaves<'a> {
    pub(crate) source: &'a dyn TrieSource,
    pub(crate) diffs: &'a [AccountDiff],
    /// For each diff: the storage trie in memory, if its slots changed.
    pub(crate) storage: &'a [Option<NodeId>],
}

impl Leaves for AccountLeaves<'_> {
    fn owner(&self) -> Option<B256> {
        None
    }

    fn changed_value(&self, index: u32, out: &mut Vec<u8>) {
        if let Some(account) = &self.diffs[index as usize].after {
            node_rlp::account(account, out);
        }
    }

    fn changed_storage(&self, index: u32) -> Option<NodeId> {
        self.storage[index as usize]
    }

    fn stored_node(&self, path: &[u8]) -> Result<Option<StoredNode>, SourceError> {
        self.source.stored_node(None, path)
    }

    fn scan(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut value = Vec::new();
        self.source.accounts(prefix, start, &mut |key, account| {
            node_rlp::account(&account, &mut value);
            f(key, &value)
        })
    }
}

/// Slots of one account and what a block does to them.
pub(crate) struct SlotLeaves<'a> {
    pub(crate) source: &'a dyn TrieSource,
    pub(crate) owner: B256,
    pub(crate) diffs: &'a [SlotDiff],
}

impl Leaves for SlotLeaves<'_> {
    fn owner(&self) -> Option<B256> {
        Some(self.owner)
    }

    fn changed_value(&self, index: u32, out: &mut Vec<u8>) {
        node_rlp::slot(&self.diffs[index as usize].after, out);
    }

    fn changed_storage(&self, _: u32) -> Option<NodeId> {
        None
    }

    fn stored_node(&self, path: &[u8]) -> Result<Option<StoredNode>, SourceError> {
        self.source.stored_node(Some(&self.owner), path)
    }

    fn scan(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut encoded = Vec::new();
        self.source.slots(&self.owner, prefix, start, &mut |key, value| {
            node_rlp::slot(&value, &mut encoded);
            f(key, &encoded)
        })
    }
}
