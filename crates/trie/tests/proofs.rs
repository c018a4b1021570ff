//! Proofs as an independent verifier sees them.

mod support;

use alloy_primitives::{B256, U256, keccak256};
use alloy_trie::{Nibbles, proof::verify_proof};
use phala_primitives::{Account, EMPTY_STORAGE_ROOT};
use phala_trie::{AccountProof, MemorySource, StateTrie, TrieConfig, TrieError, account_proof};
use rand::Rng;
use support::{Keys, World, account_rlp, rng};

const BUDGET: u64 = 1_000_000;

fn verify(root: B256, proof: &AccountProof) {
    let value = proof.account.as_ref().map(account_rlp);
    verify_proof(root, Nibbles::unpack(proof.hash), value, &proof.nodes).expect("account proof");
    let storage_root = proof.account.map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root);
    for slot in &proof.slots {
        let value = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
        verify_proof(storage_root, Nibbles::unpack(slot.hash), value, &slot.nodes)
            .expect("slot proof");
    }
}

/// Proves and verifies every account and slot of a state and as many that are not in it, with and
/// without the stored nodes.
fn check_state(source: &MemorySource, root: B256, keys: Keys, rng: &mut rand::rngs::StdRng) {
    // A view of an old height may have no stored node at all.
    let mut bare = source.clone();
    let nodes: Vec<_> = source.all_nodes().map(|(key, _)| key.clone()).collect();
    for (owner, path) in nodes {
        bare.set_node(owner, path, None);
    }
    let mut hashes: Vec<B256> = source.all_accounts().map(|(hash, _)| hash).collect();
    hashes.extend((0..hashes.len() + 3).map(|_| keys.random(rng)));
    for hash in hashes {
        let mut slots: Vec<B256> = source.all_slots(&hash).map(|(slot, _)| slot).take(40).collect();
        slots.extend((0..slots.len() + 1).map(|_| keys.random(rng)));
        let proof = account_proof(source, root, hash, &slots, BUDGET).expect("sound");
        assert_eq!(proof.account, source.account(&hash));
        for (slot, asked) in proof.slots.iter().zip(&slots) {
            assert_eq!(slot.hash, *asked);
            assert_eq!(slot.value, source.slot(&hash, asked));
        }
        assert_eq!(proof.slots.len(), slots.len());
        verify(root, &proof);
        assert_eq!(proof, account_proof(&bare, root, hash, &slots, BUDGET).expect("sound"));
    }
}

#[test]
fn everything_in_and_out_of_a_state_is_proved() {
    let mut rng = rng("proofs");
    let trie = StateTrie::new(TrieConfig::default());
    for (keys, accounts, slots) in
        [(Keys::Spread, 200, 200), (Keys::Dense, 150, 30), (Keys::Tail, 90, 90)]
    {
        let mut world = World::new(&trie);
        check_state(&world.source, world.version.root(), keys, &mut rng);
        for _ in 0..3 {
            let mut diffs = world.random_diffs(&mut rng, keys, accounts, slots, 0.1);
            world.apply(&trie, &mut diffs);
            check_state(&world.source, world.version.root(), keys, &mut rng);
        }
    }
}

#[test]
fn a_single_account_and_an_empty_state_are_proved() {
    let mut source = MemorySource::new();
    let proof = account_proof(&source, EMPTY_STORAGE_ROOT, B256::ZERO, &[B256::ZERO], 10);
    let proof = proof.expect("nothing to read");
    assert!(proof.nodes.is_empty() && proof.slots[0].nodes.is_empty());
    verify(EMPTY_STORAGE_ROOT, &proof);

    let trie = StateTrie::new(TrieConfig::default());
    let hash = keccak256(b"one");
    let mut diffs = [support::touch(&source, hash, 1)];
    let empty = trie.version(EMPTY_STORAGE_ROOT);
    let update = trie.update(&empty, &source, &mut diffs).expect("sound");
    source.apply(&diffs, &update.nodes);
    for asked in [hash, keccak256(b"other")] {
        let proof = account_proof(&source, update.root, asked, &[], 10).expect("sound");
        assert_eq!(proof.nodes.len(), 1);
        verify(update.root, &proof);
    }
}

#[test]
fn work_is_bounded_by_the_budget() {
    let mut rng = rng("budget");
    let trie = StateTrie::new(TrieConfig::default());
    let mut world = World::new(&trie);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 5_000, 0, 0.0);
    world.apply(&trie, &mut diffs);
    let root = world.version.root();
    let hash = diffs[rng.random_range(0..diffs.len())].hash;
    // Three or four stored nodes and a page.
    let proof = account_proof(&world.source, root, hash, &[], 80).expect("enough");
    verify(root, &proof);
    let error = account_proof(&world.source, root, hash, &[], 3);
    assert!(matches!(error, Err(TrieError::BudgetExceeded { budget: 3 })));
    // Slots share the budget with the account.
    let mut source = MemorySource::new();
    let slots: Vec<B256> = (0..50u64).map(|n| keccak256(n.to_be_bytes())).collect();
    let slots_by_key = slots.iter().map(|slot| (*slot, U256::from(1))).collect();
    let mut world = World::new(&trie);
    let after = Some(Account { nonce: 1, ..Account::default() });
    let mut diffs = [world.diff(hash, None, after, slots_by_key)];
    let update = world.apply(&trie, &mut diffs);
    source.apply(&diffs, &update.nodes);
    account_proof(&source, update.root, hash, &slots[..1], 60).expect("one slot fits");
    let error = account_proof(&source, update.root, hash, &slots[..2], 60);
    assert!(matches!(error, Err(TrieError::BudgetExceeded { budget: 60 })));
}
