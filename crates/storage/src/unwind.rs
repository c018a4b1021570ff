//! Moving base down, which verifies itself.
//!
//! The changes of the blocks above the goal are turned around into one block, the trie applies it,
//! and the root must be the one in the goal's header; only then anything is written. Deep unwinds
//! go in steps, each of which leaves a complete chain with the goal of the step as its head. Where
//! the head goes after the last step is written down with the first one: a process that starts in
//! between finishes the whole move before anybody sees the store.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, AccountDiff, BlockRef, Heads, SlotDiff};
use phala_trie::{StateTrie, TrieConfig};

use crate::chain::{Base, Chain, TailBlock};
use crate::genesis::trie_error;
use crate::index::stored_index_entries;
use crate::keys;
use crate::kv::{Batch, Family, KvSnapshot, KvStore, WriteMode};
use crate::meta::{self, Applying, Goal, Step};
use crate::open::{layer_of, read_diff, read_header_at};
use crate::record::StoredDiff;
use crate::slice::SliceWriter;
use crate::state_value::{put_account, put_node};
use crate::store::Inner;
use crate::view::View;
use crate::wire::{Reader, Wire, put_varint, put_word};
use crate::{StorageError, Store};

/// Blocks and keys in one step, so that memory stays bounded.
const STEP_BLOCKS_MAX: u64 = 256;
const STEP_ENTRIES_MAX: usize = 300_000;

/// Memory of the trie that verifies a step.
const TRIE_BYTES: usize = 32 << 20;

impl Store {
    /// Makes the canonical block at this height the head and forgets what was built on it. Safe
    /// and finalized heads above it move down with it.
    pub fn unwind(&self, number: u64) -> Result<(), StorageError> {
        let heads = self.heads();
        let hash = self
            .canonical_hash(number)?
            .ok_or(StorageError::AboveHead { requested: number, latest: heads.latest.number })?;
        self.set_heads(clipped(heads, BlockRef { number, hash }), &[], None)
    }
}

/// Heads none of which is above `to`.
pub(crate) fn clipped(heads: Heads, to: BlockRef) -> Heads {
    let clip = |head: BlockRef| if head.number > to.number { to } else { head };
    Heads { latest: to, safe: clip(heads.safe), finalized: clip(heads.finalized) }
}

impl Inner {
    /// Moves base, and the heads with it, down to the canonical block at height `fork`, on the way
    /// to `goal`. The caller holds the writer lock.
    pub(crate) fn unwind_to(&self, fork: u64, goal: &Goal) -> Result<(), StorageError> {
        self.disk.ensure_room()?;
        let _base = self.base_move.lock();
        self.finish_begun()?;
        let oldest = meta::pruned(self.kv.as_ref())?.diffs;
        if fork < oldest {
            return Err(StorageError::TooDeep { requested: fork, oldest });
        }
        loop {
            let base = self.chain.read().base.block;
            if base.number <= fork {
                break;
            }
            let step = self.plan(base, fork)?;
            tracing::info!(from = base.number, to = step.applying.low.number, "unwinding");
            self.execute(step, goal)?;
        }
        self.chain.write().fork_floor = Some(fork);
        Ok(())
    }

    /// Collects the changes of one step, turned around, and verifies them.
    fn plan(&self, base: BlockRef, fork: u64) -> Result<Planned, StorageError> {
        let view = self.view(base.hash).ok_or_else(|| StorageError::missing("state", base))?;
        let snapshot = self.kv.snapshot();
        let mut reverse = Reverse::default();
        let mut low = base;
        while low.number > fork && base.number - low.number < STEP_BLOCKS_MAX {
            let diff = read_diff(snapshot.as_ref(), low)?;
            if reverse.entries > 0 && reverse.entries + entries(&diff) > STEP_ENTRIES_MAX {
                break;
            }
            let parent = BlockRef { number: low.number - 1, hash: diff.parent };
            reverse.add(low, diff);
            low = parent;
        }
        let nodes = self.verify_step(&view, base, low, &reverse)?;
        Ok(Planned { applying: Applying { step: Step::Unwind, low, high: base }, nodes, reverse })
    }

    /// The stored nodes of the goal, if its state has the root its header says.
    fn verify_step(
        &self,
        view: &View,
        base: BlockRef,
        low: BlockRef,
        reverse: &Reverse,
    ) -> Result<Vec<NodeValue>, StorageError> {
        let root_of = |block| -> Result<B256, StorageError> {
            let header = self.read_header(block)?;
            Ok(header.ok_or_else(|| StorageError::missing("header", block))?.state_root)
        };
        let trie = StateTrie::new(TrieConfig { budget_bytes: TRIE_BYTES });
        let mut diffs = reverse.diffs(view)?;
        let update =
            trie.update(&trie.version(root_of(base)?), view, &mut diffs).map_err(trie_error)?;
        let expected = root_of(low)?;
        if update.root != expected {
            let computed = update.root;
            return Err(StorageError::RootMismatch { number: low.number, expected, computed });
        }
        let mut nodes = Vec::with_capacity(update.nodes.len());
        for node in &update.nodes {
            let mut value = Vec::new();
            if let Some(after) = &node.after {
                put_node(&mut value, after);
            }
            nodes.push((keys::trie(node.owner.as_ref(), &node.path), value));
        }
        Ok(nodes)
    }

    /// Finishes an unwind that an error interrupted. Nothing else may move base before, or what
    /// was restored so far would become part of another state. The caller holds the writer lock.
    pub(crate) fn finish_undo(&self) -> Result<(), StorageError> {
        if !self.chain.read().undoing {
            return Ok(());
        }
        let _base = self.base_move.lock();
        let kv = self.kv.as_ref();
        if let Some(applying) = meta::applying(kv)?
            && applying.step == Step::Unwind
        {
            finish(kv, &applying)?;
        }
        // Or the intent did not reach the database, or the end of the unwind did.
        let base = meta::base(kv)?.ok_or(StorageError::NoGenesis)?;
        if base == self.chain.read().base.block {
            self.chain.write().undoing = false;
        } else {
            self.publish_undone(base, meta::heads(kv)?.ok_or(StorageError::NoGenesis)?);
        }
        Ok(())
    }

    fn publish_undone(&self, base: BlockRef, heads: Heads) {
        let base = Base { block: base, snapshot: self.kv.snapshot(), dirty: None };
        let mut chain = self.chain.write();
        let oldest = chain.oldest_state;
        *chain = Chain::new(heads, base, oldest);
        drop(chain);
        self.signal.turned();
    }

    fn execute(&self, step: Planned, goal: &Goal) -> Result<(), StorageError> {
        self.chain.write().undoing = true;
        self.has_goal.store(true, Ordering::Relaxed);
        let mut batch = Batch::new();
        meta::put_goal(&mut batch, goal);
        meta::put_applying(&mut batch, &step.applying);
        meta::put(&mut batch, keys::meta::UNDO, &encode_nodes(&step.nodes));
        self.kv.write(&batch, WriteMode::Synced)?;
        let heads = restore(self.kv.as_ref(), &step.applying, &step.reverse, &step.nodes)?;
        self.publish_undone(step.applying.low, heads);
        Ok(())
    }

    /// Loads the records of blocks that become canonical as far as they are not in memory: side
    /// blocks are forgotten when there are many, and when base moves down.
    pub(crate) fn load_path(&self, path: &[BlockRef]) -> Result<(), StorageError> {
        let snapshot = self.kv.snapshot();
        for block in path {
            if self.chain.read().blocks.contains_key(&block.hash) {
                continue;
            }
            // A new block whose record is in the batch that moves the heads is not on the disk yet.
            let Some(header) = read_header_at(snapshot.as_ref(), *block)? else { break };
            let diff = read_diff(snapshot.as_ref(), *block)?;
            let (base, stack) = {
                let mut chain = self.chain.write();
                let stack = chain.stack(header.parent_hash);
                let stack = stack.ok_or(StorageError::UnknownBlock(header.parent_hash))?;
                (Arc::clone(&chain.base), stack)
            };
            let layer = layer_of(*block, &diff, &stack, &base)?;
            self.chain.write().insert(Arc::new(TailBlock {
                block: *block,
                parent: header.parent_hash,
                header: Arc::new(header),
                layer: Arc::new(layer),
                transactions: OnceLock::new(),
            }));
        }
        Ok(())
    }
}

/// Finishes an unwind that a crash interrupted; it was verified before it began.
pub(crate) fn finish(kv: &dyn KvStore, applying: &Applying) -> Result<(), StorageError> {
    let snapshot = kv.snapshot();
    let mut reverse = Reverse::default();
    let mut at = applying.high;
    while at.number > applying.low.number {
        let diff = read_diff(snapshot.as_ref(), at)?;
        let parent = BlockRef { number: at.number - 1, hash: diff.parent };
        reverse.add(at, diff);
        at = parent;
    }
    let nodes = meta::get(kv, keys::meta::UNDO, decode_nodes)?
        .ok_or_else(|| StorageError::missing("undo list", applying.high))?;
    restore(kv, applying, &reverse, &nodes)?;
    Ok(())
}

/// Key and value of `trie`; an empty value removes.
type NodeValue = (Vec<u8>, Vec<u8>);

/// A step that has been verified.
struct Planned {
    applying: Applying,
    nodes: Vec<NodeValue>,
    reverse: Reverse,
}

/// Changes of several blocks, newest first, seen from behind.
#[derive(Default)]
struct Reverse {
    blocks: Vec<(BlockRef, StoredDiff)>,
    accounts: BTreeMap<B256, Option<Account>>,
    slots: BTreeMap<(B256, B256), U256>,
    entries: usize,
}

impl Reverse {
    /// Adds the block below those added so far; its values before win.
    fn add(&mut self, block: BlockRef, diff: StoredDiff) {
        self.entries += entries(&diff);
        for account in &diff.accounts {
            self.accounts.insert(account.hash, account.before);
            for slot in &account.slots {
                self.slots.insert((account.hash, slot.hash), slot.before);
            }
        }
        self.blocks.push((block, diff));
    }

    /// The one block that leads from the state of `view` back.
    fn diffs(&self, view: &View) -> Result<Vec<AccountDiff>, StorageError> {
        let mut diffs = Vec::with_capacity(self.accounts.len());
        for (hash, after) in &self.accounts {
            let before = view.account(hash)?;
            let mut slots = Vec::new();
            let of_account = (*hash, B256::ZERO)..=(*hash, B256::repeat_byte(0xff));
            for ((_, slot), after) in self.slots.range(of_account) {
                let before = view.slot(hash, slot)?;
                if before != *after {
                    slots.push(SlotDiff { hash: *slot, before, after: *after });
                }
            }
            if before != *after || !slots.is_empty() {
                diffs.push(AccountDiff { hash: *hash, before, after: *after, slots });
            }
        }
        Ok(diffs)
    }
}

fn entries(diff: &StoredDiff) -> usize {
    diff.accounts.iter().map(|account| 1 + account.slots.len()).sum::<usize>() + diff.nodes.len()
}

/// Writes the state of the lower end and deletes what the blocks above it left; heads afterwards.
fn restore(
    kv: &dyn KvStore,
    applying: &Applying,
    reverse: &Reverse,
    nodes: &[NodeValue],
) -> Result<Heads, StorageError> {
    let may_go_on = || Ok(());
    let mut slices = SliceWriter::new(kv, &may_go_on);
    let mut value = Vec::with_capacity(112);
    for (hash, account) in &reverse.accounts {
        value.clear();
        if let Some(account) = account {
            put_account(&mut value, account);
        }
        slices.put_or_delete(Family::Accounts, hash.as_slice(), &value)?;
    }
    for ((owner, slot), word) in &reverse.slots {
        value.clear();
        put_word(&mut value, word);
        slices.put_or_delete(Family::Storage, &keys::slot(owner, slot), &value)?;
    }
    for (key, value) in nodes {
        slices.put_or_delete(Family::Trie, key, value)?;
    }
    let snapshot = kv.snapshot();
    for (block, diff) in &reverse.blocks {
        delete_histories(snapshot.as_ref(), block.number, diff, &mut slices)?;
        for (family, key, _) in stored_index_entries(snapshot.as_ref(), *block)? {
            slices.delete(family, &key)?;
        }
    }
    slices.finish()?;
    kv.flush(&Family::DERIVED)?;

    let old = meta::heads(kv)?.ok_or(StorageError::NoGenesis)?;
    let heads = clipped(old, applying.low);
    let mut batch = Batch::new();
    for number in applying.low.number + 1..=old.latest.number {
        batch.delete(Family::Canonical, &keys::number(number));
    }
    meta::put_heads(&mut batch, &heads);
    if heads.safe != old.safe {
        meta::drop_cursor(&mut batch);
    }
    meta::put_base(&mut batch, applying.low);
    batch.delete(Family::Meta, keys::meta::APPLYING);
    batch.delete(Family::Meta, keys::meta::UNDO);
    kv.write(&batch, WriteMode::Synced)?;
    Ok(heads)
}

fn delete_histories(
    snapshot: &dyn KvSnapshot,
    number: u64,
    diff: &StoredDiff,
    slices: &mut SliceWriter<'_>,
) -> Result<(), StorageError> {
    for account in &diff.accounts {
        let key = keys::account_history(&account.hash, number);
        slices.delete(Family::AccountHistory, &key)?;
        for slot in &account.slots {
            let key = keys::storage_history(&account.hash, &slot.hash, number);
            slices.delete(Family::StorageHistory, &key)?;
        }
    }
    for change in &diff.nodes {
        let mut child_key = change.key.clone();
        for child in 0..16 {
            child_key.push(child);
            let key = keys::trie_history(&child_key, number);
            // Few of the sixteen were recorded: looking is cheaper than deleting nothing.
            if snapshot.get(Family::TrieHistory, &key, &mut |_| {})? {
                slices.delete(Family::TrieHistory, &key)?;
            }
            child_key.pop();
        }
    }
    Ok(())
}

/// Count, then each key and value behind its length.
fn encode_nodes(nodes: &[NodeValue]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, nodes.len() as u64);
    for (key, value) in nodes {
        for bytes in [key, value] {
            put_varint(&mut out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }
    out
}

fn decode_nodes(mut reader: Reader<'_>) -> Wire<Vec<NodeValue>> {
    let count = reader.count(2)?;
    let mut nodes = Vec::with_capacity(count);
    for _ in 0..count {
        let key_len = reader.count(1)?;
        let key = reader.bytes(key_len)?.to_vec();
        let value_len = reader.count(1)?;
        nodes.push((key, reader.bytes(value_len)?.to_vec()));
    }
    reader.end()?;
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_lists_round_trip() {
        let nodes = vec![(vec![0, 1], vec![]), (vec![1; 33], vec![7; 500])];
        let encoded = encode_nodes(&nodes);
        assert_eq!(decode_nodes(Reader(&encoded)), Ok(nodes));
        assert!(decode_nodes(Reader(&encoded[..encoded.len() - 1])).is_err());
    }

    #[test]
    fn heads_above_the_goal_move_to_it() {
        let block = |number| BlockRef { number, hash: B256::repeat_byte(number as u8) };
        let heads = Heads { latest: block(9), safe: block(7), finalized: block(3) };
        let expected = Heads { latest: block(5), safe: block(5), finalized: block(3) };
        assert_eq!(clipped(heads, block(5)), expected);
    }
}
