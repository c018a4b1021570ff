//! A restart, anywhere and however often, changes nothing.

use alloy_primitives::{Address, Bytes, U256};
use phala_batch::{BatchBlock, BatchType, Compression};
use phala_derive::InboxTransaction;
use rand::{Rng, seq::IndexedRandom};

use crate::{
    batcher::batch_block,
    follower::Follower,
    l1::{config_update, deposit},
    sequencer::{transaction, transactions},
    world::{World, chance, seeds},
};

/// A world whose batcher does everything a batcher should not: it posts late, twice, out of order,
/// across channels, half, garbled, for forks of the chain, for the future and never.
fn adversarial(seed: u64) -> (World, Vec<Bytes>) {
    let mut world = World::new(seed);
    let poison = transaction(&mut world.rng, world.spec.chain_id);
    let rounds = world.rng.random_range(10..50);
    let busy_percent = world.rng.random_range(10..100);
    // Transactions that are mined late, and when.
    let mut late: Vec<(u64, InboxTransaction)> = Vec::new();
    for _ in 0..rounds {
        if chance(&mut world.rng, 20) {
            // A sequencer that follows what is derived.
            let chain = Follower { poison: vec![poison.clone()], ..world.follower() };
            resync(&mut world, chain);
        }
        let mut inbox = Vec::new();
        for _ in 0..3 {
            if !chance(&mut world.rng, busy_percent) {
                continue;
            }
            let (now, rest) = message(&mut world, &poison);
            inbox.push(now);
            if let Some(rest) = rest {
                late.push((world.l1.tip().number + world.rng.random_range(1..60), rest));
            }
        }
        let number = world.l1.tip().number;
        inbox.extend(late.extract_if(.., |(due, _)| *due <= number).map(|(_, tx)| tx));
        let mut logs = Vec::new();
        if chance(&mut world.rng, 30) {
            logs.push(deposit(Address::from(world.rng.random::<[u8; 20]>()), 1, b""));
        }
        if chance(&mut world.rng, 10) {
            let scalar = U256::from(world.rng.random_range(0..500));
            logs.push(config_update(world.rng.random_range(0..9), &[scalar]));
        }
        let after_secs = *[1, 12, 12, 12, 40].choose(&mut world.rng).unwrap();
        world.l1.mine_with(after_secs, logs, inbox);
        let config = &world.sequencer.head().config;
        world.batcher.address = config.batcher_address;
        if chance(&mut world.rng, 90) {
            world.sequencer.catch_up(&world.l1, &mut world.rng);
        }
        if chance(&mut world.rng, 10) {
            let blocks = world.rng.random_range(1..90);
            world.l1.mine_empty(blocks);
        }
    }
    (world, vec![poison])
}

fn resync(world: &mut World, mut follower: Follower) {
    follower.run(&world.l1).unwrap();
    world.sequencer.chain = follower.chain.into_iter().map(|derived| derived.block).collect();
    world.posted = world.sequencer.head().block.number;
    world.sequencer.catch_up(&world.l1, &mut world.rng);
}

/// Something for the inbox, and perhaps the rest of its frames for later.
fn message(world: &mut World, poison: &Bytes) -> (InboxTransaction, Option<InboxTransaction>) {
    world.batcher.batch_type =
        *[BatchType::Singular, BatchType::Span].choose(&mut world.rng).unwrap();
    world.batcher.compression = Compression::Zlib;
    world.batcher.frame_data_max = *[40, 200, 100_000].choose(&mut world.rng).unwrap();
    let head = world.sequencer.head().block.number;
    let rng = &mut world.rng;
    // Mostly what comes next; else anything near.
    let near = world.posted.saturating_sub(rng.random_range(0..8)) + rng.random_range(0..4);
    let from = if chance(rng, 60) { world.posted + 1 } else { near.max(1) };
    let to = (from + rng.random_range(1..30)).min(head + 1);
    if from >= to {
        return Default::default();
    }
    if from == world.posted + 1 {
        world.posted = to - 1;
    }
    let mut blocks: Vec<_> = world.blocks(from..to).iter().map(batch_block).collect();
    if chance(&mut world.rng, 25) {
        spoil(world, &mut blocks, poison);
    }
    let mut frames = world.batcher.channel(&blocks);
    let rng = &mut world.rng;
    if chance(rng, 15) {
        frames.remove(rng.random_range(0..frames.len()));
    }
    if chance(rng, 10) && !frames.is_empty() {
        let at = rng.random_range(0..frames.len());
        frames.push(frames[at].clone());
    }
    if chance(rng, 10) && frames.len() > 1 {
        let at = rng.random_range(1..frames.len());
        frames.swap(at - 1, at);
    }
    let at = if chance(rng, 30) { rng.random_range(0..=frames.len()) } else { frames.len() };
    let rest = frames.split_off(at);
    let rest = (!rest.is_empty()).then(|| world.batcher.calldata(&rest));
    let rng = &mut world.rng;
    let mut tx = if frames.is_empty() || chance(rng, 50) {
        world.batcher.calldata(&frames)
    } else {
        world.batcher.blobs(&mut world.l1, &frames)
    };
    if chance(&mut world.rng, 10) && !tx.is_blob {
        let mut input = tx.input.to_vec();
        let at = world.rng.random_range(0..input.len());
        input[at] ^= 1 << world.rng.random_range(0..8);
        tx.input = input.into();
    }
    (tx, rest)
}

fn spoil(world: &mut World, blocks: &mut [BatchBlock], poison: &Bytes) {
    let rng = &mut world.rng;
    let at = rng.random_range(0..blocks.len());
    match rng.random_range(0..5) {
        0 => blocks[at].transactions.push(poison.clone()),
        1 => blocks[at].transactions = transactions(rng, world.spec.chain_id),
        2 => blocks[0].parent_hash.0[0] ^= 1,
        3 => blocks[at].epoch.hash.0[0] ^= 1,
        _ => blocks.iter_mut().for_each(|block| block.timestamp += 2),
    }
}

#[test]
fn a_restart_after_any_block_gives_the_same_attributes() {
    let mut lengths = Vec::new();
    let mut replaced = 0;
    for seed in seeds(60) {
        println!("seed {seed}");
        let (world, poison) = adversarial(seed);
        let mut whole = Follower { poison: poison.clone(), ..world.follower() };
        whole.run(&world.l1).unwrap();
        lengths.push(whole.chain.len());
        let attributes = whole.chain.iter().filter_map(|derived| derived.attributes.as_ref());
        replaced += attributes.filter(|attributes| attributes.deposits_only).count();
        let stride = whole.chain.len() / 12 + 1;
        for number in (0..whole.chain.len()).step_by(stride) {
            let chain = whole.chain[..=number].to_vec();
            let mut restarted = Follower {
                poison: poison.clone(),
                ..Follower::with_chain(&world.spec, &world.l1, chain)
            };
            restarted.run(&world.l1).unwrap();
            assert_eq!(restarted.chain.len(), whole.chain.len(), "from block {number}");
            for (after, before) in restarted.chain.iter().zip(&whole.chain) {
                assert_eq!(after, before, "from block {number}");
            }
        }
    }
    println!("lengths {lengths:?}, {replaced} blocks replaced");
    assert!(std::env::var_os("PHALA_SEED").is_some() || replaced > 3, "the worlds are dull");
}

#[test]
fn many_restarts_on_the_way_change_nothing() {
    for seed in seeds(30) {
        println!("seed {seed}");
        let (mut world, poison) = adversarial(1000 + seed);
        let mut whole = Follower { poison: poison.clone(), ..world.follower() };
        whole.run(&world.l1).unwrap();
        let mut restless = Follower { poison, ..world.follower() };
        while restless.number() < whole.number() {
            let more = world.rng.random_range(0..20);
            let number = restless.number();
            restless.run_to(&world.l1, (number + more).min(whole.number())).unwrap();
            // Never back beyond what a kill would leave.
            let number = restless.number();
            restless.restart(&world.l1, number);
        }
        restless.run(&world.l1).unwrap();
        assert_eq!(restless.chain, whole.chain);
    }
}

#[test]
fn a_channel_as_long_as_its_timeout_is_found_again() {
    let mut world = World::new(1);
    world.batcher.frame_data_max = 1000;
    // Hashes of L1 blocks follow from their heights: blocks are posted before their origin is mined.
    let l1 = world.l1.clone();
    world.grow(48);
    let blocks = world.unposted();
    world.l1 = l1;
    let frames = world.batcher.frames(&blocks);
    let (first, rest) = frames.split_first().unwrap();
    let tx = world.batcher.calldata(std::slice::from_ref(first));
    let opened = world.l1.mine(vec![tx]).number;
    world.l1.mine_empty(49);
    let tx = world.batcher.calldata(rest);
    let closed = world.l1.mine(vec![tx]).number;
    assert_eq!(closed, opened + 50);
    world.l1.mine_empty(3);
    let whole = world.followed();
    assert_eq!(whole.number(), world.posted);
    for number in [1, 200, world.posted - 1, world.posted] {
        let mut restarted = world.follower();
        restarted.run_to(&world.l1, number).unwrap();
        restarted.restart(&world.l1, number);
        assert!(restarted.deriver.origin().number <= opened);
        restarted.run(&world.l1).unwrap();
        assert_eq!(restarted.chain, whole.chain);
    }
}

#[test]
fn an_honest_chain_comes_out_the_same_without_a_cursor() {
    let mut world = World::new(2);
    for round in 0..20 {
        world.batcher.batch_type = [BatchType::Span, BatchType::Singular][round % 2];
        world.grow(1 + round as u64 % 5);
        let tx = world.post();
        world.l1.mine(vec![tx]);
        world.sequencer.catch_up(&world.l1, &mut world.rng);
    }
    let whole = world.followed();
    assert_eq!(whole.number(), world.posted);
    for number in (0..whole.chain.len()).step_by(17) {
        let mut chain = whole.chain[..=number].to_vec();
        chain[number].cursor = None;
        let mut restarted = Follower::with_chain(&world.spec, &world.l1, chain);
        restarted.run(&world.l1).unwrap();
        restarted.assert_follows(&world.sequencer.chain);
        assert_eq!(restarted.number(), world.posted, "from block {number}");
    }
}
