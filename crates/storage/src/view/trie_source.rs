use std::ops::ControlFlow;

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, StoredNode};
use phala_trie::{SourceError, TrieSource};

use super::View;
use crate::keys;

impl TrieSource for View {
    fn stored_node(
        &self,
        owner: Option<&B256>,
        path: &[u8],
    ) -> Result<Option<StoredNode>, SourceError> {
        let found = match &self.0.history {
            Some(view) => self.old_node(owner, path, view.number()),
            None => self.node(&keys::trie(owner, path)),
        };
        found.map_err(SourceError::new)
    }

    fn accounts(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, Account) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.scan_accounts(prefix, start, f).map_err(SourceError::new)
    }

    fn slots(
        &self,
        owner: &B256,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, U256) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.scan_slots(owner, prefix, start, f).map_err(SourceError::new)
    }
}
