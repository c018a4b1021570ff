use std::{path::Path, sync::Arc};

use alloy_consensus::SignableTransaction;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B64, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::{ChainSpec, L1Attributes, Profile, addresses::SEQUENCER_FEE_VAULT};
use phala_engine::{Engine, EngineConfig, EngineError, ImportStatus, PayloadAttributes, Produced};
use phala_primitives::{Block, Header, RecoveredBlock, RecoveredTx, SealedBlock, Transaction};
use phala_storage::{DiskLimits, Store, StoreConfig, TailLimits};
use tempfile::TempDir;

/// An engine on a fresh development chain.
pub struct Node {
    pub engine: Engine,
    pub spec: Arc<ChainSpec>,
    dir: TempDir,
}

impl Node {
    pub fn new() -> Self {
        Self::with_spec(ChainSpec::dev())
    }

    pub fn with_profile(profile: Profile) -> Self {
        Self::with_spec(ChainSpec::dev().with_profile(profile))
    }

    pub fn with_spec(spec: ChainSpec) -> Self {
        Self::start(spec, EngineConfig::default())
    }

    pub fn with_config(config: EngineConfig) -> Self {
        Self::start(ChainSpec::dev(), config)
    }

    pub fn start(spec: ChainSpec, config: EngineConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spec = Arc::new(spec);
        let engine = open(&spec, dir.path(), config, TailLimits::default());
        Self { engine, spec, dir }
    }

    pub fn with_tail(spec: ChainSpec, tail: TailLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spec = Arc::new(spec);
        let engine = open(&spec, dir.path(), EngineConfig::default(), tail);
        Self { engine, spec, dir }
    }

    /// Another node of the same chain.
    pub fn sibling(&self) -> Self {
        Self::with_spec(ChainSpec::clone(&self.spec))
    }

    /// Stops the node and starts it on the same folder.
    pub fn restart(self) -> Self {
        let Self { engine, spec, dir } = self;
        engine.store().close().unwrap();
        drop(engine);
        let engine = open(&spec, dir.path(), EngineConfig::default(), TailLimits::default());
        Self { engine, spec, dir }
    }

    pub fn bundle_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("bundles")
    }

    pub fn genesis(&self) -> B256 {
        self.engine.store().canonical_hash(0).unwrap().unwrap()
    }

    pub fn header(&self, hash: B256) -> Header {
        self.engine.store().header(hash).unwrap().unwrap().header().clone()
    }

    /// Attributes of a block on `parent` with these transactions after the L1 attributes.
    pub fn attributes(&self, parent: B256, transactions: &[Bytes]) -> PayloadAttributes {
        let parent = self.header(parent);
        attributes(&self.spec, &parent, transactions)
    }

    /// Builds a block on any parent, without importing it.
    pub fn build(&self, parent: B256, transactions: &[Bytes]) -> RecoveredBlock {
        let attributes = self.attributes(parent, transactions);
        RecoveredBlock::clone(&self.engine.build(parent, &attributes).unwrap().block)
    }

    /// Extends the head.
    pub fn produce(&self, transactions: &[Bytes]) -> Produced {
        let head = self.engine.heads().latest.hash;
        self.engine.produce(&self.attributes(head, transactions)).unwrap()
    }

    pub fn import(&self, block: &RecoveredBlock) -> ImportStatus {
        self.engine.import(block.clone_sealed_block()).unwrap()
    }

    pub fn import_valid(&self, block: &RecoveredBlock) {
        let status = self.import(block);
        assert!(matches!(status, ImportStatus::Valid { .. }), "{status:?}");
    }

    /// Imports a changed block and returns why it was refused.
    pub fn refusal(&self, block: Block) -> String {
        match self.engine.import(SealedBlock::seal_slow(block)).unwrap() {
            ImportStatus::Invalid { reason, .. } => reason.to_string(),
            status => panic!("not refused: {status:?}"),
        }
    }

    pub fn balance(&self, address: Address) -> U256 {
        let view = self.engine.store().latest_view().unwrap();
        let account = view.account(&alloy_primitives::keccak256(address)).unwrap();
        account.map_or(U256::ZERO, |account| account.balance)
    }

    pub fn account(&self, index: usize) -> Account {
        let key = self.spec.dev_accounts[index].key;
        Account::new(PrivateKeySigner::from_bytes(&key).unwrap(), self.spec.chain_id)
    }
}

fn open(spec: &Arc<ChainSpec>, dir: &Path, config: EngineConfig, tail: TailLimits) -> Engine {
    let disk = DiskLimits { ballast_bytes: 0, ..Default::default() };
    let store_config = StoreConfig { disk, tail, ..Default::default() };
    let store = Store::create(&dir.join("db"), store_config).unwrap();
    store.init_genesis(spec).unwrap();
    let config = EngineConfig { bundle_dir: Some(dir.join("bundles")), threads: 2, ..config };
    Engine::new(Arc::clone(spec), store, config)
}

pub fn attributes(spec: &ChainSpec, parent: &Header, transactions: &[Bytes]) -> PayloadAttributes {
    use phala_chainspec::Fork;
    let timestamp = parent.timestamp + spec.block_time_secs;
    let l1 = L1Attributes {
        number: 100 + parent.number,
        timestamp,
        base_fee: U256::from(7),
        blob_base_fee: U256::from(1),
        hash: B256::with_last_byte(7),
        base_fee_scalar: 1368,
        blob_base_fee_scalar: 810_949,
        da_footprint_gas_scalar: 400,
        ..Default::default()
    };
    let first = l1.to_deposit(spec.l1_attributes_fork(timestamp)).encoded_2718().into();
    let is_active = |fork| spec.is_fork_active(fork, timestamp);
    PayloadAttributes {
        payload_attributes: alloy_rpc_types_engine::PayloadAttributes {
            timestamp,
            prev_randao: B256::with_last_byte(9),
            suggested_fee_recipient: SEQUENCER_FEE_VAULT,
            withdrawals: Some(Vec::new()),
            parent_beacon_block_root: Some(B256::with_last_byte(3)),
            ..Default::default()
        },
        transactions: Some(std::iter::once(first).chain(transactions.iter().cloned()).collect()),
        no_tx_pool: Some(true),
        gas_limit: Some(60_000_000),
        eip_1559_params: is_active(Fork::Holocene).then_some(B64::ZERO),
        min_base_fee: is_active(Fork::Jovian).then_some(0),
    }
}

/// A funded account that signs.
pub struct Account {
    signer: PrivateKeySigner,
    chain_id: u64,
}

impl Account {
    pub const fn new(signer: PrivateKeySigner, chain_id: u64) -> Self {
        Self { signer, chain_id }
    }

    pub fn address(&self) -> Address {
        self.signer.address()
    }

    pub fn sign(&self, tx: alloy_consensus::TxEip1559) -> Transaction {
        let signature = self.signer.sign_hash_sync(&tx.signature_hash()).unwrap();
        tx.into_signed(signature).into()
    }

    pub fn call(
        &self,
        nonce: u64,
        to: TxKind,
        value: u64,
        gas_limit: u64,
        input: Bytes,
    ) -> Transaction {
        self.sign(alloy_consensus::TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to,
            value: U256::from(value),
            input,
            ..Default::default()
        })
    }

    pub fn transfer(&self, nonce: u64, to: Address, value: u64) -> Transaction {
        self.call(nonce, to.into(), value, 21_000, Bytes::new())
    }

    /// Deploys [`deployer`].
    pub fn deploy(&self, nonce: u64) -> Transaction {
        self.call(nonce, TxKind::Create, 0, 200_000, deployer())
    }
}

/// Init code: stores 42 in slot 7, returns runtime code that stores CALLDATALOAD(0) in slot 1,
/// logs it, and writes the hash of the grandparent block to slot 2.
pub fn deployer() -> Bytes {
    // PUSH1 0 CALLDATALOAD DUP1 PUSH1 1 SSTORE PUSH1 0 MSTORE PUSH1 32 PUSH1 0 LOG0
    // PUSH1 2 NUMBER SUB BLOCKHASH PUSH1 2 SSTORE STOP
    let runtime = alloy_primitives::hex!("6000358060015560005260206000a0600243034060025500");
    let mut code = Vec::new();
    // PUSH1 42 PUSH1 7 SSTORE
    code.extend_from_slice(&[0x60, 42, 0x60, 7, 0x55]);
    // PUSH1 len PUSH1 offset PUSH1 0 CODECOPY PUSH1 len PUSH1 0 RETURN
    let len = runtime.len() as u8;
    let offset = 5 + 12;
    code.extend_from_slice(&[0x60, len, 0x60, offset, 0x60, 0, 0x39, 0x60, len, 0x60, 0, 0xf3]);
    code.extend_from_slice(&runtime);
    code.into()
}

/// Two nodes that arrived at the same block by different ways hold the same.
pub fn assert_same(a: &Node, b: &Node, number: u64) {
    let [a, b] = [a, b].map(|node| node.engine.store().digest(number).unwrap());
    assert_eq!(a, b);
}

pub fn raw(tx: &Transaction) -> Bytes {
    tx.encoded_2718().into()
}

pub fn raw_all(txs: &[Transaction]) -> Vec<Bytes> {
    txs.iter().map(raw).collect()
}

pub fn pooled(tx: Transaction) -> Arc<RecoveredTx> {
    Arc::new(RecoveredTx::recover(tx).unwrap())
}

/// A transaction source that always offers these.
pub fn offer(engine: &Engine, txs: Vec<Transaction>) {
    let txs: Vec<_> = txs.into_iter().map(pooled).collect();
    engine.set_transaction_source(Arc::new(move |_| Box::new(txs.clone().into_iter())));
}

pub fn attributes_error(error: EngineError) -> String {
    match error {
        EngineError::Attributes(error) => error.to_string(),
        error => panic!("not an error of the attributes: {error}"),
    }
}
