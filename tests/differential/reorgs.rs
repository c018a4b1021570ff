//! Whatever way a node took, at the same head it holds the same.

use std::sync::Arc;

use phala_chainspec::{ChainSpec, Profile};
use phala_engine::{Engine, EngineError, ImportStatus};
use phala_primitives::{BlockRef, RecoveredBlock};
use phala_storage::{
    StoreConfig,
    kv::{MemoryKv, Survival},
};
use phala_tests::{
    RandomChain, assert_verified, engine_in_folder, engine_in_memory, engine_on, restless_store,
    seeded_rng, with_predeploys,
};
use rand::{Rng as _, seq::IndexedRandom as _};

/// Blocks that are built, on all branches together.
const BLOCKS: usize = 150;

/// How far below the highest block branches begin; several times the tail of a restless store.
const FORK_DEPTH: u64 = 14;

/// Builds a tree of blocks on one engine, whose head jumps about in it. Returns the canonical chain
/// from block 1 on.
fn wander(chain: &mut RandomChain) -> Vec<Arc<RecoveredBlock>> {
    let engine = chain.engine().clone();
    let genesis = engine.heads().latest;
    let mut known: Vec<BlockRef> = vec![genesis];
    let mut reorgs = 0;
    for _ in 0..BLOCKS {
        let highest = known.iter().map(|block| block.number).max().unwrap_or_default();
        let is_recent = |block: &&BlockRef| block.number + FORK_DEPTH >= highest;
        let recent: Vec<_> = known.iter().filter(is_recent).copied().collect();
        // Mostly on the head or the last block, so that branches grow long.
        let parent = match chain.rng().random_range(0..10) {
            0..5 => engine.heads().latest,
            5..8 => *known.last().expect("never empty"),
            _ => *recent.choose(chain.rng()).expect("never empty"),
        };
        let imported = chain.try_build(parent.hash).and_then(|built| {
            let status = engine.import(built.block.clone_sealed_block())?;
            Ok((built.block, status))
        });
        let block = match imported {
            Ok((block, ImportStatus::Valid { .. })) => block,
            // On an abandoned branch, and base has passed the fork.
            Ok((_, ImportStatus::Syncing { .. }))
            | Err(EngineError::UnknownBlock(_) | EngineError::StateUnavailable { .. }) => {
                known.retain(|block| *block != parent);
                continue;
            }
            other => panic!("{other:?}"),
        };
        known.push(BlockRef { number: block.number, hash: block.hash() });
        if chain.rng().random_bool(0.5) {
            let head = *recent.choose(chain.rng()).expect("never empty");
            let old = engine.heads().latest;
            match engine.set_heads(head.hash, None, None) {
                Ok(_) => {}
                // An abandoned branch that base has passed.
                Err(EngineError::UnknownBlock(_)) => {
                    known.retain(|block| *block != head);
                    continue;
                }
                Err(error) => panic!("{error}"),
            }
            if engine.store().canonical_hash(old.number).unwrap() != Some(old.hash) {
                reorgs += 1;
            }
        }
    }
    // The highest block whose branch is not abandoned.
    known.sort_by_key(|block| std::cmp::Reverse(block.number));
    let is_reachable = |block: &&BlockRef| engine.set_heads(block.hash, None, None).is_ok();
    known.iter().find(is_reachable).expect("genesis at least");
    assert!(reorgs > 10, "only {reorgs} reorgs");
    // Where most branches were abandoned, the head may be near genesis.
    for _ in 0..FORK_DEPTH {
        chain.produce();
    }
    let top = engine.heads().latest;
    let block = |number| engine.store().block_by_number(number).unwrap().unwrap();
    (1..=top.number).map(block).collect()
}

fn follow(engine: &Engine, blocks: &[Arc<RecoveredBlock>]) {
    for block in blocks {
        let status = engine.import(block.clone_sealed_block()).unwrap();
        assert!(matches!(status, ImportStatus::Valid { .. }), "{status:?}");
        engine.set_heads(block.hash(), None, None).unwrap();
    }
}

/// Whether the engine still knows the block or not, it is welcome, and can be the head.
fn welcome(engine: &Engine, block: &RecoveredBlock) {
    let status = engine.import(block.clone_sealed_block()).unwrap();
    let is_valid = matches!(status, ImportStatus::Valid { .. } | ImportStatus::AlreadyKnown);
    assert!(is_valid, "{status:?}");
    engine.set_heads(block.hash(), None, None).unwrap();
}

#[test]
fn the_digest_does_not_tell_which_way_a_node_took() {
    for profile in [Profile::Isthmus, Profile::Karst] {
        let spec = Arc::new(with_predeploys(ChainSpec::dev()).with_profile(profile));
        let engine = engine_in_memory(&spec, restless_store());
        let rng = seeded_rng("the_digest_does_not_tell_which_way_a_node_took");
        let mut chain = RandomChain::new(engine.clone(), rng).with_transactions_max(10);
        let blocks = wander(&mut chain);
        let head = blocks.last().unwrap().number;

        let folder = tempfile::tempdir().unwrap();
        let on_disk = engine_in_folder(&spec, folder.path(), StoreConfig::default());
        follow(&on_disk, &blocks);
        let restless = engine_in_memory(&spec, restless_store());
        follow(&restless, &blocks);
        for upto in [head, head - 3, head / 2] {
            let [a, b, c] =
                [&engine, &on_disk, &restless].map(|engine| engine.store().digest(upto).unwrap());
            assert_eq!(a, b, "at {upto}: wandering in memory, straight on disk");
            assert_eq!(b, c, "at {upto}: on disk, in memory with a moving base");
        }
        for engine in [&engine, &on_disk, &restless] {
            assert_verified(engine.store());
        }
    }
}

#[test]
fn a_head_that_went_below_base_comes_back_by_the_same_blocks() {
    let spec = Arc::new(with_predeploys(ChainSpec::dev()));
    let author = engine_in_memory(&spec, StoreConfig::default());
    let rng = seeded_rng("a_head_that_went_below_base_comes_back_by_the_same_blocks");
    let mut chain = RandomChain::new(author, rng).with_transactions_max(5);
    let blocks: Vec<_> = (0..60).map(|_| chain.produce()).collect();

    // The contract of EIP-4788 gains two slots a block: its trie has a stored node from block 33 on,
    // and none when the head goes back below that.
    for fork in [10, 20, 30, 40] {
        let kv = Arc::new(MemoryKv::new());
        let config = StoreConfig { background: false, ..restless_store() };
        let engine = engine_on(&spec, Arc::clone(&kv) as _, config);
        follow(&engine, &blocks);
        engine.store().advance().unwrap();
        assert!(engine.store().base().number > 50);
        engine.set_heads(blocks[fork - 1].hash(), None, None).unwrap();
        assert_eq!(engine.store().base().number, fork as u64);
        for block in &blocks[fork..] {
            welcome(&engine, block);
            // The records must say the same as what is in memory.
            let left = Arc::new(kv.restart(Survival::Machine));
            let again = engine_on(&spec, left as _, config);
            assert_eq!(again.heads(), engine.heads());
            assert_verified(again.store());
            let rng = chain.rng().clone();
            RandomChain::new(again.clone(), rng).with_transactions_max(2).produce();
            assert_verified(again.store());
        }
        assert_verified(engine.store());
        let digests = [&engine, chain.engine()].map(|engine| engine.store().digest(60).unwrap());
        assert_eq!(digests[0], digests[1]);
    }
}
