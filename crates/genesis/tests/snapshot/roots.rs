//! Roots: published ones, recorded ones, and those of a second implementation.

use std::collections::BTreeMap;

use phala_genesis_lib::snapshot::{OpenOptions, StateVersion, open, trie_root};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use crate::{
    files::pairs_of,
    plain_trie::{Pairs, PlainTrie},
    vectors,
};

fn root(pairs: &Pairs, version: StateVersion) -> alloy_primitives::B256 {
    let pairs: Vec<_> = pairs.iter().collect();
    trie_root(&pairs, version)
}

#[test]
fn chain_specs_have_their_known_roots() {
    let Some(list) = vectors::json("vectors/genesis-roots.json") else { return };
    let chains = list["chains"].as_array().unwrap();
    assert_eq!(chains.len(), 7);
    for chain in chains {
        let name = chain["file"].as_str().unwrap();
        let folder = if name == "phala-dev-genesis" { "trie" } else { "chainspec" };
        let path = vectors::path(&format!("{folder}/{name}.json.gz")).unwrap();
        let snapshot = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(snapshot.pair_count(), chain["keys"].as_u64().unwrap(), "{name}");
        let root = snapshot.root(StateVersion::V0).unwrap();
        assert_eq!(root, vectors::hash(&chain["state_root"]), "{name}");
    }
}

#[test]
fn fifty_one_blocks_of_changes_have_their_recorded_roots() {
    let Some(path) = vectors::path("trie/phala-dev-genesis.json.gz") else { return };
    let genesis = open(&path, &OpenOptions::default()).unwrap();
    let mut state: Pairs = pairs_of(&genesis).into_iter().collect();
    let changes = vectors::json("trie/changes.json.gz").unwrap();
    let roots = String::from_utf8(vectors::bytes("trie/state_roots.txt").unwrap()).unwrap();
    let mut compared = 0;
    for (block, wanted) in changes["result"].as_array().unwrap().iter().zip(roots.lines()) {
        for change in block["mainStorageChanges"].as_array().unwrap() {
            let bytes = |value: &serde_json::Value| {
                value.as_str().map(|text| alloy_primitives::hex::decode(text).unwrap())
            };
            let key = bytes(&change[0]).unwrap();
            match bytes(&change[1]) {
                Some(value) => state.insert(key, value),
                None => state.remove(&key),
            };
        }
        assert_eq!(
            root(&state, StateVersion::V0),
            wanted.parse::<alloy_primitives::B256>().unwrap()
        );
        compared += 1;
    }
    assert_eq!(compared, 51);
}

#[test]
fn the_empty_trie_and_single_pairs_have_the_roots_of_their_definition() {
    for version in [StateVersion::V0, StateVersion::V1] {
        assert_eq!(root(&Pairs::new(), version), PlainTrie::new(&Pairs::new(), version).root);
        for key_len in [0, 1, 2, 30, 31, 32, 33, 64, 126, 127, 128, 200, 300] {
            for value_len in [0, 1, 31, 32, 33, 34, 63, 64, 20_000] {
                let pairs = Pairs::from([(vec![0xab; key_len], vec![1; value_len])]);
                let wanted = PlainTrie::new(&pairs, version).root;
                assert_eq!(root(&pairs, version), wanted, "{key_len} {value_len} {version:?}");
            }
        }
    }
}

/// Keys of a few letters begin each other often and share long beginnings.
fn random_pairs(rng: &mut ChaCha8Rng, count: usize) -> Pairs {
    let letters = [0x00, 0x01, 0x10, 0xff];
    let prefixes: Vec<Vec<u8>> =
        (0..4).map(|_| (0..40).map(|_| rng.next_u32() as u8).collect()).collect();
    let mut pairs = BTreeMap::new();
    for _ in 0..count {
        let mut key = Vec::new();
        if rng.next_u32().is_multiple_of(2) {
            let prefix = &prefixes[rng.next_u32() as usize % 4];
            key.extend(&prefix[..rng.next_u32() as usize % 41]);
        }
        for _ in 0..rng.next_u32() % 8 {
            key.push(letters[rng.next_u32() as usize % 4]);
        }
        let len = [0, 1, 20, 32, 33, 70, 300][rng.next_u32() as usize % 7];
        pairs.insert(key, vec![rng.next_u32() as u8; len]);
    }
    pairs
}

#[test]
fn random_maps_have_the_roots_of_a_second_implementation() {
    let seed = std::env::var("PHALA_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("PHALA_TEST_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..200 {
        let count = 1 + rng.next_u32() as usize % 60;
        let pairs = random_pairs(&mut rng, count);
        for version in [StateVersion::V0, StateVersion::V1] {
            assert_eq!(root(&pairs, version), PlainTrie::new(&pairs, version).root, "{round}");
        }
    }
}

#[test]
fn chunks_of_a_large_trie_meet_without_a_seam() {
    // More than a few chunks, once of hashes and once of keys that share nearly everything.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let hashed: Pairs = (0..70_000u32)
        .map(|index| {
            let mut key = vec![(index % 3) as u8; 32];
            key.extend(rng.next_u64().to_be_bytes());
            (key, index.to_le_bytes().to_vec())
        })
        .collect();
    let counted: Pairs = (0..70_000u32)
        .map(|index| (format!("{index}").into_bytes(), vec![0; index as usize % 50]))
        .collect();
    for pairs in [hashed, counted] {
        for version in [StateVersion::V0, StateVersion::V1] {
            assert_eq!(root(&pairs, version), PlainTrie::new(&pairs, version).root);
        }
    }
}

#[test]
#[should_panic(expected = "sorted keys")]
fn pairs_that_are_not_sorted_have_no_root() {
    trie_root(&[(b"b", b""), (b"a", b"")], StateVersion::V0);
}
