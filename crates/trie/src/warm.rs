use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;

use crate::{
    StateTrie, TrieError, TrieSource, TrieVersion,
    branch::Branch,
    cache::Node,
    leaves::{AccountLeaves, SlotLeaves},
    load::Loader,
    parallel::{self, Split},
};

impl StateTrie {
    /// Loads the path of an account and of some of its slots, so that a later update finds them in
    /// memory. `storage_root` is that of the account in this version.
    pub fn prefetch(
        &self,
        version: &TrieVersion,
        source: &dyn TrieSource,
        account: &B256,
        storage_root: B256,
        slots: &[B256],
    ) -> Result<(), TrieError> {
        let leaves = AccountLeaves { source, diffs: &[], storage: &[] };
        if let Some((top, _)) = self.account_top(version, &leaves)? {
            Loader { leaves: &leaves, cache: self.cache() }.find(top, account)?;
        }
        if slots.is_empty() {
            return Ok(());
        }
        let leaves = SlotLeaves { source, owner: *account, diffs: &[] };
        let Some((top, _)) = self.storage_top(version, &leaves, storage_root)? else {
            return Ok(());
        };
        let loader = Loader { leaves: &leaves, cache: self.cache() };
        slots.iter().try_for_each(|slot| loader.find(top.clone(), slot).map(drop))
    }

    /// Loads the account trie, stored nodes before pages, until `bytes` are in memory or `time` has
    /// passed: after a start, before the first block.
    pub fn warm(
        &self,
        version: &TrieVersion,
        source: &dyn TrieSource,
        bytes: usize,
        time: Duration,
    ) -> Result<(), TrieError> {
        let began = Instant::now();
        let leaves = AccountLeaves { source, diffs: &[], storage: &[] };
        let loader = Loader { leaves: &leaves, cache: self.cache() };
        let mut branches: Vec<Arc<Branch>> = Vec::new();
        let mut level = match self.account_top(version, &leaves)? {
            Some((Node::Branch(top), _)) => vec![top],
            _ => Vec::new(),
        };
        let has_room = || self.stats().bytes < bytes && began.elapsed() < time;
        while !level.is_empty() && has_room() {
            let found = parallel::each(level.clone(), Split::By(1), &mut (), |branch, ()| {
                let stored =
                    |nibble: &u8| branch.child(*nibble).is_some_and(|child| child.is_stored);
                let children = branch.nibbles().filter(stored);
                children.map(|nibble| loader.child(&branch, nibble)).collect::<Result<Vec<_>, _>>()
            })?;
            branches.append(&mut level);
            level.extend(found.into_iter().flatten().filter_map(|node| match node {
                Node::Branch(branch) => Some(branch),
                Node::Page(_) => None,
            }));
        }
        parallel::each(branches, Split::By(1), &mut (), |branch, ()| {
            if !has_room() {
                return Ok(());
            }
            branch.nibbles().try_for_each(|nibble| loader.child(&branch, nibble).map(drop))
        })?;
        Ok(())
    }
}
