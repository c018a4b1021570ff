//! L1 changes its mind.

use alloy_primitives::B256;
use phala_derive::{DeriveError, Severity};
use rand::Rng;

use crate::{
    follower::Follower,
    l1::ANCHOR,
    world::{World, seeds},
};

fn grow_and_post(world: &mut World, rounds: u64) {
    for _ in 0..rounds {
        let blocks = world.rng.random_range(1..4);
        world.grow(blocks);
        let tx = world.post();
        world.l1.mine(vec![tx]);
        world.sequencer.catch_up(&world.l1, &mut world.rng);
    }
}

/// Goes back to the newest block whose origin, and the L1 block it was derived from, are still there.
fn recover(follower: &mut Follower, world: &World) {
    let is_canonical = |number: u64, hash: B256| {
        world.l1.block(number).is_some_and(|block| block.header.hash == hash)
    };
    let still_safe = follower.chain.iter().rposition(|derived| {
        let origin = derived.block.block.l1_origin;
        let derived_from = derived
            .cursor
            .is_none_or(|cursor| is_canonical(cursor.origin.number, cursor.origin.hash));
        is_canonical(origin.number, origin.hash) && derived_from
    });
    follower.restart(&world.l1, still_safe.unwrap() as u64);
}

#[test]
fn a_reorg_is_noticed_and_the_new_chain_is_derived() {
    for seed in seeds(20) {
        println!("seed {seed}");
        let mut world = World::new(seed);
        grow_and_post(&mut world, 6);
        let mut follower = world.followed();
        assert_eq!(follower.number(), world.posted);

        let tip = world.l1.tip().number;
        let depth = world.rng.random_range(1..tip - ANCHOR);
        world.l1.reorg(tip + 1 - depth);
        // The sequencer rewinds to what the new L1 still carries; the batcher posts anew.
        let l1 = world.l1.clone();
        let is_canonical =
            |number: u64, hash: B256| l1.block(number).is_some_and(|b| b.header.hash == hash);
        let kept = world.sequencer.chain.iter().rposition(|block| {
            is_canonical(block.block.l1_origin.number, block.block.l1_origin.hash)
        });
        world.sequencer.rewind(kept.unwrap() as u64);
        world.posted = world.followed().number();
        world.sequencer.catch_up(&world.l1, &mut world.rng);
        grow_and_post(&mut world, depth);

        let error = follower.run(&world.l1).unwrap_err();
        assert!(matches!(error, DeriveError::L1Reorg { .. }), "{error}");
        assert_eq!(error.severity(), Severity::Reset);
        assert_eq!(follower.deriver.step().unwrap_err(), error);
        recover(&mut follower, &world);
        follower.run(&world.l1).unwrap();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), world.posted);
        assert_eq!(follower.chain, world.followed().chain);
    }
}

#[test]
fn a_start_on_a_chain_that_is_gone_is_noticed() {
    let mut world = World::new(1);
    grow_and_post(&mut world, 6);
    let follower = world.followed();
    // Another origin of the safe head, another block it was derived from, another first block.
    let origin = follower.head().block.l1_origin.number;
    let derived_from = follower.chain.last().unwrap().cursor.unwrap().origin.number;
    let first = follower.deriver.origin().number.saturating_sub(50).max(ANCHOR);
    for number in [origin, derived_from, first + 1] {
        let mut other = World::new(1);
        grow_and_post(&mut other, 6);
        let mut restarted = Follower::with_chain(&follower.spec, &other.l1, follower.chain.clone());
        other.l1.reorg(number);
        other.l1.mine_empty(30);
        let error = restarted.run(&other.l1).unwrap_err();
        assert!(matches!(error, DeriveError::L1Block { .. }), "{error}");
        assert_eq!(error.severity(), Severity::Reset);
    }
}
