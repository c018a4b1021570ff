//! A chain whose blocks are written by hand.

use std::sync::Arc;

use alloy_consensus::{Sealable as _, SignableTransaction as _, TxEip1559};
use alloy_eips::{eip2718::Encodable2718 as _, eip2930::AccessList};
use alloy_primitives::{Address, B64, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{
    ChainSpec, Fork, GenesisAccount, L1Attributes, Profile, addresses::SEQUENCER_FEE_VAULT,
};
use phala_engine::{Engine, EngineError, ImportStatus, PayloadAttributes};
use phala_primitives::{Block, Header, Receipt, RecoveredBlock, SealedBlock, Transaction};
use phala_storage::StoreConfig;
use phala_tests::{engine_in_memory, with_predeploys};

/// Who sends unless somebody else is named: the first account of the development chain.
const SENDER: usize = 0;

/// Where the contract under test is.
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xcc);

/// A chain in memory, and what its next block says about L1 and fees.
pub(crate) struct HandChain {
    pub(crate) engine: Engine,
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) l1: L1Attributes,
    pub(crate) gas_limit: u64,
    pub(crate) min_base_fee: u64,
}

/// What a transaction of the sender's asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) nonce: u64,
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) gas_limit: u64,
    pub(crate) input: Bytes,
    pub(crate) access_list: AccessList,
}

impl Call {
    pub(crate) fn to(nonce: u64, to: Address) -> Self {
        Self {
            nonce,
            to,
            value: U256::ZERO,
            gas_limit: 100_000,
            input: Bytes::new(),
            access_list: AccessList::default(),
        }
    }
}

impl HandChain {
    /// A chain of a profile; no fee for L1 data unless a test sets one.
    pub(crate) fn new(profile: Profile) -> Self {
        Self::with_contract(profile, Bytes::new())
    }

    /// A chain with this code at [`CONTRACT`].
    pub(crate) fn with_contract(profile: Profile, code: Bytes) -> Self {
        let mut spec = with_predeploys(ChainSpec::dev()).with_profile(profile);
        if !code.is_empty() {
            let account = GenesisAccount { nonce: 1, code, ..Default::default() };
            spec.genesis.alloc.insert(CONTRACT, account);
        }
        let spec = Arc::new(spec);
        Self {
            engine: engine_in_memory(&spec, StoreConfig::default()),
            l1: L1Attributes { number: 100, ..Default::default() },
            gas_limit: 30_000_000,
            min_base_fee: 0,
            spec,
        }
    }

    pub(crate) fn head(&self) -> Header {
        let head = self.engine.heads().latest.hash;
        self.engine.store().header(head).unwrap().unwrap().header().clone()
    }

    /// Attributes of the next block, with these transactions after the L1 attributes.
    pub(crate) fn attributes(&self, transactions: &[Transaction]) -> PayloadAttributes {
        let timestamp = self.head().timestamp + self.spec.block_time_secs;
        let is_active = |fork| self.spec.is_fork_active(fork, timestamp);
        let first = self.l1.to_deposit(self.spec.l1_attributes_fork(timestamp));
        let raw = std::iter::once(&first).chain(transactions).map(|tx| tx.encoded_2718().into());
        PayloadAttributes {
            payload_attributes: alloy_rpc_types_engine::PayloadAttributes {
                timestamp,
                suggested_fee_recipient: SEQUENCER_FEE_VAULT,
                withdrawals: Some(Vec::new()),
                parent_beacon_block_root: Some(B256::ZERO),
                ..Default::default()
            },
            transactions: Some(raw.collect()),
            no_tx_pool: Some(true),
            gas_limit: Some(self.gas_limit),
            eip_1559_params: is_active(Fork::Holocene).then_some(B64::ZERO),
            min_base_fee: is_active(Fork::Jovian).then_some(self.min_base_fee),
        }
    }

    /// Builds and imports the next block.
    pub(crate) fn produce(&self, transactions: &[Transaction]) -> Arc<RecoveredBlock> {
        self.try_produce(transactions).unwrap()
    }

    pub(crate) fn try_produce(
        &self,
        transactions: &[Transaction],
    ) -> Result<Arc<RecoveredBlock>, EngineError> {
        Ok(self.engine.produce(&self.attributes(transactions))?.block)
    }

    /// Builds the next block without importing it.
    pub(crate) fn build(&self, transactions: &[Transaction]) -> RecoveredBlock {
        let head = self.engine.heads().latest.hash;
        let payload = self.engine.build(head, &self.attributes(transactions)).unwrap();
        RecoveredBlock::clone(&payload.block)
    }

    /// Why a block is refused that has one more transaction than `block`, under a header that
    /// commits to it.
    pub(crate) fn refusal_with(&self, block: &RecoveredBlock, tx: Transaction) -> String {
        let mut block: Block = block.clone_sealed_block().into_block();
        block.body.transactions.push(tx);
        block.header.transactions_root =
            alloy_consensus::proofs::calculate_transaction_root(&block.body.transactions);
        match self.engine.import(SealedBlock::seal_slow(block)).unwrap() {
            ImportStatus::Invalid { reason, .. } => reason.to_string(),
            status => panic!("not refused: {status:?}"),
        }
    }

    pub(crate) fn receipts(&self, block: &RecoveredBlock) -> Arc<Vec<Receipt>> {
        self.engine.store().receipts(block.hash()).unwrap().unwrap()
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        let view = self.engine.store().latest_view().unwrap();
        view.account(&keccak256(address)).unwrap().map_or(U256::ZERO, |account| account.balance)
    }

    pub(crate) fn slot(&self, address: Address, slot: u64) -> U256 {
        let view = self.engine.store().latest_view().unwrap();
        let slot = B256::from(U256::from(slot));
        view.slot(&keccak256(address), &keccak256(slot)).unwrap()
    }

    pub(crate) fn sender(&self) -> Address {
        self.signer().address()
    }

    fn signer(&self) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&self.spec.dev_accounts[SENDER].key).unwrap()
    }

    /// A transaction of the sender's that pays 10 gwei at most, and no tip.
    pub(crate) fn sign(&self, call: Call) -> Transaction {
        let tx = TxEip1559 {
            chain_id: self.spec.chain_id,
            nonce: call.nonce,
            gas_limit: call.gas_limit,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(call.to),
            value: call.value,
            access_list: call.access_list,
            input: call.input,
        };
        let signature = self.signer().sign_hash_sync(&tx.signature_hash()).unwrap();
        Transaction::Eip1559(tx.into_signed(signature))
    }

    /// A user deposit.
    pub(crate) fn deposit(&self, to: Address, gas_limit: u64) -> Transaction {
        TxDeposit {
            source_hash: B256::repeat_byte(0xde),
            from: Address::repeat_byte(0xdd),
            to: TxKind::Call(to),
            gas_limit,
            ..Default::default()
        }
        .seal_slow()
        .into()
    }
}
