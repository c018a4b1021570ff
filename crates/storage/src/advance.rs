//! Moving base up: what the records say is written into the derived families.
//!
//! In two steps, each durable before the next begins. First histories and indexes, which only gain
//! keys above base, so that a crash there leaves the flat state as it was. Then the flat families
//! are overwritten; a crash there leaves a mixture that layers cover until the advance is finished.
//! Begun is finished before anything else moves base.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use phala_primitives::{BlockRef, StoredNode};

use crate::chain::{Base, Chain, TailBlock};
use crate::config::TailLimits;
use crate::index::index_entries;
use crate::keys;
use crate::kv::{Batch, Family, KvError, KvSnapshot, WriteMode};
use crate::layer::Layer;
use crate::meta::{self, Applying, Step};
use crate::open::read_diff;
use crate::record::StoredDiff;
use crate::slice::SliceWriter;
use crate::state_value::{decode_node, put_account};
use crate::store::Inner;
use crate::trie_history;
use crate::wire::put_word;
use crate::{StorageError, Store};

/// Layers in a stack above which the block path merges them itself.
const STACK_DEPTH_MAX: usize = 24;

/// Families of the first step.
const HISTORIES: [Family; 6] = [
    Family::AccountHistory,
    Family::StorageHistory,
    Family::TrieHistory,
    Family::BlockIndex,
    Family::TxIndex,
    Family::LogIndex,
];

/// Families of the second step.
pub(crate) const FLAT: [Family; 3] = [Family::Accounts, Family::Storage, Family::Trie];

impl Store {
    /// Moves base as far up as the limits let it, now. The background thread does the same when it
    /// is due; tests and tools call this.
    pub fn advance(&self) -> Result<(), StorageError> {
        self.inner().advance_now()
    }

    /// The height the derived families are at.
    pub fn base(&self) -> BlockRef {
        self.inner().chain.read().base.block
    }
}

impl Inner {
    pub(crate) fn advance_now(&self) -> Result<(), StorageError> {
        let _base = self.base_move.lock();
        self.finish_begun()?;
        let target = self.pick_target(&self.chain.read(), true);
        target.map_or(Ok(()), |target| self.advance_to(target))
    }

    /// Moves base if it is due; whether it did.
    pub(crate) fn advance_if_due(&self, timer: bool) -> Result<bool, StorageError> {
        let _base = self.base_move.lock();
        let mut moved = self.finish_begun()?;
        let target = self.pick_target(&self.chain.read(), timer);
        if let Some(target) = target {
            self.advance_to(target)?;
            moved = true;
        }
        Ok(moved)
    }

    /// Finishes a move that an error or a crash interrupted. The caller holds `base_move`.
    pub(crate) fn finish_begun(&self) -> Result<bool, StorageError> {
        if self.chain.read().undoing {
            // Only whoever moves the heads can finish it, because it moves them too.
            return Err(StorageError::Kv(KvError::Stalled));
        }
        if self.chain.read().advancing.is_none() {
            return Ok(false);
        }
        match meta::applying(self.kv.as_ref())? {
            Some(applying) => {
                self.run(&applying)?;
                Ok(true)
            }
            None => {
                // The intent itself did not reach the database.
                self.chain.write().advancing = None;
                Ok(false)
            }
        }
    }

    /// The block base should move to, if any.
    fn pick_target(&self, chain: &Chain, timer: bool) -> Option<BlockRef> {
        let limits = &self.config.tail;
        let base = chain.base.block.number;
        let latest = chain.heads.latest.number;
        let floor = chain.fork_floor.unwrap_or(u64::MAX);
        let settled = latest
            .saturating_sub(limits.reorg_blocks)
            .max(chain.heads.finalized.number)
            .min(latest)
            .min(floor);
        let mut target = settled;
        let is_due = (timer && settled > base) || is_third(chain, settled, limits);
        if !is_due {
            // Blocks so full that the protected ones alone fill the tail give up some protection.
            target = self.overfull_target(chain)?.min(floor);
        }
        chain.canonical_tail(target).map(|tail| tail.block)
    }

    /// If the tail is at two thirds of a limit, the block below which one third remains.
    fn overfull_target(&self, chain: &Chain) -> Option<u64> {
        let limits = &self.config.tail;
        let (entries, bytes) = chain.tail_size(u64::MAX);
        if (entries < limits.entries_max / 3 * 2)
            && (bytes < limits.bytes_max / 3 * 2)
            && (chain.canonical.len() as u64) < limits.blocks_max / 3 * 2
        {
            return None;
        }
        let (mut left_entries, mut left_bytes, mut left_blocks) = (0, 0, 0);
        for tail in chain.canonical.iter().rev() {
            left_entries += tail.layer.entries();
            left_bytes += tail.layer.bytes();
            left_blocks += 1;
            if left_entries > limits.entries_max / 3
                || left_bytes > limits.bytes_max / 3
                || left_blocks > limits.blocks_max / 3
            {
                return Some(tail.block.number);
            }
        }
        None
    }

    /// The caller holds `base_move` and nothing begun is left.
    fn advance_to(&self, target: BlockRef) -> Result<(), StorageError> {
        self.ensure_open()?;
        self.disk.ensure_room()?;
        let low = {
            let mut chain = self.chain.write();
            // Heads may have moved since the target was picked.
            let still = chain.canonical_tail(target.number).is_some_and(|t| t.block == target)
                && chain.fork_floor.is_none_or(|floor| floor >= target.number);
            if !still {
                return Ok(());
            }
            chain.advancing = Some(target);
            chain.base.block
        };
        let applying = Applying { step: Step::Histories, low, high: target };
        self.put_applying(&applying)?;
        self.run(&applying)
    }

    fn put_applying(&self, applying: &Applying) -> Result<(), StorageError> {
        let mut batch = Batch::new();
        meta::put_applying(&mut batch, applying);
        Ok(self.kv.write(&batch, WriteMode::Synced)?)
    }

    fn run(&self, applying: &Applying) -> Result<(), StorageError> {
        let start = Instant::now();
        let Applying { low, high, .. } = *applying;
        let blocks: Vec<_> = {
            let chain = self.chain.read();
            let tail =
                (low.number + 1..=high.number).map(|n| chain.canonical_tail(n).map(Arc::clone));
            tail.collect::<Option<_>>().ok_or_else(|| StorageError::missing("record", high))?
        };
        let may_go_on = || self.ensure_open();
        if applying.step == Step::Histories {
            let mut slices = SliceWriter::new(self.kv.as_ref(), &may_go_on);
            self.write_histories(&blocks, &mut slices)?;
            slices.finish()?;
            self.kv.flush(&HISTORIES)?;
            self.put_applying(&Applying { step: Step::Flat, ..*applying })?;
        }
        let merged = merge_all(&blocks);
        let mut slices = SliceWriter::new(self.kv.as_ref(), &may_go_on);
        write_flat(&merged, &mut slices)?;
        slices.finish()?;
        self.kv.flush(&FLAT)?;

        let mut batch = Batch::new();
        meta::put_base(&mut batch, high);
        batch.delete(Family::Meta, keys::meta::APPLYING);
        self.kv.write(&batch, WriteMode::Synced)?;
        self.publish_base(high);
        tracing::debug!(
            number = high.number,
            blocks = blocks.len(),
            entries = merged.entries(),
            elapsed_ms = start.elapsed().as_millis() as u64,
            "base advanced"
        );
        metrics::histogram!("phala_storage_advance_seconds").record(start.elapsed());
        metrics::counter!("phala_storage_advanced_blocks_total").increment(blocks.len() as u64);
        self.prune()
    }

    fn publish_base(&self, block: BlockRef) {
        let base = Base { block, snapshot: self.kv.snapshot(), dirty: None };
        let mut chain = self.chain.write();
        chain.advance_base(base);
        chain.advancing = None;
        drop(chain);
        metrics::gauge!("phala_storage_base_number").set(block.number as f64);
        self.signal.turned();
    }

    /// Previous values and index entries of the blocks.
    fn write_histories(
        &self,
        blocks: &[Arc<TailBlock>],
        slices: &mut SliceWriter<'_>,
    ) -> Result<(), StorageError> {
        let base = Arc::clone(&self.chain.read().base);
        let records = self.kv.snapshot();
        let mut nodes = NodesBefore { snapshot: base.snapshot.as_ref(), seen: HashMap::new() };
        for tail in blocks {
            let diff = read_diff(records.as_ref(), tail.block)?;
            write_state_history(&diff, tail.block.number, slices)?;
            write_trie_history(&diff, tail.block.number, &mut nodes, slices)?;
            self.write_indexes(tail.block, slices)?;
        }
        Ok(())
    }

    fn write_indexes(
        &self,
        block: BlockRef,
        slices: &mut SliceWriter<'_>,
    ) -> Result<(), StorageError> {
        let body = self.read_block(block)?.ok_or_else(|| StorageError::missing("body", block))?;
        let receipts =
            self.read_receipts(block)?.ok_or_else(|| StorageError::missing("receipts", block))?;
        for (family, key, value) in index_entries(block, &body.body().transactions, &receipts) {
            slices.put(family, &key, &value)?;
        }
        Ok(())
    }

    /// Merges the layers of the head, off the block path.
    pub(crate) fn compact_head_stack(&self) {
        let stack = self.chain.read().head_stack.clone();
        if stack.is_compact() {
            return;
        }
        let merged = stack.compacted();
        let mut chain = self.chain.write();
        if let Some(replaced) = chain.head_stack.replace_oldest(&stack, &merged) {
            chain.head_stack = replaced;
        }
    }

    /// Merges them on the block path when the thread that should do it does not come to it.
    pub(crate) fn compact_if_deep(&self) {
        if self.chain.read().head_stack.depth() > STACK_DEPTH_MAX {
            self.compact_head_stack();
        }
    }
}

/// Whether the tail up to a height has reached a third of a limit.
fn is_third(chain: &Chain, upto: u64, limits: &TailLimits) -> bool {
    let blocks = upto.saturating_sub(chain.base.block.number);
    if blocks == 0 {
        return false;
    }
    let (entries, bytes) = chain.tail_size(upto);
    blocks >= limits.blocks_max / 3
        || entries >= limits.entries_max / 3
        || bytes >= limits.bytes_max / 3
}

/// The newest value of every key the blocks changed.
fn merge_all(blocks: &[Arc<TailBlock>]) -> Layer {
    let layers = blocks.iter().map(|tail| Arc::clone(&tail.layer));
    crate::stack::Stack::default().with_all(layers).merged()
}

pub(crate) fn write_flat(layer: &Layer, slices: &mut SliceWriter<'_>) -> Result<(), StorageError> {
    for place in 0..layer.accounts.len() {
        let key = layer.accounts.key(place);
        slices.put_or_delete(Family::Accounts, key.as_slice(), layer.accounts.value(place))?;
    }
    for (owner, slot, value) in layer.slots.iter() {
        slices.put_or_delete(Family::Storage, &keys::slot(owner, slot), value)?;
    }
    for place in 0..layer.nodes.len() {
        let (key, value) = layer.nodes.item(place);
        slices.put_or_delete(Family::Trie, key, value)?;
    }
    Ok(())
}

fn write_state_history(
    diff: &StoredDiff,
    number: u64,
    slices: &mut SliceWriter<'_>,
) -> Result<(), StorageError> {
    let mut value = Vec::with_capacity(112);
    for account in &diff.accounts {
        value.clear();
        if let Some(before) = &account.before {
            put_account(&mut value, before);
        }
        let key = keys::account_history(&account.hash, number);
        slices.put(Family::AccountHistory, &key, &value)?;
    }
    for account in &diff.accounts {
        for slot in &account.slots {
            value.clear();
            put_word(&mut value, &slot.before);
            let key = keys::storage_history(&account.hash, &slot.hash, number);
            slices.put(Family::StorageHistory, &key, &value)?;
        }
    }
    Ok(())
}

/// Trie nodes as they were before the block that is being written.
struct NodesBefore<'a> {
    snapshot: &'a dyn KvSnapshot,
    seen: HashMap<Vec<u8>, Option<StoredNode>>,
}

impl NodesBefore<'_> {
    fn take(&mut self, key: &[u8]) -> Result<Option<StoredNode>, StorageError> {
        if let Some(node) = self.seen.remove(key) {
            return Ok(node);
        }
        let mut found = None;
        self.snapshot.get(Family::Trie, key, &mut |value| found = Some(decode_node(value)))?;
        found.transpose().map_err(|_| StorageError::damaged(Family::Trie, key))
    }
}

fn write_trie_history(
    diff: &StoredDiff,
    number: u64,
    nodes: &mut NodesBefore<'_>,
    slices: &mut SliceWriter<'_>,
) -> Result<(), StorageError> {
    for change in &diff.nodes {
        let before = nodes.take(&change.key)?;
        let after = match &change.patch {
            None => None,
            Some(patch) => Some(
                patch
                    .apply(before.as_ref(), false)
                    .map_err(|_| StorageError::damaged(Family::Trie, &change.key))?,
            ),
        };
        for (child, value) in trie_history::entries(before.as_ref(), after.as_ref()) {
            let mut child_key = change.key.clone();
            child_key.push(child);
            slices.put(Family::TrieHistory, &keys::trie_history(&child_key, number), &value)?;
        }
        nodes.seen.insert(change.key.clone(), after);
    }
    Ok(())
}
