use std::{collections::BTreeMap, ops::ControlFlow};

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, AccountDiff, StoredNode, TrieNodeDiff};

use crate::{SourceError, TrieSource, nibbles};

/// A state held in sorted maps: for tests, for small genesis files, for checks from scratch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemorySource {
    accounts: BTreeMap<B256, Account>,
    slots: BTreeMap<(B256, B256), U256>,
    nodes: BTreeMap<(Option<B256>, Vec<u8>), StoredNode>,
}

impl MemorySource {
    /// A state without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets or deletes an account. Its storage root is taken as it is.
    pub fn set_account(&mut self, hash: B256, account: Option<Account>) {
        match account {
            Some(account) => self.accounts.insert(hash, account),
            None => self.accounts.remove(&hash),
        };
    }

    /// Sets a slot; zero deletes it.
    pub fn set_slot(&mut self, owner: B256, slot: B256, value: U256) {
        if value.is_zero() {
            self.slots.remove(&(owner, slot));
        } else {
            self.slots.insert((owner, slot), value);
        }
    }

    /// Sets or deletes a stored node.
    pub fn set_node(&mut self, owner: Option<B256>, path: Vec<u8>, node: Option<StoredNode>) {
        match node {
            Some(node) => self.nodes.insert((owner, path), node),
            None => self.nodes.remove(&(owner, path)),
        };
    }

    /// Moves this state forward by one block.
    pub fn apply(&mut self, accounts: &[AccountDiff], nodes: &[TrieNodeDiff]) {
        for diff in accounts {
            self.set_account(diff.hash, diff.after);
            for slot in &diff.slots {
                self.set_slot(diff.hash, slot.hash, slot.after);
            }
        }
        for diff in nodes {
            self.set_node(diff.owner, diff.path.clone(), diff.after.clone());
        }
    }

    /// The account of that hash.
    pub fn account(&self, hash: &B256) -> Option<Account> {
        self.accounts.get(hash).copied()
    }

    /// The value of a slot; zero if it does not exist.
    pub fn slot(&self, owner: &B256, slot: &B256) -> U256 {
        self.slots.get(&(*owner, *slot)).copied().unwrap_or_default()
    }

    /// All accounts in order.
    pub fn all_accounts(&self) -> impl Iterator<Item = (B256, Account)> + '_ {
        self.accounts.iter().map(|(hash, account)| (*hash, *account))
    }

    /// All slots of an account in order.
    pub fn all_slots(&self, owner: &B256) -> impl Iterator<Item = (B256, U256)> + '_ {
        let range = (*owner, B256::ZERO)..=(*owner, B256::repeat_byte(0xff));
        self.slots.range(range).map(|((_, slot), value)| (*slot, *value))
    }

    /// All stored nodes, ordered by owner (the account trie first) and path.
    pub fn all_nodes(&self) -> impl Iterator<Item = (&(Option<B256>, Vec<u8>), &StoredNode)> {
        self.nodes.iter()
    }
}

impl TrieSource for MemorySource {
    fn stored_node(
        &self,
        owner: Option<&B256>,
        path: &[u8],
    ) -> Result<Option<StoredNode>, SourceError> {
        Ok(self.nodes.get(&(owner.copied(), path.to_vec())).cloned())
    }

    fn accounts(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, Account) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let start = start.max(nibbles::pack(prefix));
        for (hash, account) in self.accounts.range(start..) {
            if !nibbles::starts_with(hash, prefix) || f(*hash, *account).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn slots(
        &self,
        owner: &B256,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, U256) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let start = start.max(nibbles::pack(prefix));
        for ((_, slot), value) in
            self.slots.range((*owner, start)..=(*owner, B256::repeat_byte(0xff)))
        {
            if !nibbles::starts_with(slot, prefix) || f(*slot, *value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(source: &MemorySource, prefix: &[u8], start: B256) -> Vec<B256> {
        let mut found = Vec::new();
        source
            .accounts(prefix, start, &mut |hash, _| {
                found.push(hash);
                ControlFlow::Continue(())
            })
            .expect("memory does not fail");
        found
    }

    #[test]
    fn scans_keep_to_prefix_and_start() {
        let mut source = MemorySource::new();
        let keys_in: Vec<B256> = [0x10, 0x1f, 0x20, 0x2f, 0xff].map(B256::repeat_byte).to_vec();
        for key in &keys_in {
            source.set_account(*key, Some(Account::default()));
            source.set_slot(B256::repeat_byte(7), *key, U256::from(1));
        }
        assert_eq!(keys(&source, &[], B256::ZERO), keys_in);
        assert_eq!(keys(&source, &[1], B256::ZERO), keys_in[..2]);
        assert_eq!(keys(&source, &[2], B256::repeat_byte(0x21)), keys_in[3..4]);
        assert!(keys(&source, &[3], B256::ZERO).is_empty());
        assert_eq!(source.all_slots(&B256::repeat_byte(7)).count(), 5);
        assert_eq!(source.all_slots(&B256::repeat_byte(8)).count(), 0);
    }

    #[test]
    fn zero_deletes_a_slot() {
        let mut source = MemorySource::new();
        source.set_slot(B256::ZERO, B256::ZERO, U256::from(5));
        assert_eq!(source.slot(&B256::ZERO, &B256::ZERO), U256::from(5));
        source.set_slot(B256::ZERO, B256::ZERO, U256::ZERO);
        assert_eq!(source, MemorySource::new());
    }
}
