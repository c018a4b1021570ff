use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use alloy_primitives::B256;
use alloy_primitives::map::{B256Map, B256Set};
use phala_primitives::{BlockRef, Heads, SealedHeader};

use crate::config::TailLimits;
use crate::kv::KvSnapshot;
use crate::layer::Layer;
use crate::stack::Stack;

/// Stacks of recently asked blocks that are kept.
const RECENT_STACKS: usize = 6;

/// A block above base whose record is stored.
pub(crate) struct TailBlock {
    pub(crate) block: BlockRef,
    pub(crate) parent: B256,
    pub(crate) header: Arc<SealedHeader>,
    pub(crate) layer: Arc<Layer>,
    /// Transaction hashes with their index, sorted; filled when first asked for.
    pub(crate) transactions: OnceLock<Box<[(B256, u32)]>>,
}

/// The height all derived families are at, and a snapshot taken there.
pub(crate) struct Base {
    pub(crate) block: BlockRef,
    pub(crate) snapshot: Arc<dyn KvSnapshot>,
    /// Set between a crash inside an advance and the end of that advance.
    pub(crate) dirty: Option<Dirty>,
}

/// Flat families hold some values of base and some of a later block.
pub(crate) struct Dirty {
    /// Values at base of every key that may have been overwritten, trie nodes excepted.
    pub(crate) cover: Arc<Layer>,
    /// The block the interrupted advance leads to.
    pub(crate) until: BlockRef,
}

/// Blocks that lead from the canonical chain to a side block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Branch {
    /// Height of the canonical block they stand on.
    pub(crate) fork: u64,
    pub(crate) blocks: u64,
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl Branch {
    /// Whether the branch takes as much memory as a tail may.
    pub(crate) const fn is_full(&self, limits: &TailLimits) -> bool {
        self.blocks >= limits.blocks_max
            || self.entries >= limits.entries_max
            || self.bytes >= limits.bytes_max
    }
}

/// The chain as readers see it. Changed under a short lock; what readers take out of it is shared
/// and never changes.
pub(crate) struct Chain {
    pub(crate) heads: Heads,
    pub(crate) base: Arc<Base>,
    /// Lowest height with state.
    pub(crate) oldest_state: u64,
    /// Every stored block that descends from base, by hash.
    pub(crate) blocks: B256Map<Arc<TailBlock>>,
    /// Canonical blocks above base, in order.
    pub(crate) canonical: VecDeque<Arc<TailBlock>>,
    /// Their hashes, shared with views.
    pub(crate) hashes: Arc<Vec<B256>>,
    /// Layers of the latest block.
    pub(crate) head_stack: Stack,
    /// Stacks of other blocks, oldest use first.
    recent: VecDeque<(B256, Stack)>,
    /// Where an advance in progress leads to.
    pub(crate) advancing: Option<BlockRef>,
    /// Lowest block that stays canonical while heads are being written.
    pub(crate) fork_floor: Option<u64>,
    /// An unwind began and was not finished: flat families are a mixture, which the snapshot of
    /// base hides.
    pub(crate) undoing: bool,
}

impl Chain {
    pub(crate) fn new(heads: Heads, base: Base, oldest_state: u64) -> Self {
        Self {
            heads,
            base: Arc::new(base),
            oldest_state,
            blocks: B256Map::default(),
            canonical: VecDeque::new(),
            hashes: Arc::default(),
            head_stack: Stack::default(),
            recent: VecDeque::new(),
            advancing: None,
            fork_floor: None,
            undoing: false,
        }
    }

    /// Canonical block above base at this height.
    pub(crate) fn canonical_tail(&self, number: u64) -> Option<&Arc<TailBlock>> {
        let place = number.checked_sub(self.base.block.number + 1)?;
        self.canonical.get(usize::try_from(place).ok()?)
    }

    /// Whether the block is canonical and not below base.
    pub(crate) fn is_canonical_from_base(&self, block: BlockRef) -> bool {
        block == self.base.block
            || self.canonical_tail(block.number).is_some_and(|tail| tail.block == block)
    }

    /// Adds a block whose parent is base or in the tail; others are not reachable and left out.
    pub(crate) fn insert(&mut self, block: Arc<TailBlock>) {
        if block.parent == self.base.block.hash || self.blocks.contains_key(&block.parent) {
            self.blocks.insert(block.block.hash, block);
        }
    }

    /// Layers from base to the block; `None` if it does not descend from base.
    pub(crate) fn stack(&mut self, hash: B256) -> Option<Stack> {
        let (stack, is_new) = self.loose_stack(hash)?;
        if !is_new {
            return Some(stack);
        }
        let stack = stack.compacted();
        self.remember(hash, stack.clone());
        Some(stack)
    }

    /// As [`Self::stack`], and whether the layers still have to be merged. That takes long when
    /// they are many, and is for whoever does not hold the lock; see [`Self::keep_stack`].
    pub(crate) fn loose_stack(&mut self, hash: B256) -> Option<(Stack, bool)> {
        if hash == self.heads.latest.hash {
            return Some((self.head_stack.clone(), false));
        }
        if let Some(place) = self.recent.iter().position(|(recent, _)| *recent == hash) {
            let found = self.recent.remove(place)?;
            let stack = found.1.clone();
            self.recent.push_back(found);
            return Some((stack, false));
        }
        let mut above = Vec::new();
        let mut at = hash;
        let below = loop {
            if at == self.base.block.hash {
                break Stack::default();
            }
            if at == self.heads.latest.hash {
                break self.head_stack.clone();
            }
            if let Some((_, stack)) = self.recent.iter().find(|(recent, _)| *recent == at) {
                break stack.clone();
            }
            let block = self.blocks.get(&at)?;
            above.push(Arc::clone(&block.layer));
            at = block.parent;
        };
        Some((below.with_all(above.into_iter().rev()), true))
    }

    /// Keeps a stack that was merged without the lock, unless base has moved since.
    pub(crate) fn keep_stack(&mut self, base: &Arc<Base>, hash: B256, stack: Stack) {
        let is_kept = self.recent.iter().any(|(recent, _)| *recent == hash);
        if Arc::ptr_eq(&self.base, base) && hash != self.heads.latest.hash && !is_kept {
            self.remember(hash, stack);
        }
    }

    fn remember(&mut self, hash: B256, stack: Stack) {
        if self.recent.len() >= RECENT_STACKS {
            self.recent.pop_front();
        }
        self.recent.push_back((hash, stack));
    }

    /// Hashes of the blocks from base (exclusive) to this one, lowest first, and whether they are
    /// the canonical ones.
    pub(crate) fn ancestry(&self, block: BlockRef) -> Option<Arc<Vec<B256>>> {
        if self.is_canonical_from_base(block) {
            return Some(Arc::clone(&self.hashes));
        }
        let mut hashes = Vec::new();
        let mut at = block.hash;
        while at != self.base.block.hash {
            hashes.push(at);
            at = self.blocks.get(&at)?.parent;
        }
        hashes.reverse();
        Some(Arc::new(hashes))
    }

    /// Makes `path` (in order, each in the tail) the canonical blocks above `fork`.
    pub(crate) fn set_canonical(&mut self, fork: u64, path: &[BlockRef], heads: Heads) {
        let old = self.heads.latest;
        // Merged later, off the block path.
        let stack = self.loose_stack(heads.latest.hash).map(|(stack, _)| stack);
        let keep =
            usize::try_from(fork.saturating_sub(self.base.block.number)).unwrap_or(usize::MAX);
        if keep < self.canonical.len() || !path.is_empty() {
            self.canonical.truncate(keep);
            for block in path {
                let block = self.blocks.get(&block.hash).expect("path lies in the tail");
                self.canonical.push_back(Arc::clone(block));
            }
            self.hashes = Arc::new(self.canonical.iter().map(|tail| tail.block.hash).collect());
        }
        if old != heads.latest {
            // Two siblings are often compared with the block both stand on: keep its layers.
            let previous = std::mem::take(&mut self.head_stack);
            self.remember(old.hash, previous);
            self.recent.retain(|(hash, _)| *hash != heads.latest.hash);
            self.head_stack = stack.expect("the head lies in the tail or is base");
        }
        self.heads = heads;
    }

    /// Moves base up the canonical chain to `to`.
    pub(crate) fn advance_base(&mut self, to: Base) {
        let blocks = to.block.number.saturating_sub(self.base.block.number);
        let count = usize::try_from(blocks).unwrap_or(usize::MAX).min(self.canonical.len());
        self.canonical.drain(..count);
        self.hashes = Arc::new(self.canonical.iter().map(|tail| tail.block.hash).collect());
        self.head_stack = self.head_stack.without_oldest(u32::try_from(blocks).unwrap_or(u32::MAX));
        self.base = Arc::new(to);
        self.drop_unreachable();
        // Their bottoms may be below the new base in blocks that are gone from the map; the few
        // that are asked for again are built again.
        self.recent.clear();
    }

    /// Forgets blocks that do not descend from base.
    fn drop_unreachable(&mut self) {
        let mut order: Vec<_> = self.blocks.values().map(Arc::clone).collect();
        order.sort_unstable_by_key(|block| block.block.number);
        self.blocks.clear();
        for block in order {
            if block.block.number > self.base.block.number {
                self.insert(block);
            }
        }
    }

    /// The way from the canonical chain to a block; `None` if it does not descend from base.
    pub(crate) fn branch(&self, tip: B256) -> Option<Branch> {
        let mut branch = Branch::default();
        let mut at = tip;
        loop {
            if at == self.base.block.hash {
                return Some(Branch { fork: self.base.block.number, ..branch });
            }
            let tail = self.blocks.get(&at)?;
            if self.is_canonical_from_base(tail.block) {
                return Some(Branch { fork: tail.block.number, ..branch });
            }
            branch.blocks += 1;
            branch.entries += tail.layer.entries();
            branch.bytes += tail.layer.bytes();
            at = tail.parent;
        }
    }

    /// Forgets side blocks until those left keep the limits. `keep`, which has just come, and its
    /// ancestors stay: they are what the caller is about to build on, and are limited by
    /// [`Branch::is_full`].
    pub(crate) fn limit_side_blocks(&mut self, keep: B256, limits: &TailLimits) -> usize {
        let blocks_max = usize::try_from(limits.blocks_max).unwrap_or(usize::MAX);
        let canonical = self.canonical.len();
        let before = self.blocks.len();
        if before <= canonical {
            return 0;
        }
        let parent = |block: &Arc<TailBlock>| self.blocks.get(&block.parent).map(Arc::clone);
        let line = std::iter::successors(self.blocks.get(&keep).map(Arc::clone), parent);
        let kept: B256Set = line.map(|block| block.block.hash).collect();
        let mut side: Vec<_> = self
            .blocks
            .values()
            .filter(|block| !self.is_canonical_from_base(block.block))
            .filter(|block| !kept.contains(&block.block.hash))
            .map(|block| (block.block, block.layer.entries(), block.layer.bytes()))
            .collect();
        let mut entries: usize = side.iter().map(|(_, entries, _)| entries).sum();
        let mut bytes: usize = side.iter().map(|(_, _, bytes)| bytes).sum();
        // Lowest first: the oldest forks are the least likely to win.
        side.sort_unstable_by_key(|(block, ..)| block.number);
        let mut count = side.len();
        for (block, its_entries, its_bytes) in side {
            if count <= blocks_max && entries <= limits.entries_max && bytes <= limits.bytes_max {
                break;
            }
            self.blocks.remove(&block.hash);
            count -= 1;
            entries -= its_entries;
            bytes -= its_bytes;
        }
        if self.blocks.len() == before {
            return 0;
        }
        self.drop_unreachable();
        before - self.blocks.len()
    }

    /// Keys and bytes of the canonical tail, up to and including a height.
    pub(crate) fn tail_size(&self, upto: u64) -> (usize, usize) {
        self.canonical
            .iter()
            .take_while(|tail| tail.block.number <= upto)
            .fold((0, 0), |(entries, bytes), tail| {
                (entries + tail.layer.entries(), bytes + tail.layer.bytes())
            })
    }
}
