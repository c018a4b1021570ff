//! The finality of the relay chain, with keys and tries made here.

use std::{collections::HashMap, path::Path};

use alloy_primitives::{B256, hex};
use ed25519_dalek::{Signer as _, SigningKey};
use parity_scale_codec::{Compact, Encode as _};
use phala_genesis_lib::snapshot::{
    AuthoritySet, Evidence, Header, Justification, RelayEvidence, StateVersion,
};

use crate::{
    files::header,
    plain_trie::{Pairs, PlainTrie},
};

const HEAD_KEY: &str =
    "cd710b30bd2eab0352ddcc26417aa1941b3c252fcb29d88eff4f3de5de4476c3160394315fe95b98f3070000";
const ROUND: u64 = 77;
const SET_ID: u64 = 5;

type Target = (B256, u32);

fn keys(count: u8) -> Vec<SigningKey> {
    (1..=count).map(|index| SigningKey::from_bytes(&[index; 32])).collect()
}

fn authorities(keys: &[SigningKey]) -> AuthoritySet {
    let weights = keys.iter().map(|key| (public(key), 1)).collect();
    AuthoritySet { set_id: SET_ID, weights }
}

fn public(key: &SigningKey) -> B256 {
    B256::new(key.verifying_key().to_bytes())
}

fn at(header: &Header) -> Target {
    (header.hash(), header.number)
}

fn child_of(parent: &Header) -> Header {
    let mut bytes = parent.hash().to_vec();
    bytes.extend(Compact(parent.number + 1).encode());
    bytes.extend([3; 64]);
    bytes.push(0);
    Header::decode(&bytes, "a header").unwrap()
}

fn vote(key: &SigningKey, target: Target, round: u64, set_id: u64) -> Vec<u8> {
    let payload = (1u8, target.0.0, target.1, round, set_id).encode();
    let signature = key.sign(&payload).to_bytes();
    (target.0.0, target.1, signature, public(key).0).encode()
}

fn justification(target: Target, votes: &[Vec<u8>], ancestry: &[&Header]) -> Vec<u8> {
    let mut bytes = (ROUND, target.0.0, target.1).encode();
    bytes.extend(Compact(votes.len() as u32).encode());
    bytes.extend(votes.concat());
    bytes.extend(Compact(ancestry.len() as u32).encode());
    ancestry.iter().for_each(|header| bytes.extend(header.encoded()));
    bytes
}

/// A relay chain's state with the parachain's head in it.
fn state(head: &Header, version: StateVersion) -> PlainTrie {
    let key = hex::decode(HEAD_KEY).unwrap();
    let mut pairs = Pairs::from([
        (key.clone(), head.encoded().encode()),
        // A branch with a long value on the way, so that under V1 it is a hashed one.
        (key[..32].to_vec(), vec![1; 50]),
        (key[..20].to_vec(), vec![2]),
        (b"else".to_vec(), vec![4; 80]),
    ]);
    let mut neighbour = key;
    neighbour[40] ^= 1;
    pairs.insert(neighbour, vec![3; 60]);
    PlainTrie::new(&pairs, version)
}

struct World {
    head: Header,
    relay: Header,
    keys: Vec<SigningKey>,
    evidence: RelayEvidence,
}

fn world(version: StateVersion) -> World {
    let head = header(B256::repeat_byte(9), 9_064_613);
    let trie = state(&head, version);
    let relay = header(trie.root, 28_000_000);
    let keys = keys(7);
    let votes: Vec<_> = keys[..5].iter().map(|key| vote(key, at(&relay), ROUND, SET_ID)).collect();
    let evidence = RelayEvidence {
        header: relay.clone(),
        read_proof: trie.nodes.iter().map(|node| node.encoding.clone()).collect(),
        justification: Justification::decode(&justification(at(&relay), &votes, &[])).unwrap(),
        headers: Vec::new(),
        authorities: authorities(&keys),
    };
    World { head, relay, keys, evidence }
}

impl World {
    fn with_votes(mut self, target: Target, votes: &[Vec<u8>], ancestry: &[&Header]) -> Self {
        let bytes = justification(target, votes, ancestry);
        self.evidence.justification = Justification::decode(&bytes).unwrap();
        self
    }

    fn code(&self) -> u8 {
        self.evidence.check(&self.head).map_or_else(|error| error.exit_code(), |()| 0)
    }

    fn votes(&self, count: usize, target: Target) -> Vec<Vec<u8>> {
        self.keys[..count].iter().map(|key| vote(key, target, ROUND, SET_ID)).collect()
    }
}

#[test]
fn a_finalized_head_is_proved_under_both_layouts() {
    for version in [StateVersion::V0, StateVersion::V1] {
        assert_eq!(world(version).code(), 0, "{version:?}");
    }
}

#[test]
fn a_head_is_final_through_a_later_relay_block() {
    let mut world = world(StateVersion::V1);
    let (one, two) = (child_of(&world.relay), child_of(&child_of(&world.relay)));
    // Some vote for a block after the justified one, as GRANDPA allows.
    let three = child_of(&two);
    let mut votes = world.votes(3, at(&two));
    votes.extend(world.keys[3..5].iter().map(|key| vote(key, at(&three), ROUND, SET_ID)));
    world = world.with_votes(at(&two), &votes, &[&three]);
    world.evidence.headers = vec![one.clone(), two.clone()];
    assert_eq!(world.code(), 0);
    world.evidence.headers = vec![two.clone()];
    assert_eq!(world.code(), 36);
    world.evidence.headers = vec![one, two, three];
    assert_eq!(world.code(), 36);
    world.evidence.headers.clear();
    assert_eq!(world.code(), 36);
}

#[test]
fn another_head_and_an_incomplete_proof_are_refused() {
    let mut other = world(StateVersion::V1);
    other.head = header(B256::repeat_byte(8), 9_064_613);
    assert_eq!(other.code(), 35);
    for version in [StateVersion::V0, StateVersion::V1] {
        let good = world(version);
        let mut needed = 0;
        for index in 0..good.evidence.read_proof.len() {
            let mut less = world(version);
            less.evidence.read_proof.remove(index);
            needed += usize::from(less.code() == 34);
            assert!([0, 34].contains(&less.code()));
        }
        assert!(needed >= 3, "{needed}");
    }
    let mut without = world(StateVersion::V0);
    let empty = PlainTrie::new(&Pairs::from([(b"x".to_vec(), vec![1; 40])]), StateVersion::V0);
    without.evidence.header = header(empty.root, 28_000_000);
    without.evidence.read_proof = empty.nodes.into_iter().map(|node| node.encoding).collect();
    assert_eq!(without.code(), 34);
}

#[test]
fn votes_must_be_valid_and_more_than_two_thirds() {
    let target = at(&world(StateVersion::V0).relay);
    let with = |votes: Vec<Vec<u8>>| world(StateVersion::V0).with_votes(target, &votes, &[]).code();
    let good = world(StateVersion::V0);
    assert_eq!(with(good.votes(5, target)), 0, "five of seven");
    assert_eq!(with(good.votes(4, target)), 38, "four of seven");
    assert_eq!(with(vec![]), 38);
    let twice = [good.votes(4, target), good.votes(1, target)].concat();
    assert_eq!(with(twice), 38, "one voted twice");

    let plus = |vote: Vec<u8>| with([good.votes(5, target), vec![vote]].concat());
    let key = &good.keys[5];
    assert_eq!(plus(vote(key, target, ROUND, SET_ID)), 0);
    assert_eq!(plus(vote(key, target, ROUND + 1, SET_ID)), 37, "another round");
    assert_eq!(plus(vote(key, target, ROUND, SET_ID + 1)), 37, "another set");
    assert_eq!(plus(vote(key, (B256::ZERO, 1), ROUND, SET_ID)), 37, "another block");
    assert_eq!(plus(vote(key, (target.0, target.1 + 1), ROUND, SET_ID)), 37, "another number");
    let stranger = SigningKey::from_bytes(&[99; 32]);
    assert_eq!(plus(vote(&stranger, target, ROUND, SET_ID)), 37, "no authority");

    // Two thirds exactly are not enough.
    let keys = keys(3);
    let votes: Vec<_> = keys[..2].iter().map(|key| vote(key, target, ROUND, SET_ID)).collect();
    let mut world = world(StateVersion::V0).with_votes(target, &votes, &[]);
    world.evidence.authorities = authorities(&keys);
    assert_eq!(world.code(), 38);
    let heavy =
        HashMap::from([(public(&keys[0]), 2), (public(&keys[1]), 1), (public(&keys[2]), 1)]);
    world.evidence.authorities.weights = heavy;
    assert_eq!(world.code(), 0);
}

fn write_bundle(folder: &Path, world: &World) {
    let relay = folder.join("relay");
    std::fs::create_dir_all(&relay).unwrap();
    let votes = world.votes(5, at(&world.relay));
    let set: Vec<([u8; 32], u64)> = world.keys.iter().map(|key| (public(key).0, 1)).collect();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("header.scale", world.head.encoded());
    write("block_hash", format!("{}\n", world.head.hash()).as_bytes());
    write("relay/header.scale", world.relay.encoded());
    write("relay/read_proof", &world.evidence.read_proof.encode());
    write("relay/justification", &justification(at(&world.relay), &votes, &[]));
    write("relay/authority_set", &(SET_ID, set).encode());
}

#[test]
fn a_bundle_is_read_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(StateVersion::V1);
    write_bundle(folder.path(), &world);
    let evidence = Evidence::load(folder.path()).unwrap();
    assert_eq!(evidence.block_hash, evidence.header.hash());
    evidence.relay.unwrap().check(&evidence.header).unwrap();

    std::fs::write(folder.path().join("block_hash"), world.head.hash()).unwrap();
    assert_eq!(Evidence::load(folder.path()).unwrap().block_hash, world.head.hash());
    for name in ["block_hash", "relay/read_proof", "relay/justification", "relay/authority_set"] {
        let path = folder.path().join(name);
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert_eq!(Evidence::load(folder.path()).unwrap_err().exit_code(), 33, "{name}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Evidence::load(folder.path()).unwrap_err().exit_code(), 33, "{name}");
        std::fs::write(&path, good).unwrap();
    }
    std::fs::remove_dir_all(folder.path().join("relay")).unwrap();
    assert!(Evidence::load(folder.path()).unwrap().relay.is_none());
}
