//! Derived data that does not follow: the block path goes on until a limit, then waits or says why.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use phala_storage::kv::{
    Batch, Family, FamilySize, KvError, KvSnapshot, KvStore, MemoryKv, Pressure, WriteMode,
};
use phala_storage::{StorageError, Store, StoreConfig, TailLimits};
use world::{SMALL, World, seed};

/// A store whose derived families stand still while told so.
#[derive(Default)]
struct Throttled {
    inner: MemoryKv,
    stalled: AtomicBool,
    failing: AtomicBool,
}

impl KvStore for Throttled {
    fn write(&self, batch: &Batch, mode: WriteMode) -> Result<(), KvError> {
        if mode == WriteMode::Unlogged && self.stalled.load(Ordering::SeqCst) {
            return Err(KvError::Stalled);
        }
        if mode == WriteMode::Unlogged && self.failing.load(Ordering::SeqCst) {
            return Err(KvError::Io("EIO".into()));
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

const BLOCKS_MAX: u64 = 30;

fn start() -> (Arc<Throttled>, World) {
    let kv = Arc::new(Throttled::default());
    let tail = TailLimits { blocks_max: BLOCKS_MAX, reorg_blocks: 2, ..TailLimits::default() };
    let config = StoreConfig { tail, ..StoreConfig::default() };
    let store = Store::with_kv(Arc::clone(&kv) as _, config).expect("store");
    let world = World::on(seed(31), SMALL, store).expect("genesis");
    (kv, world)
}

#[test]
fn a_stall_is_absorbed_by_the_tail_and_then_waited_for() {
    let (kv, mut world) = start();
    kv.stalled.store(true, Ordering::SeqCst);
    let start = Instant::now();
    for _ in 0..BLOCKS_MAX {
        world.extend();
    }
    assert!(start.elapsed() < Duration::from_secs(5), "no block waited");
    assert_eq!(world.store.base().number, 0);
    let free = std::thread::spawn({
        let kv = Arc::clone(&kv);
        move || {
            std::thread::sleep(Duration::from_millis(400));
            kv.stalled.store(false, Ordering::SeqCst);
        }
    });
    let start = Instant::now();
    world.extend();
    assert!(start.elapsed() >= Duration::from_millis(300), "the block waits at the limit");
    free.join().expect("thread");
    for _ in 0..BLOCKS_MAX {
        world.extend();
    }
    assert!(world.store.base().number > 0);
    world.check_all();
    world.store.verify(&mut |_| {}).expect("verify");
}

#[test]
fn a_broken_disk_is_an_error_at_the_limit_and_not_a_wait() {
    let (kv, mut world) = start();
    kv.failing.store(true, Ordering::SeqCst);
    for _ in 0..BLOCKS_MAX {
        world.extend();
    }
    let record = world.block_on(world.store.heads().latest.hash);
    let error = world.store.write_record(&record).expect_err("no room and no way to make some");
    assert!(matches!(error, StorageError::Kv(KvError::Io(_))), "{error}");
    world.check_view(
        &world.store.latest_view().expect("reads go on"),
        world.store.heads().latest.hash,
    );
    kv.failing.store(false, Ordering::SeqCst);
    let start = Instant::now();
    while let Err(error) = world.store.write_record(&record) {
        assert!(start.elapsed() < Duration::from_secs(60), "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    world.set_head(record.block.hash()).expect("heads");
    world.check_all();
    world.store.verify(&mut |_| {}).expect("verify");
}

#[test]
fn closing_ends_a_wait() {
    let (kv, mut world) = start();
    kv.stalled.store(true, Ordering::SeqCst);
    for _ in 0..BLOCKS_MAX {
        world.extend();
    }
    let record = world.block_on(world.store.heads().latest.hash);
    let store = world.store.clone();
    let waiting = std::thread::spawn(move || store.write_record(&record));
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    world.store.close().expect("close");
    assert!(matches!(waiting.join().expect("thread"), Err(StorageError::Closing)));
    assert!(start.elapsed() < Duration::from_secs(1));
}
