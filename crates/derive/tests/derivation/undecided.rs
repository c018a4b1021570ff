//! Span batches that refer to L1 blocks of the future wait for them.

use phala_batch::BatchType;

use crate::{
    l1::ANCHOR,
    world::{SEQ_WINDOW_SIZE, World},
};

/// A world whose next span ends `ahead` L1 blocks after the one that would include it now.
fn ahead(ahead: u64, seed: u64) -> World {
    let mut world = World::new(seed);
    world.grow(4);
    // Here hashes of L1 blocks follow from their heights: the sequencer sees the future.
    let l1 = world.l1.clone();
    world.grow(ahead);
    world.l1 = l1;
    world
}

#[test]
fn a_span_is_kept_until_its_last_origin_is_known() {
    let mut world = ahead(4, 1);
    let tx = world.post();
    world.batcher.batch_type = BatchType::Singular;
    world.l1.mine(vec![tx]);
    let mut follower = world.follower();
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), 0);
    // What is posted meanwhile waits behind it.
    for _ in 0..2 {
        let first = world.blocks(1..3).to_vec();
        let tx = world.batcher.post(&first);
        world.l1.mine(vec![tx]);
        follower.run(&world.l1).unwrap();
        assert_eq!(follower.number(), 0);
    }
    world.l1.mine(Vec::new());
    follower.run(&world.l1).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), world.posted);

    // Then everything goes on, with the blocks that were not kept.
    world.grow(3);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    follower.run(&world.l1).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), world.posted);
    assert_eq!(follower.asked_again, [ANCHOR + 6, ANCHOR + 7]);
    assert_eq!(follower.chain, world.followed().chain);
}

#[test]
fn a_span_that_proves_wrong_is_dropped_and_what_waited_is_read() {
    let mut world = ahead(4, 2);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let mut follower = world.follower();
    let early = world.blocks(1..20).to_vec();
    let tx = world.batcher.post(&early);
    world.l1.mine(vec![tx]);
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), 0);
    // The future is another one.
    world.l1.reorg(world.l1.tip().number + 1);
    world.l1.mine_empty(4);
    follower.run(&world.l1).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), 19);
    assert_eq!(follower.chain, world.followed().chain);
}

#[test]
fn a_span_from_a_far_future_is_dropped_with_its_window() {
    let mut world = ahead(SEQ_WINDOW_SIZE + 30, 3);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let mut follower = world.follower();
    world.l1.mine_empty(SEQ_WINDOW_SIZE - 5);
    assert_eq!(world.l1.tip().number, ANCHOR + SEQ_WINDOW_SIZE);
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), 0);
    world.l1.mine_empty(1);
    follower.run(&world.l1).unwrap();
    // From here on there are blocks without batches.
    assert_eq!(follower.number(), 11);
    assert!(follower.chain.iter().all(|derived| derived.block.user_transactions().is_empty()));
}
