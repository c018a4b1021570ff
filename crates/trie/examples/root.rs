//! Times the state root of blocks that touch 2,000 of 200,000 accounts, and the root from scratch.
//!
//! `cargo run --profile ci -p phala-trie --example root [ACCOUNTS] [TOUCHED] [BUDGET_MB] [BLOCKS]`

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U256, keccak256};
use phala_primitives::{Account, AccountDiff, SlotDiff};
use phala_trie::{MemorySource, StateTrie, TrieConfig, TrieVersion, state_root_from_sorted};

/// Versions an engine keeps.
const VERSIONS_KEPT: usize = 16;
/// Every so many touched accounts is a contract with changed slots.
const CONTRACT_EVERY: u64 = 100;
/// Slots changed in each of those.
const SLOTS: u64 = 60;

/// What each block does.
struct Load {
    accounts: u64,
    touched: u64,
    slots: u64,
    blocks: u64,
}

fn main() {
    let mut arguments =
        std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let accounts: u64 = arguments.next().unwrap_or(200_000);
    let touched: u64 = arguments.next().unwrap_or(2_000);
    let budget_mb: u64 = arguments.next().unwrap_or(64);
    let count: u64 = arguments.next().unwrap_or(60);

    let (source, root) = genesis(accounts);
    for (name, slots) in [("accounts only", 0), ("with storage", SLOTS)] {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("threads start");
            pool.install(|| {
                let config = TrieConfig { budget_bytes: (budget_mb as usize) << 20 };
                let trie = StateTrie::new(config);
                let label = format!("{name}, {threads} thread(s)");
                let load = Load { accounts, touched, slots, blocks: count };
                blocks(&label, &trie, source.clone(), trie.version(root), &load);
            });
        }
    }
}

fn key(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// A state of `count` accounts; prints how long its root took from scratch.
fn genesis(count: u64) -> (MemorySource, B256) {
    let mut source = MemorySource::new();
    for number in 0..count {
        let balance = U256::from(10).pow(U256::from(18)) + U256::from(number);
        source.set_account(key(number), Some(Account { nonce: 1, balance, ..Account::default() }));
    }
    let mut nodes = Vec::new();
    let start = Instant::now();
    let accounts = source.all_accounts().map(|(hash, account)| (hash, account, []));
    let root = state_root_from_sorted(accounts, |owner: Option<&B256>, path, node| {
        nodes.push((owner.copied(), path, node));
        Ok(())
    })
    .expect("sorted");
    let elapsed = start.elapsed();
    println!(
        "from scratch: {count} accounts in {elapsed:.1?}, {:.2} M/s, {} stored nodes, root {root}",
        count as f64 / elapsed.as_secs_f64() / 1e6,
        nodes.len()
    );
    for (owner, path, node) in nodes {
        source.set_node(owner, path, Some(node));
    }
    (source, root)
}

/// Runs blocks on a state and prints how long the root of each took.
fn blocks(
    name: &str,
    trie: &StateTrie,
    mut source: MemorySource,
    mut version: TrieVersion,
    load: &Load,
) {
    let start = Instant::now();
    trie.warm(&version, &source, usize::MAX, Duration::MAX).expect("sound");
    println!("{name}: warm in {:.1?}, {:?}", start.elapsed(), trie.stats());
    let mut times = Vec::new();
    let mut kept = VecDeque::new();
    let mut nodes = 0;
    let mut release = Duration::ZERO;
    for block in 0..load.blocks {
        let mut diffs = diffs(&source, load, block);
        let start = Instant::now();
        let update = trie.update(&version, &source, &mut diffs).expect("sound");
        times.push(start.elapsed());
        nodes = update.nodes.len();
        source.apply(&diffs, &update.nodes);
        version = update.version;
        kept.push_back(version.clone());
        let start = Instant::now();
        if kept.len() > VERSIONS_KEPT {
            kept.pop_front();
        }
        release += start.elapsed();
    }
    times.sort_unstable();
    println!(
        "{name}: min {:.2?}, median {:.2?}, max {:.2?}; release {:.2?}; {nodes} nodes changed; {:?}",
        times[0],
        times[times.len() / 2],
        times[times.len() - 1],
        release / times.len() as u32,
        trie.stats()
    );
}

/// Changes random accounts, every 20th a new one, and slots of some of the others.
fn diffs(source: &MemorySource, load: &Load, block: u64) -> Vec<AccountDiff> {
    let Load { accounts, touched, slots, .. } = *load;
    let random = |salt: u64| {
        let word = keccak256([block.to_be_bytes(), salt.to_be_bytes()].concat());
        u64::from_be_bytes(word[..8].try_into().expect("eight bytes"))
    };
    let mut hashes = BTreeSet::new();
    for salt in 0.. {
        if hashes.len() as u64 == touched {
            break;
        }
        let number = if salt % 20 == 0 { accounts + random(salt) } else { random(salt) % accounts };
        hashes.insert(key(number));
    }
    let diff = |(index, hash): (u64, B256)| {
        let before = source.account(&hash);
        let mut after = before.unwrap_or_default();
        after.nonce += 1;
        after.balance += U256::from(block + 1);
        let slots = if index % CONTRACT_EVERY == 0 { slots } else { 0 };
        let slot = |number: u64| {
            let slot = key(number);
            let before = source.slot(&hash, &slot);
            SlotDiff { hash: slot, before, after: before + U256::from(1) }
        };
        let slots: std::collections::BTreeMap<B256, SlotDiff> =
            (0..slots).map(|n| slot(random(n) % 2_000)).map(|slot| (slot.hash, slot)).collect();
        AccountDiff { hash, before, after: Some(after), slots: slots.into_values().collect() }
    };
    (0..).zip(hashes).map(diff).collect()
}
