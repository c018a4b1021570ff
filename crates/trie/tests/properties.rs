//! The incremental trie against tries built from scratch, on random histories.

mod support;

use alloy_primitives::B256;
use phala_primitives::EMPTY_STORAGE_ROOT;
use phala_trie::{MemorySource, StateTrie, TrieConfig, state_root_from_sorted};
use rand::Rng;
use support::{
    Keys, World, alloy_state_root, assert_nodes, assert_same_nodes, leaves_of, naive_root,
    reversed, rng,
};

fn trie(budget_bytes: usize) -> StateTrie {
    StateTrie::new(TrieConfig { budget_bytes })
}

/// The root from scratch and a state that has only the nodes from scratch.
fn from_scratch(source: &MemorySource) -> (B256, MemorySource) {
    let mut fresh = MemorySource::new();
    let mut nodes = Vec::new();
    let accounts = source.all_accounts().map(|(hash, account)| {
        let slots: Vec<_> = source.all_slots(&hash).collect();
        (hash, account, slots)
    });
    let root = state_root_from_sorted(accounts, |owner: Option<&B256>, path, node| {
        nodes.push((owner.copied(), path, node));
        Ok(())
    })
    .expect("sorted");
    for (hash, account) in source.all_accounts() {
        fresh.set_account(hash, Some(account));
        source.all_slots(&hash).for_each(|(slot, value)| fresh.set_slot(hash, slot, value));
    }
    for (owner, path, node) in nodes {
        fresh.set_node(owner, path, Some(node));
    }
    (root, fresh)
}

/// Runs a history and checks every block of it in every way there is.
fn check_history(name: &str, keys: Keys, blocks: usize, accounts: usize, slots: usize) {
    let mut rng = rng(name);
    let warm = trie(256 << 20);
    let cold = trie(0);
    let tight = trie(400 << 10);
    let mut world = World::new(&warm);
    for block in 0..blocks {
        // Phases of growth and of decay, down to nothing at the end.
        let deletes = [0.05, 0.3, 0.9][block * 3 / blocks];
        let count = rng.random_range(1..=accounts);
        let mut diffs = world.random_diffs(&mut rng, keys, count, slots, deletes);
        let parent = world.clone();
        let update = world.apply(&warm, &mut diffs);

        let root = alloy_state_root(&world.source);
        assert_eq!(update.root, root, "block {block}");
        let (scratch, fresh) = from_scratch(&world.source);
        assert_eq!(scratch, root);
        assert!(fresh.all_nodes().eq(world.source.all_nodes()), "nodes after block {block}");
        if block % 8 == 0 {
            assert_eq!(naive_root(&leaves_of(&world.source, None)), root);
            assert_nodes(&world.source);
        }

        for other in [&cold, &tight] {
            let version = other.version(parent.version.root());
            let again = other.update(&version, &parent.source, &mut diffs).expect("sound");
            assert_eq!(again.root, root);
            assert_same_nodes(&again.nodes, &update.nodes);
        }

        // Undone, it is as before, down to the stored nodes.
        let mut undone = world.clone();
        let mut undo = reversed(&diffs);
        assert_eq!(undone.apply(&warm, &mut undo).root, parent.version.root(), "undo {block}");
        assert!(undone.source.all_accounts().eq(parent.source.all_accounts()));
        assert!(undone.source.all_nodes().eq(parent.source.all_nodes()));
        if block % 8 == 0 {
            assert_nodes(&undone.source);
        }
    }
    assert_eq!(cold.stats().bytes, 0);
    assert!(tight.stats().bytes <= 400 << 10);
}

#[test]
fn spread_keys() {
    check_history("spread keys", Keys::Spread, 60, 60, 6);
}

#[test]
fn dense_keys() {
    check_history("dense keys", Keys::Dense, 60, 120, 10);
}

#[test]
fn tail_keys_with_embedded_nodes() {
    check_history("tail keys", Keys::Tail, 60, 80, 60);
}

#[test]
fn large_batches() {
    check_history("large batches", Keys::Spread, 9, 3000, 1);
}

#[test]
fn few_accounts_with_much_storage() {
    check_history("much storage", Keys::Spread, 24, 3, 900);
}

#[test]
fn one_thread_four_threads_and_small_batches_agree() {
    let mut rng = rng("threads");
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start")
    };
    let (one, four) = (pool(1), pool(4));
    let (a, b, c) = (trie(64 << 20), trie(64 << 20), trie(64 << 20));
    let (mut world_a, mut world_b, mut world_c) = (World::new(&a), World::new(&b), World::new(&c));
    for _ in 0..12 {
        let mut diffs = world_a.random_diffs(&mut rng, Keys::Spread, 1200, 8, 0.2);
        let mut same = diffs.clone();
        let first = one.install(|| world_a.apply(&a, &mut diffs));
        let second = four.install(|| world_b.apply(&b, &mut same));
        assert_eq!(first.root, second.root);
        assert_same_nodes(&first.nodes, &second.nodes);
        assert_eq!(diffs, same);
        // Below 64 keys nothing is split over threads.
        for part in diffs.clone().chunks_mut(6) {
            world_c.apply(&c, part);
        }
        assert_eq!(world_c.version.root(), first.root);
    }
    assert_nodes(&world_a.source);
    assert_nodes(&world_c.source);
}

#[test]
fn two_branches_of_versions_alternate() {
    let mut rng = rng("siblings");
    let shared = trie(64 << 20);
    let mut base = World::new(&shared);
    for _ in 0..4 {
        let mut diffs = base.random_diffs(&mut rng, Keys::Spread, 1500, 4, 0.0);
        base.apply(&shared, &mut diffs);
    }
    let loads = shared.stats();
    let mut branches = [base.clone(), base.clone()];
    let mut kept = Vec::new();
    for round in 0..50 {
        for branch in &mut branches {
            let mut diffs = branch.random_diffs(&mut rng, Keys::Spread, 60, 4, 0.2);
            branch.apply(&shared, &mut diffs);
            if round % 10 == 0 {
                assert_eq!(branch.version.root(), alloy_state_root(&branch.source));
            }
            kept.push(branch.version.clone());
        }
        if kept.len() > 32 {
            kept.drain(..2);
        }
    }
    let [a, b] = &branches;
    assert_ne!(a.version.root(), b.version.root());
    for branch in [a, b] {
        assert_nodes(&branch.source);
    }
    // What the first branch replaced and released, the second may have to read once more.
    let read = shared.stats().page_loads - loads.page_loads;
    assert!(read <= loads.nodes as u64, "{read} pages read");
    // The parent is as it was.
    let mut diffs = base.random_diffs(&mut rng, Keys::Spread, 60, 4, 0.2);
    base.apply(&shared, &mut diffs);
    assert_eq!(base.version.root(), alloy_state_root(&base.source));
}

#[test]
fn dropped_versions_release_their_nodes() {
    let mut rng = rng("release");
    let trie = trie(64 << 20);
    let mut world = World::new(&trie);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 5000, 0, 0.0);
    world.apply(&trie, &mut diffs);
    let mut history = std::collections::VecDeque::new();
    let mut sizes = Vec::new();
    for block in 0..300 {
        // Storage tries stay in memory for the account's sake, so that they come later.
        let slots = usize::from(block > 200);
        let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 50, slots, 0.3);
        // A sibling that nothing is built on.
        let mut lost = world.clone();
        lost.apply(&trie, &mut diffs.clone());
        drop(lost);
        world.apply(&trie, &mut diffs);
        history.push_back(world.version.clone());
        if history.len() > 4 {
            history.pop_front();
        }
        sizes.push(trie.stats().bytes);
    }
    assert!(sizes[200] < sizes[50] * 5 / 4, "{} bytes, then {}", sizes[50], sizes[200]);
    assert_eq!(trie.stats().evictions, 0);
    let mut rest: Vec<_> = world.source.all_accounts().map(|(hash, _)| hash).collect();
    rest.sort_unstable();
    let mut diffs: Vec<_> = rest
        .into_iter()
        .map(|hash| {
            let slots = world.source.all_slots(&hash).map(|(slot, _)| (slot, Default::default()));
            world.diff(hash, world.source.account(&hash), None, slots.collect())
        })
        .collect();
    let end = world.apply(&trie, &mut diffs);
    assert_eq!(end.root, EMPTY_STORAGE_ROOT);
    assert_eq!(world.source, MemorySource::new());
    drop((end, history));
    let version = world.version.clone();
    drop(world);
    assert_eq!(trie.stats().nodes, 0, "{:?}", trie.stats());
    drop(version);
}

#[test]
fn a_version_of_another_trie_is_read_from_the_source() {
    let mut rng = rng("foreign");
    let (ours, theirs) = (trie(64 << 20), trie(64 << 20));
    let mut world = World::new(&ours);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 500, 3, 0.0);
    world.apply(&ours, &mut diffs);
    let mut other = World::new(&theirs);
    let mut filler = other.random_diffs(&mut rng, Keys::Spread, 500, 3, 0.0);
    other.apply(&theirs, &mut filler);
    let mut diffs = world.random_diffs(&mut rng, Keys::Spread, 100, 3, 0.1);
    let update = theirs.update(&world.version, &world.source, &mut diffs).expect("sound");
    world.apply(&ours, &mut diffs);
    assert_eq!(update.root, world.version.root());
}
