//! When nodes are stored and when they are part of a page, and how much is read for either.

mod support;

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use alloy_primitives::{B256, U256, keccak256};
use phala_primitives::{Account, AccountDiff, EMPTY_STORAGE_ROOT, SlotDiff, StoredNode};
use phala_trie::{MemorySource, SourceError, StateTrie, TrieConfig, TrieSource};
use rand::Rng;
use support::{Keys, World, alloy_state_root, assert_nodes, delete, rng, touch};

/// Long enough for every trie of these tests.
const FOREVER: Duration = Duration::MAX;

/// Counts what is read.
struct Counting<'a> {
    source: &'a MemorySource,
    leaves: AtomicU64,
    longest_scan: AtomicU64,
    nodes: AtomicU64,
}

impl<'a> Counting<'a> {
    fn new(source: &'a MemorySource) -> Self {
        let zero = || AtomicU64::new(0);
        Self { source, leaves: zero(), longest_scan: zero(), nodes: zero() }
    }

    fn scanned(&self, leaves: u64) {
        self.leaves.fetch_add(leaves, Relaxed);
        self.longest_scan.fetch_max(leaves, Relaxed);
    }
}

impl TrieSource for Counting<'_> {
    fn stored_node(
        &self,
        owner: Option<&B256>,
        path: &[u8],
    ) -> Result<Option<StoredNode>, SourceError> {
        self.nodes.fetch_add(1, Relaxed);
        self.source.stored_node(owner, path)
    }

    fn accounts(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, Account) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut count = 0;
        let result = self.source.accounts(prefix, start, &mut |hash, account| {
            count += 1;
            f(hash, account)
        });
        self.scanned(count);
        result
    }

    fn slots(
        &self,
        owner: &B256,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, U256) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut count = 0;
        let result = self.source.slots(owner, prefix, start, &mut |hash, value| {
            count += 1;
            f(hash, value)
        });
        self.scanned(count);
        result
    }
}

fn key(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// A key that begins with the nibbles of `path` and goes on at random.
fn key_under(path: &[u8], number: u64) -> B256 {
    let mut key = key(number);
    for (index, nibble) in path.iter().enumerate() {
        let shift = if index % 2 == 0 { 4 } else { 0 };
        key[index / 2] = key[index / 2] & !(0x0f << shift) | nibble << shift;
    }
    key
}

fn root_nodes(world: &World) -> usize {
    world.source.all_nodes().filter(|((_, path), _)| path.is_empty()).count()
}

/// Grows a trie leaf by leaf past both limits and shrinks it again; returns at how many leaves the
/// root became a stored node and at how many it ceased to be one.
fn limits(mut step: impl FnMut(&mut World, &StateTrie, u64, bool)) -> (u64, u64) {
    let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
    let mut world = World::new(&trie);
    let (mut stored_at, mut unstored_at) = (0, 0);
    for number in 0..70 {
        step(&mut world, &trie, number, true);
        assert_nodes(&world.source);
        if stored_at == 0 && root_nodes(&world) == 1 {
            stored_at = number + 1;
        }
    }
    for number in (0..70).rev() {
        step(&mut world, &trie, number, false);
        assert_nodes(&world.source);
        if unstored_at == 0 && root_nodes(&world) == 0 {
            unstored_at = number;
        }
    }
    (stored_at, unstored_at)
}

#[test]
fn accounts_are_stored_above_64_and_no_longer_at_64() {
    let found = limits(|world, trie, number, is_present| {
        let diff = match is_present {
            true => touch(&world.source, key(number), 1),
            false => delete(&world.source, key(number)),
        };
        world.apply(trie, &mut [diff]);
        assert_eq!(world.version.root(), alloy_state_root(&world.source));
    });
    assert_eq!(found, (65, 64));
}

#[test]
fn slots_are_stored_above_64_and_no_longer_at_64() {
    let owner = key(1_000);
    let found = limits(|world, trie, number, is_present| {
        let before = world.source.account(&owner);
        let after = Some(Account { nonce: 1 + number, ..Account::default() });
        let value = U256::from(u64::from(is_present) * (number + 1));
        let slots = [(key(number), value)].into();
        world.apply(trie, &mut [world.diff(owner, before, after, slots)]);
        assert_eq!(world.version.root(), alloy_state_root(&world.source));
    });
    assert_eq!(found, (65, 64));
}

#[test]
fn ground_keys_split_a_page_and_never_lengthen_a_scan() {
    let mut rng = rng("grinding");
    let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
    let mut world = World::new(&trie);
    let path = [7, 7, 7, 7, 7];
    let mut number = 0;
    for _ in 0..20 {
        let batch = 500;
        let mut keys: Vec<B256> = (number..number + batch)
            .map(|n| if n % 50 == 0 { key(n) } else { key_under(&path, n) })
            .collect();
        keys.sort_unstable();
        number += batch;
        let mut diffs: Vec<_> = keys.iter().map(|key| touch(&world.source, *key, 1)).collect();
        world.apply(&trie, &mut diffs);
    }
    assert_eq!(world.version.root(), alloy_state_root(&world.source));
    let keys: Vec<B256> = world.source.all_accounts().map(|(hash, _)| hash).collect();
    for _ in 0..200 {
        let counting = Counting::new(&world.source);
        let mut diffs = [touch(&world.source, keys[rng.random_range(0..keys.len())], 9)];
        trie.update(&world.version, &counting, &mut diffs).expect("sound");
        assert!(counting.longest_scan.load(Relaxed) <= 64);
        assert!(counting.nodes.load(Relaxed) <= 8);
    }
}

#[test]
fn an_update_reads_only_what_it_touches_and_that_once() {
    let big = StateTrie::new(TrieConfig::default());
    let mut world = World::new(&big);
    let mut keys: Vec<B256> = (0..20_000).map(key).collect();
    keys.sort_unstable();
    let mut diffs: Vec<_> = keys.iter().map(|key| touch(&world.source, *key, 1)).collect();
    world.apply(&big, &mut diffs);

    let fresh = StateTrie::new(TrieConfig::default());
    let version = fresh.version(world.version.root());
    let counting = Counting::new(&world.source);
    let mut diffs = [touch(&world.source, keys[123], 2), touch(&world.source, keys[124], 2)];
    let first = fresh.update(&version, &counting, &mut diffs).expect("sound");
    let leaves = counting.leaves.swap(0, Relaxed);
    assert!((2..=128).contains(&leaves), "{leaves} leaves read");
    assert!(counting.nodes.swap(0, Relaxed) <= 8);

    // A sibling on the same parent finds them loaded, and so does the next block.
    let again = fresh.update(&version, &counting, &mut diffs).expect("sound");
    assert_eq!(again.root, first.root);
    let mut after = world.source.clone();
    after.apply(&diffs, &first.nodes);
    let mut next = [touch(&after, keys[123], 3)];
    let counting_next = Counting::new(&after);
    fresh.update(&first.version, &counting_next, &mut next).expect("sound");
    for counting in [counting, counting_next] {
        assert_eq!((counting.leaves.load(Relaxed), counting.nodes.load(Relaxed)), (0, 0));
    }
}

#[test]
fn warm_and_prefetch_leave_nothing_to_read() {
    let mut rng = rng("warm");
    let trie = StateTrie::new(TrieConfig::default());
    let mut world = World::new(&trie);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 4_000, 0, 0.0);
    let owner = diffs[7].hash;
    let slots: std::collections::BTreeMap<B256, U256> =
        (0..300).map(|n| (key(n), U256::from(n + 1))).collect();
    diffs[7] = world.diff(owner, None, diffs[7].after, slots);
    world.apply(&trie, &mut diffs);

    let fresh = StateTrie::new(TrieConfig::default());
    let version = fresh.version(world.version.root());
    fresh.warm(&version, &world.source, usize::MAX, FOREVER).expect("sound");
    let account = world.source.account(&owner).expect("exists");
    let touched = [key(5), key(6), key(5_000)];
    fresh.prefetch(&version, &world.source, &owner, account.storage_root, &touched).expect("sound");

    let counting = Counting::new(&world.source);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 300, 0, 0.0);
    diffs.retain(|diff| diff.hash != owner && diff.before.is_some());
    let slots = [(key(5), U256::from(77)), (key(6), U256::from(78))].into();
    diffs.push(world.diff(owner, Some(account), Some(account), slots));
    diffs.sort_by_key(|diff| diff.hash);
    let update = fresh.update(&version, &counting, &mut diffs).expect("sound");
    assert_eq!((counting.leaves.load(Relaxed), counting.nodes.load(Relaxed)), (0, 0));
    world.source.apply(&diffs, &update.nodes);
    assert_eq!(update.root, alloy_state_root(&world.source));

    // A small allowance is kept to.
    let small = StateTrie::new(TrieConfig::default());
    small.warm(&small.version(update.root), &world.source, 100_000, FOREVER).expect("sound");
    assert!(small.stats().bytes < 200_000);
    let late = StateTrie::new(TrieConfig::default());
    late.warm(&late.version(update.root), &world.source, usize::MAX, Duration::ZERO)
        .expect("sound");
    assert!(late.stats().nodes <= 1, "no time, nothing but the top: {:?}", late.stats());
    let empty = StateTrie::new(TrieConfig::default());
    let nothing = MemorySource::new();
    empty.warm(&empty.version(EMPTY_STORAGE_ROOT), &nothing, usize::MAX, FOREVER).expect("sound");
}

/// All ways a branch can lose its children to one another, with nothing in memory.
#[test]
fn a_branch_collapses_onto_a_sibling_that_is_not_loaded() {
    // Leaves of the child that stays: a leaf, a page, a stored node.
    for (stays, goes) in [(1, 80), (2, 80), (40, 80), (80, 80), (80, 1), (1, 1), (1, 2), (50, 2)] {
        for (a, b) in [(&[3u8, 4][..], &[3u8, 9][..]), (&[3, 4, 5, 6, 7], &[3, 4, 5, 6, 8])] {
            let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
            let mut world = World::new(&trie);
            let staying = (0..stays).map(|n| key_under(a, n));
            let going: Vec<B256> = (0..goes).map(|n| key_under(b, 1_000 + n)).collect();
            let mut keys: Vec<B256> = staying.chain(going.iter().copied()).collect();
            keys.sort_unstable();
            let mut diffs: Vec<_> = keys.iter().map(|key| touch(&world.source, *key, 1)).collect();
            world.apply(&trie, &mut diffs);
            assert_nodes(&world.source);

            let mut going = going;
            going.sort_unstable();
            let mut diffs: Vec<_> = going.iter().map(|key| delete(&world.source, *key)).collect();
            world.apply(&trie, &mut diffs);
            assert_nodes(&world.source);
            assert_eq!(world.version.root(), alloy_state_root(&world.source));
        }
    }
}

#[test]
fn an_extension_is_cut_and_joined_again() {
    for leaves in [2, 40, 64, 65, 200] {
        for cut in 0..9 {
            let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
            let mut world = World::new(&trie);
            let mut keys: Vec<B256> = (0..leaves).map(|n| key_under(&[5; 9], n)).collect();
            keys.sort_unstable();
            let mut diffs: Vec<_> = keys.iter().map(|key| touch(&world.source, *key, 1)).collect();
            world.apply(&trie, &mut diffs);
            let before = world.source.clone();

            let mut path = [5; 9];
            path[cut] = 6;
            let other = key_under(&path, 9_999);
            let diff = touch(&world.source, other, 1);
            world.apply(&trie, &mut [diff]);
            assert_nodes(&world.source);
            assert_eq!(world.version.root(), alloy_state_root(&world.source));

            let diff = delete(&world.source, other);
            world.apply(&trie, &mut [diff]);
            assert_nodes(&world.source);
            assert_eq!(world.version.root(), alloy_state_root(&world.source));
            if leaves != 64 {
                assert_eq!(world.source, before);
            }
        }
    }
}

#[test]
fn embedded_leaves_come_and_go() {
    let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
    let mut world = World::new(&trie);
    let owner = key(1);
    // Keys that differ in the last nibble: leaves of three bytes inside their branch.
    let slot = |number: u8| B256::with_last_byte(number);
    let account = Account { nonce: 1, ..Account::default() };
    for end in (1..=40).chain((0..40).rev()) {
        let before = world.source.account(&owner);
        let now: Vec<B256> = world.source.all_slots(&owner).map(|(slot, _)| slot).collect();
        let slots = (0..40)
            .map(|number| (slot(number), U256::from(if number < end { number + 1 } else { 0 })))
            .collect();
        let diff = world.diff(owner, before, Some(account), slots);
        assert!(now.len().abs_diff(usize::from(end)) <= 1);
        world.apply(&trie, &mut [diff]);
        assert_eq!(world.version.root(), alloy_state_root(&world.source));
    }
    let account = world.source.account(&owner).expect("exists");
    assert_eq!(account.storage_root, EMPTY_STORAGE_ROOT);
}

#[test]
fn changes_that_change_nothing_leave_everything() {
    let mut rng = rng("nothing");
    let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
    let mut world = World::new(&trie);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 900, 3, 0.0);
    world.apply(&trie, &mut diffs);
    let root = world.version.root();
    // The same values again, accounts that neither were nor will be, and nothing at all.
    let mut same: Vec<AccountDiff> = world
        .source
        .all_accounts()
        .take(300)
        .map(|(hash, account)| AccountDiff {
            hash,
            before: Some(account),
            after: Some(account),
            slots: world
                .source
                .all_slots(&hash)
                .map(|(hash, value)| SlotDiff { hash, before: value, after: value })
                .collect(),
        })
        .collect();
    same.extend((0..100).map(|n| delete(&world.source, key(n))));
    same.sort_by_key(|diff| diff.hash);
    for diffs in [&mut same[..], &mut []] {
        let update = trie.update(&world.version, &world.source, diffs).expect("sound");
        assert_eq!(update.root, root);
        assert!(update.nodes.is_empty());
    }
    let mut absent: Vec<_> = (0..100).map(|n| delete(&MemorySource::new(), key(n))).collect();
    absent.sort_by_key(|diff| diff.hash);
    let empty = trie.version(EMPTY_STORAGE_ROOT);
    let update = trie.update(&empty, &MemorySource::new(), &mut absent).expect("sound");
    assert_eq!(update.root, EMPTY_STORAGE_ROOT);
}
