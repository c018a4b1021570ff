//! Random chains with forks, reorgs, moves of base and restarts, against a naive model.

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256};
use phala_storage::kv::{MemoryKv, Survival};
use phala_storage::{LogFilter, Store};
use phala_trie::account_proof;
use rand::Rng;
use world::{LARGE, SMALL, Shape, World, account_hash, address, manual, seed, slot_hash};

/// One random step. Blocks are built on whatever the store can still show.
fn step(world: &mut World, kv: &mut Arc<MemoryKv>, reorg_blocks: u64) {
    let head = world.store.heads().latest;
    match world.rng.random_range(0..100) {
        0..55 => {
            world.extend();
        }
        55..75 => {
            // A side block somewhere near the head.
            let back = world.rng.random_range(0..6).min(head.number);
            let chain = world.chain(head.hash);
            let parent = match (head.number - back) as usize {
                0 => world.genesis.hash,
                number => chain[number - 1],
            };
            if world.store.has_state(parent) {
                let record = world.block_on(parent);
                world.store.write_record(&record).expect("side block");
            }
        }
        75..88 => {
            // Any known block becomes the head, as far back as it may be.
            let mut known: Vec<_> = world.records.keys().copied().collect();
            known.sort_unstable();
            let to = known[world.rng.random_range(0..known.len())];
            world.set_head(to).expect("heads");
        }
        88..95 => world.store.advance().expect("advance"),
        _ => {
            *kv = Arc::new(kv.restart(Survival::Process));
            let old = world.store.heads();
            let reopened = Store::with_kv(Arc::clone(kv) as _, manual(reorg_blocks));
            world.store = reopened.expect("reopen");
            assert_eq!(world.store.heads(), old);
        }
    }
}

fn run(seed: u64, shape: Shape, reorg_blocks: u64, steps: u32, check_every: u32) {
    println!("seed {seed}, {reorg_blocks} blocks kept for reorgs");
    let mut kv = Arc::new(MemoryKv::new());
    let mut world = World::new(seed, shape, Arc::clone(&kv), manual(reorg_blocks));
    world.extend();
    for number in 0..steps {
        step(&mut world, &mut kv, reorg_blocks);
        if number % check_every == 0 {
            world.check_all();
        }
    }
    world.check_all();
    check_side_branches(&world);
    check_records(&world);
    check_logs(&mut world);
    check_proofs(&mut world);
    world.store.verify(&mut |_| {}).expect("verify");

    let head = world.store.heads().latest;
    let straight = world.straight_store(head.hash);
    for upto in [head.number, head.number / 2] {
        let found = world.store.digest(upto).expect("digest");
        assert_eq!(found, straight.digest(upto).expect("digest"), "digest at {upto}");
    }
}

fn check_side_branches(world: &World) {
    for hash in world.records.keys().filter(|hash| world.store.has_state(**hash)) {
        let view = world.store.view(*hash).expect("read").expect("shown");
        world.check_view(&view, *hash);
        for number in 0..=view.block().number {
            let expected = match number {
                0 => world.genesis.hash,
                number => world.chain(*hash)[number as usize - 1],
            };
            assert_eq!(view.block_hash(number).expect("read"), Some(expected));
        }
        assert_eq!(view.block_hash(view.block().number + 1).expect("read"), None);
    }
}

fn check_records(world: &World) {
    for hash in world.chain(world.store.heads().latest.hash) {
        let expected = &world.records[&hash];
        let record = world.store.record(hash).expect("read").expect("stored");
        assert_eq!(record.block, expected.block);
        assert_eq!(record.receipts, expected.receipts);
        assert_eq!(record.diff.accounts, expected.diff.accounts);
        let header = world.store.header(hash).expect("read").expect("stored");
        assert_eq!(header.hash(), hash);
        let number = world.number(hash);
        assert_eq!(world.store.block_number(hash).expect("read"), Some(number));
        for (index, tx) in expected.block.body().transactions.iter().enumerate() {
            let place = world.store.transaction(tx.tx_hash()).expect("read");
            assert_eq!(place, Some((world.block_ref(hash), index)));
        }
        for (code_hash, code) in &expected.codes {
            let view = world.store.latest_view().expect("view");
            assert_eq!(view.code(code_hash).expect("code"), *code);
        }
    }
    assert_eq!(world.store.transaction(B256::repeat_byte(1)).expect("read"), None);
    assert_eq!(world.store.header(B256::repeat_byte(1)).expect("read"), None);
}

/// Whether a log of the block matches, by looking at each.
fn has_log(world: &World, hash: B256, filter: &LogFilter) -> bool {
    world.records[&hash].receipts.iter().flat_map(|receipt| receipt.logs()).any(|log| {
        (filter.addresses.is_empty() || filter.addresses.contains(&log.address))
            && filter.topics.iter().enumerate().all(|(place, topics)| {
                topics.is_empty()
                    || log.data.topics().get(place).is_some_and(|topic| topics.contains(topic))
            })
    })
}

fn check_logs(world: &mut World) {
    let head = world.store.heads().latest;
    let chain = world.chain(head.hash);
    for _ in 0..60 {
        let pick = |world: &mut World| {
            (0..world.rng.random_range(0..3))
                .map(|_| address(world.rng.random_range(0..6)))
                .collect::<Vec<Address>>()
        };
        let addresses = pick(world);
        let topics = (0..world.rng.random_range(0..3))
            .map(|_| {
                (0..world.rng.random_range(0..3))
                    .map(|_| world::slot_number(world.rng.random_range(0..7)))
                    .collect::<Vec<B256>>()
            })
            .collect();
        let filter = LogFilter { addresses, topics };
        let from = world.rng.random_range(0..=head.number);
        let to = world.rng.random_range(from..=head.number + 3);
        let found: Vec<_> = world
            .store
            .logs(filter.clone(), from..=to)
            .expect("search")
            .collect::<Result<_, _>>()
            .expect("search");
        assert!(found.windows(2).all(|pair| pair[0].number < pair[1].number));
        for number in from.max(1)..=to.min(head.number) {
            let hash = chain[number as usize - 1];
            if has_log(world, hash, &filter) {
                assert!(found.contains(&world.block_ref(hash)), "{filter:?} misses {number}");
            }
        }
        for block in found {
            assert!((from..=to).contains(&block.number));
            assert_eq!(world.store.canonical_hash(block.number).expect("read"), Some(block.hash));
        }
    }
}

/// Proofs at any height against a trie made from scratch.
fn check_proofs(world: &mut World) {
    let head = world.store.heads().latest;
    let base = world.store.base().number;
    let mut heights: Vec<u64> = vec![0, base.saturating_sub(1), base, head.number];
    heights.extend((0..6).map(|_| world.rng.random_range(0..=head.number)));
    for number in heights {
        let view = world.store.history(number).expect("history");
        let root = world.store.header_by_number(number).expect("read").expect("there").state_root;
        let state = Arc::clone(&world.states[&view.block().hash]);
        for _ in 0..8 {
            let index = world.rng.random_range(0..world.shape.accounts * 5 / 4);
            let index = if world.rng.random_bool(0.3) { 0 } else { index };
            let hash = account_hash(index);
            let slots: Vec<_> = (0..3)
                .map(|_| slot_hash(world.rng.random_range(0..world.shape.slots * 2)))
                .collect();
            let proof = account_proof(&view, root, hash, &slots, 1_000_000).expect("proof");
            let expected = state.get(&hash);
            assert_eq!(proof.account, expected.map(|(account, _)| *account));
            verify_proof(root, hash, expected.map(|(account, _)| encode(account)), &proof.nodes);
            let storage_root = expected.map(|(account, _)| account.storage_root);
            for slot in &proof.slots {
                let value = expected.and_then(|(_, slots)| slots.get(&slot.hash)).copied();
                assert_eq!(slot.value, value.unwrap_or_default());
                if let Some(storage_root) = storage_root {
                    verify_proof(
                        storage_root,
                        slot.hash,
                        value.map(alloy_rlp::encode),
                        &slot.nodes,
                    );
                }
            }
        }
    }
}

fn encode(account: &phala_primitives::Account) -> Vec<u8> {
    alloy_rlp::encode(alloy_trie::TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: account.storage_root,
        code_hash: account.code_hash,
    })
}

fn verify_proof(root: B256, key: B256, value: Option<Vec<u8>>, nodes: &[alloy_primitives::Bytes]) {
    let path = alloy_trie::Nibbles::unpack(key);
    alloy_trie::proof::verify_proof(root, path, value, nodes).expect("proof verifies");
}

#[test]
fn small_states_with_deep_reorgs() {
    let seed = seed(1);
    for round in 0..12 {
        run(seed + round, SMALL, round % 4, 120, 20);
    }
}

#[test]
fn states_with_stored_and_recorded_nodes() {
    let seed = seed(100);
    for round in 0..2 {
        run(seed + round, LARGE, 3, 45, 30);
    }
}

#[test]
fn heads_that_do_not_lie_on_one_chain_are_refused() {
    let kv = Arc::new(MemoryKv::new());
    let mut world = World::new(5, SMALL, kv, manual(8));
    let a = world.extend();
    let b = world.extend();
    let side = world.block_on(a);
    world.store.write_record(&side).expect("side block");
    let mut heads = world.heads_on(b);
    heads.safe = side.block_ref();
    assert!(world.store.set_heads(heads, &[], None).is_err());
    heads.safe = world.block_ref(b);
    heads.latest = world.block_ref(a);
    assert!(world.store.set_heads(heads, &[], None).is_err());
    heads = world.heads_on(b);
    heads.latest.hash = B256::repeat_byte(1);
    assert!(world.store.set_heads(heads, &[], None).is_err());
    assert_eq!(world.store.heads().latest.hash, b);
    let known: BTreeMap<_, _> = world.records.iter().collect();
    assert_eq!(known.len(), 3);
    world.check_all();
}
