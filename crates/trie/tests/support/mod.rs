//! What the tests of this crate share: a trie written as the yellow paper defines it, and a world
//! that changes at random.

#![allow(dead_code, unreachable_pub, reason = "each test target uses a part of this")]

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::{Encodable, Header};
use alloy_trie::{HashBuilder, Nibbles, TrieAccount};
use phala_primitives::{
    Account, AccountDiff, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, SlotDiff, StoredNode, TrieNodeDiff,
};
use phala_trie::{MemorySource, StateTrie, TrieSource, TrieUpdate, TrieVersion};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// A generator from `PHALA_SEED`, or from the clock; the seed is printed for a failure's sake.
pub fn rng(name: &str) -> StdRng {
    let seed = match std::env::var("PHALA_SEED") {
        Ok(seed) => seed.parse().expect("PHALA_SEED is a number"),
        Err(_) => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("the clock is past 1970")
            .as_nanos() as u64,
    };
    println!("{name}: PHALA_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Leaves as (nibbles, value), sorted.
pub type NibbleLeaves = Vec<(Vec<u8>, Vec<u8>)>;

pub fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

/// RLP of the node over `leaves` from nibble `from` on; keys may be prefixes of one another.
pub fn naive_node(leaves: &[(Vec<u8>, Vec<u8>)], from: usize) -> Vec<u8> {
    let [first, .., last] = leaves else {
        let (key, value) = leaves.first().expect("a node has leaves");
        return list(&[string(&compact(&key[from..], true)), string(value)]);
    };
    let at = first.0.iter().zip(&last.0).take_while(|(a, b)| a == b).count();
    if at > from {
        let child = naive_ref(leaves, at);
        return list(&[string(&compact(&first.0[from..at], false)), child]);
    }
    let mut items = vec![vec![0x80]; 17];
    for (nibble, item) in items.iter_mut().enumerate().take(16) {
        let child: NibbleLeaves = leaves
            .iter()
            .filter(|(key, _)| key.get(at) == Some(&(nibble as u8)))
            .cloned()
            .collect();
        if !child.is_empty() {
            *item = naive_ref(&child, at + 1);
        }
    }
    if let Some((_, value)) = leaves.iter().find(|(key, _)| key.len() == at) {
        items[16] = string(value);
    }
    list(&items)
}

/// How a parent names that node.
pub fn naive_ref(leaves: &[(Vec<u8>, Vec<u8>)], from: usize) -> Vec<u8> {
    let rlp = naive_node(leaves, from);
    if rlp.len() < 32 { rlp } else { string(keccak256(rlp).as_slice()) }
}

pub fn naive_root(leaves: &[(Vec<u8>, Vec<u8>)]) -> B256 {
    if leaves.is_empty() { EMPTY_STORAGE_ROOT } else { keccak256(naive_node(leaves, 0)) }
}

fn compact(path: &[u8], is_leaf: bool) -> Vec<u8> {
    let flag = if is_leaf { 2 } else { 0 };
    let padded = match path.len() % 2 {
        1 => [&[flag + 1], path].concat(),
        _ => [&[flag, 0], path].concat(),
    };
    padded.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(bytes)
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut rlp = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
    rlp.extend(payload);
    rlp
}

pub fn account_rlp(account: &Account) -> Vec<u8> {
    let Account { nonce, balance, code_hash, storage_root } = *account;
    let mut rlp = Vec::new();
    TrieAccount::new(nonce, balance, storage_root, code_hash).encode(&mut rlp);
    rlp
}

/// Leaves of the account trie, or of a storage trie, of a state.
pub fn leaves_of(source: &MemorySource, owner: Option<&B256>) -> NibbleLeaves {
    match owner {
        None => source
            .all_accounts()
            .map(|(hash, account)| (nibbles(hash.as_slice()), account_rlp(&account)))
            .collect(),
        Some(owner) => source
            .all_slots(owner)
            .map(|(slot, value)| (nibbles(slot.as_slice()), alloy_rlp::encode(value)))
            .collect(),
    }
}

/// Root by alloy's builder.
pub fn alloy_root(leaves: &[(Vec<u8>, Vec<u8>)]) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::from_nibbles(key), value);
    }
    builder.root()
}

/// State root by alloy's builder, with every storage root checked on the way.
pub fn alloy_state_root(source: &MemorySource) -> B256 {
    for (hash, account) in source.all_accounts() {
        let root = alloy_root(&leaves_of(source, Some(&hash)));
        assert_eq!(account.storage_root, root, "storage root of {hash}");
    }
    alloy_root(&leaves_of(source, None))
}

/// Asserts that the stored nodes of a state are what they must be: exact, closed upwards, present
/// above 64 leaves, absent at 32 and below.
pub fn assert_nodes(source: &MemorySource) {
    let owners: BTreeSet<Option<B256>> =
        std::iter::once(None).chain(source.all_accounts().map(|(hash, _)| Some(hash))).collect();
    let mut seen = 0;
    for owner in owners {
        let leaves = leaves_of(source, owner.as_ref());
        seen += assert_subtree(source, owner, &leaves, Vec::new());
    }
    assert_eq!(seen, source.all_nodes().count(), "a stored node is under no trie");
}

fn assert_subtree(
    source: &MemorySource,
    owner: Option<B256>,
    leaves: &[(Vec<u8>, Vec<u8>)],
    path: Vec<u8>,
) -> usize {
    let Some(node) = stored(source, owner, &path) else {
        assert!(leaves.len() <= 64, "{} leaves under {path:?} without a node", leaves.len());
        return 0;
    };
    assert_eq!(node.leaf_count, leaves.len() as u64);
    assert!(node.leaf_count > 64, "{} leaves under {path:?} are stored", leaves.len());
    let (first, last) = (&leaves[0].0, &leaves[leaves.len() - 1].0);
    let at = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    assert_eq!(node.prefix, first[path.len()..at]);
    let mut refs = node.refs.iter();
    let mut seen = 1;
    for nibble in 0..16u8 {
        let bit = |mask: u16| mask >> nibble & 1 == 1;
        let child: NibbleLeaves =
            leaves.iter().filter(|(key, _)| key[at] == nibble).cloned().collect();
        assert_eq!(bit(node.state_mask), !child.is_empty());
        if child.is_empty() {
            assert!(!bit(node.stored_mask));
            continue;
        }
        assert_eq!(refs.next().map(|node| node.to_vec()), Some(naive_ref(&child, at + 1)));
        let path = [&first[..at], &[nibble]].concat();
        let below = assert_subtree(source, owner, &child, path);
        assert_eq!(bit(node.stored_mask), below > 0);
        seen += below;
    }
    assert_eq!(refs.next(), None);
    seen
}

fn stored(source: &MemorySource, owner: Option<B256>, path: &[u8]) -> Option<StoredNode> {
    source.stored_node(owner.as_ref(), path).expect("memory does not fail")
}

/// How the keys of a random world look.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// Like hashes.
    Spread,
    /// Few different nibbles, so that all depths have branches and extensions.
    Dense,
    /// Differing in the last two nibbles only, so that leaves are short enough to be embedded.
    Tail,
}

impl Keys {
    pub fn random(self, rng: &mut StdRng) -> B256 {
        let mut key = B256::ZERO;
        match self {
            Self::Spread => rng.fill(&mut key.0),
            Self::Dense => {
                // A run of the same nibbles of random length, then random bits of few nibbles.
                let run = rng.random_range(0..8);
                for (index, byte) in key.iter_mut().enumerate() {
                    *byte =
                        if index < run { 0x11 } else { [0x11, 0x12, 0x21][rng.random_range(0..3)] };
                    if index > run + 3 {
                        break;
                    }
                }
            }
            Self::Tail => {
                key[30] = [0, 1, 0x10][rng.random_range(0..3)];
                key[31] = rng.random();
            }
        }
        key
    }
}

/// A state, its trie version, and how to change it at random.
#[derive(Clone)]
pub struct World {
    pub source: MemorySource,
    pub version: TrieVersion,
}

impl World {
    pub fn new(trie: &StateTrie) -> Self {
        Self { source: MemorySource::new(), version: trie.version(EMPTY_STORAGE_ROOT) }
    }

    /// Applies a block and checks nothing.
    pub fn apply(&mut self, trie: &StateTrie, diffs: &mut [AccountDiff]) -> TrieUpdate {
        let update = trie.update(&self.version, &self.source, diffs).expect("the source is sound");
        for node in &update.nodes {
            let before = stored(&self.source, node.owner, &node.path);
            assert_eq!(before, node.before, "node before the block at {:?}", node.path);
            assert_ne!(node.before, node.after);
        }
        assert!(update.nodes.is_sorted_by(|a, b| (a.owner, &a.path) < (b.owner, &b.path)));
        self.source.apply(diffs, &update.nodes);
        self.version = update.version.clone();
        assert_eq!(update.version.root(), update.root);
        update
    }

    /// Random changes: `accounts` of them, each with up to `slots` slots.
    pub fn random_diffs(
        &self,
        rng: &mut StdRng,
        keys: Keys,
        accounts: usize,
        slots: usize,
        deletes: f64,
    ) -> Vec<AccountDiff> {
        let existing: Vec<B256> = self.source.all_accounts().map(|(hash, _)| hash).collect();
        let mut diffs = BTreeMap::new();
        for _ in 0..accounts {
            let known = !existing.is_empty() && rng.random_bool(0.7);
            let hash = match known {
                true => existing[rng.random_range(0..existing.len())],
                false => keys.random(rng),
            };
            let diff = self.random_diff(rng, hash, keys, slots, deletes);
            if diff.before != diff.after || !diff.slots.is_empty() {
                diffs.insert(hash, diff);
            }
        }
        diffs.into_values().collect()
    }

    fn random_diff(
        &self,
        rng: &mut StdRng,
        hash: B256,
        keys: Keys,
        slots: usize,
        deletes: f64,
    ) -> AccountDiff {
        let before = self.source.account(&hash);
        let mut changed = BTreeMap::new();
        let existing: Vec<B256> = self.source.all_slots(&hash).map(|(slot, _)| slot).collect();
        if rng.random_bool(deletes) {
            changed.extend(existing.iter().map(|slot| (*slot, U256::ZERO)));
            return self.diff(hash, before, None, changed);
        }
        for _ in 0..rng.random_range(0..=slots) {
            let known = !existing.is_empty() && rng.random_bool(0.6);
            let slot = match known {
                true => existing[rng.random_range(0..existing.len())],
                false => keys.random(rng),
            };
            let value = match rng.random_range(0..4) {
                0 => U256::ZERO,
                1 => U256::from(rng.random::<u8>()),
                2 => U256::from(rng.random::<u64>()),
                _ => U256::from_be_bytes(rng.random::<[u8; 32]>()),
            };
            changed.insert(slot, if rng.random_bool(deletes) { U256::ZERO } else { value });
        }
        let (small, short) = (rng.random_range(4..64u32), rng.random_range(0..128usize));
        let after = Account {
            nonce: 1 + (rng.random::<u64>() >> small),
            balance: U256::from(rng.random::<u128>()) >> short,
            code_hash: EMPTY_CODE_HASH,
            // Set by the update; what stands here must not matter.
            storage_root: B256::repeat_byte(0xee),
        };
        self.diff(hash, before, Some(after), changed)
    }

    pub fn diff(
        &self,
        hash: B256,
        before: Option<Account>,
        after: Option<Account>,
        slots: BTreeMap<B256, U256>,
    ) -> AccountDiff {
        let slots = slots
            .into_iter()
            .map(|(slot, after)| {
                let before = self.source.slot(&hash, &slot);
                SlotDiff { hash: slot, before, after }
            })
            .filter(|slot| slot.before != slot.after)
            .collect();
        AccountDiff { hash, before, after, slots }
    }
}

/// The block that undoes `diffs`.
pub fn reversed(diffs: &[AccountDiff]) -> Vec<AccountDiff> {
    diffs
        .iter()
        .map(|diff| AccountDiff {
            hash: diff.hash,
            before: diff.after,
            after: diff.before,
            slots: diff
                .slots
                .iter()
                .map(|slot| SlotDiff { hash: slot.hash, before: slot.after, after: slot.before })
                .collect(),
        })
        .collect()
}

/// A diff that creates or changes an account without slots.
pub fn touch(source: &MemorySource, hash: B256, nonce: u64) -> AccountDiff {
    let before = source.account(&hash);
    let after = Some(Account { nonce, ..before.unwrap_or_default() });
    AccountDiff { hash, before, after, slots: Vec::new() }
}

/// A diff that deletes an account without slots.
pub fn delete(source: &MemorySource, hash: B256) -> AccountDiff {
    AccountDiff { hash, before: source.account(&hash), after: None, slots: Vec::new() }
}

pub fn assert_same_nodes(a: &[TrieNodeDiff], b: &[TrieNodeDiff]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a, b);
    }
}
