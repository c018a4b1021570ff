//! What an honest batcher posts is derived, however it is packed.

use alloy_primitives::{Address, Bytes, U256};
use phala_batch::{BatchType, Compression, Frame};
use phala_chainspec::{ChainSpec, Profile};
use phala_derive::{InboxTransaction, L1Log};
use rand::{Rng, seq::IndexedRandom};

use crate::{
    l1::{config_update, deposit},
    world::{World, chance, seeds},
};

/// Posts everything so far in a way that chance decides, over as many L1 blocks as that takes.
fn post_somehow(world: &mut World) {
    let compressions = [Compression::Zlib, Compression::Brotli { quality: 4 }];
    world.batcher.compression = *compressions.choose(&mut world.rng).unwrap();
    let batch_types = [BatchType::Singular, BatchType::Span];
    world.batcher.batch_type = *batch_types.choose(&mut world.rng).unwrap();
    world.batcher.frame_data_max = *[200, 1000, 100_000].choose(&mut world.rng).unwrap();
    let blocks = world.unposted();
    let mut frames = world.batcher.frames(&blocks);
    // More would not be mined before the channel's timeout, at the pace below.
    if frames.len() > 40 {
        world.batcher.frame_data_max = 100_000;
        frames = world.batcher.frames(&blocks);
    }
    while !frames.is_empty() {
        let mut inbox = noise(world);
        for _ in 0..world.rng.random_range(0..3) {
            let count = world.rng.random_range(0..=frames.len().min(6));
            let now: Vec<Frame> = frames.drain(..count).collect();
            inbox.push(if now.is_empty() {
                InboxTransaction::default()
            } else if world.rng.random() {
                world.batcher.blobs(&mut world.l1, &now)
            } else {
                world.batcher.calldata(&now)
            });
        }
        let logs = some_logs(world);
        world.l1.mine_with(12, logs, inbox);
        world.sequencer.catch_up(&world.l1, &mut world.rng);
    }
}

/// What others send to the inbox, and void data.
fn noise(world: &mut World) -> Vec<InboxTransaction> {
    let rng = &mut world.rng;
    (0..rng.random_range(0..3))
        .map(|_| {
            let mut input = vec![0; rng.random_range(0..100)];
            rng.fill(input.as_mut_slice());
            if let Some(version) = input.first_mut().filter(|_| rng.random()) {
                *version = 1;
            }
            let from = Address::from(rng.random::<[u8; 20]>());
            InboxTransaction { from, input: input.into(), ..InboxTransaction::default() }
        })
        .collect()
}

fn some_logs(world: &mut World) -> Vec<L1Log> {
    let rng = &mut world.rng;
    let mut logs = Vec::new();
    for _ in 0..rng.random_range(0..3) {
        logs.push(match rng.random_range(0..5) {
            0 => config_update(2, &[U256::from(rng.random_range(30_000_000..60_000_000))]),
            1 => config_update(4, &[U256::from((250_u64 << 32) + rng.random_range(2..9))]),
            2 => config_update(6, &[U256::from(rng.random_range(0..1000))]),
            _ => deposit(Address::from(rng.random::<[u8; 20]>()), rng.random(), b"data"),
        });
    }
    logs
}

#[test]
fn followers_arrive_at_the_sequencers_chain() {
    for seed in seeds(30) {
        println!("seed {seed}");
        let profiles = [Profile::Karst, Profile::Jovian, Profile::Isthmus];
        let profile = profiles[usize::try_from(seed % 3).unwrap()];
        let mut world = World::with_spec(seed, ChainSpec::dev().with_profile(profile));
        let mut follower = world.follower();
        for _ in 0..15 {
            let blocks = world.rng.random_range(1..5);
            world.grow(blocks);
            post_somehow(&mut world);
            if chance(&mut world.rng, 50) {
                follower.run(&world.l1).unwrap();
                follower.assert_follows(&world.sequencer.chain);
            }
        }
        follower.run(&world.l1).unwrap();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), world.posted, "everything posted is safe");
        assert!(follower.l2_asked.is_empty());
        // Another that starts now finds the same, and from the same batches.
        assert_eq!(world.followed().chain, follower.chain);
    }
}

#[test]
fn the_last_block_of_a_span_concludes_it() {
    for batch_type in [BatchType::Span, BatchType::Singular] {
        let mut world = World::new(1);
        world.batcher.batch_type = batch_type;
        world.grow(2);
        let tx = world.post();
        let included = world.l1.mine(vec![tx]);
        world.l1.mine_empty(3);
        let follower = world.followed();
        assert_eq!(follower.number(), 12);
        for derived in &follower.chain[1..] {
            let attributes = derived.attributes.as_ref().unwrap();
            let number = derived.block.block.number;
            assert_eq!(attributes.derived_from, included);
            assert!(!attributes.deposits_only);
            assert_eq!(attributes.concluding, batch_type == BatchType::Singular || number == 12);
        }
    }
}

#[test]
fn nothing_is_derived_until_the_channel_closes() {
    let mut world = World::new(2);
    world.batcher.frame_data_max = 20;
    world.grow(2);
    let blocks = world.unposted();
    let frames = world.batcher.frames(&blocks);
    assert!(frames.len() > 5, "{}", frames.len());
    let mut follower = world.follower();
    for frame in &frames {
        follower.run(&world.l1).unwrap();
        assert_eq!(follower.number(), 0);
        let tx = world.batcher.calldata(std::slice::from_ref(frame));
        world.l1.mine(vec![tx]);
    }
    follower.run(&world.l1).unwrap();
    assert_eq!(follower.number(), world.posted);
}

#[test]
fn frames_out_of_order_wait_for_the_one_that_fits() {
    let mut world = World::new(3);
    world.batcher.frame_data_max = 60;
    world.grow(3);
    let blocks = world.unposted();
    let frames = world.batcher.frames(&blocks);
    let [first, second, third, ..] = frames.as_slice() else { panic!("{}", frames.len()) };
    let rest = &frames[3..];
    for frame in [first, third, second] {
        let tx = world.batcher.calldata(std::slice::from_ref(frame));
        world.l1.mine(vec![tx]);
    }
    // The third was dropped where the second should have been, and all after it with it.
    let tx = world.batcher.calldata(rest);
    world.l1.mine(vec![tx]);
    assert_eq!(world.followed().number(), 0);
    let tx = world.batcher.calldata(&frames[2..]);
    world.l1.mine(vec![tx]);
    assert_eq!(world.followed().number(), world.posted);
}

#[test]
fn only_the_batcher_of_the_block_is_heard() {
    let mut world = World::new(4);
    world.grow(2);
    let mut tx = world.post();
    tx.from = Address::repeat_byte(0x77);
    world.l1.mine(vec![tx.clone()]);
    assert_eq!(world.followed().number(), 0);

    // The new batcher counts in the very block that names it, also for what stands before the log;
    // the old one no longer does.
    let old = world.batcher.address;
    let by_old = InboxTransaction { from: old, ..tx.clone() };
    let update = crate::l1::batcher_update(tx.from);
    let mut rotated = world.l1.clone();
    rotated.mine_with(12, vec![update.clone()], vec![by_old]);
    std::mem::swap(&mut world.l1, &mut rotated);
    assert_eq!(world.followed().number(), 0);
    std::mem::swap(&mut world.l1, &mut rotated);
    let switch = world.l1.mine_with(12, vec![update], vec![tx.clone()]);
    assert_eq!(world.followed().number(), world.posted);

    // On L2 the new batcher is known from the epoch of that block on.
    world.batcher.address = tx.from;
    world.sequencer.catch_up(&world.l1, &mut world.rng);
    world.grow(2);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    assert_eq!(follower.number(), world.posted);
    for derived in &follower.chain {
        let is_after = derived.block.block.l1_origin.number >= switch.number;
        let expected = if is_after { world.batcher.address } else { old };
        assert_eq!(derived.block.config.batcher_address, expected);
    }
}

#[test]
fn big_batches_come_through_many_blobs() {
    let mut world = World::new(5);
    world.grow(3);
    let incompressible: Vec<u8> = (0..400_000).map(|_| world.rng.random()).collect();
    let mut tx = crate::sequencer::transaction(&mut world.rng, world.spec.chain_id).to_vec();
    tx.extend(incompressible);
    let tx = Bytes::from(tx);
    world.batcher.batch_type = BatchType::Singular;
    world.batcher.frame_data_max = 130_000;
    world.sequencer.sequence(&world.l1, vec![tx]);
    let blocks = world.unposted();
    let frames = world.batcher.frames(&blocks);
    assert_eq!(frames.len(), 4);
    for frames in frames.chunks(2) {
        let tx = world.batcher.blobs(&mut world.l1, frames);
        world.l1.mine(vec![tx]);
    }
    let follower = world.followed();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), world.posted);
}
