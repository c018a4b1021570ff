use std::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use alloy_consensus::TxReceipt;
use alloy_eips::{
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::{Fork, Profile, addresses::L1_BLOCK};
use phala_evm::{
    BlockEnvironment, CodeCache, Execution, ExecutionError, InvalidReason, StateChanges,
    WithCodeCache,
};
use phala_primitives::EMPTY_CODE_HASH;
use revm::{
    DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo,
};

use crate::{
    asm::{Asm, BLOCKHASH, LOG1, REVERT, SLOAD, STOP, init_code},
    world::{ALICE, BOB, CONTRACT, Db, L1Fees, Send, World, change, execute, gain, slot},
};

fn word(value: u64) -> U256 {
    U256::from(value)
}

#[test]
fn system_contracts_get_the_parents_hash_and_beacon_root() {
    let mut world = World::new(Profile::Karst);
    world.deploy(HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone());
    world.deploy(BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE.clone());
    let (_, output) = world.run(&[]);
    assert_eq!(slot(&output, HISTORY_STORAGE_ADDRESS, 9), Some(world.env.parent_hash.into()));
    let root = world.env.parent_beacon_block_root.expect("set");
    assert_eq!(slot(&output, BEACON_ROOTS_ADDRESS, 1_000), Some(word(1_000)));
    assert_eq!(slot(&output, BEACON_ROOTS_ADDRESS, 1_000 + 8_191), Some(root.into()));
    assert_eq!(output.changes.accounts.len(), 2);
    assert_eq!((output.gas_used, output.receipts.len()), (0, 0));

    world.spec = World::at(Fork::Holocene).spec;
    let (_, output) = world.run(&[]);
    assert_eq!(output.changes.accounts.len(), 1);
    assert!(change(&output, BEACON_ROOTS_ADDRESS).is_some());

    world.spec = World::at(Fork::Canyon).spec;
    world.env.parent_beacon_block_root = None;
    let (_, output) = world.run(&[]);
    assert_eq!(output.changes, StateChanges::default());
}

#[test]
fn system_contracts_without_code_change_nothing() {
    let (_, output) = World::new(Profile::Karst).run(&[]);
    assert_eq!(output.changes, StateChanges::default());
}

#[test]
fn ecotone_needs_a_beacon_root_and_genesis_runs_no_system_calls() {
    let mut world = World::new(Profile::Karst);
    world.env.parent_beacon_block_root = None;
    let error = Execution::new(&world.spec, &world.db, &world.env).expect_err("no root");
    assert!(matches!(error, ExecutionError::MissingParentBeaconBlockRoot { number: 10 }));
    world.env.number = 0;
    assert!(Execution::new(&world.spec, &world.db, &world.env).is_ok());
}

#[test]
fn writes_that_end_where_they_began_are_no_change() {
    let mut world = World::new(Profile::Karst);
    // slot 0 := calldata
    let code = Asm::new().push(U256::ZERO).op(crate::asm::CALLDATALOAD).store_top(0).op(STOP);
    world.deploy(CONTRACT, code.bytes());
    world.set_slot(CONTRACT, 0, word(5));
    let write = |nonce, value: u64| {
        Send::to(CONTRACT).nonce(nonce).input(B256::from(word(value)).0).tx(&world.spec)
    };
    let (_, output) = world.run(&[write(0, 6), write(1, 0), write(2, 5)]);
    assert!(change(&output, CONTRACT).is_none());
    let (_, output) = world.run(&[write(0, 6), write(1, 0)]);
    let slots = &change(&output, CONTRACT).expect("changed").slots;
    assert_eq!(slots.len(), 1);
    assert_eq!((slots[0].before, slots[0].after), (word(5), U256::ZERO));
    assert_eq!(slots[0].hash, alloy_primitives::keccak256(B256::ZERO));
}

#[test]
fn changes_are_sorted_by_hash_and_hashes_are_right() {
    let mut world = World::new(Profile::Karst);
    let mut code = Asm::new();
    for i in 0..50 {
        code = code.store(i, i + 1);
    }
    world.deploy(CONTRACT, code.op(STOP).bytes());
    let sends: Vec<_> = (0..40u8)
        .map(|i| {
            let to = if i == 0 { CONTRACT } else { Address::repeat_byte(i) };
            Send::to(to).value(1).gas(2_000_000).nonce(i.into()).tx(&world.spec)
        })
        .collect();
    let (_, output) = world.run(&sends);
    let accounts = &output.changes.accounts;
    // 39 receivers, the contract, Alice and two vaults.
    assert_eq!(accounts.len(), 43);
    assert!(accounts.is_sorted_by(|a, b| a.hash < b.hash));
    for account in accounts {
        assert_eq!(account.hash, alloy_primitives::keccak256(account.address));
        assert!(account.slots.is_sorted_by(|a, b| a.hash < b.hash));
        for slot in &account.slots {
            assert_eq!(slot.hash, alloy_primitives::keccak256(B256::from(slot.slot)));
        }
    }
    assert_eq!(change(&output, CONTRACT).expect("changed").slots.len(), 50);
}

#[test]
fn a_touched_empty_account_does_not_come_into_being_and_does_not_stay() {
    let mut world = World::new(Profile::Karst);
    // An account that is there although it is empty, as old states have some.
    world.fund(BOB, U256::ZERO);
    let txs = [
        Send::to(BOB).tx(&world.spec),
        Send::to(Address::repeat_byte(0x31)).nonce(1).tx(&world.spec),
    ];
    let (_, output) = world.run(&txs);
    let bob = change(&output, BOB).expect("changed");
    assert!(bob.before.is_some() && bob.after.is_none() && !bob.wiped);
    assert!(change(&output, Address::repeat_byte(0x31)).is_none());
}

#[test]
fn a_refused_transaction_leaves_no_trace() {
    let mut world = World::new(Profile::Karst);
    world.fund(BOB, U256::from(10));
    world.deploy(CONTRACT, Asm::new().op(STOP).bytes());
    // This one calls Bob, which is cold.
    let calls_bob = Asm::new().ops(&[0x5f, 0x5f, 0x5f, 0x5f, 0x5f]).push_address(BOB).ops(&[
        crate::asm::GAS,
        crate::asm::CALL,
        STOP,
    ]);
    let caller = Address::repeat_byte(0x55);
    world.deploy(caller, calls_bob.bytes());
    let good = |nonce| Send::to(CONTRACT).nonce(nonce).value(1).tx(&world.spec);
    let bad = [
        // Without funds; the first touch of Bob is cold afterwards as well.
        Send { from: BOB, ..Send::to(CONTRACT) }.tx(&world.spec),
        Send::to(CONTRACT).nonce(7).tx(&world.spec),
        Send::to(CONTRACT).gas(20_999).tx(&world.spec),
        Send { max_fee: 1, tip: 0, ..Send::to(CONTRACT) }.tx(&world.spec),
        Send { tip: 3_000, ..Send::to(CONTRACT) }.tx(&world.spec),
        Send::to(CONTRACT).gas(u64::MAX).tx(&world.spec),
        Send { from: CONTRACT, ..Send::to(BOB).nonce(1) }.tx(&world.spec),
        Send::create(vec![0; 49_153].into()).gas(2_000_000).tx(&world.spec),
        {
            let mut spec = world.spec.clone();
            spec.chain_id += 1;
            Send::to(BOB).tx(&spec)
        },
        Send { max_fee: u128::MAX, tip: u128::MAX, ..Send::to(BOB) }.tx(&world.spec),
        Send { value: U256::MAX, ..Send::to(BOB) }.tx(&world.spec),
    ];
    let calls = |nonce| Send::to(caller).nonce(nonce).tx(&world.spec);

    let (clean, expected) = world.run(&[good(0), calls(1), good(2)]);
    let mut execution = world.start();
    let mut outcomes = Vec::new();
    for tx in [good(0), calls(1), good(2)] {
        for bad in &bad {
            let error = execute(&mut execution, bad).expect_err("invalid");
            assert!(matches!(error, ExecutionError::Invalid { .. }), "{error}");
        }
        outcomes.push(execute(&mut execution, &tx).expect("valid"));
    }
    assert_eq!(outcomes, clean);
    assert_eq!(execution.finish(), expected);
}

#[test]
fn failed_transactions_pay_and_log_nothing() {
    let mut world = World::new(Profile::Karst);
    let code = Asm::new()
        .store(0, 1)
        .push(word(1))
        .push(U256::ZERO)
        .push(U256::ZERO)
        .op(LOG1)
        .push(U256::ZERO)
        .push(U256::ZERO)
        .op(REVERT);
    world.deploy(CONTRACT, code.bytes());
    let (outcome, output) = world.run_one(Send::to(CONTRACT).value(3).tx(&world.spec));
    assert!(!outcome.success);
    assert!(output.receipts[0].logs().is_empty());
    assert!(!output.receipts[0].status());
    assert!(change(&output, CONTRACT).is_none());
    assert_eq!(change(&output, ALICE).expect("paid").after.expect("exists").nonce, 1);
}

#[test]
fn receipts_have_the_type_and_the_running_sum() {
    let world = World::new(Profile::Karst);
    let txs = [Send::to(BOB).legacy(&world.spec), Send::to(BOB).nonce(1).value(1).tx(&world.spec)];
    let (_, output) = world.run(&txs);
    let types: Vec<_> = output.receipts.iter().map(|receipt| receipt.tx_type() as u8).collect();
    assert_eq!(types, [0, 2]);
    let sums: Vec<_> =
        output.receipts.iter().map(|receipt| receipt.cumulative_gas_used()).collect();
    assert_eq!(sums, [21_000, 42_000]);
    assert_eq!(output.gas_used, 42_000);
}

#[test]
fn an_authorization_gives_an_account_code_and_takes_it_away() {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x42)).expect("valid key");
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, Asm::new().store(3, 4).op(STOP).bytes());
    let authorize = |address, nonce| {
        let authorization =
            Authorization { chain_id: U256::from(world.spec.chain_id), address, nonce };
        let signature = signer.sign_hash_sync(&authorization.signature_hash()).expect("signs");
        authorization.into_signed(signature)
    };
    let set = Send::to(signer.address()).eip7702(&world.spec, vec![authorize(CONTRACT, 0)]);
    let (outcome, output) = world.run_one(set.clone());
    assert!(outcome.success);
    let delegated = change(&output, signer.address()).expect("changed");
    let after = delegated.after.expect("exists");
    assert_eq!((after.nonce, delegated.slots.len()), (1, 1));
    assert_eq!(slot(&output, signer.address(), 3), Some(word(4)));
    let designation = Bytecode::new_eip7702(CONTRACT);
    assert_eq!(output.changes.codes, [(designation.hash_slow(), designation.original_bytes())]);
    assert_eq!(output.receipts[0].tx_type() as u8, 4);

    let clear = Send::to(BOB)
        .nonce(1)
        .eip7702(&world.spec, vec![authorize(Address::ZERO, 1), authorize(CONTRACT, 9)]);
    let (_, output) = world.run(&[set, clear]);
    let cleared = change(&output, signer.address()).expect("changed").after.expect("exists");
    assert_eq!((cleared.nonce, cleared.code_hash), (2, EMPTY_CODE_HASH));
    assert!(output.changes.codes.is_empty());

    let empty = Send::to(BOB).eip7702(&world.spec, vec![]);
    assert!(execute(&mut world.start(), &empty).is_err());
    let early = World::at(Fork::Holocene);
    let early_tx = Send::to(BOB).eip7702(&early.spec, vec![authorize(CONTRACT, 0)]);
    assert!(execute(&mut early.start(), &early_tx).is_err());
}

#[test]
fn the_same_code_is_reported_once() {
    let world = World::new(Profile::Karst);
    let init = init_code(&[STOP]);
    let txs =
        [Send::create(init.clone()).tx(&world.spec), Send::create(init).nonce(1).tx(&world.spec)];
    let (_, output) = world.run(&txs);
    assert_eq!(output.changes.codes.len(), 1);
    let created = |nonce| change(&output, ALICE.create(nonce)).expect("created").after;
    assert_eq!(created(0), created(1));
}

/// Counts reads of a database, and fails one of them.
#[derive(Debug)]
struct Failing<'a> {
    db: &'a Db,
    reads: Cell<u64>,
    fail_at: u64,
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk is on fire")
    }
}

impl std::error::Error for Broken {}
impl DBErrorMarker for Broken {}

impl Failing<'_> {
    fn read<T, E: fmt::Debug>(&self, value: Result<T, E>) -> Result<T, Broken> {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() == self.fail_at {
            return Err(Broken);
        }
        Ok(value.expect("infallible"))
    }
}

impl DatabaseRef for Failing<'_> {
    type Error = Broken;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Broken> {
        let info = self.db.basic_ref(address);
        self.read(info.map(|info| info.map(|info| AccountInfo { code: None, ..info })))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Broken> {
        self.read(self.db.code_by_hash_ref(code_hash))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Broken> {
        self.read(self.db.storage_ref(address, slot))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Broken> {
        self.read(self.db.block_hash_ref(number))
    }
}

#[test]
fn an_io_error_is_never_a_verdict_and_can_be_tried_again() {
    let mut world = World::new(Profile::Karst);
    world.set_l1_fees(&L1Fees { base_fee: 7, base_fee_scalar: 7, ..Default::default() });
    // Reads a slot, asks for an old block hash and calls somebody.
    let code = Asm::new()
        .push(word(8))
        .op(SLOAD)
        .push(word(1))
        .op(crate::asm::ADD)
        .store_top(8)
        .push(word(5))
        .op(BLOCKHASH)
        .store_top(9)
        .ops(&[0x5f, 0x5f, 0x5f, 0x5f, 0x5f])
        .push_address(BOB)
        .ops(&[crate::asm::GAS, crate::asm::CALL, STOP]);
    world.deploy(CONTRACT, code.bytes());
    let txs = [
        crate::world::deposit(op_alloy_consensus::TxDeposit {
            from: BOB,
            to: CONTRACT.into(),
            mint: 5,
            gas_limit: 200_000,
            ..Default::default()
        }),
        Send::to(CONTRACT).value(1).tx(&world.spec),
        Send::create(init_code(&[STOP])).nonce(1).tx(&world.spec),
    ];
    let (_, expected) = world.run(&txs);

    let mut fail_at = 1;
    loop {
        let db = Failing { db: &world.db, reads: Cell::new(0), fail_at };
        let mut execution = match Execution::new(&world.spec, &db, &world.env) {
            Ok(execution) => execution,
            Err(ExecutionError::Database(_)) => {
                fail_at += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let mut failed = false;
        for tx in &txs {
            match execute(&mut execution, tx) {
                Ok(_) => {}
                Err(ExecutionError::Database(error)) => {
                    assert_eq!(error.to_string(), "disk is on fire");
                    failed = true;
                    execute(&mut execution, tx).expect("works now");
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(execution.finish(), expected);
        if !failed {
            break;
        }
        fail_at += 1;
    }
    assert!(fail_at > 15, "only {fail_at} reads");
}

#[test]
fn a_block_knows_its_parents_hash_without_the_database() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, Asm::new().push(word(9)).op(BLOCKHASH).store_top(0).op(STOP).bytes());
    let (_, output) = world.run_one(Send::to(CONTRACT).tx(&world.spec));
    assert_eq!(slot(&output, CONTRACT, 0), Some(world.env.parent_hash.into()));
}

#[test]
fn codes_come_from_the_cache_once_they_are_known() {
    static READS: AtomicU64 = AtomicU64::new(0);
    #[derive(Debug)]
    struct Counting<'a>(&'a Db);
    impl DatabaseRef for Counting<'_> {
        type Error = std::convert::Infallible;
        fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
            let info = self.0.basic_ref(address)?;
            Ok(info.map(|info| AccountInfo { code: None, ..info }))
        }
        fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
            READS.fetch_add(1, Ordering::Relaxed);
            self.0.code_by_hash_ref(code_hash)
        }
        fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
            self.0.storage_ref(address, slot)
        }
        fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
            self.0.block_hash_ref(number)
        }
    }

    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, Asm::new().store(0, 1).op(STOP).bytes());
    let cache = CodeCache::new();
    for _ in 0..3 {
        let db = WithCodeCache::new(Counting(&world.db), &cache);
        let mut execution = Execution::new(&world.spec, db, &world.env).expect("starts");
        for nonce in 0..3 {
            let tx = Send::to(CONTRACT).nonce(nonce).tx(&world.spec);
            assert!(execute(&mut execution, &tx).expect("valid").success);
        }
    }
    assert_eq!(READS.load(Ordering::Relaxed), 1);
}

#[test]
fn value_moves_and_an_unfunded_sender_is_refused() {
    let world = World::new(Profile::Karst);
    let (_, output) = world.run_one(Send::to(BOB).value(44).tx(&world.spec));
    assert_eq!(gain(&output, BOB), 44);
    let broke = Send { from: BOB, ..Send::to(ALICE) }.tx(&world.spec);
    assert!(matches!(
        execute(&mut world.start(), &broke),
        Err(ExecutionError::Invalid { reason: InvalidReason::Rule(_), .. })
    ));
    assert_eq!(world.balance(BOB), 0);
}

#[test]
fn an_environment_is_what_the_header_says() {
    let world = World::new(Profile::Karst);
    let header = phala_primitives::Header {
        number: 10,
        timestamp: 1_000,
        beneficiary: world.env.beneficiary,
        gas_limit: 60_000_000,
        base_fee_per_gas: Some(crate::world::BASE_FEE),
        mix_hash: world.env.prev_randao,
        parent_hash: world.env.parent_hash,
        parent_beacon_block_root: world.env.parent_beacon_block_root,
        ..Default::default()
    };
    assert_eq!(BlockEnvironment::from(&header), world.env);
}

#[test]
fn nothing_is_left_in_l1_block_by_reading_it() {
    let mut world = World::new(Profile::Karst);
    world.set_l1_fees(&L1Fees { base_fee: 7, ..Default::default() });
    let (_, output) = world.run_one(Send::to(BOB).tx(&world.spec));
    assert!(change(&output, L1_BLOCK).is_none());
}
