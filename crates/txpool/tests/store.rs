//! The pool on the node's own store, through public names only.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Signature, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::{ChainSpec, addresses::L1_BLOCK, next_base_fee};
use phala_primitives::{
    Account, AccountDiff, Block, BlockBody, BlockRef, Heads, RecoveredBlock, RecoveredTx,
    SealedHeader, SlotDiff, Transaction,
};
use phala_storage::{BlockDiff, Record, Store, StoreConfig};
use phala_txpool::{HeadUpdate, Origin, Pool, PoolConfig, PoolError};

struct Node {
    spec: Arc<ChainSpec>,
    store: Store,
    pool: Pool,
}

impl Node {
    fn new() -> Self {
        let spec = Arc::new(ChainSpec::dev());
        let store = Store::in_memory(StoreConfig { background: false, ..Default::default() })
            .expect("opens");
        store.init_genesis(&spec).expect("writes");
        let config = PoolConfig::default();
        let pool = Pool::new(Arc::clone(&spec), store.clone(), config, Arc::default());
        Self { spec, store, pool: pool.expect("starts") }
    }

    fn head(&self) -> SealedHeader {
        let hash = self.store.heads().latest.hash;
        (*self.store.header(hash).expect("reads").expect("is stored")).clone()
    }

    fn signer(&self, index: usize) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&self.spec.dev_accounts[index].key).expect("is a key")
    }

    fn transfer(&self, from: usize, nonce: u64) -> Vec<u8> {
        let base_fee = next_base_fee(&self.spec, &self.head()).expect("genesis has a base fee");
        let tx = TxEip1559 {
            chain_id: self.spec.chain_id,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: u128::from(base_fee) * 10,
            to: TxKind::Call(Address::repeat_byte(0x77)),
            ..Default::default()
        };
        let signature = self.signer(from).sign_hash_sync(&tx.signature_hash()).expect("signs");
        Transaction::from(tx.into_signed(signature)).encoded_2718()
    }

    fn account(&self, address: Address) -> Option<Account> {
        let view = self.store.view(self.store.heads().latest.hash).expect("reads");
        view.expect("is stored").account(&keccak256(address)).expect("reads")
    }

    /// Stores a block with these changes on the head and tells the pool.
    fn extend(&self, mut accounts: Vec<AccountDiff>, slot: Option<(B256, U256)>) {
        let parent = self.head();
        let mut header = parent.clone_header();
        header.parent_hash = parent.hash();
        header.number += 1;
        header.timestamp += self.spec.block_time_secs;
        header.base_fee_per_gas = Some(next_base_fee(&self.spec, &parent).expect("computes"));
        if let Some((slot, after)) = slot {
            let slots = vec![SlotDiff { hash: keccak256(slot), before: U256::ZERO, after }];
            let l1_block = Some(Account { nonce: 1, ..Default::default() });
            let before = self.account(L1_BLOCK);
            let after = before.or(l1_block);
            accounts.push(AccountDiff { hash: keccak256(L1_BLOCK), before, after, slots });
        }
        accounts.sort_by_key(|account| account.hash);
        let header = SealedHeader::seal_slow(header);
        let body = BlockBody { transactions: vec![], ommers: vec![], withdrawals: None };
        let block = Block { header: header.clone_header(), body };
        let block = Arc::new(RecoveredBlock::new(block, vec![], header.hash()));
        let record = Record {
            block: Arc::clone(&block),
            receipts: Arc::default(),
            diff: Arc::new(BlockDiff { parent: parent.hash(), accounts, trie: vec![] }),
            codes: vec![],
        };
        let latest = BlockRef { number: header.number, hash: header.hash() };
        let heads = Heads { latest, ..self.store.heads() };
        self.store.write_block_and_heads(&record, heads, &[latest], None).expect("writes");
        let update = HeadUpdate { header, removed: vec![], added: vec![block] };
        self.pool.on_new_head(&update).expect("moves");
    }

    fn set_account(&self, address: Address, change: impl Fn(&mut Account)) {
        let before = self.account(address);
        let mut after = before.unwrap_or_default();
        change(&mut after);
        let hash = keccak256(address);
        self.extend(vec![AccountDiff { hash, before, after: Some(after), slots: vec![] }], None);
    }
}

#[test]
fn admits_against_the_genesis_state() {
    let node = Node::new();
    let hash = node.pool.add_raw(&node.transfer(0, 0), Origin::Local).expect("is funded");
    let base_fee = next_base_fee(&node.spec, &node.head()).expect("computes");
    let best: Vec<_> = node.pool.best(base_fee).map(|tx| tx.hash()).collect();
    assert_eq!(best, [hash]);
    assert_eq!(node.pool.pending_nonce(&node.signer(0).address()), Some(1));
}

#[test]
fn follows_the_store() {
    let node = Node::new();
    for sender in 0..2 {
        for nonce in 0..3 {
            node.pool.add_raw(&node.transfer(sender, nonce), Origin::External).expect("taken");
        }
    }
    node.set_account(node.signer(0).address(), |account| account.nonce = 2);
    assert_eq!(node.pool.status().pending, 4);
    node.set_account(node.signer(1).address(), |account| account.balance = U256::from(1));
    assert_eq!((node.pool.status().pending, node.pool.status().queued), (1, 3));
    let error = node.pool.add_raw(&node.transfer(0, 1), Origin::External);
    assert!(matches!(error, Err(PoolError::NonceTooLow { next: 2, nonce: 1 })));
    node.pool.maintain().expect("nothing to do");
}

#[test]
fn finds_changed_senders_among_many() {
    let node = Node::new();
    let signature = Signature::new(U256::from(1), U256::from(1), false);
    for sender in 1..=100_u8 {
        // Costs nothing, so that no account has to exist; waits for a base fee of zero.
        let tx = TxEip1559 {
            chain_id: node.spec.chain_id,
            gas_limit: 21_000,
            value: U256::ZERO,
            to: TxKind::Call(Address::repeat_byte(sender)),
            ..Default::default()
        };
        let tx = Transaction::from(tx.into_signed(signature));
        let tx = RecoveredTx::new_unchecked(tx, Address::repeat_byte(sender));
        node.pool.add(tx, Origin::External).expect("taken");
    }
    assert_eq!(node.pool.status().basefee, 100);
    node.set_account(Address::repeat_byte(7), |account| account.nonce = 1);
    assert_eq!(node.pool.status().basefee, 99);
    assert!(node.pool.content_from(&Address::repeat_byte(7)).queued.is_empty());
}

#[test]
fn reads_the_operator_fee_of_the_head() {
    let node = Node::new();
    node.pool.add_raw(&node.transfer(0, 0), Origin::External).expect("taken");
    // Slot 8 of L1Block: operator fee scalar (4 bytes) and constant (8) at the end.
    let slot = B256::with_last_byte(8);
    let expensive = U256::from(u32::MAX) << 64;
    node.extend(vec![], Some((slot, expensive)));
    assert_eq!(node.pool.status().pending, 1, "dev accounts can pay even that");

    let poor = node.signer(1).address();
    let balance = U256::from(21_000_u64) * U256::from(u32::MAX);
    node.set_account(poor, |account| account.balance = balance);
    let error = node.pool.add_raw(&node.transfer(1, 0), Origin::External).expect_err("refused");
    assert!(matches!(error, PoolError::InsufficientFunds { .. }), "{error}");
}
