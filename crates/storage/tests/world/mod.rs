//! A chain of random blocks beside a store, and a naive model of every state it ever had.
#![allow(dead_code, unreachable_pub, reason = "each test target uses a part of it")]

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use alloy_consensus::{Receipt as InnerReceipt, Sealable, TxReceipt, proofs};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind, U256, keccak256};
use op_alloy_consensus::{OpDepositReceipt, TxDeposit};
use phala_chainspec::{ChainSpec, GenesisAccount};
use phala_primitives::{
    Account, AccountDiff, Block, BlockBody, BlockRef, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, Heads,
    Receipt, RecoveredBlock, SlotDiff, Transaction,
};
use phala_storage::kv::{KvStore, MemoryKv};
use phala_storage::{BlockDiff, Record, StorageError, Store, StoreConfig, TailLimits, View};
use phala_trie::{StateTrie, TrieConfig, TrieVersion};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// All accounts and slots of one block, by hash.
pub type State = BTreeMap<B256, (Account, BTreeMap<B256, U256>)>;

/// Shape of a world.
#[derive(Clone, Copy)]
pub struct Shape {
    pub accounts: u32,
    pub contracts: u32,
    pub slots: u32,
    pub changes: u32,
}

pub const SMALL: Shape = Shape { accounts: 40, contracts: 4, slots: 12, changes: 8 };

/// Large enough for stored nodes and for recorded ones.
pub const LARGE: Shape = Shape { accounts: 2_500, contracts: 3, slots: 1_500, changes: 120 };

pub struct World {
    pub seed: u64,
    pub shape: Shape,
    pub rng: StdRng,
    pub spec: ChainSpec,
    pub genesis: BlockRef,
    pub store: Store,
    /// Random bytes in the input of each transaction.
    pub input_bytes: usize,
    trie: StateTrie,
    versions: HashMap<B256, TrieVersion>,
    pub states: HashMap<B256, Arc<State>>,
    pub records: HashMap<B256, Arc<Record>>,
}

/// Advances only when told to.
pub fn manual(reorg_blocks: u64) -> StoreConfig {
    StoreConfig {
        background: false,
        tail: TailLimits { reorg_blocks, ..TailLimits::default() },
        ..StoreConfig::default()
    }
}

/// The seed of this run: from the environment, or fixed; printed either way.
pub fn seed(default: u64) -> u64 {
    let seed = std::env::var("PHALA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(default);
    println!("seed {seed} (set PHALA_SEED to choose)");
    seed
}

pub fn address(index: u32) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

pub fn account_hash(index: u32) -> B256 {
    keccak256(address(index))
}

pub fn slot_number(index: u32) -> B256 {
    B256::from(U256::from(index))
}

pub fn slot_hash(index: u32) -> B256 {
    keccak256(slot_number(index))
}

fn code(index: u32) -> Bytes {
    Bytes::from(vec![0x60, (index >> 8) as u8, index as u8, 0x00])
}

pub fn spec(shape: Shape) -> ChainSpec {
    let mut spec = ChainSpec::dev();
    spec.genesis.alloc.clear();
    for index in 0..shape.accounts {
        let is_contract = index < shape.contracts;
        let mut account = GenesisAccount {
            nonce: u64::from(is_contract),
            balance: U256::from(1_000_000 + u64::from(index)),
            code: if is_contract { code(index) } else { Bytes::new() },
            storage: BTreeMap::new(),
        };
        if is_contract {
            for slot in 0..shape.slots {
                account.storage.insert(slot_number(slot), U256::from(slot + 1));
            }
        }
        spec.genesis.alloc.insert(address(index), account);
    }
    spec
}

impl World {
    pub fn new(seed: u64, shape: Shape, kv: Arc<MemoryKv>, config: StoreConfig) -> Self {
        Self::try_new(seed, shape, kv, config).expect("genesis")
    }

    pub fn try_new(
        seed: u64,
        shape: Shape,
        kv: Arc<MemoryKv>,
        config: StoreConfig,
    ) -> Result<Self, StorageError> {
        Self::on(seed, shape, Store::with_kv(kv as Arc<dyn KvStore>, config)?)
    }

    /// A world whose genesis is written into this store.
    pub fn on(seed: u64, shape: Shape, store: Store) -> Result<Self, StorageError> {
        let spec = spec(shape);
        let hash = store.init_genesis(&spec)?;
        let mut world = Self {
            seed,
            shape,
            rng: StdRng::seed_from_u64(seed),
            genesis: BlockRef { number: 0, hash },
            store,
            input_bytes: 0,
            trie: StateTrie::new(TrieConfig::default()),
            versions: HashMap::new(),
            states: HashMap::new(),
            records: HashMap::new(),
            spec,
        };
        let state = genesis_state(&world.spec);
        let root = root(&state);
        let header = world.store.header(hash)?.expect("genesis header");
        assert_eq!(header.state_root, root, "genesis root");
        world.versions.insert(hash, world.trie.version(root));
        world.states.insert(hash, Arc::new(state));
        Ok(world)
    }

    pub fn number(&self, hash: B256) -> u64 {
        if hash == self.genesis.hash { 0 } else { self.records[&hash].block.number }
    }

    pub fn parent(&self, hash: B256) -> B256 {
        self.records[&hash].block.parent_hash
    }

    /// Blocks from genesis (exclusive) to this one.
    pub fn chain(&self, tip: B256) -> Vec<B256> {
        let mut chain = Vec::new();
        let mut at = tip;
        while at != self.genesis.hash {
            chain.push(at);
            at = self.parent(at);
        }
        chain.reverse();
        chain
    }

    /// A new block on `parent`, whose state the store must be able to show. Not written.
    pub fn block_on(&mut self, parent: B256) -> Arc<Record> {
        let changes = self.shape.changes;
        self.block_with(parent, changes)
    }

    pub fn block_with(&mut self, parent: B256, changes: u32) -> Arc<Record> {
        let number = self.number(parent) + 1;
        let old = Arc::clone(&self.states[&parent]);
        let (mut diffs, codes) = self.random_diffs(&old, changes);
        let view = self.store.view(parent).expect("read").expect("parent state is shown");
        let version = self.versions[&parent].clone();
        let update = self.trie.update(&version, &view, &mut diffs).expect("root");

        let mut state = (*old).clone();
        for diff in &diffs {
            let slots = state.remove(&diff.hash).map(|(_, slots)| slots).unwrap_or_default();
            if let Some(account) = diff.after {
                let mut slots = slots;
                for slot in &diff.slots {
                    if slot.after.is_zero() {
                        slots.remove(&slot.hash);
                    } else {
                        slots.insert(slot.hash, slot.after);
                    }
                }
                state.insert(diff.hash, (account, slots));
            }
        }
        assert_eq!(update.root, root(&state), "root from scratch");

        let (transactions, receipts, senders) = self.random_transactions(number);
        let with_bloom: Vec<_> = receipts.iter().map(|receipt| receipt.with_bloom_ref()).collect();
        let mut header = self.spec.genesis_header(update.root, EMPTY_STORAGE_ROOT);
        header.parent_hash = parent;
        header.number = number;
        header.timestamp += number * 2;
        header.mix_hash = B256::from(U256::from(self.rng.random::<u64>()));
        header.transactions_root = proofs::calculate_transaction_root(&transactions);
        header.receipts_root = proofs::calculate_receipt_root(&with_bloom);
        header.logs_bloom = with_bloom.iter().fold(Bloom::ZERO, |all, one| all | one.logs_bloom);
        header.gas_used = receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used());
        let hash = header.hash_slow();
        let withdrawals = header.withdrawals_root.map(|_| Default::default());
        let body = BlockBody { transactions, ommers: vec![], withdrawals };
        let record = Arc::new(Record {
            block: Arc::new(RecoveredBlock::new(Block { header, body }, senders, hash)),
            receipts: Arc::new(receipts),
            diff: Arc::new(BlockDiff { parent, accounts: diffs, trie: update.nodes }),
            codes,
        });
        self.versions.insert(hash, update.version);
        self.states.insert(hash, Arc::new(state));
        self.records.insert(hash, Arc::clone(&record));
        record
    }

    fn random_diffs(
        &mut self,
        state: &State,
        changes: u32,
    ) -> (Vec<AccountDiff>, Vec<(B256, Bytes)>) {
        let mut diffs: BTreeMap<B256, AccountDiff> = BTreeMap::new();
        let mut codes = Vec::new();
        for _ in 0..changes {
            // Sometimes an account that does not exist yet.
            let index = self.rng.random_range(0..self.shape.accounts + self.shape.accounts / 4);
            let hash = account_hash(index);
            let old = state.get(&hash);
            let before = old.map(|(account, _)| *account);
            let mut after = before;
            let mut slots = BTreeMap::new();
            match after.as_mut() {
                None => {
                    let mut account = Account { balance: U256::from(index), ..Default::default() };
                    if self.rng.random_bool(0.3) {
                        account.nonce = 1;
                        let code = code(1_000 + index);
                        account.code_hash = keccak256(&code);
                        codes.push((account.code_hash, code));
                    }
                    after = (!account.is_empty()).then_some(account);
                }
                Some(account) if account.code_hash != EMPTY_CODE_HASH => {
                    account.balance += U256::from(1);
                    for _ in 0..self.rng.random_range(1..8) {
                        let slot = self.rng.random_range(0..self.shape.slots * 2);
                        let value = U256::from(self.rng.random_range(0..4u64));
                        slots.insert(slot_hash(slot), value);
                    }
                }
                Some(account) => {
                    account.nonce += 1;
                    account.balance = U256::from(self.rng.random::<u64>());
                    // EIP-161 could remove an account the model made without balance.
                    if self.rng.random_bool(0.15) {
                        after = None;
                    }
                }
            }
            let slots = slots
                .into_iter()
                .filter_map(|(hash, after)| {
                    let before = old.and_then(|(_, slots)| slots.get(&hash)).copied();
                    let before = before.unwrap_or_default();
                    (before != after).then_some(SlotDiff { hash, before, after })
                })
                .collect::<Vec<_>>();
            if before != after || !slots.is_empty() {
                diffs.insert(hash, AccountDiff { hash, before, after, slots });
            }
        }
        (diffs.into_values().collect(), codes)
    }

    fn random_transactions(
        &mut self,
        number: u64,
    ) -> (Vec<Transaction>, Vec<Receipt>, Vec<Address>) {
        let mut transactions = Vec::new();
        let mut receipts = Vec::new();
        let mut senders = Vec::new();
        let mut gas = 0;
        for index in 0..self.rng.random_range(1..4u64) {
            let from = address(self.rng.random_range(0..self.shape.accounts));
            let mut input = vec![7; self.rng.random_range(0..60)];
            input.extend((0..self.input_bytes).map(|_| self.rng.random::<u8>()));
            let nonce: u64 = self.rng.random();
            let source = [self.seed, number, index, nonce].map(u64::to_be_bytes).concat();
            let deposit = TxDeposit {
                source_hash: keccak256(source),
                from,
                to: TxKind::Call(address(0)),
                mint: 0,
                value: U256::from(index),
                gas_limit: 100_000,
                is_system_transaction: false,
                input: Bytes::from(input),
            };
            gas += 21_000;
            let logs = (0..self.rng.random_range(0..3u32))
                .map(|_| {
                    let topics = (0..self.rng.random_range(0..4u32))
                        .map(|_| slot_number(self.rng.random_range(0..6)))
                        .collect();
                    let emitter = address(self.rng.random_range(0..5));
                    Log::new_unchecked(emitter, topics, Bytes::from(vec![1; 3]))
                })
                .collect();
            receipts.push(Receipt::Deposit(OpDepositReceipt {
                inner: InnerReceipt {
                    status: self.rng.random_bool(0.9).into(),
                    cumulative_gas_used: gas,
                    logs,
                },
                deposit_nonce: Some(number),
                deposit_receipt_version: Some(1),
            }));
            transactions.push(Transaction::Deposit(deposit.seal_slow()));
            senders.push(from);
        }
        (transactions, receipts, senders)
    }

    pub fn block_ref(&self, hash: B256) -> BlockRef {
        BlockRef { number: self.number(hash), hash }
    }

    /// Heads with this latest block, safe and finalized as they are where they lie on its chain.
    pub fn heads_on(&self, latest: B256) -> Heads {
        let chain = self.chain(latest);
        let on_chain = |head: BlockRef| {
            head.number == 0
                || chain.get(head.number as usize - 1).is_some_and(|hash| *hash == head.hash)
        };
        let old = self.store.heads();
        let keep = |head: BlockRef| if on_chain(head) { head } else { self.genesis };
        let finalized = keep(old.finalized);
        let safe = keep(old.safe);
        let safe = if safe.number < finalized.number { finalized } else { safe };
        Heads { latest: self.block_ref(latest), safe, finalized }
    }

    pub fn set_head(&self, latest: B256) -> Result<(), StorageError> {
        self.store.set_heads(self.heads_on(latest), &[], None)
    }

    /// A new block on the head, written and made the head.
    pub fn extend(&mut self) -> B256 {
        let record = self.block_on(self.store.heads().latest.hash);
        self.store.write_record(&record).expect("write");
        self.set_head(record.block.hash()).expect("heads");
        record.block.hash()
    }

    /// Writes the chain to `tip` into another store and returns that store.
    pub fn straight_store(&self, tip: B256) -> Store {
        let store = Store::in_memory(manual(32)).expect("store");
        store.init_genesis(&self.spec).expect("genesis");
        let genesis = self.genesis;
        for hash in self.chain(tip) {
            let latest = self.block_ref(hash);
            let heads = Heads { latest, safe: genesis, finalized: genesis };
            store
                .write_block_and_heads(&self.records[&hash], heads, &[latest], None)
                .expect("straight import");
        }
        store
    }

    /// Compares a view with the model: point reads, scans, and absence.
    pub fn check_view(&self, view: &View, hash: B256) {
        let state = &self.states[&hash];
        assert_eq!(view.block(), self.block_ref(hash));
        for index in 0..self.shape.accounts + self.shape.accounts / 4 {
            let key = account_hash(index);
            let expected = state.get(&key).map(|(account, _)| *account);
            assert_eq!(view.account(&key).expect("read"), expected, "account {index}");
        }
        for index in 0..self.shape.contracts {
            let owner = account_hash(index);
            let slots = state.get(&owner).map(|(_, slots)| slots);
            for slot in 0..self.shape.slots * 2 {
                let key = slot_hash(slot);
                let expected = slots.and_then(|slots| slots.get(&key)).copied().unwrap_or_default();
                assert_eq!(view.slot(&owner, &key).expect("read"), expected, "slot {index}.{slot}");
            }
        }
        self.check_scans(view, hash);
    }

    pub fn check_scans(&self, view: &View, hash: B256) {
        let state = &self.states[&hash];
        let mut scanned = State::new();
        view.scan_accounts(&[], B256::ZERO, &mut |hash, account| {
            let mut slots = BTreeMap::new();
            view.scan_slots(&hash, &[], B256::ZERO, &mut |slot, value| {
                assert!(slots.insert(slot, value).is_none(), "slot twice");
                ControlFlow::Continue(())
            })
            .expect("scan slots");
            assert!(scanned.insert(hash, (account, slots)).is_none(), "account twice");
            ControlFlow::Continue(())
        })
        .expect("scan accounts");
        assert!(scanned == **state, "scan of {:?}", view.block());
    }

    /// Every state the store promises, against the model.
    pub fn check_all(&self) {
        let heads = self.store.heads();
        let chain = self.chain(heads.latest.hash);
        for number in self.store.oldest_state()..=heads.latest.number {
            let hash = if number == 0 { self.genesis.hash } else { chain[number as usize - 1] };
            assert_eq!(self.store.canonical_hash(number).expect("read"), Some(hash));
            self.check_view(&self.store.history(number).expect("history"), hash);
        }
        assert_eq!(self.store.canonical_hash(heads.latest.number + 1).expect("read"), None);
    }
}

pub fn genesis_state(spec: &ChainSpec) -> State {
    let mut state = State::new();
    for (address, account) in &spec.genesis.alloc {
        let slots: BTreeMap<_, _> =
            account.storage.iter().map(|(slot, value)| (keccak256(slot), *value)).collect();
        let storage_root = phala_trie::root_from_sorted(
            slots.iter().map(|(slot, value)| (*slot, alloy_rlp::encode(value))),
        )
        .expect("sorted");
        let code_hash = keccak256(&account.code);
        let account =
            Account { nonce: account.nonce, balance: account.balance, code_hash, storage_root };
        state.insert(keccak256(address), (account, slots));
    }
    state
}

/// State root from scratch, by alloy's own builder.
pub fn root(state: &State) -> B256 {
    alloy_trie::root::state_root_unsorted(state.iter().map(|(hash, (account, _))| {
        let account = alloy_trie::TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: account.storage_root,
            code_hash: account.code_hash,
        };
        (*hash, account)
    }))
}
