use std::{
    cmp::Reverse,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use alloy_primitives::B256;
use phala_primitives::{AccountDiff, EMPTY_STORAGE_ROOT, TrieNodeDiff};

use crate::{
    TrieError, TrieSource, TrieVersion,
    cache::{Cache, Node, NodeId},
    error::Defect,
    leaves::{AccountLeaves, SlotLeaves},
    load::Loader,
    nibbles, node_diff,
    parallel::{self, Merge, Split},
    update::{Change, Effects, Update, Updated},
};

/// Default of [`TrieConfig::budget_bytes`].
const BUDGET_BYTES: usize = 64 << 20;

/// Limits of a [`StateTrie`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrieConfig {
    /// Bytes of nodes kept in memory. With none, everything is read for every block.
    pub budget_bytes: usize,
}

impl Default for TrieConfig {
    fn default() -> Self {
        Self { budget_bytes: BUDGET_BYTES }
    }
}

/// The state tries of recent blocks, side by side, with their hot nodes in memory.
pub struct StateTrie {
    cache: Arc<Cache>,
}

/// The state after a block.
#[derive(Debug)]
pub struct TrieUpdate {
    /// Root of the account trie.
    pub root: B256,
    /// Handle to build further blocks on.
    pub version: TrieVersion,
    /// Every stored node that changed, ordered by owner (the account trie first) and path.
    pub nodes: Vec<TrieNodeDiff>,
}

/// What a [`StateTrie`] holds and how often it had to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrieStats {
    /// Stored nodes and pages in memory.
    pub nodes: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Nodes dropped for want of room, since the start.
    pub evictions: u64,
    /// Pages read from the source, since the start.
    pub page_loads: u64,
    /// Stored nodes read from the source, since the start.
    pub node_loads: u64,
}

impl StateTrie {
    /// A trie with nothing in memory.
    pub fn new(config: TrieConfig) -> Self {
        Self { cache: Arc::new(Cache::new(config.budget_bytes)) }
    }

    /// A handle to the state with that root, of which nothing is loaded yet.
    pub fn version(&self, root: B256) -> TrieVersion {
        TrieVersion::new(Arc::clone(&self.cache), root, NodeId::NONE, Vec::new())
    }

    /// Applies one block to `parent`, reading what is not in memory from `source`, the state after
    /// the parent.
    ///
    /// `diffs` and their slots are sorted by hash; `before` is the account in the parent state with
    /// its storage root. The storage root of every `after` is set by this call. `parent` stays as it
    /// is, so that several blocks can be built on it, also at the same time.
    pub fn update(
        &self,
        parent: &TrieVersion,
        source: &dyn TrieSource,
        diffs: &mut [AccountDiff],
    ) -> Result<TrieUpdate, TrieError> {
        let updated = self.update_storage(parent, source, diffs)?;
        let mut effects = Effects::default();
        let mut nodes = Vec::new();
        let mut storage = vec![None; diffs.len()];
        let mut roots = vec![None; diffs.len()];
        for (index, mut updated) in updated {
            node_diff::collect(Some(diffs[index].hash), &mut updated.effects, &mut nodes);
            effects.merge(updated.effects);
            storage[index] = updated.is_changed.then_some(updated.id);
            roots[index] = Some(updated.root);
        }
        let mut changes = Vec::with_capacity(diffs.len());
        for ((diff, root), index) in diffs.iter_mut().zip(roots).zip(0..) {
            let storage_root = root.unwrap_or_else(|| storage_root_before(diff));
            match &mut diff.after {
                Some(account) => account.storage_root = storage_root,
                None => check_deleted(diff.hash, storage_root)?,
            }
            changes.push(Change { key: diff.hash, index, is_present: diff.after.is_some() });
        }

        let leaves = AccountLeaves { source, diffs, storage: &storage };
        let top = match changes.as_slice() {
            [] => None,
            _ => self.account_top(parent, &leaves)?,
        };
        let mut updated = Update::new(&leaves, &self.cache, &changes).run(parent.root(), top)?;
        node_diff::collect(None, &mut updated.effects, &mut nodes);
        effects.merge(updated.effects);
        nodes.sort_unstable_by(|a, b| (&a.owner, &a.path).cmp(&(&b.owner, &b.path)));

        parent.add_successor(&self.cache, effects.superseded);
        let top = if updated.is_changed { updated.id } else { parent.top(&self.cache) };
        let cache = Arc::clone(&self.cache);
        let version = TrieVersion::new(cache, updated.root, top, effects.created);
        Ok(TrieUpdate { root: updated.root, version, nodes })
    }

    /// Updates the storage tries of the accounts that have slots in `diffs`, the largest first, and
    /// returns what became of each with the account's index.
    fn update_storage(
        &self,
        parent: &TrieVersion,
        source: &dyn TrieSource,
        diffs: &[AccountDiff],
    ) -> Result<Vec<(usize, Updated)>, TrieError> {
        check_sorted(diffs.iter().map(|diff| diff.hash))?;
        let mut jobs: Vec<usize> =
            (0..diffs.len()).filter(|index| !diffs[*index].slots.is_empty()).collect();
        jobs.sort_by_key(|index| Reverse(diffs[*index].slots.len()));
        let slots: usize = jobs.iter().map(|index| diffs[*index].slots.len()).sum();
        let is_large = slots >= parallel::KEYS_MIN;
        let split = if is_large { Split::By(1) } else { Split::None };
        parallel::each(jobs, split, &mut (), |index, ()| {
            let AccountDiff { hash, slots, .. } = &diffs[index];
            check_sorted(slots.iter().map(|slot| slot.hash))?;
            let changes = slots.iter().zip(0..).map(|(slot, index)| Change {
                key: slot.hash,
                index,
                is_present: !slot.after.is_zero(),
            });
            let changes: Vec<Change> = changes.collect();
            let root = storage_root_before(&diffs[index]);
            let leaves = SlotLeaves { source, owner: *hash, diffs: slots };
            let top = self.storage_top(parent, &leaves, root)?;
            let updated = Update::new(&leaves, &self.cache, &changes).run(root, top)?;
            Ok((index, updated))
        })
    }

    /// The top of the account trie; `None` if it is empty.
    pub(crate) fn account_top(
        &self,
        version: &TrieVersion,
        leaves: &AccountLeaves<'_>,
    ) -> Result<Option<(Node, NodeId)>, TrieError> {
        if version.root() == EMPTY_STORAGE_ROOT {
            return Ok(None);
        }
        let loader = Loader { leaves, cache: &self.cache };
        let (node, id) = loader.top(version.root(), version.top(&self.cache))?;
        version.set_top(&self.cache, id);
        Ok(Some((node, id)))
    }

    /// The top of a storage trie with that root; `None` if it is empty.
    pub(crate) fn storage_top(
        &self,
        version: &TrieVersion,
        leaves: &SlotLeaves<'_>,
        root: B256,
    ) -> Result<Option<(Node, NodeId)>, TrieError> {
        if root == EMPTY_STORAGE_ROOT {
            return Ok(None);
        }
        let accounts = AccountLeaves { source: leaves.source, diffs: &[], storage: &[] };
        let loader = Loader { leaves: &accounts, cache: &self.cache };
        let key = &leaves.owner;
        let account = match self.account_top(version, &accounts)? {
            Some((top, _)) => loader.find(top, key)?,
            None => None,
        };
        let Some((page, index)) = account else {
            let path = nibbles::unpack(key, 0..nibbles::KEY_NIBBLES);
            return Err(loader.corrupt(path, Defect::MissingLeaf(*key)));
        };
        let loader = Loader { leaves, cache: &self.cache };
        let (node, id) = loader.top(root, page.storage_at(index))?;
        page.set_storage(index, id);
        Ok(Some((node, id)))
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What is in memory, and how often the source was read.
    pub fn stats(&self) -> TrieStats {
        let (nodes, bytes, evictions) = self.cache.usage();
        TrieStats {
            nodes,
            bytes,
            evictions,
            page_loads: self.cache.page_loads.load(Relaxed),
            node_loads: self.cache.node_loads.load(Relaxed),
        }
    }
}

impl std::fmt::Debug for StateTrie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateTrie").field("stats", &self.stats()).finish()
    }
}

fn storage_root_before(diff: &AccountDiff) -> B256 {
    diff.before.map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root)
}

/// Refuses keys that are not in strictly ascending order.
fn check_sorted(keys: impl Iterator<Item = B256>) -> Result<(), TrieError> {
    let mut last = None;
    for next in keys {
        match last.replace(next) {
            Some(previous) if previous >= next => {
                return Err(TrieError::Unsorted { previous, next });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses to delete an account that leaves storage behind.
fn check_deleted(account: B256, storage_root: B256) -> Result<(), TrieError> {
    if storage_root == EMPTY_STORAGE_ROOT {
        Ok(())
    } else {
        Err(TrieError::OrphanStorage { account, storage_root })
    }
}
