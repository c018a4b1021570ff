use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::{ChainSpec, Fork, L1Attributes, addresses::SEQUENCER_FEE_VAULT};
use phala_engine::{Engine, EngineConfig, PayloadAttributes};
use phala_primitives::{Header, RecoveredBlock, Transaction};
use phala_rpc::{
    AuthConfig, HttpConfig, JwtSecret, NamespaceSet, RollupHandle, RpcConfig, RpcHandle,
    RpcHandles, RpcLimits, RpcServer, WsConfig,
};
use phala_storage::{Store, StoreConfig};
use phala_txpool::{HeadUpdate, Pool, PoolConfig};

use crate::{client::Client, websocket::WebSocket};

pub const JWT: JwtSecret = JwtSecret::new([3; 32]);

/// Emits a log with topic 42 and stores the block number in slot 0; with any calldata it reverts
/// and gives the calldata back.
pub const CONTRACT: [u8; 34] = hex!(
    "6019806009" "5f395ff3"
    "36601157435f55435f52602a60205fa1005b365f5f37365ffd"
);

/// A node without a disk: engine, pool and servers on a fresh development chain.
pub struct Node {
    pub engine: Engine,
    pub pool: Pool,
    pub rpc: RpcHandle,
}

impl Node {
    pub async fn start() -> Self {
        Self::with(RpcLimits::default()).await
    }

    pub async fn with(limits: RpcLimits) -> Self {
        Self::with_config(ChainSpec::dev(), config(limits)).await
    }

    pub async fn with_config(spec: ChainSpec, config: RpcConfig) -> Self {
        Self::with_rollup(spec, config, None).await
    }

    pub async fn with_rollup(
        spec: ChainSpec,
        config: RpcConfig,
        rollup: Option<RollupHandle>,
    ) -> Self {
        let spec = Arc::new(spec);
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        store.init_genesis(&spec).unwrap();
        let engine = Engine::new(
            Arc::clone(&spec),
            store.clone(),
            EngineConfig { threads: 1, ..Default::default() },
        );
        let senders = Arc::clone(engine.senders());
        let pool = Pool::new(spec, store, PoolConfig::default(), senders).unwrap();
        let source = pool.clone();
        engine.set_transaction_source(Arc::new(move |context| {
            Box::new(source.best(context.base_fee))
        }));
        let handles = RpcHandles { engine: engine.clone(), pool: pool.clone(), rollup };
        let rpc = RpcServer::start(config, handles).await.unwrap();
        Self { engine, pool, rpc }
    }

    /// A chain of three blocks with every type of transaction and some logs.
    pub async fn with_blocks() -> (Self, Chain) {
        let node = Self::start().await;
        let chain = Chain::on(&node);
        (node, chain)
    }

    pub async fn http(&self) -> Client {
        Client::connect(self.rpc.http_addr.unwrap()).await
    }

    pub async fn ws(&self) -> WebSocket {
        WebSocket::connect(self.rpc.ws_addr.unwrap()).await
    }

    /// A client of the authenticated server.
    pub async fn auth(&self) -> Client {
        let client = Client::connect(self.rpc.auth_addr.unwrap()).await;
        client.with_header("authorization", &format!("Bearer {}", JWT.token()))
    }

    pub fn account(&self, index: usize) -> Account {
        Account::of(self.engine.spec(), index)
    }

    pub fn latest(&self) -> Header {
        let latest = self.engine.heads().latest;
        self.engine.store().header(latest.hash).unwrap().unwrap().header().clone()
    }

    /// Extends the head by a block with these transactions and nothing from the pool.
    pub fn produce(&self, transactions: &[Transaction]) -> Arc<RecoveredBlock> {
        let attributes = attributes(self.engine.spec(), &self.latest(), transactions, 0);
        let block = self.engine.produce(&attributes).unwrap().block;
        self.tell_pool(&block);
        block
    }

    /// Extends the head by a block of whatever the pool has.
    pub fn produce_from_pool(&self) -> Arc<RecoveredBlock> {
        let mut attributes = attributes(self.engine.spec(), &self.latest(), &[], 0);
        attributes.no_tx_pool = Some(false);
        let block = self.engine.produce(&attributes).unwrap().block;
        self.tell_pool(&block);
        block
    }

    /// Replaces the blocks above `parent` by one with these transactions.
    pub fn reorg(&self, parent: B256, transactions: &[Transaction]) -> B256 {
        let header = self.engine.store().header(parent).unwrap().unwrap();
        let attributes = attributes(self.engine.spec(), header.header(), transactions, 1);
        let block = self.engine.build(parent, &attributes).unwrap().block;
        self.engine.import(block.clone_sealed_block()).unwrap();
        self.engine.set_heads(block.hash(), None, None).unwrap();
        block.hash()
    }

    fn tell_pool(&self, block: &Arc<RecoveredBlock>) {
        let header = block.clone_sealed_header();
        let update = HeadUpdate { header, removed: Vec::new(), added: vec![Arc::clone(block)] };
        self.pool.on_new_head(&update).unwrap();
    }
}

pub fn config(limits: RpcLimits) -> RpcConfig {
    let any = "127.0.0.1:0".parse().unwrap();
    let api = NamespaceSet::default();
    RpcConfig {
        http: Some(HttpConfig { addr: any, api: api.clone(), cors_domains: Vec::new() }),
        ws: Some(WsConfig { addr: any, api, origins: Vec::new() }),
        auth: Some(AuthConfig { addr: any, jwt_secret: JWT }),
        limits,
        client_version: "phala-node/test".to_owned(),
    }
}

/// The blocks most tests look at.
pub struct Chain {
    /// Deploys [`CONTRACT`], and calls it.
    pub first: Arc<RecoveredBlock>,
    /// One transaction of each type.
    pub second: Arc<RecoveredBlock>,
    /// Calls the contract twice.
    pub third: Arc<RecoveredBlock>,
    pub contract: Address,
}

impl Chain {
    fn on(node: &Node) -> Self {
        let account = node.account(0);
        let contract = account.address().create(0);
        let first = node.produce(&[account.deploy(0, &CONTRACT), account.call(1, contract, &[])]);
        let second = node.produce(&[
            account.legacy(2),
            account.access_list(3, contract),
            account.call(4, contract, &[]),
            account.set_code(5, &node.account(1), contract),
        ]);
        let third = node.produce(&[
            account.call(6, contract, &[]),
            account.call(7, contract, &[1]),
            account.call(8, contract, &[]),
        ]);
        Self { first, second, third, contract }
    }
}

/// Attributes with L1 attributes and these transactions. `variant` makes siblings different.
pub fn attributes(
    spec: &ChainSpec,
    parent: &Header,
    transactions: &[Transaction],
    variant: u64,
) -> PayloadAttributes {
    let timestamp = parent.timestamp + spec.block_time_secs;
    let l1 = L1Attributes {
        number: 100 + parent.number,
        timestamp,
        base_fee: U256::from(7_000_000_000u64),
        blob_base_fee: U256::from(3),
        hash: B256::from(U256::from(1_000 + variant)),
        base_fee_scalar: 1_368,
        blob_base_fee_scalar: 810_949,
        da_footprint_gas_scalar: 400,
        ..Default::default()
    };
    let first = l1.to_deposit(spec.l1_attributes_fork(timestamp));
    let transactions = std::iter::once(&first).chain(transactions);
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
        transactions: Some(transactions.map(|tx| tx.encoded_2718().into()).collect()),
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

/// What all test transactions pay at most for gas.
const MAX_FEE: u128 = 10_000_000_000;
const TIP: u128 = 1_000_000;

impl Account {
    fn of(spec: &ChainSpec, index: usize) -> Self {
        let signer = PrivateKeySigner::from_bytes(&spec.dev_accounts[index].key).unwrap();
        Self { signer, chain_id: spec.chain_id }
    }

    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    fn sign<T>(&self, tx: T) -> Transaction
    where
        T: SignableTransaction<Signature>,
        Transaction: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signer.sign_hash_sync(&tx.signature_hash()).unwrap();
        tx.into_signed(signature).into()
    }

    fn dynamic(&self, nonce: u64, to: TxKind, value: u64, input: &[u8]) -> Transaction {
        self.sign(TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: 200_000,
            max_fee_per_gas: MAX_FEE,
            max_priority_fee_per_gas: TIP,
            to,
            value: U256::from(value),
            input: Bytes::copy_from_slice(input),
            ..Default::default()
        })
    }

    pub fn transfer(&self, nonce: u64, to: Address, value: u64) -> Transaction {
        self.dynamic(nonce, TxKind::Call(to), value, &[])
    }

    pub fn deploy(&self, nonce: u64, code: &[u8]) -> Transaction {
        self.dynamic(nonce, TxKind::Create, 0, code)
    }

    pub fn call(&self, nonce: u64, to: Address, input: &[u8]) -> Transaction {
        self.dynamic(nonce, TxKind::Call(to), 0, input)
    }

    fn legacy(&self, nonce: u64) -> Transaction {
        self.sign(TxLegacy {
            chain_id: Some(self.chain_id),
            nonce,
            gas_price: MAX_FEE,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(0xaa)),
            value: U256::from(1),
            ..Default::default()
        })
    }

    fn access_list(&self, nonce: u64, contract: Address) -> Transaction {
        let item = AccessListItem { address: contract, storage_keys: vec![B256::ZERO] };
        self.sign(TxEip2930 {
            chain_id: self.chain_id,
            nonce,
            gas_price: MAX_FEE,
            gas_limit: 200_000,
            to: TxKind::Call(contract),
            access_list: AccessList(vec![item]),
            ..Default::default()
        })
    }

    fn set_code(&self, nonce: u64, authority: &Self, code: Address) -> Transaction {
        let authorization =
            Authorization { chain_id: U256::from(self.chain_id), address: code, nonce: 0 };
        let signature = authority.signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
        self.sign(TxEip7702 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: 200_000,
            max_fee_per_gas: MAX_FEE,
            max_priority_fee_per_gas: TIP,
            to: authority.address(),
            authorization_list: vec![authorization.into_signed(signature)],
            ..Default::default()
        })
    }
}
