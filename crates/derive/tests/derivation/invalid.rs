//! Batches that break a rule, and blocks that do not execute.

use alloy_primitives::{B256, Bytes};
use phala_batch::{BatchBlock, BatchType};
use phala_derive::{DeriveError, Severity};

use crate::{batcher::batch_block, sequencer::transaction, world::World};

#[test]
fn a_singular_batch_with_another_parent_drops_its_channel() {
    let mut world = World::new(1);
    world.batcher.batch_type = BatchType::Singular;
    world.grow(3);
    let good = batch_block(&world.blocks(1..2)[0]);
    // The second batch of the channel would be right by itself.
    let wrong =
        BatchBlock { hash: good.parent_hash, parent_hash: B256::repeat_byte(9), ..good.clone() };
    let good = BatchBlock { number: good.number + 1, ..good };
    let frames = world.batcher.channel(&[wrong, good.clone()]);
    let tx = world.batcher.calldata(&frames);
    world.l1.mine(vec![tx]);
    assert_eq!(world.followed().number(), 0);
    // In a channel of its own it is.
    let frames = world.batcher.channel(&[good]);
    let tx = world.batcher.calldata(&frames);
    world.l1.mine(vec![tx]);
    assert_eq!(world.followed().number(), 1);
}

#[test]
fn a_batch_of_safe_blocks_is_passed_over_and_its_channel_read() {
    for batch_type in [BatchType::Singular, BatchType::Span] {
        let mut world = World::new(2);
        world.batcher.batch_type = batch_type;
        world.grow(3);
        let first = world.blocks(1..6).to_vec();
        let txs = vec![world.batcher.post(&first), world.batcher.post(&first)];
        world.l1.mine(txs);
        world.batcher.batch_type = BatchType::Singular;
        let all = world.unposted();
        let tx = world.batcher.post(&all);
        world.l1.mine(vec![tx]);
        let follower = world.followed();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), world.posted);
    }
}

#[test]
fn a_span_may_cover_safe_blocks_again_if_it_says_the_same_of_them() {
    let mut world = World::new(3);
    world.grow(4);
    let first = world.blocks(1..15).to_vec();
    let tx = world.batcher.post(&first);
    world.l1.mine(vec![tx]);
    let overlapping = world.blocks(6..19).to_vec();
    let tx = world.batcher.post(&overlapping);
    let mut same = world.l1.clone();
    same.mine(vec![tx]);
    let mut follower = world.follower();
    follower.run(&same).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), 18);
    assert_eq!(follower.l2_asked, (5..=14).collect::<Vec<_>>());

    type Change = fn(&mut World, &mut Vec<BatchBlock>);
    let changes: [Change; 4] = [
        |world, blocks| {
            let tx = transaction(&mut world.rng, world.spec.chain_id);
            blocks[0].transactions.push(tx);
        },
        |world, blocks| {
            let tx = transaction(&mut world.rng, world.spec.chain_id);
            blocks[4].transactions = vec![tx.clone(), tx];
        },
        // The parent check is another block's.
        |_, blocks| blocks[0].parent_hash = B256::repeat_byte(1),
        // Origins that are one block late, where there is a choice.
        |_, blocks| {
            let at = blocks.iter().rposition(|block| block.number == 12).unwrap();
            assert_eq!(blocks[at].sequence_number, 0);
            blocks[at].epoch = blocks[at - 1].epoch;
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut blocks: Vec<_> = overlapping.iter().map(batch_block).collect();
        change(&mut world, &mut blocks);
        let frames = world.batcher.channel(&blocks);
        let tx = world.batcher.calldata(&frames);
        let mut different = world.l1.clone();
        different.mine(vec![tx]);
        let mut follower = world.follower();
        follower.run(&different).unwrap();
        assert_eq!(follower.number(), 14, "change {index}");
        // What comes in another channel is none the worse.
        let rest = world.blocks(15..19).to_vec();
        let tx = world.batcher.post(&rest);
        different.mine(vec![tx]);
        follower.run(&different).unwrap();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), 18, "change {index}");
    }
}

#[test]
fn a_span_over_the_genesis_block_is_dropped() {
    let mut world = World::new(4);
    world.grow(2);
    let mut blocks: Vec<_> = world.blocks(0..5).iter().map(batch_block).collect();
    blocks[0].parent_hash = B256::ZERO;
    let frames = world.batcher.channel(&blocks);
    let tx = world.batcher.calldata(&frames);
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    assert_eq!(follower.number(), 0);
    assert!(follower.l2_asked.is_empty());
}

#[test]
fn a_block_that_does_not_execute_gets_its_deposits_only() {
    for batch_type in [BatchType::Singular, BatchType::Span] {
        let mut world = World::new(5);
        world.batcher.batch_type = batch_type;
        world.grow(3);
        let poison = transaction(&mut world.rng, world.spec.chain_id);
        world.sequencer.rewind(7);
        world.sequencer.sequence(&world.l1, vec![poison.clone()]);
        world.sequencer.catch_up(&world.l1, &mut world.rng);
        let all = world.post();
        world.l1.mine(vec![all]);
        let mut follower = world.follower();
        follower.poison.push(poison);
        follower.run(&world.l1).unwrap();
        // The slot is filled; what the channel has after it is gone.
        assert_eq!(follower.number(), 8);
        let replaced = follower.chain[8].attributes.as_ref().unwrap();
        assert!(replaced.deposits_only && replaced.concluding);
        let block = &follower.chain[8].block;
        assert!(block.user_transactions().is_empty());
        assert_eq!(block.all_transactions, world.sequencer.chain[8].all_transactions[..1]);
        assert_eq!(follower.chain[7].block.block, world.sequencer.chain[7].block);

        // The sequencer goes on from there.
        world.sequencer.chain =
            follower.chain.iter().map(|derived| derived.block.clone()).collect();
        world.posted = 8;
        world.sequencer.catch_up(&world.l1, &mut world.rng);
        let tx = world.post();
        world.l1.mine(vec![tx]);
        follower.run(&world.l1).unwrap();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), world.posted);
        assert_eq!(world.posted, world.sequencer.head().block.number);
    }
}

#[test]
fn deposits_that_do_not_execute_end_derivation() {
    let mut world = World::new(6);
    world.grow(1);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let mut follower = world.follower();
    follower.run_to(&world.l1, 2).unwrap();
    loop {
        if let phala_derive::Step::Attributes(given) = follower.deriver.step().unwrap() {
            follower.poison.push(given.attributes.transactions.as_ref().unwrap()[0].clone());
            break;
        }
    }
    let error = follower.run(&world.l1).unwrap_err();
    assert!(matches!(error, DeriveError::DepositsOnlyRejected { number: 3, .. }), "{error}");
    assert_eq!(error.severity(), Severity::Operator);
    // It stays that way until somebody resets it.
    assert_eq!(follower.deriver.step().unwrap_err(), error);
    follower.poison.clear();
    follower.restart(&world.l1, 2);
    follower.run(&world.l1).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), world.posted);
}

#[test]
fn unknown_transaction_types_are_left_to_the_engine_and_deposits_are_not() {
    for (tx, derived) in [
        (Bytes::from_static(&[0x03, 1]), 2),
        (Bytes::from_static(&[0x7d, 1]), 2),
        (Bytes::from_static(&[0x7e, 1]), 0),
        (Bytes::new(), 0),
    ] {
        let mut world = World::new(7);
        world.batcher.batch_type = BatchType::Singular;
        world.grow(1);
        let mut blocks: Vec<_> = world.blocks(1..3).iter().map(batch_block).collect();
        blocks[0].transactions = vec![tx.clone()];
        // What the first block becomes with this transaction, only the engine knows: ask it.
        let mut follower = world.follower();
        let frames = world.batcher.channel(&blocks[..1]);
        let channel = world.batcher.calldata(&frames);
        let mut l1 = world.l1.clone();
        l1.mine(vec![channel]);
        follower.run(&l1).unwrap();
        let hash = follower.head().block.hash;
        (blocks[0].hash, blocks[1].parent_hash) = (hash, hash);
        let frames = world.batcher.channel(&blocks);
        let channel = world.batcher.calldata(&frames);
        world.l1.mine(vec![channel]);
        let mut follower = world.follower();
        follower.run(&world.l1).unwrap();
        assert_eq!(follower.number(), derived, "{tx}");
    }
}
