use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{Address, B256, U256};
use parking_lot::RwLock;
use phala_primitives::Account;

use crate::generations::{Found, Generations};

/// Blocks whose changed keys are remembered, so that a reorg drops these keys only. A deeper one
/// clears the cache, which then costs reads from the database and nothing else.
const REMEMBERED_BLOCKS: usize = 64;

/// Bytes one cached account takes with its share of the table: 20 + 112 of entry, and the table is
/// between 44 and 88 percent full.
const ACCOUNT_BYTES: usize = 240;

/// The same for a slot: 52 + 32 of entry.
const SLOT_BYTES: usize = 150;

/// Values of accounts and slots at one block, the tip, keyed as the EVM asks for them.
///
/// A read names the block it wants the value of; every other block than the tip finds nothing. The
/// tip follows imports that extend it, and moves to another branch by dropping the keys both
/// branches changed. Absent accounts and empty slots are values too.
#[derive(Debug)]
pub(crate) struct HeadCache {
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    tip: B256,
    accounts: Generations<Address, Option<Account>>,
    slots: Generations<(Address, U256), U256>,
    recent: VecDeque<RecentBlock>,
}

#[derive(Debug)]
struct RecentBlock {
    hash: B256,
    parent: B256,
    changed: Arc<ChangedKeys>,
}

/// What one block changed.
#[derive(Debug)]
struct ChangedKeys {
    accounts: Box<[Address]>,
    slots: Box<[(Address, U256)]>,
}

impl From<&StateValues> for ChangedKeys {
    fn from(values: &StateValues) -> Self {
        Self {
            accounts: values.accounts.iter().map(|(address, _)| *address).collect(),
            slots: values.slots.iter().map(|(key, _)| *key).collect(),
        }
    }
}

/// Accounts and slots with their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateValues {
    /// Accounts, `None` if there is none.
    pub(crate) accounts: Vec<(Address, Option<Account>)>,
    /// Slots, zero if there is none.
    pub(crate) slots: Vec<((Address, U256), U256)>,
}

/// A value of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cached<V> {
    /// The value.
    pub(crate) value: V,
    /// Whether it is about to be forgotten unless it is written again.
    pub(crate) stale: bool,
}

impl<V: Copy> From<Found<'_, V>> for Cached<V> {
    fn from(found: Found<'_, V>) -> Self {
        Self { value: *found.value(), stale: matches!(found, Found::Old(_)) }
    }
}

impl HeadCache {
    /// An empty cache at `tip`; three fifths of the budget are for slots.
    pub(crate) fn new(tip: B256, budget_bytes: usize) -> Self {
        let accounts = budget_bytes / 5 * 2 / ACCOUNT_BYTES;
        let slots = budget_bytes / 5 * 3 / SLOT_BYTES;
        Self {
            inner: RwLock::new(Inner {
                tip,
                accounts: Generations::new(accounts),
                slots: Generations::new(slots),
                recent: VecDeque::with_capacity(REMEMBERED_BLOCKS),
            }),
        }
    }

    /// The account at block `at`, if it is cached.
    pub(crate) fn account(&self, at: B256, address: &Address) -> Option<Cached<Option<Account>>> {
        let inner = self.inner.read();
        (inner.tip == at).then(|| inner.accounts.get(address).map(Cached::from)).flatten()
    }

    /// The slot at block `at`, if it is cached.
    pub(crate) fn slot(&self, at: B256, address: Address, slot: U256) -> Option<Cached<U256>> {
        let inner = self.inner.read();
        (inner.tip == at).then(|| inner.slots.get(&(address, slot)).map(Cached::from)).flatten()
    }

    /// Keeps values that were read at block `at`, unless the tip has moved since.
    pub(crate) fn keep(&self, at: B256, values: &StateValues) {
        let mut inner = self.inner.write();
        if inner.tip == at {
            inner.write(values);
        }
    }

    /// Takes note of a valid block. If it extends the tip it becomes the tip.
    pub(crate) fn extend(&self, hash: B256, parent: B256, changed: &StateValues) {
        let mut inner = self.inner.write();
        if inner.recent.iter().any(|block| block.hash == hash) {
            return;
        }
        if inner.tip == parent {
            inner.write(changed);
            inner.tip = hash;
        }
        if inner.recent.len() == REMEMBERED_BLOCKS {
            inner.recent.pop_front();
        }
        inner.recent.push_back(RecentBlock { hash, parent, changed: Arc::new(changed.into()) });
    }

    /// Forgets all values.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner.write();
        inner.accounts.clear();
        inner.slots.clear();
    }

    /// Moves the tip to any block. What is known to be equal on both sides stays.
    pub(crate) fn move_to(&self, target: B256) {
        let mut inner = self.inner.write();
        if inner.tip == target {
            return;
        }
        match inner.between(target) {
            Some(blocks) => {
                for changed in blocks {
                    inner.forget(&changed);
                }
            }
            None => {
                inner.accounts.clear();
                inner.slots.clear();
            }
        }
        inner.tip = target;
    }
}

impl Inner {
    fn write(&mut self, values: &StateValues) {
        for (address, account) in &values.accounts {
            self.accounts.insert(*address, *account, 1);
        }
        for (key, value) in &values.slots {
            self.slots.insert(*key, *value, 1);
        }
    }

    fn forget(&mut self, keys: &ChangedKeys) {
        for address in &keys.accounts {
            self.accounts.remove(address);
        }
        for key in &keys.slots {
            self.slots.remove(key);
        }
    }

    /// Changes of all blocks on the way from the tip to `target`, `None` if the way is not known.
    fn between(&self, target: B256) -> Option<Vec<Arc<ChangedKeys>>> {
        let from_tip = self.ancestors(self.tip);
        let from_target = self.ancestors(target);
        // Each line ends with the parent of its oldest remembered block.
        let tip_line: Vec<B256> = line(self.tip, &from_tip);
        let (down, common) =
            line(target, &from_target).into_iter().enumerate().find_map(|(down, hash)| {
                tip_line.iter().position(|known| *known == hash).map(|up| (down, up))
            })?;
        let blocks = from_target[..down].iter().chain(&from_tip[..common]);
        Some(blocks.map(|block| Arc::clone(&block.changed)).collect())
    }

    /// `hash` and its remembered ancestors, newest first.
    fn ancestors(&self, hash: B256) -> Vec<&RecentBlock> {
        let find = |hash: B256| self.recent.iter().rev().find(|block| block.hash == hash);
        std::iter::successors(find(hash), |block| find(block.parent)).collect()
    }
}

/// Hashes of `first`, its ancestors, and the parent of the last of them.
fn line(first: B256, ancestors: &[&RecentBlock]) -> Vec<B256> {
    std::iter::once(first).chain(ancestors.iter().map(|block| block.parent)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(tag: u8) -> B256 {
        B256::repeat_byte(tag)
    }

    fn address(tag: u8) -> Address {
        Address::repeat_byte(tag)
    }

    fn account(nonce: u64) -> Option<Account> {
        Some(Account { nonce, ..Default::default() })
    }

    fn changed(tag: u8, nonce: u64) -> StateValues {
        StateValues {
            accounts: vec![(address(tag), account(nonce))],
            slots: vec![((address(tag), U256::from(1)), U256::from(nonce))],
        }
    }

    fn nonce(cache: &HeadCache, at: u8, tag: u8) -> Option<u64> {
        let cached = cache.account(hash(at), &address(tag))?;
        let slot = cache.slot(hash(at), address(tag), U256::from(1)).expect("written together");
        let nonce = cached.value.map_or(0, |account| account.nonce);
        assert_eq!(slot.value, U256::from(nonce));
        Some(nonce)
    }

    #[test]
    fn the_tip_follows_blocks_that_extend_it() {
        let cache = HeadCache::new(hash(0), 1 << 20);
        cache.keep(hash(0), &changed(1, 5));
        cache.keep(hash(9), &changed(2, 9));
        assert_eq!(nonce(&cache, 0, 1), Some(5));
        assert_eq!(nonce(&cache, 0, 2), None);
        cache.extend(hash(1), hash(0), &changed(1, 6));
        assert_eq!(cache.inner.read().tip, hash(1));
        assert_eq!(nonce(&cache, 1, 1), Some(6));
        assert_eq!(nonce(&cache, 0, 1), None, "only the tip has values");
    }

    #[test]
    fn moving_to_a_sibling_drops_the_keys_of_both_branches() {
        let cache = HeadCache::new(hash(0), 1 << 20);
        cache.keep(hash(0), &changed(1, 1));
        cache.keep(hash(0), &changed(2, 1));
        cache.keep(hash(0), &changed(3, 1));
        cache.extend(hash(0x11), hash(0), &changed(1, 2));
        cache.extend(hash(0x21), hash(0), &changed(2, 2));
        cache.extend(hash(0x22), hash(0x21), &changed(2, 3));
        assert_eq!(cache.inner.read().tip, hash(0x11));
        cache.move_to(hash(0x22));
        assert_eq!(nonce(&cache, 0x22, 1), None);
        assert_eq!(nonce(&cache, 0x22, 2), None);
        assert_eq!(nonce(&cache, 0x22, 3), Some(1));
        // Back to the ancestor of both.
        cache.keep(hash(0x22), &changed(2, 3));
        cache.move_to(hash(0));
        assert_eq!(nonce(&cache, 0, 2), None);
        assert_eq!(nonce(&cache, 0, 3), Some(1));
    }

    #[test]
    fn an_unknown_way_clears_everything() {
        let cache = HeadCache::new(hash(0), 1 << 20);
        cache.keep(hash(0), &changed(3, 1));
        cache.move_to(hash(7));
        assert_eq!(cache.inner.read().tip, hash(7));
        assert_eq!(nonce(&cache, 7, 3), None);
    }

    #[test]
    fn a_long_chain_forgets_its_oldest_blocks() {
        let cache = HeadCache::new(hash(0), 1 << 20);
        for tag in 1..=100 {
            cache.extend(hash(tag), hash(tag - 1), &changed(tag, 1));
        }
        cache.move_to(hash(90));
        assert_eq!(nonce(&cache, 90, 90), Some(1));
        assert_eq!(nonce(&cache, 90, 91), None);
        cache.move_to(hash(5));
        assert_eq!(nonce(&cache, 5, 5), None);
    }
}
