//! Blocks that no head names: how many are kept, and when one comes too late.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alloy_primitives::B256;
use parking_lot::Mutex;
use phala_storage::kv::{
    Batch, Family, FamilySize, KvError, KvSnapshot, KvStore, MemoryKv, Op, Pressure, WriteMode,
};
use phala_storage::{StorageError, Store, StoreConfig, TailLimits};
use world::{SMALL, World, manual, seed};

const LIMIT: u64 = 12;

fn limited() -> StoreConfig {
    let tail = TailLimits { blocks_max: LIMIT, reorg_blocks: 2, ..TailLimits::default() };
    StoreConfig { tail, ..manual(2) }
}

#[test]
fn a_branch_without_a_fork_choice_ends_at_the_limit() {
    let mut world = World::new(seed(31), SMALL, Arc::default(), limited());
    let mut tip = world.extend();
    let head = tip;
    for _ in 0..LIMIT {
        world.store.ensure_extendable(tip).expect("room");
        let record = world.block_on(tip);
        world.store.write_record(&record).expect("room");
        tip = record.block.hash();
    }
    let refused = world.block_on(tip);
    for _ in 0..2 {
        let full = |result: Result<(), StorageError>| {
            let error = result.expect_err("the branch is full");
            assert!(matches!(error, StorageError::BranchFull { blocks: LIMIT, .. }), "{error}");
        };
        full(world.store.ensure_extendable(tip));
        full(world.store.write_record(&refused));
        assert!(!world.store.has_state(refused.block.hash()));
    }
    assert_eq!(world.store.stats().side_blocks as u64, LIMIT);
    // Others may come: they make older ones leave, but not the branch they stand on.
    for _ in 0..3 * LIMIT {
        let record = world.block_on(head);
        world.store.write_record(&record).expect("a sibling");
        assert!(world.store.stats().side_blocks as u64 <= 2 * LIMIT);
        assert!(world.store.has_state(record.block.hash()));
    }
    // A head makes room.
    let mut world = World::new(seed(32), SMALL, Arc::default(), limited());
    let mut tip = world.genesis.hash;
    for round in 0..4 {
        for _ in 0..LIMIT {
            let record = world.block_on(tip);
            world.store.write_record(&record).expect("room");
            tip = record.block.hash();
        }
        world.store.ensure_extendable(tip).expect_err("full");
        world.set_head(tip).expect("heads");
        world.store.ensure_extendable(tip).unwrap_or_else(|error| panic!("{round}: {error}"));
    }
    world.check_all();
}

#[test]
fn a_branch_is_limited_by_its_size_too() {
    for tail in [
        TailLimits { entries_max: 60, ..limited().tail },
        TailLimits { bytes_max: 4_000, ..limited().tail },
    ] {
        let config = StoreConfig { tail, ..limited() };
        let mut world = World::new(seed(33), SMALL, Arc::default(), config);
        let mut tip = world.genesis.hash;
        let mut blocks = 0;
        let error = loop {
            let record = world.block_on(tip);
            tip = record.block.hash();
            match world.store.write_record(&record) {
                Ok(()) => blocks += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StorageError::BranchFull { .. }), "{error}");
        assert!((2..LIMIT).contains(&blocks), "{blocks}");
    }
}

#[test]
fn a_block_whose_parent_has_left_the_tail_is_refused() {
    let mut world = World::new(seed(34), SMALL, Arc::default(), manual(2));
    for _ in 0..8 {
        world.extend();
    }
    let parent = world.chain(world.store.heads().latest.hash)[3];
    let late = world.block_on(parent);
    world.store.advance().expect("advance");
    for _ in 0..2 {
        let error = world.store.write_record(&late).expect_err("too late");
        assert!(matches!(error, StorageError::OutOfReach(hash) if hash == parent), "{error}");
        assert_eq!(world.store.header(late.block.hash()).expect("read"), None);
    }
    // The head goes back, and the same block is welcome.
    world.set_head(parent).expect("heads");
    world.store.write_record(&late).expect("in reach");
    world.set_head(late.block.hash()).expect("heads");
    world.check_all();
}

/// Moves base while a record is being written.
#[derive(Default)]
struct Racing {
    inner: MemoryKv,
    armed: AtomicBool,
    store: Mutex<Option<Store>>,
}

impl KvStore for Racing {
    fn write(&self, batch: &Batch, mode: WriteMode) -> Result<(), KvError> {
        let has_record = batch.iter().any(|op| matches!(op, Op::Put(Family::Headers, ..)));
        if has_record && self.armed.swap(false, Ordering::SeqCst) {
            let store = self.store.lock().clone().expect("set before it is armed");
            std::thread::spawn(move || store.advance()).join().expect("thread").expect("advance");
        }
        self.inner.write(batch, mode)
    }

    fn flush(&self, families: &[Family]) -> Result<(), KvError> {
        self.inner.flush(families)
    }

    fn snapshot(&self) -> Arc<dyn KvSnapshot> {
        self.inner.snapshot()
    }

    fn get(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, KvError> {
        self.inner.get(family, key, read)
    }

    fn set_history_floor(&self, number: u64) {
        self.inner.set_history_floor(number);
    }

    fn reclaim(&self, family: Family, from: &[u8], to: &[u8]) -> Result<(), KvError> {
        self.inner.reclaim(family, from, to)
    }

    fn compact(&self, family: Family) -> Result<(), KvError> {
        self.inner.compact(family)
    }

    fn pressure(&self) -> Pressure {
        self.inner.pressure()
    }

    fn size(&self, family: Family) -> FamilySize {
        self.inner.size(family)
    }

    fn log_bytes(&self) -> u64 {
        self.inner.log_bytes()
    }
}

#[test]
fn a_block_that_was_taken_is_known_even_if_base_moves_meanwhile() {
    let kv = Arc::new(Racing::default());
    let store = Store::with_kv(Arc::clone(&kv) as _, manual(2)).expect("store");
    *kv.store.lock() = Some(store.clone());
    let mut world = World::on(seed(35), SMALL, store).expect("genesis");
    for _ in 0..8 {
        world.extend();
    }
    let chain = world.chain(world.store.heads().latest.hash);
    // On a canonical block that base is about to pass, and on a side block of such a one.
    for depth in [4, 2] {
        let parent: B256 = chain[depth];
        if !world.store.has_state(parent) {
            continue;
        }
        let record = world.block_on(parent);
        kv.armed.store(true, Ordering::SeqCst);
        world.store.write_record(&record).expect("in reach when it began");
        assert!(!kv.armed.load(Ordering::SeqCst), "base was moved meanwhile");
        assert!(world.store.has_state(record.block.hash()), "valid and then unknown");
    }
    *kv.store.lock() = None;
    world.store.advance().expect("advance");
    world.check_all();
}
