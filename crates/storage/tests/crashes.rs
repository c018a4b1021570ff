//! A machine that stops, or a disk that fails, at every numbered point of a chain's life.

mod world;

use std::sync::Arc;

use alloy_primitives::B256;
use phala_primitives::Heads;
use phala_storage::kv::{Fault, KvError, MemoryKv, Survival};
use phala_storage::{StorageError, Store};
use rand::Rng;
use world::{LARGE, SMALL, Shape, World, manual, seed};

/// Blocks below the head that stay in the tail in these tests.
const REORG_BLOCKS: u64 = 2;

/// What is done to a store, in order. The same whatever happens in between.
#[derive(Clone, Copy, Debug)]
enum Action {
    Genesis,
    Write(B256),
    Heads(Heads),
    WriteAndHeads(B256, Heads),
    Advance,
}

/// A life with a reorg in the tail, one below base, and one below the goal of an advance.
fn life(seed: u64, shape: Shape) -> (World, Vec<Action>) {
    let mut world = World::new(seed, shape, Arc::new(MemoryKv::new()), manual(REORG_BLOCKS));
    let mut actions = vec![Action::Genesis];
    let mut tips = Vec::new();
    let mut act = |world: &mut World, action| {
        perform(world, action).expect("undisturbed");
        actions.push(action);
    };
    let extend = |world: &mut World, act: &mut dyn FnMut(&mut World, Action), blocks: u32| {
        for _ in 0..blocks {
            let record = world.block_on(world.store.heads().latest.hash);
            let hash = record.block.hash();
            let mut heads = world.heads_on(hash);
            if world.rng.random_bool(0.3) {
                // The safe head follows closely, so that reorgs take it back.
                heads.safe = world.block_ref(world.parent(hash));
            }
            if world.rng.random_bool(0.5) {
                act(world, Action::Write(hash));
                act(world, Action::Heads(heads));
            } else {
                act(world, Action::WriteAndHeads(hash, heads));
            }
        }
    };
    extend(&mut world, &mut act, 5);
    // A side block that stays one, and one that becomes canonical.
    let chain = world.chain(world.store.heads().latest.hash);
    let side = world.block_on(chain[3]);
    act(&mut world, Action::Write(side.block.hash()));
    let heads = world.heads_on(side.block.hash());
    act(&mut world, Action::Heads(heads));
    tips.push(chain[4]);
    act(&mut world, Action::Advance);
    extend(&mut world, &mut act, 4);
    act(&mut world, Action::Advance);
    // Below base: the head goes back, and another chain grows.
    let chain = world.chain(world.store.heads().latest.hash);
    let base = world.store.base().number;
    assert!(base >= 5, "base {base}");
    let heads = world.heads_on(chain[base as usize - 3]);
    act(&mut world, Action::Heads(heads));
    extend(&mut world, &mut act, 3);
    act(&mut world, Action::Advance);
    // Back to the first branch, whose records are still there.
    let heads = world.heads_on(*chain.last().expect("not empty"));
    act(&mut world, Action::Heads(heads));
    // The other branch once more, from above its base, with a new block on it in the same call.
    extend(&mut world, &mut act, 3);
    act(&mut world, Action::Advance);
    assert!(world.store.base().number > world.number(chain[base as usize - 3]));
    let record = world.block_on(world.store.heads().latest.hash);
    act(&mut world, Action::Write(record.block.hash()));
    let heads = world.heads_on(chain[base as usize - 2]);
    act(&mut world, Action::Heads(heads));
    // Only the safe head moves.
    let mut heads = world.store.heads();
    heads.safe = world.block_ref(chain[1]);
    act(&mut world, Action::Heads(heads));
    extend(&mut world, &mut act, 2);
    act(&mut world, Action::Advance);
    (world, actions)
}

fn perform(world: &World, action: Action) -> Result<(), StorageError> {
    match action {
        Action::Genesis => world.store.init_genesis(&world.spec).map(|_| ()),
        Action::Write(hash) => world.store.write_record(&world.records[&hash]),
        Action::Heads(heads) => world.store.set_heads(heads, &[], cursor_of(heads).as_deref()),
        Action::WriteAndHeads(hash, heads) => {
            let (record, cursor) = (&world.records[&hash], cursor_of(heads));
            world.store.write_block_and_heads(record, heads, &[heads.latest], cursor.as_deref())
        }
        Action::Advance => world.store.advance(),
    }
}

/// Names the safe head; about half of the calls give none.
fn cursor_of(heads: Heads) -> Option<Vec<u8>> {
    let is_given = heads.latest.hash[0].is_multiple_of(2);
    is_given.then(|| [heads.safe.number.to_be_bytes().as_slice(), &heads.safe.hash[..]].concat())
}

/// The stored cursor is that of the safe head or of one of its ancestors.
fn check_cursor(world: &World) {
    let Some(cursor) = world.store.cursor().expect("read") else { return };
    let (number, hash) = cursor.split_first_chunk::<8>().expect("own value");
    let number = u64::from_be_bytes(*number);
    let safe = world.store.heads().safe;
    assert!(number <= safe.number, "cursor of block {number}, safe is {safe:?}");
    let canonical = world.store.canonical_hash(number).expect("read").expect("canonical");
    assert_eq!(hash, canonical.as_slice(), "cursor of another chain, at block {number}");
}

fn open(kv: &Arc<MemoryKv>) -> Store {
    Store::with_kv(Arc::clone(kv) as _, manual(REORG_BLOCKS)).expect("open")
}

/// Repeats the life with one fault, and compares the end. Whether the fault happened.
fn disturbed(world: &mut World, actions: &[Action], fault: Fault, survival: Survival) -> bool {
    let mut kv = Arc::new(MemoryKv::new());
    kv.set_fault(Some(fault));
    world.store = open(&kv);
    let mut happened = false;
    let mut acknowledged = None;
    for action in actions {
        match perform(world, *action) {
            Ok(()) => {}
            Err(StorageError::Kv(KvError::Closed)) => {
                assert!(!happened, "one stop only");
                happened = true;
                kv = Arc::new(kv.restart(survival));
                world.store = open(&kv);
                check_reopened(world, *action, acknowledged);
                perform(world, *action).expect("second try");
            }
            Err(error) => {
                happened = true;
                assert!(matches!(error, StorageError::Kv(_)), "{error}");
                perform(world, *action).unwrap_or_else(|error| panic!("{action:?}: {error}"));
            }
        }
        if world.store.is_initialised() {
            check_cursor(world);
            acknowledged = Some(world.store.heads());
        }
    }
    happened
}

/// What was acknowledged is there, and everything fits together, without any repair.
fn check_reopened(world: &World, action: Action, acknowledged: Option<Heads>) {
    let Some(acknowledged) = acknowledged else { return };
    let heads = world.store.heads();
    match action {
        Action::Heads(new) | Action::WriteAndHeads(_, new) => {
            // The old heads or the new ones, wherever the fork is. Heads that differ in safe or
            // finalized only are not synced, and may go back together.
            assert!(heads == acknowledged || heads == new || heads.latest == acknowledged.latest);
            if new.latest != acknowledged.latest && heads == new {
                let expected = cursor_of(new);
                let stored = world.store.cursor().expect("read");
                assert!(expected.is_none() || stored == expected, "{action:?}: {stored:?}");
            }
        }
        _ => assert_eq!(heads.latest, acknowledged.latest, "{action:?}"),
    }
    check_cursor(world);
    world.check_all();
    world.store.verify(&mut |_| {}).unwrap_or_else(|error| panic!("{action:?}: {error}"));
    world.check_all();
}

fn every_point(seed: u64, shape: Shape, make: impl Fn(u64) -> (Fault, Survival), stride: usize) {
    let (mut world, actions) = life(seed, shape);
    let head = world.store.heads().latest;
    let expected = world.store.digest(head.number).expect("digest");
    let mut at = 0;
    loop {
        let (fault, survival) = make(at);
        let happened = disturbed(&mut world, &actions, fault, survival);
        assert_eq!(world.store.heads().latest, head, "point {at}");
        let found = world.store.digest(head.number).expect("digest");
        assert_eq!(found, expected, "digest after a fault at point {at}");
        world.store.verify(&mut |_| {}).unwrap_or_else(|error| panic!("point {at}: {error}"));
        if !happened {
            break;
        }
        at += stride as u64;
    }
    println!("{at} points");
    assert!(at > 100, "the life passes {at} points only");
}

#[test]
fn killed_at_every_point() {
    every_point(seed(11), SMALL, |at| (Fault::Stop { at }, Survival::Process), 1);
}

#[test]
fn power_cut_at_every_point() {
    every_point(seed(12), SMALL, |at| (Fault::Stop { at }, Survival::Machine), 1);
}

#[test]
fn power_cut_with_some_data_flushed_by_itself() {
    let seed = seed(13);
    for round in 0..3 {
        let survive = |at| Survival::MachineWithPartialFlushes(seed + at * 31 + round);
        every_point(seed, SMALL, |at| (Fault::Stop { at }, survive(at)), 1);
    }
}

#[test]
fn power_cut_in_a_state_with_stored_nodes() {
    let seed = seed(14);
    let survive = |at| Survival::MachineWithPartialFlushes(seed + at * 31);
    every_point(seed, LARGE, |at| (Fault::Stop { at }, survive(at)), 7);
}

#[test]
fn a_failed_call_can_be_repeated() {
    let seed = seed(15);
    for error in [KvError::Io("EIO".into()), KvError::NoSpace("ENOSPC".into())] {
        let fault = |at| Fault::Fail { at, times: 1, error: error.clone() };
        every_point(seed, SMALL, |at| (fault(at), Survival::Process), 1);
    }
}

/// After a failed unwind something else is asked for than the same unwind again.
#[test]
fn an_interrupted_unwind_is_finished_before_anything_else() {
    let mut points = 0;
    loop {
        let kv = Arc::new(MemoryKv::new());
        let config = manual(REORG_BLOCKS);
        let mut world = World::new(seed(16), SMALL, Arc::clone(&kv), config);
        for _ in 0..12 {
            world.extend();
        }
        world.store.advance().expect("advance");
        let old = world.store.heads().latest.hash;
        let below = world.chain(old)[4];
        let record = world.block_on(old);
        let at = kv.points() + points;
        kv.set_fault(Some(Fault::Fail { at, times: 1, error: KvError::NoSpace("full".into()) }));
        let failed = world.set_head(below).is_err();
        kv.set_fault(None);
        if !failed {
            break;
        }
        world
            .check_view(&world.store.latest_view().expect("head"), world.store.heads().latest.hash);
        let _ = world.store.advance();
        match world.store.write_record(&record) {
            Ok(()) => {}
            Err(StorageError::OutOfReach(_)) => {
                // The head has gone back, and the parent is on the branch that was left.
                world.set_head(old).expect("heads");
                world.store.write_record(&record).expect("write");
            }
            // Once, because what was interrupted had to be finished.
            Err(_) => {
                let error = world.store.write_record(&record);
                assert!(matches!(error, Ok(()) | Err(StorageError::OutOfReach(_))), "{error:?}");
                world.set_head(old).expect("heads");
                world.store.write_record(&record).expect("write");
            }
        }
        world.set_head(record.block.hash()).expect("heads");
        world.store.advance().expect("advance");
        world.check_all();
        world.store.verify(&mut |_| {}).unwrap_or_else(|error| panic!("point {points}: {error}"));
        let straight = world.straight_store(record.block.hash());
        let number = world.store.heads().latest.number;
        assert_eq!(
            world.store.digest(number).expect("digest"),
            straight.digest(number).expect("digest"),
            "point {points}"
        );
        points += 1;
    }
    assert!(points > 4, "{points}");
}
