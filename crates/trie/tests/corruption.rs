//! A source that lies is found out: an error that says where, never a panic, never a wrong root.

mod support;

use std::ops::ControlFlow;

use alloy_primitives::{B256, U256, keccak256};
use phala_primitives::{Account, AccountDiff, NodeRef, SlotDiff, StoredNode};
use phala_trie::{
    Defect, MemorySource, SourceError, StateTrie, TrieConfig, TrieError, TrieSource, account_proof,
};
use rand::Rng;
use support::{World, rng, touch};

fn key(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// A state of 3,000 accounts, one of them with 500 slots.
fn world() -> (World, B256) {
    let trie = StateTrie::new(TrieConfig { budget_bytes: 0 });
    let mut world = World::new(&trie);
    let mut diffs: Vec<AccountDiff> =
        (0..3_000).map(|n| touch(&MemorySource::new(), key(n), n + 1)).collect();
    let owner = key(17);
    let slots = (0..500).map(|n| (key(n), U256::from(n + 1))).collect();
    let after = diffs[17].after;
    diffs[17] = world.diff(owner, None, after, slots);
    diffs.sort_by_key(|diff| diff.hash);
    world.apply(&trie, &mut diffs);
    (world, owner)
}

/// Touches every account and slot of the intact state, reading from a damaged copy of it.
fn update(world: &World, damaged: &dyn TrieSource, owner: B256) -> Result<B256, TrieError> {
    let mut diffs: Vec<AccountDiff> =
        world.source.all_accounts().map(|(hash, _)| touch(&world.source, hash, 9_999)).collect();
    let diff = diffs.iter_mut().find(|diff| diff.hash == owner).expect("exists");
    diff.slots = world
        .source
        .all_slots(&owner)
        .map(|(hash, before)| SlotDiff { hash, before, after: before + U256::from(1) })
        .collect();
    let trie = StateTrie::new(TrieConfig::default());
    let version = trie.version(world.version.root());
    trie.update(&version, damaged, &mut diffs).map(|update| update.root)
}

#[test]
fn every_damaged_leaf_is_noticed() {
    let mut rng = rng("damaged leaves");
    let (world, owner) = world();
    let accounts: Vec<_> = world.source.all_accounts().collect();
    let slots: Vec<_> = world.source.all_slots(&owner).collect();
    for round in 0..60 {
        let mut damaged = world.source.clone();
        let (hash, account) = accounts[rng.random_range(0..accounts.len())];
        let (slot, value) = slots[rng.random_range(0..slots.len())];
        match round % 6 {
            0 => damaged.set_account(hash, None),
            1 => damaged.set_account(hash, Some(Account { nonce: account.nonce + 1, ..account })),
            2 => damaged.set_account(keccak256(hash), Some(account)),
            3 => damaged.set_slot(owner, slot, U256::ZERO),
            4 => damaged.set_slot(owner, slot, value + U256::from(1)),
            _ => damaged.set_slot(owner, keccak256(slot), value),
        }
        let error = update(&world, &damaged, owner).expect_err("a wrong state");
        assert!(matches!(error, TrieError::Corrupt { .. }), "{error}");
    }
}

#[test]
fn every_damaged_node_is_noticed() {
    let mut rng = rng("damaged nodes");
    let (world, owner) = world();
    let nodes: Vec<_> = world.source.all_nodes().map(|(key, node)| (key.clone(), node)).collect();
    let ways: [fn(&mut StoredNode); 9] = [
        |node| node.refs[0] = NodeRef::of(&[&node.refs[0][..], &[1]].concat()),
        |node| node.refs[0] = NodeRef::NONE,
        |node| {
            node.refs.pop();
        },
        |node| node.refs.swap(0, 1),
        |node| node.state_mask ^= 1 << 15,
        |node| node.state_mask = 0,
        |node| node.prefix.push(3),
        |node| node.prefix = vec![200; 70],
        |node| node.refs[0] = NodeRef::of(&[0xc8, 1, 2, 3, 4, 5, 6, 7, 8]),
    ];
    for way in ways {
        for _ in 0..6 {
            let ((owner_of, path), node) = nodes[rng.random_range(0..nodes.len())].clone();
            let mut node = node.clone();
            way(&mut node);
            let mut damaged = world.source.clone();
            damaged.set_node(owner_of, path.clone(), Some(node));
            let error = update(&world, &damaged, owner).expect_err("a wrong node");
            let TrieError::Corrupt { owner: at, .. } = error else { panic!("{error}") };
            assert_eq!(at, owner_of);
        }
    }
    for ((owner_of, path), _) in nodes {
        let mut damaged = world.source.clone();
        damaged.set_node(owner_of, path.clone(), None);
        let error = update(&world, &damaged, owner).expect_err("a missing node");
        let TrieError::Corrupt { defect, .. } = error else { panic!("{error}") };
        match path.is_empty() {
            true => assert_eq!(defect, Defect::TooManyLeaves { limit: 64 }),
            false => assert_eq!(defect, Defect::MissingNode),
        }
    }
}

#[test]
fn a_wrong_leaf_count_is_noticed_when_it_matters() {
    let (world, owner) = world();
    let mut damaged = world.source.clone();
    let node = damaged.stored_node(Some(&owner), &[]).expect("memory").expect("is stored");
    for count in [65, 499, 501, u64::MAX] {
        let node = StoredNode { leaf_count: count, ..node.clone() };
        damaged.set_node(Some(owner), Vec::new(), Some(node));
        // Deleting all slots but one makes the branch collapse, which needs the count.
        let trie = StateTrie::new(TrieConfig::default());
        let before = world.source.account(&owner).expect("exists");
        let slots = world.source.all_slots(&owner).skip(1).map(|(slot, _)| (slot, U256::ZERO));
        let mut diffs = [world.diff(owner, Some(before), Some(before), slots.collect())];
        let error = trie
            .update(&trie.version(world.version.root()), &damaged, &mut diffs)
            .expect_err("a wrong count");
        let TrieError::Corrupt { defect: Defect::LeafCount { .. }, .. } = error else {
            panic!("{error}")
        };
    }
}

#[test]
fn the_state_of_another_block_is_refused() {
    let (world, owner) = world();
    let mut other = world.clone();
    let trie = StateTrie::new(TrieConfig::default());
    let diff = touch(&other.source, key(3), 77_777);
    other.apply(&trie, &mut [diff]);
    let error = update(&world, &other.source, owner).expect_err("another root");
    let TrieError::Corrupt { owner: None, path, defect: Defect::WrongHash { .. } } = error else {
        panic!("{error}")
    };
    assert!(path.is_empty());
    let error = account_proof(&other.source, world.version.root(), owner, &[], 1_000);
    assert!(matches!(error, Err(TrieError::Corrupt { .. })));
    // A state that is not there at all.
    let error = update(&world, &MemorySource::new(), owner).expect_err("no state");
    assert!(error.to_string().contains("no leaf"), "{error}");
}

#[test]
fn callers_that_break_the_rules_are_told() {
    let (world, owner) = world();
    let trie = StateTrie::new(TrieConfig::default());
    let apply = |diffs: &mut [AccountDiff]| {
        trie.update(&world.version, &world.source, diffs).expect_err("refused")
    };
    let (a, b) = (touch(&world.source, key(1), 5), touch(&world.source, key(2), 5));
    let mut diffs = [a.clone(), b];
    diffs.sort_by_key(|diff| std::cmp::Reverse(diff.hash));
    assert!(matches!(apply(&mut diffs), TrieError::Unsorted { .. }));
    assert!(matches!(apply(&mut [a.clone(), a]), TrieError::Unsorted { .. }));

    let account = world.source.account(&owner);
    let slot = SlotDiff { hash: key(1), before: U256::from(2), after: U256::from(3) };
    let twice = AccountDiff { hash: owner, before: account, after: account, slots: vec![slot; 2] };
    assert!(matches!(apply(&mut [twice]), TrieError::Unsorted { .. }));
    for slots in [vec![], vec![slot]] {
        let deleted = AccountDiff { hash: owner, before: account, after: None, slots };
        let TrieError::OrphanStorage { account, .. } = apply(&mut [deleted]) else {
            panic!("an account with storage was deleted")
        };
        assert_eq!(account, owner);
    }
    // A storage root that the trie has never had, for an account that does not exist.
    let ghost = Some(Account { storage_root: key(4), ..Account::default() });
    let diff = AccountDiff { hash: key(70_000), before: ghost, after: ghost, slots: vec![slot] };
    assert!(matches!(
        apply(&mut [diff]),
        TrieError::Corrupt { defect: Defect::MissingLeaf(_), .. }
    ));
}

/// Fails at the read of that number.
struct Failing<'a>(&'a MemorySource, std::sync::atomic::AtomicUsize);

impl Failing<'_> {
    fn read(&self) -> Result<(), SourceError> {
        let left = self.1.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        if left == 0 { Err(SourceError::new("the disk is gone")) } else { Ok(()) }
    }
}

impl TrieSource for Failing<'_> {
    fn stored_node(
        &self,
        owner: Option<&B256>,
        path: &[u8],
    ) -> Result<Option<StoredNode>, SourceError> {
        self.read()?;
        self.0.stored_node(owner, path)
    }

    fn accounts(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, Account) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.read()?;
        self.0.accounts(prefix, start, f)
    }

    fn slots(
        &self,
        owner: &B256,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, U256) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.read()?;
        self.0.slots(owner, prefix, start, f)
    }
}

#[test]
fn a_failing_read_is_a_source_error_and_the_next_try_succeeds() {
    let (world, _) = world();
    let trie = StateTrie::new(TrieConfig::default());
    let version = trie.version(world.version.root());
    let mut diffs: Vec<_> = (0..40).map(|n| touch(&world.source, key(n * 7), 9)).collect();
    diffs.sort_by_key(|diff| diff.hash);
    let mut failures = 0;
    let root = loop {
        // What was read before the failure stays loaded, so that each try gets further.
        let source = Failing(&world.source, 2.into());
        match trie.update(&version, &source, &mut diffs) {
            Ok(update) => break update.root,
            Err(TrieError::Source(_)) => failures += 1,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(failures > 10, "{failures}");
    let expected = StateTrie::new(TrieConfig { budget_bytes: 0 });
    let expected =
        expected.update(&version, &world.source, &mut diffs).expect("the source is sound");
    assert_eq!(root, expected.root);
}
