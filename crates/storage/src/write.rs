//! Writing records and heads: the block path.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use phala_primitives::{BlockRef, Heads};

use crate::chain::{Branch, Chain, TailBlock};
use crate::keys;
use crate::kv::{Batch, Family, KvError, WriteMode};
use crate::layer::{Layer, LayerBuilder};
use crate::meta::Goal;
use crate::record::{BlockDiff, EncodedRecord, Record};
use crate::store::Inner;
use crate::{StorageError, Store, meta};

/// How often a waiting block path looks whether it may go on.
const BACKPRESSURE_LOOK: Duration = Duration::from_millis(100);

impl Store {
    /// Makes a block durable: in one synced batch, whole or not at all. Side blocks too. Writing a
    /// block that is stored already does nothing.
    ///
    /// Waits while the tail is at a hard limit. After an error nothing of the block is visible and
    /// the same call may be made again. [`StorageError::OutOfReach`] and [`StorageError::BranchFull`]
    /// mean that it cannot succeed before the heads move.
    pub fn write_record(&self, record: &Record) -> Result<(), StorageError> {
        let inner = self.inner();
        inner.ensure_open()?;
        if inner.locate(record.block.hash())?.is_some() {
            return Ok(());
        }
        inner.wait_for_room()?;
        let (encoded, tail_block) = encode(record);
        let _writer = inner.writer.lock();
        inner.claim_parent(record.block.parent_hash)?;
        // A block that was forgotten, because base passed it or went below it, has its record still.
        let written = inner.is_stored(record.block_ref()).and_then(|is_stored| {
            if is_stored {
                return Ok(());
            }
            let mut batch = Batch::new();
            encoded.put(&mut batch);
            inner.write_synced(&batch)
        });
        if written.is_ok() {
            inner.publish_record(record, tail_block);
        }
        inner.chain.write().fork_floor = None;
        written
    }

    /// Whether [`write_record`](Self::write_record) would take a child of this block now. Asked
    /// before the child is executed.
    pub fn ensure_extendable(&self, parent: B256) -> Result<(), StorageError> {
        let inner = self.inner();
        inner.extendable(&inner.chain.read(), parent).map(|_| ())
    }

    /// Moves the heads, durably before this returns. `canonical` names the new canonical blocks
    /// from the fork up, as a check of what the records say; it may be empty. `cursor` is the
    /// derivation cursor that belongs to these heads. Without one, the stored cursor stays if the
    /// safe head stays or goes forward, and is dropped if it goes back: it never describes a block
    /// above the safe head, or on another chain.
    ///
    /// A reorg within the tail is one batch however many blocks it replaces. A fork below base
    /// unwinds first, with the goal written down before: a process that dies in between starts
    /// again with either the old heads or the new ones. A move of the safe or finalized head alone is written without a sync: the
    /// next synced write carries it, and losing it only repeats derivation.
    pub fn set_heads(
        &self,
        heads: Heads,
        canonical: &[BlockRef],
        cursor: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let inner = self.inner();
        inner.ensure_open()?;
        let _writer = inner.writer.lock();
        inner.move_heads(Batch::new(), None, heads, canonical, cursor)
    }

    /// [`write_record`](Self::write_record) and [`set_heads`](Self::set_heads) in one batch.
    pub fn write_block_and_heads(
        &self,
        record: &Record,
        heads: Heads,
        canonical: &[BlockRef],
        cursor: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let inner = self.inner();
        inner.ensure_open()?;
        if inner.is_stored(record.block_ref())? {
            return self.set_heads(heads, canonical, cursor);
        }
        inner.wait_for_room()?;
        let (encoded, tail_block) = encode(record);
        let _writer = inner.writer.lock();
        let mut batch = Batch::new();
        encoded.put(&mut batch);
        inner.move_heads(batch, Some((record, tail_block)), heads, canonical, cursor)
    }

    /// The derivation cursor written with the last heads that had one.
    pub fn cursor(&self) -> Result<Option<Vec<u8>>, StorageError> {
        meta::cursor(self.inner().kv.as_ref())
    }
}

fn encode(record: &Record) -> (EncodedRecord, Arc<TailBlock>) {
    let (encoded, layer) =
        rayon::join(|| EncodedRecord::new(record), || layer_of_diff(&record.diff));
    let tail_block = TailBlock {
        block: record.block_ref(),
        parent: record.block.parent_hash,
        header: Arc::new(record.block.clone_sealed_header()),
        layer: Arc::new(layer),
        transactions: OnceLock::new(),
    };
    (encoded, Arc::new(tail_block))
}

fn layer_of_diff(diff: &BlockDiff) -> Layer {
    let mut builder = LayerBuilder::default();
    for account in &diff.accounts {
        builder.account(account.hash, account.after.as_ref());
        for slot in &account.slots {
            builder.slot(account.hash, slot.hash, &slot.after);
        }
    }
    for node in &diff.trie {
        builder.node(&keys::trie(node.owner.as_ref(), &node.path), node.after.as_ref());
    }
    builder.finish()
}

impl Inner {
    /// Whether the block's record is on the disk.
    pub(crate) fn is_stored(&self, block: BlockRef) -> Result<bool, StorageError> {
        if self.chain.read().blocks.contains_key(&block.hash) {
            return Ok(true);
        }
        Ok(self.kv.get(Family::Headers, &keys::record(block), &mut |_| {})?)
    }

    fn write_synced(&self, batch: &Batch) -> Result<(), StorageError> {
        let start = Instant::now();
        let result = self.write_with_room(batch, WriteMode::Synced);
        metrics::histogram!("phala_storage_synced_write_seconds").record(start.elapsed());
        metrics::counter!("phala_storage_synced_write_bytes_total")
            .increment(batch.size_bytes() as u64);
        result
    }

    /// Writes unless the disk is nearly full: it must not be RocksDB that finds out.
    fn write_with_room(&self, batch: &Batch, mode: WriteMode) -> Result<(), StorageError> {
        self.disk.ensure_room()?;
        let result = self.kv.write(batch, mode);
        if let Err(error @ (KvError::Io(_) | KvError::Corruption(_))) = &result {
            self.write_failure.get_or_init(|| error.to_string());
        }
        Ok(result?)
    }

    fn publish_record(&self, record: &Record, tail_block: Arc<TailBlock>) {
        self.cache.insert_block(&record.block);
        self.cache.insert_receipts(record.block.hash(), &record.receipts);
        let mut chain = self.chain.write();
        chain.insert(tail_block);
        let dropped = chain.limit_side_blocks(record.block.hash(), &self.config.tail);
        drop(chain);
        if dropped > 0 {
            tracing::warn!(dropped, "side blocks forgotten, too many are not canonical");
        }
    }

    /// Writes heads, and a record with them. The caller holds the writer lock.
    fn move_heads(
        &self,
        mut batch: Batch,
        record: Option<(&Record, Arc<TailBlock>)>,
        heads: Heads,
        canonical: &[BlockRef],
        cursor: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        if heads.latest.number < heads.safe.number || heads.safe.number < heads.finalized.number {
            return Err(StorageError::HeadOrder {
                latest: heads.latest.number,
                safe: heads.safe.number,
                finalized: heads.finalized.number,
            });
        }
        self.finish_undo()?;
        let new = record.as_ref().map(|(_, block)| block);
        let (fork, path) = self.path_to(heads.latest, new)?;
        check_path(fork, &path, canonical)?;
        for head in [heads.safe, heads.finalized] {
            self.ensure_on_new_chain(head, fork, &path)?;
        }
        // Asked before an unwind moves it: the cursor that comes with it has to be synced too.
        let is_moved = self.chain.read().heads.latest != heads.latest;
        let mut record = record;
        if self.claim_fork(fork) {
            // The fork lies below base, or below where an advance is about to put it.
            if record.take().is_some() {
                // The goal may name only what is on the disk.
                self.write_synced(&batch)?;
                batch = Batch::new();
            }
            self.unwind_to(fork, &Goal { heads, cursor: cursor.map(<[u8]>::to_vec) })?;
        }
        let loaded = self.load_path(&path);
        let result = loaded.and_then(|()| {
            self.write_heads(&mut batch, record, heads, (fork, &path), cursor, is_moved)
        });
        self.chain.write().fork_floor = None;
        result?;
        self.signal.wake();
        if self.config.background {
            self.compact_if_deep()
        } else {
            self.compact_head_stack()
        }
        Ok(())
    }

    /// Finishes a reorg below base that a crash interrupted, before anybody sees the store.
    pub(crate) fn resume_reorg(&self) -> Result<(), StorageError> {
        let Some(Goal { heads, cursor }) = meta::goal(self.kv.as_ref())? else { return Ok(()) };
        self.has_goal.store(true, Ordering::Relaxed);
        let _writer = self.writer.lock();
        let BlockRef { number, hash } = heads.latest;
        match self.move_heads(Batch::new(), None, heads, &[], cursor.as_deref()) {
            Ok(()) => tracing::info!(number, %hash, "finished an interrupted reorg"),
            Err(
                error @ StorageError::Kv(KvError::Io(_) | KvError::Corruption(_) | KvError::Closed),
            ) => {
                return Err(error);
            }
            // What is stored is whole, with the head where the two branches meet or on the way
            // there; whoever moves the heads decides again.
            Err(error) => {
                tracing::warn!(number, %hash, %error, "an interrupted reorg stays undone")
            }
        }
        Ok(())
    }

    fn write_heads(
        &self,
        batch: &mut Batch,
        record: Option<(&Record, Arc<TailBlock>)>,
        heads: Heads,
        (fork, path): (u64, &[BlockRef]),
        cursor: Option<&[u8]>,
        is_moved: bool,
    ) -> Result<(), StorageError> {
        let old = self.chain.read().heads;
        for block in path {
            batch.put(Family::Canonical, &keys::number(block.number), block.hash.as_slice());
        }
        for number in heads.latest.number + 1..=old.latest.number {
            batch.delete(Family::Canonical, &keys::number(number));
        }
        meta::put_heads(batch, &heads);
        match cursor {
            Some(cursor) => meta::put_cursor(batch, cursor),
            // The old safe head is an ancestor of the new one, or the same.
            None if old.safe.number <= fork.min(heads.safe.number) => {}
            None => meta::drop_cursor(batch),
        }
        if self.has_goal.load(Ordering::Relaxed) {
            batch.delete(Family::Meta, keys::meta::GOAL);
        }
        if record.is_none() && !is_moved {
            self.write_with_room(batch, WriteMode::Logged)?;
        } else {
            self.write_synced(batch)?;
        }
        self.has_goal.store(false, Ordering::Relaxed);
        if let Some((record, tail_block)) = record {
            self.publish_record(record, tail_block);
        }
        let mut chain = self.chain.write();
        chain.set_canonical(fork, path, heads);
        record_tail(&chain);
        Ok(())
    }

    /// The highest canonical ancestor of a block, and the blocks from there to it, lowest first.
    fn path_to(
        &self,
        to: BlockRef,
        new: Option<&Arc<TailBlock>>,
    ) -> Result<(u64, Vec<BlockRef>), StorageError> {
        let mut path = Vec::new();
        let mut at = to;
        loop {
            if self.canonical_hash_now(at.number)? == Some(at.hash) {
                path.reverse();
                return Ok((at.number, path));
            }
            let parent = match new {
                Some(new) if new.block == at => new.parent,
                _ => self.stored_parent(at)?.ok_or(StorageError::UnknownBlock(at.hash))?,
            };
            path.push(at);
            let number = at.number.checked_sub(1).ok_or(StorageError::UnknownBlock(at.hash))?;
            at = BlockRef { number, hash: parent };
        }
    }

    fn stored_parent(&self, block: BlockRef) -> Result<Option<B256>, StorageError> {
        if let Some(tail) = self.chain.read().blocks.get(&block.hash) {
            return Ok((tail.block == block).then_some(tail.parent));
        }
        Ok(self.read_header(block)?.map(|header| header.parent_hash))
    }

    fn ensure_on_new_chain(
        &self,
        head: BlockRef,
        fork: u64,
        path: &[BlockRef],
    ) -> Result<(), StorageError> {
        let on_chain = match head.number.checked_sub(fork + 1) {
            None => self.canonical_hash_now(head.number)? == Some(head.hash),
            Some(place) => usize::try_from(place).is_ok_and(|place| path.get(place) == Some(&head)),
        };
        if on_chain {
            return Ok(());
        }
        Err(StorageError::BrokenChain { number: head.number, hash: head.hash })
    }

    /// Height of the canonical block that a child of `parent` would stand on, if it may be stored.
    fn extendable(&self, chain: &Chain, parent: B256) -> Result<u64, StorageError> {
        let branch = chain.branch(parent).ok_or(StorageError::OutOfReach(parent))?;
        if branch.is_full(&self.config.tail) {
            let Branch { blocks, bytes, .. } = branch;
            return Err(StorageError::BranchFull { tip: parent, blocks, bytes });
        }
        // An advance that has begun is about to pass it.
        if chain.advancing.is_some_and(|target| target.number > branch.fork) {
            return Err(StorageError::OutOfReach(parent));
        }
        Ok(branch.fork)
    }

    /// Keeps an advance from passing `parent` until its child is written. Otherwise the block would
    /// be called valid and be unknown a moment later.
    fn claim_parent(&self, parent: B256) -> Result<(), StorageError> {
        let mut chain = self.chain.write();
        let fork = self.extendable(&chain, parent)?;
        chain.fork_floor = Some(fork);
        Ok(())
    }

    /// Keeps an advance from passing `fork` until the heads are written. `true` if base is above
    /// it, or an advance that has begun will put it there.
    fn claim_fork(&self, fork: u64) -> bool {
        let mut chain = self.chain.write();
        if chain.base.block.number > fork
            || chain.advancing.is_some_and(|target| target.number > fork)
        {
            return true;
        }
        chain.fork_floor = Some(fork);
        false
    }

    /// Waits while the tail is at a hard limit.
    fn wait_for_room(&self) -> Result<(), StorageError> {
        if self.chain.read().undoing {
            let _writer = self.writer.lock();
            self.finish_undo()?;
            // The block's parent may have gone with the old head: the caller has to look again.
            return Err(StorageError::Kv(KvError::Stalled));
        }
        if self.tail_has_room() {
            return Ok(());
        }
        if !self.config.background {
            self.advance_now()?;
            return Ok(());
        }
        let start = Instant::now();
        metrics::gauge!("phala_storage_backpressure").set(1.0);
        let mut result = Ok(());
        while !self.tail_has_room() {
            let turns = self.signal.turns();
            self.signal.wake();
            result = self.signal.wait_turn(turns, BACKPRESSURE_LOOK);
            result = result.and_then(|()| self.ensure_open());
            result = result.and_then(|()| self.disk.ensure_room());
            if result.is_err() {
                break;
            }
        }
        metrics::gauge!("phala_storage_backpressure").set(0.0);
        metrics::histogram!("phala_storage_backpressure_seconds").record(start.elapsed());
        result
    }

    fn tail_has_room(&self) -> bool {
        let limits = &self.config.tail;
        let chain = self.chain.read();
        let (entries, bytes) = chain.tail_size(u64::MAX);
        (chain.canonical.len() as u64) < limits.blocks_max
            && entries < limits.entries_max
            && bytes < limits.bytes_max
    }
}

/// What the caller takes for canonical must be what the records say.
fn check_path(fork: u64, path: &[BlockRef], canonical: &[BlockRef]) -> Result<(), StorageError> {
    for block in canonical.iter().filter(|block| block.number > fork) {
        let place = usize::try_from(block.number - fork - 1).unwrap_or(usize::MAX);
        if path.get(place) != Some(block) {
            return Err(StorageError::BrokenChain { number: block.number, hash: block.hash });
        }
    }
    Ok(())
}

fn record_tail(chain: &Chain) {
    let (entries, bytes) = chain.tail_size(u64::MAX);
    metrics::gauge!("phala_storage_tail_blocks").set(chain.canonical.len() as f64);
    metrics::gauge!("phala_storage_tail_entries").set(entries as f64);
    metrics::gauge!("phala_storage_tail_bytes").set(bytes as f64);
}
