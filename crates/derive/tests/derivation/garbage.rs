//! What L1 can throw at derivation.

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes};
use phala_batch::{Frame, parse_frames};
use phala_derive::{InboxTransaction, Step};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use crate::world::{World, chance, seeds};

fn random_bytes(rng: &mut StdRng, len_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..len_max)];
    rng.fill(bytes.as_mut_slice());
    bytes
}

/// Data that is void as a whole: no version, another version, or cut and padded frames.
fn void(rng: &mut StdRng, good: &[u8]) -> Bytes {
    let mut data = if rng.random() { good.to_vec() } else { random_bytes(rng, 300) };
    match rng.random_range(0..3) {
        0 => data.clear(),
        1 => data.insert(0, rng.random_range(1..=u8::MAX)),
        _ => data.push(rng.random()),
    }
    if parse_frames(&data).is_ok() { Bytes::new() } else { data.into() }
}

#[test]
fn void_data_in_the_inbox_changes_nothing() {
    for seed in seeds(20) {
        println!("seed {seed}");
        let mut clean = World::new(seed);
        let mut dirty = World::new(seed);
        let mut garbage = World::new(seed + 1).rng;
        for round in 0..12 {
            clean.grow(1 + round % 3);
            clean.batcher.frame_data_max = 200;
            let blocks = clean.unposted();
            let frames = clean.batcher.frames(&blocks);
            for frames in frames.chunks(3) {
                let tx = clean.batcher.calldata(frames);
                clean.l1.mine(vec![tx]);
            }
        }
        for block in &clean.l1.blocks[1..] {
            let mut inbox = Vec::new();
            let good = block.inbox.first().cloned().unwrap_or_default();
            for tx in block.inbox.iter().map(Some).chain([None]) {
                for _ in 0..garbage.random_range(0..4) {
                    let (from, input) = if garbage.random() {
                        (Address::from(garbage.random::<[u8; 20]>()), good.input.clone())
                    } else {
                        (clean.batcher.address, void(&mut garbage, &good.input))
                    };
                    inbox.push(InboxTransaction { from, input, ..InboxTransaction::default() });
                }
                inbox.extend(tx.cloned());
            }
            dirty.l1.mine_with(12, Vec::new(), inbox);
        }
        let (clean, dirty) = (clean.followed(), dirty.followed());
        assert!(clean.number() > 30);
        assert_eq!(clean.chain, dirty.chain);
    }
}

/// A frame that parses, near to or far from those of a good channel.
fn mutate(rng: &mut StdRng, frame: &Frame) -> Frame {
    let mut frame = frame.clone();
    let mut data = frame.data.to_vec();
    match rng.random_range(0..6) {
        0 => frame.number = rng.random(),
        1 => frame.is_last = !frame.is_last,
        2 => frame.id.0[0] = rng.random(),
        3 => data = random_bytes(rng, 200),
        4 => data.truncate(rng.random_range(0..=data.len())),
        _ if data.is_empty() => {}
        _ => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..data.len());
                data[at] = rng.random();
            }
        }
    }
    Frame { data: data.into(), ..frame }
}

#[test]
fn a_batcher_that_posts_garbage_breaks_nothing_but_its_own_batches() {
    for seed in seeds(60) {
        println!("seed {seed}");
        let mut world = World::new(seed);
        let mut follower = world.follower();
        for _ in 0..10 {
            world.grow(2);
            world.batcher.frame_data_max = *[30, 300, 100_000].choose(&mut world.rng).unwrap();
            world.batcher.compression = if world.rng.random() {
                phala_batch::Compression::Zlib
            } else {
                phala_batch::Compression::Brotli { quality: 3 }
            };
            let blocks = world.unposted();
            let frames = world.batcher.frames(&blocks);
            let mutated: Vec<_> = frames
                .iter()
                .map(|frame| {
                    let is_mutated = chance(&mut world.rng, 40);
                    if is_mutated { mutate(&mut world.rng, frame) } else { frame.clone() }
                })
                .collect();
            let tx = world.batcher.calldata(&mutated);
            world.l1.mine(vec![tx]);
            follower.run(&world.l1).unwrap();
        }
        // An honest batcher takes over.
        world.sequencer.chain =
            follower.chain.iter().map(|derived| derived.block.clone()).collect();
        world.posted = follower.number();
        world.sequencer.catch_up(&world.l1, &mut world.rng);
        let tx = world.post();
        world.l1.mine(vec![tx]);
        follower.run(&world.l1).unwrap();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), world.posted);
    }
}

#[test]
fn blobs_that_hold_no_data_are_ignored() {
    for seed in seeds(10) {
        println!("seed {seed}");
        let mut world = World::new(seed);
        world.grow(3);
        let good = world.post();
        let frames = parse_frames(&good.input).unwrap();
        let tx = world.batcher.blobs(&mut world.l1, &vec![frames[0].clone(); 5]);
        world.l1.mine(vec![tx]);
        let mut follower = world.follower();
        // Four of five blobs are spoiled on the way.
        let spared = world.rng.random_range(0..5);
        loop {
            match follower.deriver.step().unwrap() {
                Step::NeedBlobs { blobs, .. } => {
                    let spoil = |(index, id)| {
                        let mut blob = world.l1.blob(id);
                        if index != spared {
                            blob = random_blob(&mut world.rng, blob);
                        }
                        blob
                    };
                    let blobs = blobs.iter().enumerate().map(spoil).collect();
                    follower.deriver.push_blobs(blobs).unwrap();
                    break;
                }
                Step::NeedL1 { number } => {
                    let block = world.l1.block(number).unwrap().clone();
                    follower.deriver.push_l1(block).unwrap();
                }
                _ => {}
            }
        }
        follower.run(&world.l1).unwrap();
        follower.assert_follows(&world.sequencer.chain);
        assert_eq!(follower.number(), world.posted);
    }
}

/// Breaks a blob so that it does not decode.
fn random_blob(rng: &mut StdRng, mut blob: Box<Blob>) -> Box<Blob> {
    match rng.random_range(0..3) {
        0 => blob[32 * rng.random_range(0..4096)] |= 0x80,
        1 => blob[1] = rng.random_range(1..=u8::MAX),
        _ => blob[4096 * 32 - 1] = rng.random_range(1..=u8::MAX),
    }
    blob
}
