//! Times of what the node waits for. Printed, never asserted: run with
//! `cargo test --profile ci -p phala-storage --test speed -- --ignored --nocapture`.

mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_consensus::{Receipt as InnerReceipt, SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use phala_chainspec::{ChainSpec, GenesisAccount};
use phala_primitives::{
    Account, AccountDiff, Block, BlockBody, BlockRef, EMPTY_STORAGE_ROOT, Heads, NodeRef, Receipt,
    RecoveredBlock, SlotDiff, StoredNode, Transaction, TrieNodeDiff,
};
use phala_storage::{BlockDiff, ChainIdentity, Record, Store, StoreConfig};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const ACCOUNTS: u32 = 200_000;
const TRANSACTIONS: u32 = 776;
const CHANGED_ACCOUNTS: usize = 1_500;
const CHANGED_SLOTS: usize = 1_200;

fn genesis() -> ChainSpec {
    let mut spec = ChainSpec::dev();
    spec.genesis.alloc.clear();
    for index in 0..ACCOUNTS {
        let account = GenesisAccount {
            balance: U256::from(1_000_000_000_000_000_000u64),
            ..Default::default()
        };
        spec.genesis.alloc.insert(world::address(index), account);
    }
    let storage =
        (0..20_000).map(|slot| (world::slot_number(slot), U256::from(slot + 1))).collect();
    let code = Bytes::from_static(&[0x60, 0x00]);
    let token = GenesisAccount { nonce: 1, code, storage, ..Default::default() };
    spec.genesis.alloc.insert(Address::repeat_byte(0x70), token);
    spec
}

/// Has the shape of a full block; its roots are not those of its content.
fn full_block(rng: &mut StdRng, parent: BlockRef, spec: &ChainSpec) -> Record {
    let mut transactions = Vec::new();
    let mut receipts = Vec::new();
    for index in 0..TRANSACTIONS {
        let input: Bytes = (0..68).map(|byte| if byte < 36 { 0 } else { rng.random() }).collect();
        let tx = TxEip1559 {
            chain_id: spec.chain_id,
            nonce: u64::from(index),
            gas_limit: 60_000,
            max_fee_per_gas: 2_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::repeat_byte(0x70)),
            value: U256::ZERO,
            input,
            ..Default::default()
        };
        let signature = Signature::new(
            U256::from_be_bytes(rng.random::<[u8; 32]>()),
            U256::from_be_bytes(rng.random::<[u8; 32]>()),
            true,
        );
        transactions.push(Transaction::from(tx.into_signed(signature)));
        let topics = vec![B256::repeat_byte(1), B256::new(rng.random()), B256::new(rng.random())];
        let log = Log::new_unchecked(Address::repeat_byte(0x70), topics, Bytes::from(vec![1; 32]));
        receipts.push(Receipt::Eip1559(InnerReceipt {
            status: true.into(),
            cumulative_gas_used: u64::from(index + 1) * 38_000,
            logs: vec![log],
        }));
    }
    let mut header = spec.genesis_header(B256::new(rng.random()), EMPTY_STORAGE_ROOT);
    header.parent_hash = parent.hash;
    header.number = parent.number + 1;
    let hash = header.hash_slow();
    let senders = (0..TRANSACTIONS).map(world::address).collect();
    let body = BlockBody { transactions, ommers: vec![], withdrawals: Some(Default::default()) };
    Record {
        block: Arc::new(RecoveredBlock::new(Block { header, body }, senders, hash)),
        receipts: Arc::new(receipts),
        diff: Arc::new(full_diff(rng, parent.hash)),
        codes: vec![],
    }
}

fn full_diff(rng: &mut StdRng, parent: B256) -> BlockDiff {
    let account = |rng: &mut StdRng| Account {
        nonce: rng.random_range(0..1_000),
        balance: U256::from(rng.random::<u64>()),
        ..Default::default()
    };
    let mut accounts: Vec<_> = (0..CHANGED_ACCOUNTS)
        .map(|_| AccountDiff {
            hash: world::account_hash(rng.random_range(0..ACCOUNTS)),
            before: Some(account(rng)),
            after: Some(account(rng)),
            slots: vec![],
        })
        .collect();
    let mut slots: Vec<_> = (0..CHANGED_SLOTS)
        .map(|_| SlotDiff {
            hash: world::slot_hash(rng.random_range(0..20_000)),
            before: U256::from(rng.random::<u64>()),
            after: U256::from(rng.random::<u64>()),
        })
        .collect();
    slots.sort_unstable_by_key(|slot| slot.hash);
    slots.dedup_by_key(|slot| slot.hash);
    accounts[0].hash = keccak256(Address::repeat_byte(0x70));
    accounts[0].slots = slots;
    accounts.sort_unstable_by_key(|account| account.hash);
    accounts.dedup_by_key(|account| account.hash);
    let node = |rng: &mut StdRng| StoredNode {
        prefix: vec![],
        leaf_count: 781,
        state_mask: 0xffff,
        stored_mask: 0,
        refs: (0..16).map(|_| NodeRef::of_hash(B256::new(rng.random()))).collect(),
    };
    let trie = (0..256u16)
        .map(|path| {
            let after = node(rng);
            // About six of sixteen children change in a block.
            let mut before = after.clone();
            for _ in 0..6 {
                before.refs[rng.random_range(0..16)] = NodeRef::of_hash(B256::new(rng.random()));
            }
            let path = vec![(path >> 4) as u8, (path & 15) as u8];
            TrieNodeDiff { owner: None, path, before: Some(before), after: Some(after) }
        })
        .collect();
    BlockDiff { parent, accounts, trie }
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{what}: p50 {} us, p90 {} us, p99 {} us, max {} us", at(50), at(90), at(99), at(100));
}

#[test]
#[ignore = "prints times"]
fn times() {
    let folder = tempfile::tempdir().expect("folder");
    let config = StoreConfig::default();
    let store = Store::create(folder.path(), config).expect("create");
    let spec = genesis();
    let start = Instant::now();
    let hash = store.init_genesis(&spec).expect("genesis");
    println!("genesis of {ACCOUNTS} accounts: {} ms", start.elapsed().as_millis());
    let genesis = BlockRef { number: 0, hash };

    let mut rng = StdRng::seed_from_u64(1);
    let mut parent = genesis;
    let (mut writes, mut moves, mut both) = (Vec::new(), Vec::new(), Vec::new());
    let blocks = 200;
    let all = Instant::now();
    for number in 0..blocks {
        let record = full_block(&mut rng, parent, &spec);
        let latest = record.block_ref();
        let start = Instant::now();
        store.write_record(&record).expect("write");
        let written = Instant::now();
        let heads = Heads { latest, safe: genesis, finalized: genesis };
        store.set_heads(heads, &[latest], None).expect("heads");
        if number > 20 {
            writes.push(written - start);
            moves.push(written.elapsed());
            both.push(start.elapsed());
        }
        parent = latest;
        // What execution would take, during which base moves.
        std::thread::sleep(Duration::from_millis(30));
    }
    print("write_record", writes);
    print("set_heads", moves);
    print("both", both);
    println!("{blocks} blocks in {} ms", all.elapsed().as_millis());
    let stats = store.stats();
    println!(
        "base {}, tail {} blocks, {} keys, {} KB, {} layers, log {} KB",
        stats.base.number,
        stats.tail_blocks,
        stats.tail_entries,
        stats.tail_bytes >> 10,
        stats.layer_depth,
        stats.log_bytes >> 10
    );
    for (name, size) in &stats.families {
        println!("  {name}: {} KB, {} keys", size.disk_bytes >> 10, size.keys);
    }

    let view = store.latest_view().expect("view");
    let reads = 200_000;
    let keys: Vec<_> =
        (0..reads).map(|_| world::account_hash(rng.random_range(0..ACCOUNTS))).collect();
    let start = Instant::now();
    for key in &keys {
        view.account(key).expect("read");
    }
    println!("account read at the head: {} ns", start.elapsed().as_nanos() / reads as u128);
    let old = store.history(store.base().number.saturating_sub(20)).expect("history");
    let start = Instant::now();
    for key in &keys[..20_000] {
        old.account(key).expect("read");
    }
    println!("account read below base: {} ns", start.elapsed().as_nanos() / 20_000);
    drop((view, old));

    // The log is replayed at every start, as after a kill.
    println!("log: {} KB", store.stats().log_bytes >> 10);
    drop(store);
    let identity = ChainIdentity { chain_id: spec.chain_id, genesis_hash: Some(hash) };
    let start = Instant::now();
    let reopened = Store::open(folder.path(), identity, config).expect("open");
    reopened.latest_view().expect("view").account(&keys[0]).expect("read");
    println!("open to first read: {} ms", start.elapsed().as_millis());
    assert_eq!(reopened.heads().latest, parent);
}
