use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{
    Sealable as _, SignableTransaction as _, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
};
use alloy_eips::{
    eip2718::Encodable2718 as _,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_consensus::TxDeposit;
use parking_lot::Mutex;
use phala_chainspec::{
    Fork, L1Attributes,
    addresses::{L1_BLOCK, L2_TO_L1_MESSAGE_PASSER, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT},
};
use phala_engine::{BuiltPayload, Engine, EngineError, PayloadAttributes};
use phala_primitives::{Header, RecoveredBlock, RecoveredTx, Transaction};
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::random_code::RandomCode;

/// Addresses that transactions and contracts choose from.
const KNOWN_MAX: usize = 48;

const GWEI: u128 = 1_000_000_000;
const ETHER: u128 = 1_000_000_000 * GWEI;

/// Builds blocks of all kinds of transactions, valid and not, on any parent an engine knows.
///
/// The accounts are the funded ones of the development chain. Two chains with the same seed build
/// the same blocks.
pub struct RandomChain {
    engine: Engine,
    rng: StdRng,
    signers: Vec<PrivateKeySigner>,
    known: Vec<Address>,
    offered: Arc<Mutex<Vec<Arc<RecoveredTx>>>>,
    transactions_max: usize,
}

impl std::fmt::Debug for RandomChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RandomChain").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl RandomChain {
    /// A chain on an engine, whose transaction source it becomes.
    pub fn new(engine: Engine, rng: StdRng) -> Self {
        let spec = engine.spec();
        let signers: Vec<_> = spec
            .dev_accounts
            .iter()
            .map(|account| PrivateKeySigner::from_bytes(&account.key).expect("a key"))
            .collect();
        assert!(!signers.is_empty(), "somebody has to sign");
        let mut known: Vec<_> = signers.iter().map(PrivateKeySigner::address).collect();
        known.extend([L1_BLOCK, L2_TO_L1_MESSAGE_PASSER, SEQUENCER_FEE_VAULT, OPERATOR_FEE_VAULT]);
        known.push(alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS);
        known.push(alloy_eips::eip4788::BEACON_ROOTS_ADDRESS);
        let offered = Arc::<Mutex<Vec<Arc<RecoveredTx>>>>::default();
        let source = Arc::clone(&offered);
        engine
            .set_transaction_source(Arc::new(move |_| Box::new(source.lock().clone().into_iter())));
        Self { engine, rng, signers, known, offered, transactions_max: 24 }
    }

    /// Limits the transactions offered for a block.
    pub fn with_transactions_max(self, transactions_max: usize) -> Self {
        Self { transactions_max, ..self }
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The randomness of this chain, for whoever decides with it.
    pub const fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// Builds a block on any known parent, without importing it.
    pub fn build(&mut self, parent: B256) -> BuiltPayload {
        self.try_build(parent).expect("random blocks can be built")
    }

    /// Builds a block on a parent whose state may be gone any moment.
    pub fn try_build(&mut self, parent: B256) -> Result<BuiltPayload, EngineError> {
        let attributes = self.offer_on(parent)?;
        self.engine.build(parent, &attributes)
    }

    /// Builds a block on the head, imports it and makes it the head.
    pub fn produce(&mut self) -> Arc<RecoveredBlock> {
        let head = self.engine.heads().latest.hash;
        let attributes = self.offer_on(head).expect("the head has state");
        self.engine.produce(&attributes).expect("random blocks can be produced").block
    }

    /// Attributes of a block on `parent`; the transactions that go with them are on offer then.
    fn offer_on(&mut self, parent: B256) -> Result<PayloadAttributes, EngineError> {
        let store = self.engine.store();
        let unknown = || EngineError::UnknownBlock(parent);
        let view = store.state(parent)?.ok_or_else(unknown)?;
        let header = store.header(parent)?.ok_or_else(unknown)?;
        let nonces = self.signers.iter().map(|signer| {
            let account = view.account(&keccak256(signer.address())).expect("storage works");
            (signer.address(), account.map_or(0, |account| account.nonce))
        });
        let mut nonces: BTreeMap<_, _> = nonces.collect();
        let attributes = self.attributes(header.header(), &mut nonces);
        let count = self.rng.random_range(0..=self.transactions_max);
        let txs: Vec<_> = (0..count).map(|_| self.transaction(&mut nonces)).collect();
        *self.offered.lock() = txs
            .into_iter()
            .map(|tx| Arc::new(RecoveredTx::recover(tx).expect("signed by us")))
            .collect();
        Ok(attributes)
    }

    fn attributes(
        &mut self,
        parent: &Header,
        nonces: &mut BTreeMap<Address, u64>,
    ) -> PayloadAttributes {
        let spec = Arc::clone(self.engine.spec());
        let timestamp = parent.timestamp + spec.block_time_secs;
        let is_active = |fork| spec.is_fork_active(fork, timestamp);
        let l1 = self.l1_attributes(parent.number, timestamp);
        let first = l1.to_deposit(spec.l1_attributes_fork(timestamp));
        let mut transactions = vec![Bytes::from(first.encoded_2718())];
        for _ in 0..self.rng.random_range(0..4) {
            transactions.push(self.deposit(nonces).encoded_2718().into());
        }
        let params = match self.rng.random_range(0..4_u8) {
            0 => B64::from([0, 0, 0, 8, 0, 0, 0, 2]),
            1 => B64::from([0, 0, 0, 50, 0, 0, 0, 10]),
            _ => B64::ZERO,
        };
        let floors = [0, 0, 1, 1_000_000, 2_000_000_000];
        let floor = *floors.choose(&mut self.rng).expect("not empty");
        PayloadAttributes {
            payload_attributes: alloy_rpc_types_engine::PayloadAttributes {
                timestamp,
                prev_randao: self.rng.random::<[u8; 32]>().into(),
                suggested_fee_recipient: SEQUENCER_FEE_VAULT,
                withdrawals: Some(Vec::new()),
                parent_beacon_block_root: Some(self.rng.random::<[u8; 32]>().into()),
                ..Default::default()
            },
            transactions: Some(transactions),
            no_tx_pool: Some(false),
            gas_limit: Some(self.rng.random_range(25_000_000..60_000_000)),
            eip_1559_params: is_active(Fork::Holocene).then_some(params),
            min_base_fee: is_active(Fork::Jovian).then_some(floor),
        }
    }

    fn l1_attributes(&mut self, parent: u64, timestamp: u64) -> L1Attributes {
        let rng = &mut self.rng;
        let has_operator_fee = rng.random_bool(0.7);
        L1Attributes {
            number: 100 + parent / 6,
            timestamp,
            base_fee: U256::from(rng.random_range(0..100 * GWEI)),
            blob_base_fee: U256::from(rng.random_range(1..GWEI)),
            hash: rng.random::<[u8; 32]>().into(),
            sequence_number: parent % 6,
            batcher_hash: B256::with_last_byte(1),
            base_fee_scalar: rng.random_range(0..3_000),
            blob_base_fee_scalar: rng.random_range(0..1_000_000),
            operator_fee_scalar: if has_operator_fee { rng.random_range(0..50_000) } else { 0 },
            operator_fee_constant: if has_operator_fee { rng.random_range(0..5_000) } else { 0 },
            da_footprint_gas_scalar: *[0, 1, 400, 4_000].choose(rng).expect("not empty"),
            ..Default::default()
        }
    }

    /// A user deposit; some of them fail in each of the ways deposits can.
    fn deposit(&mut self, nonces: &mut BTreeMap<Address, u64>) -> Transaction {
        let from = self.known_address();
        let mint = if self.rng.random() { self.rng.random_range(0..10 * ETHER) } else { 0 };
        let value = match self.rng.random_range(0..5) {
            0 => U256::from(mint / 2),
            // Nobody has as much.
            1 => U256::from(u128::MAX),
            _ => U256::ZERO,
        };
        let gases = [0, 15_000, 21_000, 60_000, 300_000, 2_000_000];
        let gas_limit = *gases.choose(&mut self.rng).expect("not empty");
        let (to, input) = self.target(from, nonces.get(&from).copied().unwrap_or_default());
        if let Some(nonce) = nonces.get_mut(&from) {
            *nonce += 1;
        }
        let source_hash = self.rng.random::<[u8; 32]>().into();
        let is_system_transaction = false;
        TxDeposit { source_hash, from, to, mint, value, gas_limit, is_system_transaction, input }
            .seal_slow()
            .into()
    }

    fn known_address(&mut self) -> Address {
        *self.known.choose(&mut self.rng).expect("not empty")
    }

    fn remember(&mut self, address: Address) {
        if self.known.len() < KNOWN_MAX {
            self.known.push(address);
        } else {
            // The first ones sign.
            let place = self.rng.random_range(self.signers.len()..KNOWN_MAX);
            self.known[place] = address;
        }
    }

    /// Whom to call with what, or what to create.
    fn target(&mut self, sender: Address, nonce: u64) -> (TxKind, Bytes) {
        if self.rng.random_bool(0.3) {
            self.remember(sender.create(nonce));
            let input = RandomCode::new(&mut self.rng, &self.known).init_code();
            return (TxKind::Create, input);
        }
        let to = if self.rng.random_bool(0.1) {
            Address::from(self.rng.random::<[u8; 20]>())
        } else {
            self.known_address()
        };
        let len = if self.rng.random() { 0 } else { self.rng.random_range(0..100) };
        let input: Vec<u8> = (0..len)
            .map(|_| if self.rng.random_bool(0.3) { 0 } else { self.rng.random() })
            .collect();
        (TxKind::Call(to), input.into())
    }

    fn transaction(&mut self, nonces: &mut BTreeMap<Address, u64>) -> Transaction {
        let signer = self.signers.choose(&mut self.rng).expect("not empty").clone();
        let sender = signer.address();
        let expected = nonces[&sender];
        // A wrong nonce now and then; the builder leaves these out.
        let nonce = if self.rng.random_bool(0.03) { expected + 1 } else { expected };
        let (to, input) = self.target(sender, nonce);
        let value = match self.rng.random_range(0..6) {
            0 => U256::from(self.rng.random_range(0..1_000)),
            1 => U256::from(self.rng.random_range(0..ETHER)),
            _ => U256::ZERO,
        };
        let gases = [20_000, 21_000, 53_000, 100_000, 250_000, 1_000_000, 3_000_000, 70_000_000];
        let weights = [1, 8, 4, 12, 20, 20, 10, 1];
        let pick = gases.iter().zip(weights).collect::<Vec<_>>();
        let (gas_limit, _) =
            pick.choose_weighted(&mut self.rng, |(_, weight)| *weight).expect("weights");
        let tip = self.rng.random_range(0..2 * GWEI);
        let max_fee = tip + if self.rng.random_bool(0.03) { 1 } else { 5 * GWEI };
        let fields = Fields { nonce, to, value, input, gas_limit: **gas_limit, tip, max_fee };
        nonces.insert(sender, nonce + 1);
        self.sign(&signer, fields, nonces)
    }

    fn sign(
        &mut self,
        signer: &PrivateKeySigner,
        fields: Fields,
        nonces: &mut BTreeMap<Address, u64>,
    ) -> Transaction {
        let Fields { nonce, to, value, input, gas_limit, tip, max_fee } = fields;
        let chain_id = self.engine.spec().chain_id;
        match self.rng.random_range(0..5) {
            0 => {
                let chain_id = self.rng.random::<bool>().then_some(chain_id);
                let tx =
                    TxLegacy { chain_id, nonce, gas_price: max_fee, gas_limit, to, value, input };
                let signature = signature(signer, &tx.signature_hash());
                Transaction::Legacy(tx.into_signed(signature))
            }
            1 => {
                let access_list = self.access_list();
                let gas_price = max_fee;
                let tx = TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input,
                };
                let signature = signature(signer, &tx.signature_hash());
                Transaction::Eip2930(tx.into_signed(signature))
            }
            2 if to.is_call() => {
                let authorization_list = self.authorizations(nonces);
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: tip,
                    to: to.into_to().expect("a call"),
                    value,
                    access_list: self.access_list(),
                    authorization_list,
                    input,
                };
                let signature = signature(signer, &tx.signature_hash());
                Transaction::Eip7702(tx.into_signed(signature))
            }
            _ => {
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: max_fee,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list: self.access_list(),
                    input,
                };
                let signature = signature(signer, &tx.signature_hash());
                Transaction::Eip1559(tx.into_signed(signature))
            }
        }
    }

    fn access_list(&mut self) -> AccessList {
        let count = if self.rng.random() { 0 } else { self.rng.random_range(0..4) };
        let items = (0..count).map(|_| AccessListItem {
            address: self.known_address(),
            storage_keys: (0..self.rng.random_range(0..4))
                .map(|_| B256::with_last_byte(self.rng.random_range(0..12)))
                .collect(),
        });
        AccessList(items.collect())
    }

    /// EIP-7702 authorizations: to contracts, to nobody, and invalid ones.
    fn authorizations(&mut self, nonces: &mut BTreeMap<Address, u64>) -> Vec<SignedAuthorization> {
        let count = self.rng.random_range(1..4);
        (0..count)
            .map(|_| {
                let authority = self.signers.choose(&mut self.rng).expect("not empty").clone();
                let nonce = nonces.get_mut(&authority.address()).expect("all signers");
                let is_valid = self.rng.random_bool(0.8);
                let chain_ids = [0, self.engine.spec().chain_id];
                let chain_id = *chain_ids.choose(&mut self.rng).expect("not empty");
                let address = if self.rng.random_bool(0.3) {
                    Address::ZERO
                } else {
                    *self.known.choose(&mut self.rng).expect("not empty")
                };
                let authorization = Authorization {
                    chain_id: U256::from(chain_id),
                    address,
                    nonce: if is_valid { *nonce } else { *nonce + 5 },
                };
                if is_valid {
                    *nonce += 1;
                }
                let signature = signature(&authority, &authorization.signature_hash());
                authorization.into_signed(signature)
            })
            .collect()
    }
}

/// What all kinds of signed transactions have.
struct Fields {
    nonce: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
    gas_limit: u64,
    tip: u128,
    max_fee: u128,
}

fn signature(signer: &PrivateKeySigner, hash: &B256) -> Signature {
    signer.sign_hash_sync(hash).expect("a local key signs")
}
