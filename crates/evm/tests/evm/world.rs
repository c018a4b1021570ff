//! A chain in memory to execute blocks on.

use std::{collections::HashMap, path::PathBuf};

use alloy_consensus::{Sealable, Signed, TxEip1559, TxEip7702, TxLegacy};
use alloy_eips::{eip2718::Encodable2718, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{
    ChainSpec, Fork, Forks, Profile,
    addresses::{L1_BLOCK, SEQUENCER_FEE_VAULT},
};
use phala_evm::{
    AccountChange, BlockEnvironment, Execution, ExecutionError, ExecutionOutput, TxOutcome,
};
use phala_primitives::{Receipt, Transaction};
use revm::{
    bytecode::Bytecode,
    database::{CacheDB, EmptyDB},
    state::AccountInfo,
};

pub(crate) type Db = CacheDB<EmptyDB>;

pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
pub(crate) const BASE_FEE: u64 = 1_000;
pub(crate) const ALICE: Address = Address::repeat_byte(0xa1);
pub(crate) const BOB: Address = Address::repeat_byte(0xb0);
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xcc);

/// State, rules and environment of one block.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) spec: ChainSpec,
    pub(crate) db: Db,
    pub(crate) env: BlockEnvironment,
}

/// A transaction, its sender and its encoding.
pub(crate) type Tx = (Transaction, Address, Bytes);

impl World {
    /// A block of a profile; Alice has 1,000 ether.
    pub(crate) fn new(profile: Profile) -> Self {
        Self::with_forks(Forks::profile(profile))
    }

    /// A block whose newest fork this is.
    pub(crate) fn at(fork: Fork) -> Self {
        let active = Fork::ALL.into_iter().filter(|f| *f <= fork).map(|f| (f, 0));
        Self::with_forks(Forks::new(active).expect("in order"))
    }

    fn with_forks(forks: Forks) -> Self {
        let mut spec = ChainSpec::dev();
        spec.forks = forks;
        let env = BlockEnvironment {
            number: 10,
            timestamp: 1_000,
            beneficiary: SEQUENCER_FEE_VAULT,
            gas_limit: 60_000_000,
            base_fee: BASE_FEE,
            prev_randao: B256::repeat_byte(0x77),
            parent_hash: B256::repeat_byte(9),
            parent_beacon_block_root: Some(B256::repeat_byte(0xbe)),
        };
        let mut world = Self { spec, db: Db::default(), env };
        world.fund(ALICE, U256::from(1_000 * ETHER));
        world
    }

    pub(crate) fn fund(&mut self, address: Address, balance: U256) {
        self.db.insert_account_info(address, AccountInfo { balance, ..Default::default() });
    }

    pub(crate) fn deploy(&mut self, address: Address, code: Bytes) {
        self.deploy_with(address, code, U256::ZERO);
    }

    pub(crate) fn deploy_with(&mut self, address: Address, code: Bytes, balance: U256) {
        let code = Bytecode::new_raw(code);
        let info = AccountInfo {
            nonce: 1,
            balance,
            code_hash: code.hash_slow(),
            code: Some(code),
            account_id: None,
        };
        self.db.insert_account_info(address, info);
    }

    pub(crate) fn set_slot(&mut self, address: Address, slot: u64, value: U256) {
        self.db.insert_account_storage(address, U256::from(slot), value).expect("infallible");
    }

    /// Writes what an L1-attributes deposit would have written.
    pub(crate) fn set_l1_fees(&mut self, fees: &L1Fees) {
        let word = |parts: &[(usize, &[u8])]| {
            let mut bytes = [0u8; 32];
            for (offset, part) in parts {
                bytes[*offset..*offset + part.len()].copy_from_slice(part);
            }
            U256::from_be_bytes(bytes)
        };
        self.deploy(L1_BLOCK, Bytes::from_static(&[0]));
        self.set_slot(L1_BLOCK, 1, U256::from(fees.base_fee));
        self.set_slot(L1_BLOCK, 7, U256::from(fees.blob_base_fee));
        let scalars = word(&[
            (16, &fees.base_fee_scalar.to_be_bytes()),
            (20, &fees.blob_base_fee_scalar.to_be_bytes()),
            (24, &7u64.to_be_bytes()),
        ]);
        self.set_slot(L1_BLOCK, 3, scalars);
        let operator = word(&[
            (18, &fees.da_scalar.to_be_bytes()),
            (20, &fees.operator_scalar.to_be_bytes()),
            (24, &fees.operator_constant.to_be_bytes()),
        ]);
        self.set_slot(L1_BLOCK, 8, operator);
    }

    pub(crate) fn start(&self) -> Execution<&Db> {
        Execution::new(&self.spec, &self.db, &self.env).expect("block starts")
    }

    /// Executes transactions that all stand.
    pub(crate) fn run(&self, txs: &[Tx]) -> (Vec<TxOutcome>, ExecutionOutput) {
        let mut execution = self.start();
        let outcomes = txs.iter().map(|tx| execute(&mut execution, tx).expect("valid")).collect();
        (outcomes, execution.finish())
    }

    pub(crate) fn run_one(&self, tx: Tx) -> (TxOutcome, ExecutionOutput) {
        let (outcomes, output) = self.run(&[tx]);
        (outcomes[0], output)
    }

    /// The state after a block.
    pub(crate) fn apply(db: &mut Db, output: &ExecutionOutput) {
        let codes: HashMap<_, _> = output.changes.codes.iter().cloned().collect();
        for change in &output.changes.accounts {
            let Some(after) = change.after else {
                db.cache.accounts.remove(&change.address);
                continue;
            };
            let mut info = AccountInfo {
                nonce: after.nonce,
                balance: after.balance,
                code_hash: after.code_hash,
                account_id: None,
                code: None,
            };
            info.code = codes.get(&after.code_hash).cloned().map(Bytecode::new_raw);
            db.insert_account_info(change.address, info);
            for slot in &change.slots {
                db.insert_account_storage(change.address, slot.slot, slot.after)
                    .expect("infallible");
            }
        }
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.db.cache.accounts.get(&address).map_or(U256::ZERO, |account| account.info.balance)
    }
}

/// L1 fee parameters of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct L1Fees {
    pub(crate) base_fee: u64,
    pub(crate) blob_base_fee: u64,
    pub(crate) base_fee_scalar: u32,
    pub(crate) blob_base_fee_scalar: u32,
    pub(crate) operator_scalar: u32,
    pub(crate) operator_constant: u64,
    pub(crate) da_scalar: u16,
}

pub(crate) fn execute<DB: revm::DatabaseRef>(
    execution: &mut Execution<DB>,
    (tx, sender, encoded): &Tx,
) -> Result<TxOutcome, ExecutionError> {
    execution.execute(tx, *sender, encoded)
}

fn encoded(tx: Transaction, sender: Address) -> Tx {
    let bytes = tx.encoded_2718().into();
    (tx, sender, bytes)
}

/// A transaction of Alice's with more than enough fees.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) from: Address,
    pub(crate) nonce: u64,
    pub(crate) to: TxKind,
    pub(crate) value: U256,
    pub(crate) gas: u64,
    pub(crate) max_fee: u128,
    pub(crate) tip: u128,
    pub(crate) input: Bytes,
}

impl Send {
    pub(crate) fn to(to: Address) -> Self {
        Self {
            from: ALICE,
            nonce: 0,
            to: TxKind::Call(to),
            value: U256::ZERO,
            gas: 1_000_000,
            max_fee: 2 * u128::from(BASE_FEE),
            tip: 10,
            input: Bytes::new(),
        }
    }

    pub(crate) fn create(init_code: Bytes) -> Self {
        Self { to: TxKind::Create, input: init_code, ..Self::to(Address::ZERO) }
    }

    pub(crate) fn nonce(self, nonce: u64) -> Self {
        Self { nonce, ..self }
    }

    pub(crate) fn value(self, value: u128) -> Self {
        Self { value: U256::from(value), ..self }
    }

    pub(crate) fn gas(self, gas: u64) -> Self {
        Self { gas, ..self }
    }

    pub(crate) fn input(self, input: impl Into<Bytes>) -> Self {
        Self { input: input.into(), ..self }
    }

    pub(crate) fn tx(self, spec: &ChainSpec) -> Tx {
        let tx = TxEip1559 {
            chain_id: spec.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.max_fee,
            max_priority_fee_per_gas: self.tip,
            to: self.to,
            value: self.value,
            access_list: Default::default(),
            input: self.input,
        };
        let signed = Signed::new_unhashed(tx, Signature::test_signature());
        encoded(Transaction::Eip1559(signed), self.from)
    }

    pub(crate) fn legacy(self, spec: &ChainSpec) -> Tx {
        let tx = TxLegacy {
            chain_id: Some(spec.chain_id),
            nonce: self.nonce,
            gas_price: self.max_fee,
            gas_limit: self.gas,
            to: self.to,
            value: self.value,
            input: self.input,
        };
        let signed = Signed::new_unhashed(tx, Signature::test_signature());
        encoded(Transaction::Legacy(signed), self.from)
    }

    pub(crate) fn eip7702(self, spec: &ChainSpec, list: Vec<SignedAuthorization>) -> Tx {
        let tx = TxEip7702 {
            chain_id: spec.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.max_fee,
            max_priority_fee_per_gas: self.tip,
            to: *self.to.to().expect("7702 has a callee"),
            value: self.value,
            access_list: Default::default(),
            authorization_list: list,
            input: self.input,
        };
        let signed = Signed::new_unhashed(tx, Signature::test_signature());
        encoded(Transaction::Eip7702(signed), self.from)
    }
}

/// A user deposit.
pub(crate) fn deposit(tx: TxDeposit) -> Tx {
    let from = tx.from;
    let tx = TxDeposit { source_hash: keccak256(format!("{tx:?}")), ..tx };
    encoded(Transaction::Deposit(tx.seal_slow()), from)
}

pub(crate) fn change(output: &ExecutionOutput, address: Address) -> Option<&AccountChange> {
    output.changes.accounts.iter().find(|change| change.address == address)
}

/// Value of a slot after the block, if the block changed it.
pub(crate) fn slot(output: &ExecutionOutput, address: Address, slot: u64) -> Option<U256> {
    let change = change(output, address)?;
    let slot = change.slots.iter().find(|change| change.slot == U256::from(slot))?;
    Some(slot.after)
}

/// How much an account gained (or lost, as a wrapped number).
pub(crate) fn gain(output: &ExecutionOutput, address: Address) -> U256 {
    let Some(change) = change(output, address) else {
        return U256::ZERO;
    };
    let after = change.after.map_or(U256::ZERO, |info| info.balance);
    after.wrapping_sub(change.before.map_or(U256::ZERO, |info| info.balance))
}

pub(crate) fn deposit_nonce(receipt: &Receipt) -> Option<u64> {
    match receipt {
        Receipt::Deposit(receipt) => receipt.deposit_nonce,
        _ => None,
    }
}

/// A file of the recorded vectors; `None` (and a line saying so) if there are none here.
pub(crate) fn vector(path: &str) -> Option<Vec<u8>> {
    let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    let path = PathBuf::from(dir).join("opstack").join(path);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Some(bytes);
    }
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut unpacked)
        .expect("gzip");
    Some(unpacked)
}
