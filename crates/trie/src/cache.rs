use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use phala_primitives::NodeRef;

use crate::{
    branch::Branch,
    node_buffers::{self, NodeBuffers},
    page::Page,
};

/// Parts of the cache that are locked one by one.
const SHARDS: usize = 16;

/// Times the clock's hand passes a stored node before it is evicted, against once for a page:
/// losing a stored node loses the way to all pages under it.
const BRANCH_HEAT: u8 = 4;
const PAGE_HEAT: u8 = 1;

/// The part of the budget that nodes of old versions may take: enough for a reorg of two blocks of
/// 2,000 accounts or many small ones, and little enough that the memory pages are made from is still
/// in the processor's cache.
const SUPERSEDED_SHARE: usize = 12;

/// What an entry costs besides its node: the slot, the reference counts and the allocator's share.
const ENTRY_OVERHEAD: usize = size_of::<Slot>() + 96;

/// The top of a subtree in memory.
#[derive(Clone)]
pub(crate) enum Node {
    /// A stored node.
    Branch(Arc<Branch>),
    /// Everything under an unstored node.
    Page(Arc<Page>),
}

/// Names a node in the cache; never reused, so that a name outlives its node without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u64);

impl NodeId {
    /// Names nothing.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for NodeId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// Nodes under a byte budget. Losing one costs a read of the source, never more, because whatever
/// the tries of finished blocks hold is in the source too.
pub(crate) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    next_shard: AtomicUsize,
    shard_budget: usize,
    pub(crate) page_loads: AtomicU64,
    pub(crate) node_loads: AtomicU64,
    evictions: AtomicU64,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Index and generation of nodes that only old versions have, oldest first.
    superseded: VecDeque<(u32, u32)>,
    buffers: NodeBuffers,
    bytes: usize,
    superseded_bytes: usize,
    hand: usize,
}

struct Slot {
    generation: u32,
    heat: u8,
    is_superseded: bool,
    /// Bytes the node is charged with.
    bytes: usize,
    node: Option<Node>,
}

impl Node {
    /// Leaves under this node.
    pub(crate) fn leaves(&self) -> u64 {
        match self {
            Self::Branch(branch) => branch.leaves,
            Self::Page(page) => page.len() as u64,
        }
    }

    /// Bytes in memory, and how many of them this node may share with its successor.
    fn size_bytes(&self) -> (usize, usize) {
        let (bytes, shared) = match self {
            Self::Branch(branch) => (branch.size_bytes(), 0),
            Self::Page(page) => page.size_bytes(),
        };
        (bytes + ENTRY_OVERHEAD, shared)
    }

    fn heat(&self) -> u8 {
        match self {
            Self::Branch(_) => BRANCH_HEAT,
            Self::Page(_) => PAGE_HEAT,
        }
    }
}

impl Cache {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            next_shard: AtomicUsize::new(0),
            shard_budget: budget_bytes / SHARDS,
            page_loads: AtomicU64::new(0),
            node_loads: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// The node of that name, unless it was evicted or removed.
    pub(crate) fn get(&self, id: NodeId) -> Option<Node> {
        let (shard, index, generation) = split(id)?;
        let mut shard = self.lock(shard);
        let slot = shard.slots.get_mut(index).filter(|slot| slot.generation == generation)?;
        let node = slot.node.clone()?;
        slot.heat = node.heat();
        Some(node)
    }

    /// Keeps a node, evicting others for it; [`NodeId::NONE`] if the budget has no room at all.
    pub(crate) fn insert(&self, node: Node) -> NodeId {
        let number = self.next_shard.fetch_add(1, Relaxed) % SHARDS;
        let (size, _) = node.size_bytes();
        if size > self.shard_budget {
            return NodeId::NONE;
        }
        let mut guard = self.lock(number);
        let shard = &mut *guard;
        // One for one, so that no call has to do the work of many.
        if shard.superseded_bytes > self.shard_budget / SUPERSEDED_SHARE {
            shard.evict_superseded();
        }
        while shard.bytes + size > self.shard_budget {
            if !shard.evict_superseded() {
                shard.evict_cold();
            }
            self.evictions.fetch_add(1, Relaxed);
        }
        let index = shard.free.pop().unwrap_or_else(|| {
            shard.slots.push(Slot::EMPTY);
            u32::try_from(shard.slots.len() - 1).expect("a shard has fewer than 2^28 nodes")
        });
        let slot = &mut shard.slots[index as usize];
        slot.heat = node.heat();
        slot.is_superseded = false;
        slot.bytes = size;
        slot.node = Some(node);
        shard.bytes += size;
        NodeId(u64::from(slot.generation) << 32 | u64::from(index) << 4 | number as u64)
    }

    /// A buffer for a page with `len` references.
    pub(crate) fn buffer(&self, len: usize) -> Vec<NodeRef> {
        let shard = self.next_shard.fetch_add(1, Relaxed) % SHARDS;
        let kept = self.lock(shard).buffers.take(len);
        kept.unwrap_or_else(|| Vec::with_capacity(node_buffers::capacity(len)))
    }

    /// Forgets a node that no live version uses.
    pub(crate) fn remove(&self, id: NodeId) {
        let Some((shard, index, generation)) = split(id) else { return };
        let mut shard = self.lock(shard);
        if shard.slots.get(index).is_some_and(|slot| slot.generation == generation) {
            shard.vacate(index);
        }
    }

    /// Marks a node that the newest version on its branch does not have, to be evicted before any
    /// other. What it shares is charged to its successor from now on.
    pub(crate) fn supersede(&self, id: NodeId) {
        let Some((shard, index, generation)) = split(id) else { return };
        let mut guard = self.lock(shard);
        let shard = &mut *guard;
        let Some(slot) = shard.slots.get_mut(index) else { return };
        let Some(node) = slot.node.as_ref().filter(|_| slot.generation == generation) else {
            return;
        };
        if std::mem::replace(&mut slot.is_superseded, true) {
            return;
        }
        let (_, shared) = node.size_bytes();
        slot.bytes -= shared;
        shard.bytes -= shared;
        shard.superseded_bytes += slot.bytes;
        shard.superseded.push_back((index as u32, generation));
        if shard.superseded.len() > shard.slots.len() {
            let slots = &shard.slots;
            shard
                .superseded
                .retain(|(index, generation)| slots[*index as usize].generation == *generation);
        }
    }

    /// Nodes held, their bytes, and how many were evicted so far.
    pub(crate) fn usage(&self) -> (usize, usize, u64) {
        let mut nodes = 0;
        let mut bytes = 0;
        for index in 0..SHARDS {
            let shard = self.lock(index);
            nodes += shard.slots.len() - shard.free.len();
            bytes += shard.bytes;
        }
        (nodes, bytes, self.evictions.load(Relaxed))
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // A panic elsewhere cannot leave a shard half changed in a way that matters for a cache.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Drops the oldest superseded node, if there is one.
    fn evict_superseded(&mut self) -> bool {
        while let Some((index, generation)) = self.superseded.pop_front() {
            if self.slots[index as usize].generation == generation {
                self.vacate(index as usize);
                return true;
            }
        }
        false
    }

    /// Moves the clock's hand to the next cold node and drops it. There is one: the caller found more
    /// bytes than the budget allows.
    fn evict_cold(&mut self) {
        loop {
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[self.hand];
            if slot.node.is_none() {
                continue;
            }
            if slot.heat == 0 {
                return self.vacate(self.hand);
            }
            slot.heat -= 1;
        }
    }

    fn vacate(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let Some(node) = slot.node.take() else { return };
        self.bytes -= slot.bytes;
        if slot.is_superseded {
            self.superseded_bytes -= slot.bytes;
        }
        // A slot whose generations are used up stays empty for ever: names are not reused.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(index as u32);
        }
        if let Node::Page(page) = node
            && let Some(page) = Arc::into_inner(page)
        {
            self.buffers.put(page.nodes);
        }
    }
}

impl Slot {
    const EMPTY: Self = Self { generation: 1, heat: 0, is_superseded: false, bytes: 0, node: None };
}

/// Shard, index in it and generation.
fn split(id: NodeId) -> Option<(usize, usize, u32)> {
    let generation = (id.0 >> 32) as u32;
    let index = (id.0 as u32 >> 4) as usize;
    (generation != 0).then_some((id.0 as usize % SHARDS, index, generation))
}
