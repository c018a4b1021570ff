//! Bytes that changed on the disk: what still opens, and what the error of the rest says.

mod world;

use std::sync::Arc;

use phala_storage::kv::{Batch, Bounds, Family, KvStore, MemoryKv, Survival, WriteMode};
use phala_storage::{StorageError, Store, StoreConfig};
use rand::Rng;
use world::{SMALL, World, manual, seed};

/// A chain with base at 4, a tail to 10, and side blocks at 3 of the heights above base.
fn world(seed: u64) -> (Arc<MemoryKv>, World) {
    let kv = Arc::new(MemoryKv::new());
    let mut world = World::new(seed, SMALL, Arc::clone(&kv), manual(6));
    for number in 1..=10 {
        world.extend();
        if number > 6 && number % 2 == 0 {
            let parent = world.parent(world.store.heads().latest.hash);
            let side = world.block_on(parent);
            world.store.write_record(&side).expect("side block");
            let child = world.block_on(side.block.hash());
            world.store.write_record(&child).expect("child of a side block");
        }
    }
    world.store.advance().expect("advance");
    assert_eq!(world.store.base().number, 4);
    (kv, world)
}

fn newest(kv: &MemoryKv, family: Family, count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let snapshot = kv.snapshot();
    let mut cursor = snapshot.cursor(family, Bounds::default());
    let mut found = cursor.seek_back(&[0xff; 80]).expect("seek");
    let mut items = Vec::new();
    while found && items.len() < count {
        let (key, value) = cursor.item();
        items.push((key.to_vec(), value.to_vec()));
        found = cursor.prev().expect("step");
    }
    items
}

fn copy_with(kv: &MemoryKv, family: Family, key: &[u8], value: &[u8]) -> Arc<MemoryKv> {
    let copy = kv.restart(Survival::Process);
    let mut batch = Batch::new();
    batch.put(family, key, value);
    copy.write(&batch, WriteMode::Synced).expect("memory");
    Arc::new(copy)
}

fn open(kv: &Arc<MemoryKv>, head_max: Option<u64>) -> Result<Store, StorageError> {
    Store::with_kv(Arc::clone(kv) as _, StoreConfig { head_max, ..manual(6) })
}

#[test]
fn one_flipped_byte_in_the_newest_entries_of_each_family() {
    let (kv, mut world) = world(seed(51));
    let head = world.store.heads().latest;
    let chain = world.chain(head.hash);
    let (mut left_out, mut mended, mut lowered) = (0, 0, 0);
    for family in Family::ALL {
        for (key, value) in newest(&kv, family, 24) {
            if value.is_empty() {
                continue;
            }
            let mut value = value;
            let place = world.rng.random_range(0..value.len());
            value[place] ^= 1 << world.rng.random_range(0..8);
            let damaged = copy_with(&kv, family, &key, &value);
            let block = matches!(
                family,
                Family::Headers | Family::Bodies | Family::Receipts | Family::Diffs
            )
            .then(|| u64::from_be_bytes(*key.first_chunk().expect("a record key")));
            let is_canonical = block.is_some_and(|number| {
                let place = (number as usize).checked_sub(1);
                place
                    .and_then(|place| chain.get(place))
                    .is_some_and(|hash| key.ends_with(hash.as_slice()))
            });
            match (family, open(&damaged, None)) {
                (Family::Headers | Family::Diffs, result) if is_canonical && block > Some(4) => {
                    let number = block.expect("a record");
                    let error = result.expect_err("the tail cannot be built");
                    let StorageError::DamagedTail { number: found, last_good, .. } = error else {
                        panic!("{error}")
                    };
                    assert_eq!((found, last_good), (number, number - 1));
                    assert!(error.to_string().contains("db unwind --to"), "{error}");
                    world.store = open(&damaged, Some(last_good)).expect("below the damage");
                    assert_eq!(world.store.heads().latest.number, last_good);
                    world.check_all();
                    world.store.verify(&mut |_| {}).expect("verify");
                    // And it stays so.
                    world.store = open(&damaged, None).expect("open");
                    assert_eq!(world.store.heads().latest.number, last_good);
                    lowered += 1;
                }
                (Family::Headers | Family::Diffs, result) if block > Some(4) => {
                    world.store = result.expect("a side block is left out");
                    assert_eq!(world.store.heads().latest, head);
                    world.check_all();
                    left_out += 1;
                }
                (Family::Canonical, result) if block.is_none() => {
                    let Ok(store) = result else { panic!("{:?}", result.err()) };
                    let number = u64::from_be_bytes(*key.first_chunk().expect("a number"));
                    world.store = store;
                    if number > 4 {
                        assert_eq!(world.store.heads().latest, head);
                        world.check_all();
                        world.store.verify(&mut |_| {}).expect("mended");
                        mended += 1;
                    }
                }
                // Values that matter are sealed; whatever the error says, nothing panics.
                (Family::Meta, Ok(store)) => {
                    let _ = (store.cursor(), store.verify(&mut |_| {}));
                }
                (Family::Meta, Err(error)) => assert!(!error.to_string().is_empty()),
                (_, result) => {
                    let store = result.unwrap_or_else(|error| panic!("{family:?}: {error}"));
                    assert_eq!(store.heads().latest, head);
                    let _ = store.verify(&mut |_| {});
                    let _ = store.advance();
                }
            }
        }
    }
    assert!(left_out >= 4 && mended >= 4 && lowered >= 6, "{left_out} {mended} {lowered}");
}

#[test]
fn the_head_is_lowered_to_base_at_most_and_only_when_asked() {
    let (kv, mut world) = world(seed(52));
    let head = world.store.heads().latest;
    world
        .store
        .set_heads(
            phala_primitives::Heads {
                safe: world.block_ref(world.chain(head.hash)[7]),
                ..world.store.heads()
            },
            &[],
            Some(b"cursor"),
        )
        .expect("heads");
    let copy = || Arc::new(kv.restart(Survival::Process));
    let same = open(&copy(), Some(10)).expect("open");
    assert_eq!(
        (same.heads().latest, same.cursor().expect("read")),
        (head, Some(b"cursor".to_vec()))
    );
    let lower = open(&copy(), Some(8)).expect("open");
    assert_eq!(lower.heads().latest.number, 8);
    assert_eq!(lower.cursor().expect("read"), Some(b"cursor".to_vec()), "safe is still 8");
    let base = open(&copy(), Some(1)).expect("open");
    assert_eq!(base.heads().latest, base.base());
    assert_eq!(base.heads().safe, base.base());
    assert_eq!(base.cursor().expect("read"), None);
    base.unwind(1).expect("from there on as always");
    world.store = base;
    world.check_all();
}
