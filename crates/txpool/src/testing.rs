//! A chain in memory and transactions without signatures, for unit tests.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use op_revm::OpSpecId;
use parking_lot::RwLock;

use phala_evm::L1FeeParams;
use phala_primitives::{
    Block, BlockBody, BlockRef, Header, RecoveredBlock, RecoveredTx, SealedHeader, SenderCache,
    Transaction,
};

use crate::{
    HeadUpdate, Pool, PoolConfig, PoolError,
    account_state::{AccountReader, AccountState},
    chain_state::ChainState,
    head_state::HeadState,
};

pub(crate) const CHAIN_ID: u64 = 20_351_337;

/// Describes a transaction; the sender takes the place of a signature.
#[derive(Clone, Debug)]
pub(crate) struct TxSpec {
    pub(crate) sender: u64,
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) max_fee: u128,
    pub(crate) tip: u128,
    pub(crate) value: U256,
    pub(crate) to: TxKind,
    pub(crate) input: Bytes,
    pub(crate) chain_id: u64,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Legacy,
    AccessList,
    DynamicFee,
    SetCode(Vec<SignedAuthorization>),
}

impl Default for TxSpec {
    fn default() -> Self {
        Self {
            sender: 1,
            nonce: 0,
            gas: 21_000,
            max_fee: 100,
            tip: 10,
            value: U256::ZERO,
            to: TxKind::Call(Address::repeat_byte(0xaa)),
            input: Bytes::new(),
            chain_id: CHAIN_ID,
            kind: Kind::DynamicFee,
        }
    }
}

impl TxSpec {
    pub(crate) fn build(self) -> Arc<RecoveredTx> {
        Arc::new(self.recovered())
    }

    pub(crate) fn recovered(self) -> RecoveredTx {
        let sender = address(self.sender);
        // Distinct senders must give distinct hashes.
        let signature = Signature::new(U256::from(self.sender + 1), U256::from(1), false);
        RecoveredTx::new_unchecked(self.signed(signature), sender)
    }

    pub(crate) fn signed(self, signature: Signature) -> Transaction {
        let Self { nonce, gas, max_fee, tip, value, to, input, chain_id, kind, .. } = self;
        match kind {
            Kind::Legacy => {
                let chain_id = Some(chain_id);
                let tx = TxLegacy {
                    chain_id,
                    nonce,
                    gas_price: max_fee,
                    gas_limit: gas,
                    to,
                    value,
                    input,
                };
                tx.into_signed(signature).into()
            }
            Kind::AccessList => TxEip2930 {
                chain_id,
                nonce,
                gas_price: max_fee,
                gas_limit: gas,
                to,
                value,
                access_list: Default::default(),
                input,
            }
            .into_signed(signature)
            .into(),
            Kind::DynamicFee => TxEip1559 {
                chain_id,
                nonce,
                gas_limit: gas,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to,
                value,
                access_list: Default::default(),
                input,
            }
            .into_signed(signature)
            .into(),
            Kind::SetCode(authorization_list) => TxEip7702 {
                chain_id,
                nonce,
                gas_limit: gas,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to: to.into_to().unwrap_or_default(),
                value,
                access_list: Default::default(),
                authorization_list,
                input,
            }
            .into_signed(signature)
            .into(),
        }
    }
}

pub(crate) fn address(sender: u64) -> Address {
    Address::left_padding_from(&(sender + 0x1000).to_be_bytes())
}

/// An authorization with a signature that recovers to some address, and that address.
pub(crate) fn authorization(seed: u8) -> (SignedAuthorization, Address) {
    let inner = Authorization {
        chain_id: U256::from(CHAIN_ID),
        address: Address::repeat_byte(seed),
        nonce: 0,
    };
    // Most r are on the curve; take the first that is.
    (1..=u64::MAX)
        .find_map(|r| {
            let signed =
                inner.clone().into_signed(Signature::new(U256::from(r), U256::from(1), false));
            signed.recover_authority().ok().map(|authority| (signed, authority))
        })
        .expect("half of all r are on the curve")
}

/// A head without fees beside gas, where everybody is rich.
pub(crate) fn head_with(base_fee: u64) -> HeadState {
    struct Rich;
    impl AccountReader for Rich {
        fn account(&self, _: &Address) -> Result<AccountState, PoolError> {
            Ok(AccountState { balance: U256::MAX, ..Default::default() })
        }
    }
    HeadState {
        block: BlockRef::default(),
        gas_limit: 30_000_000,
        base_fee,
        spec_id: OpSpecId::KARST,
        fees: L1FeeParams::zero(OpSpecId::KARST),
        accounts: Box::new(Rich),
    }
}

/// What the head of a test chain asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) gas_limit: u64,
    pub(crate) base_fee: u64,
    pub(crate) spec_id: OpSpecId,
    pub(crate) fees: L1FeeParams,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            gas_limit: 30_000_000,
            base_fee: 50,
            spec_id: OpSpecId::KARST,
            fees: L1FeeParams::zero(OpSpecId::KARST),
        }
    }
}

/// No fees beside gas.
pub(crate) fn no_fees() -> L1FeeParams {
    L1FeeParams::zero(OpSpecId::KARST)
}

/// An L1 fee of `price / 10^12` for a millionth of a byte.
pub(crate) fn l1_price(price: u64) -> L1FeeParams {
    L1FeeParams { blob_base_fee: U256::from(price), blob_base_fee_scalar: 1, ..no_fees() }
}

type Accounts = HashMap<Address, AccountState>;

#[derive(Clone)]
struct TestBlock {
    header: SealedHeader,
    block: Arc<RecoveredBlock>,
    terms: Terms,
    accounts: Arc<Accounts>,
    changed: Option<Vec<B256>>,
}

/// A chain in memory. Accounts not mentioned have this balance and nonce 0.
pub(crate) struct TestChain {
    blocks: RwLock<Vec<TestBlock>>,
    pub(crate) reads: AtomicU64,
    /// Reads fail while this is set.
    pub(crate) broken: std::sync::atomic::AtomicBool,
}

pub(crate) const RICH: U256 = U256::from_limbs([0, 1, 0, 0]);

#[derive(Debug, thiserror::Error)]
#[error("disk on fire")]
pub(crate) struct DiskOnFire;

struct TestAccounts(Arc<Accounts>, Arc<TestChain>);

impl AccountReader for TestAccounts {
    fn account(&self, address: &Address) -> Result<AccountState, PoolError> {
        if self.1.broken.load(Ordering::Relaxed) {
            return Err(PoolError::chain(crate::Operation::ReadState, DiskOnFire));
        }
        self.1.reads.fetch_add(1, Ordering::Relaxed);
        let default = AccountState { balance: RICH, ..Default::default() };
        Ok(self.0.get(address).copied().unwrap_or(default))
    }
}

impl ChainState for Arc<TestChain> {
    fn latest_header(&self) -> Result<SealedHeader, PoolError> {
        Ok(self.head().header)
    }

    fn head_state(&self, header: &SealedHeader) -> Result<HeadState, PoolError> {
        let blocks = self.blocks.read();
        let block = blocks
            .iter()
            .find(|block| block.header.hash() == header.hash())
            .ok_or_else(|| PoolError::UnknownState(header.hash()))?;
        Ok(HeadState {
            block: BlockRef { number: header.number, hash: header.hash() },
            gas_limit: block.terms.gas_limit,
            base_fee: block.terms.base_fee,
            spec_id: block.terms.spec_id,
            fees: L1FeeParams { spec: block.terms.spec_id, ..block.terms.fees },
            accounts: Box::new(TestAccounts(Arc::clone(&block.accounts), Self::clone(self))),
        })
    }

    fn changed_accounts(&self, hash: &B256) -> Option<Vec<B256>> {
        let blocks = self.blocks.read();
        blocks.iter().find(|block| block.header.hash() == *hash)?.changed.clone()
    }
}

impl TestChain {
    pub(crate) fn new(terms: Terms, accounts: Accounts) -> Arc<Self> {
        let genesis = test_block(Header::default(), &[], terms, Arc::new(accounts), None);
        Arc::new(Self {
            blocks: RwLock::new(vec![genesis]),
            reads: AtomicU64::new(0),
            broken: Default::default(),
        })
    }

    pub(crate) fn pool(self: &Arc<Self>, config: PoolConfig) -> Pool {
        Pool::on_chain(Box::new(Arc::clone(self)), CHAIN_ID, config, Arc::new(SenderCache::new(64)))
            .expect("a chain in memory has a head")
    }

    fn head(&self) -> TestBlock {
        self.blocks.read().last().expect("has a genesis").clone()
    }

    pub(crate) fn height(&self) -> u64 {
        self.head().header.number
    }

    pub(crate) fn terms(&self) -> Terms {
        self.head().terms
    }

    /// Adds a block on the head which changes the given accounts.
    pub(crate) fn extend(
        &self,
        txs: &[RecoveredTx],
        terms: Terms,
        changes: &[(Address, AccountState)],
    ) -> HeadUpdate {
        let parent = self.head();
        let mut accounts = Accounts::clone(&parent.accounts);
        accounts.extend(changes.iter().copied());
        let changed = changes.iter().map(|(address, _)| keccak256(address)).collect();
        let header = Header {
            parent_hash: parent.header.hash(),
            number: parent.header.number + 1,
            ..Default::default()
        };
        let block = test_block(header, txs, terms, Arc::new(accounts), Some(changed));
        self.blocks.write().push(block.clone());
        HeadUpdate { header: block.header, removed: vec![], added: vec![block.block] }
    }

    /// Takes the newest block away.
    pub(crate) fn unwind(&self) -> HeadUpdate {
        let mut blocks = self.blocks.write();
        let removed = blocks.pop().expect("has a block to remove");
        let header = blocks.last().expect("has a parent").header.clone();
        // The update asks what the removed block changed, as the store can tell of side blocks.
        let gone = TestBlock { ..removed.clone() };
        blocks.insert(0, gone);
        HeadUpdate { header, removed: vec![removed.block], added: vec![] }
    }

    pub(crate) fn account(&self, address: &Address) -> AccountState {
        let default = AccountState { balance: RICH, ..Default::default() };
        self.head().accounts.get(address).copied().unwrap_or(default)
    }
}

fn test_block(
    mut header: Header,
    txs: &[RecoveredTx],
    terms: Terms,
    accounts: Arc<Accounts>,
    changed: Option<Vec<B256>>,
) -> TestBlock {
    // Distinct blocks need distinct hashes.
    static SALT: AtomicU64 = AtomicU64::new(0);
    header.mix_hash = B256::left_padding_from(&SALT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let senders = txs.iter().map(RecoveredTx::sender).collect();
    let transactions = txs.iter().map(|tx| tx.tx().clone()).collect();
    let body = BlockBody { transactions, ommers: vec![], withdrawals: None };
    let header = SealedHeader::seal_slow(header);
    let block = Block { header: header.clone_header(), body };
    let block = Arc::new(RecoveredBlock::new(block, senders, header.hash()));
    TestBlock { header, block, terms, accounts, changed }
}
