//! Epochs without batches, sequencing window, drift.

use alloy_primitives::Address;
use phala_batch::BatchType;

use crate::{
    l1::{ANCHOR, deposit},
    world::{SEQ_WINDOW_SIZE, World},
};

#[test]
fn nothing_is_derived_before_the_window_is_over() {
    let mut world = World::new(1);
    let mut follower = world.follower();
    world.l1.mine_empty(SEQ_WINDOW_SIZE - 1);
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), 0);
    // The window of the genesis epoch ends; it is filled up to the next L1 block's time.
    world.l1.mine_empty(1);
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), 5);
    world.l1.mine_empty(1);
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), 11);
}

#[test]
fn epochs_without_batches_have_their_deposits_and_nothing_else() {
    let mut world = World::new(2);
    for number in 0..200 {
        let user = Address::repeat_byte(7);
        let logs = (0..number % 3).map(|value| deposit(user, value, b"")).collect();
        // Some epochs have no time for a block of their own, and get one nevertheless.
        let after_secs = [12, 1, 1, 30][number as usize % 4];
        world.l1.mine_with(after_secs, logs, Vec::new());
    }
    let follower = world.followed();
    let newest = 200 - SEQ_WINDOW_SIZE + ANCHOR;
    assert_eq!(follower.head().block.l1_origin.number, newest);
    let mut number = 0;
    for epoch in ANCHOR..=newest {
        let header = world.l1.block(epoch).unwrap().header;
        let next = world.l1.block(epoch + 1).unwrap().header;
        let in_epoch = follower.chain.iter().map(|derived| &derived.block);
        let in_epoch: Vec<_> =
            in_epoch.filter(|block| block.block.l1_origin.number == epoch).collect();
        assert!(!in_epoch.is_empty(), "epoch {epoch}");
        for (index, block) in in_epoch.iter().enumerate() {
            assert_eq!(block.block.number, number);
            number += 1;
            assert_eq!(block.block.l1_origin.hash, header.hash);
            assert_eq!(block.block.sequence_number, index as u64);
            assert!(block.block.timestamp >= header.timestamp);
            assert!(index == 0 || block.block.timestamp < next.timestamp);
            let deposits = world.l1.block(epoch).unwrap().logs.len();
            let expected = if index == 0 && epoch > ANCHOR { 1 + deposits } else { 1 };
            if block.block.number > 0 {
                assert_eq!(block.all_transactions.len(), expected);
            }
            assert!(block.user_transactions().is_empty());
        }
    }
    assert_eq!(number, follower.number() + 1);
}

#[test]
fn a_batch_may_come_at_the_end_of_its_window_and_not_after() {
    for batch_type in [BatchType::Singular, BatchType::Span] {
        for (late, is_derived) in [(0, true), (1, false)] {
            let mut world = World::new(3);
            world.batcher.batch_type = batch_type;
            world.grow(1);
            let blocks = world.blocks(1..4).to_vec();
            let tx = world.batcher.post(&blocks);
            // Blocks of epoch 100; the transaction comes in block 100 + window + late.
            world.l1.mine_empty(SEQ_WINDOW_SIZE + late - 2);
            world.l1.mine(vec![tx]);
            assert_eq!(world.l1.tip().number, ANCHOR + SEQ_WINDOW_SIZE + late);
            let follower = world.followed();
            assert!(follower.number() >= 3);
            let same = follower.chain[3].block.block == world.sequencer.chain[3].block;
            assert_eq!(same, is_derived);
        }
    }
}

#[test]
fn a_batcher_that_comes_back_goes_on_from_the_empty_blocks() {
    let mut world = World::new(4);
    world.grow(3);
    world.l1.mine_empty(SEQ_WINDOW_SIZE + 10);
    let mut follower = world.follower();
    follower.run(&world.l1).unwrap();
    let number = follower.number();
    assert!(number > 0);
    // The sequencer takes what was derived and fills up the time that passed.
    world.sequencer.chain = follower.chain.iter().map(|derived| derived.block.clone()).collect();
    world.posted = number;
    world.sequencer.catch_up(&world.l1, &mut world.rng);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    follower.run(&world.l1).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert!(follower.number() > number + 100);
    assert_eq!(follower.number(), world.posted);
}

#[test]
fn transactions_stop_at_the_drift_and_blocks_go_on() {
    let mut world = World::new(5);
    world.batcher.batch_type = BatchType::Singular;
    // L1 stands still for more than the drift; the sequencer does not.
    for _ in 0..1000 {
        let txs = vec![crate::sequencer::transaction(&mut world.rng, world.spec.chain_id)];
        world.sequencer.sequence(&world.l1, txs);
    }
    world.l1.mine_with(3000, Vec::new(), Vec::new());
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), 1000);
    let with_transactions =
        |number: usize| !follower.chain[number].block.user_transactions().is_empty();
    assert!(with_transactions(900));
    assert!(!with_transactions(901));

    // One transaction more, and the block is void, with those after it.
    let mut blocks: Vec<_> =
        world.blocks(1..1001).iter().map(crate::batcher::batch_block).collect();
    blocks[900].transactions = blocks[0].transactions.clone();
    let frames = world.batcher.channel(&blocks);
    world.l1.reorg(ANCHOR + 2);
    let tx = world.batcher.calldata(&frames);
    world.l1.mine(vec![tx]);
    assert_eq!(world.followed().number(), 900);
}

#[test]
fn beyond_the_drift_a_newer_origin_must_be_taken() {
    let mut world = World::new(6);
    world.batcher.batch_type = BatchType::Singular;
    for _ in 0..1000 {
        world.sequencer.sequence(&world.l1, Vec::new());
    }
    // With an L1 block at 1810 s, blocks from there on cannot stay with the old origin.
    world.l1.mine_with(1810, Vec::new(), Vec::new());
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    assert_eq!(follower.number(), 904);
    assert_eq!(follower.head().block.timestamp - world.spec.genesis.timestamp, 1808);
}
