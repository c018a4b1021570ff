use std::sync::Arc;

use alloy_primitives::B256;
use phala_primitives::{BlockRef, Heads, SealedHeader};
use tracing::{info, warn};

use crate::{BugError, CanonicalBlock, ChainEvent, Engine, EngineError, engine::Inner, metrics};

/// Blocks one [`ChainEvent`] lists at most on each side. Whoever follows the chain block by block
/// sees a longer jump by its fork point, and reads the rest from the store.
pub const EVENT_BLOCKS_MAX: usize = 512;

/// The way from the canonical chain to a new head.
#[derive(Debug)]
struct Branch {
    /// Newest block of the canonical chain that is an ancestor of the new head, or the head itself.
    fork_point: BlockRef,
    /// Blocks that become canonical, oldest first.
    added: Vec<BlockRef>,
}

impl Branch {
    fn head(&self) -> BlockRef {
        self.added.last().copied().unwrap_or(self.fork_point)
    }
}

impl Engine {
    /// Makes `latest` the newest block of the canonical chain, and moves the safe and finalized
    /// heads. A head that is not named stays where it is, or goes back to the fork point if it was
    /// on the branch that is left. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownBlock`] if `latest` was not imported, and
    /// [`EngineError::InconsistentHeads`] unless finalized, safe and latest lie on one chain in
    /// this order. Nothing has changed then.
    pub fn set_heads(
        &self,
        latest: B256,
        safe: Option<B256>,
        finalized: Option<B256>,
    ) -> Result<Heads, EngineError> {
        self.set_heads_with_cursor(latest, safe, finalized, None)
    }

    /// [`set_heads`](Self::set_heads) that writes a derivation cursor in the same batch.
    pub fn set_heads_with_cursor(
        &self,
        latest: B256,
        safe: Option<B256>,
        finalized: Option<B256>,
        cursor: Option<&[u8]>,
    ) -> Result<Heads, EngineError> {
        let inner = &*self.inner;
        let _writer = inner.writer.lock();
        inner.follow_store(None);
        let branch = inner.branch_to(latest)?;
        let old = *inner.heads.read();
        let heads = inner.choose_heads(&old, &branch, safe, finalized)?;
        if heads == old && cursor.is_none() {
            return Ok(heads);
        }
        // Read before anything is written, so that nothing can fail between disk and subscribers.
        let event = inner.event(&old, &branch, heads)?;
        if let Err(error) = inner.store.set_heads(heads, &branch.added, cursor) {
            inner.follow_store(event);
            return Err(error.into());
        }
        inner.state_cache.move_to(heads.latest.hash);
        inner.publish(event, heads, old.latest.number - branch.fork_point.number);
        Ok(heads)
    }
}

impl Inner {
    fn branch_to(&self, latest: B256) -> Result<Branch, EngineError> {
        let mut hash = latest;
        let mut added = Vec::new();
        loop {
            let header = self.known_header(hash)?;
            let block = BlockRef { number: header.number, hash };
            if self.store.canonical_hash(block.number)? == Some(hash) {
                added.reverse();
                return Ok(Branch { fork_point: block, added });
            }
            added.push(block);
            hash = header.parent_hash;
        }
    }

    fn known_header(&self, hash: B256) -> Result<Arc<SealedHeader>, EngineError> {
        self.store.header(hash)?.ok_or(EngineError::UnknownBlock(hash))
    }

    fn choose_heads(
        &self,
        old: &Heads,
        branch: &Branch,
        safe: Option<B256>,
        finalized: Option<B256>,
    ) -> Result<Heads, EngineError> {
        let latest = branch.head();
        let finalized = match finalized {
            Some(hash) => self.ancestor("finalized", hash, branch)?,
            None => older(old.finalized, branch.fork_point),
        };
        let safe = match safe {
            Some(hash) => self.ancestor("safe", hash, branch)?,
            // Finality proves safety.
            None => newer(older(old.safe, branch.fork_point), finalized),
        };
        if safe.number < finalized.number {
            let (role, hash) = ("safe", safe.hash);
            return Err(EngineError::InconsistentHeads { role, hash, head: latest.hash });
        }
        if finalized.number < old.finalized.number {
            warn!(from = old.finalized.number, to = finalized.number, "finalized head goes back");
        }
        Ok(Heads { latest, safe, finalized })
    }

    /// The block with this hash, if it is the new head or one of its ancestors.
    fn ancestor(
        &self,
        role: &'static str,
        hash: B256,
        branch: &Branch,
    ) -> Result<BlockRef, EngineError> {
        let inconsistent =
            || EngineError::InconsistentHeads { role, hash, head: branch.head().hash };
        if let Some(block) = branch.added.iter().find(|block| block.hash == hash) {
            return Ok(*block);
        }
        let number = self.store.header(hash)?.ok_or_else(inconsistent)?.number;
        let is_below = number <= branch.fork_point.number;
        if is_below && self.store.canonical_hash(number)? == Some(hash) {
            return Ok(BlockRef { number, hash });
        }
        Err(inconsistent())
    }

    /// Canonical blocks from `head` down to `floor`, without the latter; newest first.
    fn canonical_blocks_above(
        &self,
        floor: BlockRef,
        head: BlockRef,
    ) -> Result<Vec<CanonicalBlock>, EngineError> {
        let numbers = (floor.number + 1..=head.number).rev().take(EVENT_BLOCKS_MAX);
        let block = |number| {
            let hash = self.store.canonical_hash(number)?;
            let missing = || BugError::MissingBlock(head.hash);
            self.canonical_block(hash.ok_or_else(missing)?)
        };
        numbers.map(block).collect()
    }

    fn canonical_block(&self, hash: B256) -> Result<CanonicalBlock, EngineError> {
        let missing = || BugError::MissingBlock(hash);
        let block = self.store.block(hash)?.ok_or_else(missing)?;
        let receipts = self.store.receipts(hash)?.ok_or_else(missing)?;
        Ok(CanonicalBlock { block, receipts })
    }

    /// What subscribers will be told, `None` if there are none.
    fn event(
        &self,
        old: &Heads,
        branch: &Branch,
        heads: Heads,
    ) -> Result<Option<ChainEvent>, EngineError> {
        if self.events.receiver_count() == 0 {
            return Ok(None);
        }
        let removed = self.canonical_blocks_above(branch.fork_point, old.latest)?;
        let skipped = branch.added.len().saturating_sub(EVENT_BLOCKS_MAX);
        let added = branch.added[skipped..].iter();
        let added =
            added.map(|block| self.canonical_block(block.hash)).collect::<Result<_, _>>()?;
        Ok(Some(ChainEvent { fork_point: branch.fork_point, removed, added, heads }))
    }

    /// Moves down to the store's heads: a reorg below its base goes in durable steps, and one that
    /// failed half-way leaves the head on the way. `failed` is what subscribers would have been
    /// told. The caller holds the writer lock.
    pub(crate) fn follow_store(&self, failed: Option<ChainEvent>) {
        let (old, heads) = (*self.heads.read(), self.store.heads());
        if old == heads {
            return;
        }
        let removed = old.latest.number.saturating_sub(heads.latest.number);
        warn!(removed, number = heads.latest.number, hash = %heads.latest.hash, "followed the store");
        self.state_cache.move_to(heads.latest.hash);
        let event = failed.map(|event| ChainEvent {
            fork_point: heads.latest,
            removed: event
                .removed
                .into_iter()
                .filter(|block| block.block.number > heads.latest.number)
                .collect(),
            added: Vec::new(),
            heads,
        });
        self.publish(event, heads, removed);
    }

    /// Makes durable heads visible and tells everybody.
    pub(crate) fn publish(&self, event: Option<ChainEvent>, heads: Heads, removed: u64) {
        *self.heads.write() = heads;
        self.versions.lock().retire_below(heads.latest.number);
        metrics::heads(&heads, removed);
        if removed > 0 {
            info!(removed, number = heads.latest.number, hash = %heads.latest.hash, "reorg");
        }
        if let Some(event) = event {
            // A subscriber that has just left is fine.
            let _ = self.events.send(event);
        }
    }
}

const fn older(a: BlockRef, b: BlockRef) -> BlockRef {
    if a.number <= b.number { a } else { b }
}

const fn newer(a: BlockRef, b: BlockRef) -> BlockRef {
    if a.number >= b.number { a } else { b }
}
