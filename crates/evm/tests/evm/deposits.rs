use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{Fork, Profile};
use phala_evm::{AccountInfo, ExecutionError, InvalidReason};
use phala_primitives::{EMPTY_CODE_HASH, Receipt};
use revm::state::AccountInfo as EvmAccountInfo;

use crate::{
    asm::{Asm, GAS, INVALID, JUMP, JUMPDEST, STOP, init_code},
    world::{
        ALICE, BOB, CONTRACT, ETHER, World, change, deposit, deposit_nonce, execute, gain, slot,
    },
};

fn to_bob() -> TxDeposit {
    TxDeposit { from: ALICE, to: TxKind::Call(BOB), gas_limit: 100_000, ..Default::default() }
}

fn nonce_after(output: &phala_evm::ExecutionOutput, address: Address) -> u64 {
    change(output, address).and_then(|change| change.after).expect("account exists").nonce
}

#[test]
fn a_deposit_mints_pays_no_fee_and_bumps_the_nonce() {
    let mut world = World::new(Profile::Karst);
    world.db.insert_account_info(
        ALICE,
        EvmAccountInfo { nonce: 5, balance: U256::from(3), ..Default::default() },
    );
    let tx = TxDeposit { mint: 100, value: U256::from(101), ..to_bob() };
    let (outcome, output) = world.run_one(deposit(tx));
    assert!(outcome.success);
    assert_eq!(outcome.gas_used, 21_000);
    assert_eq!(change(&output, ALICE).expect("changed").after.expect("exists").balance, 2);
    assert_eq!(nonce_after(&output, ALICE), 6);
    assert_eq!(gain(&output, BOB), 101);
    assert_eq!(deposit_nonce(&output.receipts[0]), Some(5));
    let Receipt::Deposit(receipt) = &output.receipts[0] else {
        panic!("deposit receipt");
    };
    assert_eq!(receipt.deposit_receipt_version, Some(1));
    assert_eq!(output.da_footprint, 0);
    // Sender and receiver; no vault got anything.
    assert_eq!(output.changes.accounts.iter().filter(|a| a.slots.is_empty()).count(), 2);
}

#[test]
fn a_deposit_that_cannot_pay_its_value_uses_all_gas_but_keeps_mint_and_nonce() {
    let mut world = World::new(Profile::Karst);
    world.fund(ALICE, U256::from(3));
    let tx = TxDeposit { mint: 100, value: U256::from(104), ..to_bob() };
    let (outcome, output) = world.run_one(deposit(tx));
    assert!(!outcome.success);
    assert_eq!(outcome.gas_used, 100_000);
    assert_eq!(output.gas_used, 100_000);
    assert!(!output.receipts[0].status());
    assert_eq!(output.receipts[0].cumulative_gas_used(), 100_000);
    let after = change(&output, ALICE).expect("changed").after.expect("exists");
    assert_eq!(
        after,
        AccountInfo { nonce: 1, balance: U256::from(103), code_hash: EMPTY_CODE_HASH }
    );
    assert!(change(&output, BOB).is_none());
}

#[test]
fn a_deposit_below_its_intrinsic_gas_fails_and_is_included() {
    let world = World::new(Profile::Karst);
    for gas_limit in [0, 20_999] {
        let (outcome, output) =
            world.run_one(deposit(TxDeposit { mint: 7, gas_limit, ..to_bob() }));
        assert!(!outcome.success);
        assert_eq!(outcome.gas_used, gas_limit);
        assert_eq!(gain(&output, ALICE), 7);
        assert_eq!(nonce_after(&output, ALICE), 1);
    }
}

#[test]
fn a_halting_deposit_uses_all_gas_and_a_reverting_one_what_it_used() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, Asm::new().store(0, 1).op(INVALID).bytes());
    let tx = TxDeposit { mint: 5, to: TxKind::Call(CONTRACT), ..to_bob() };
    let (outcome, output) = world.run_one(deposit(tx.clone()));
    assert_eq!((outcome.success, outcome.gas_used), (false, 100_000));
    assert_eq!(gain(&output, ALICE), 5);
    assert_eq!(nonce_after(&output, ALICE), 1);
    assert!(change(&output, CONTRACT).is_none());

    // PUSH0 PUSH0 REVERT
    world.deploy(CONTRACT, Bytes::from_static(&[0x5f, 0x5f, 0xfd]));
    let (outcome, output) = world.run_one(deposit(tx));
    assert_eq!((outcome.success, outcome.gas_used), (false, 21_004));
    assert_eq!(gain(&output, ALICE), 5);
    assert_eq!(nonce_after(&output, ALICE), 1);
}

#[test]
fn a_deposit_with_20_million_gas_has_all_of_it() {
    for profile in [Profile::Isthmus, Profile::Jovian, Profile::Karst] {
        let mut world = World::new(profile);
        world.deploy(CONTRACT, Asm::new().op(GAS).store_top(0).op(STOP).bytes());
        let tx = TxDeposit { gas_limit: 20_000_000, to: TxKind::Call(CONTRACT), ..to_bob() };
        let (outcome, output) = world.run_one(deposit(tx));
        assert!(outcome.success);
        assert_eq!(slot(&output, CONTRACT, 0), Some(U256::from(20_000_000 - 21_000 - 2)));
        // It pays for 43,106: the rest was not used.
        assert_eq!(outcome.gas_used, 21_000 + 2 + 3 - 1 + 22_100);

        // JUMPDEST PUSH0 JUMP, for ever.
        world.deploy(CONTRACT, Asm::new().ops(&[JUMPDEST, 0x5f, JUMP]).bytes());
        let tx = TxDeposit { gas_limit: 20_000_000, to: TxKind::Call(CONTRACT), ..to_bob() };
        let (outcome, _) = world.run_one(deposit(tx));
        assert_eq!((outcome.success, outcome.gas_used), (false, 20_000_000));
    }
}

#[test]
fn deposits_draw_from_the_block_gas() {
    let mut world = World::new(Profile::Karst);
    world.env.gas_limit = 100_000;
    let mut execution = world.start();
    let too_much = deposit(TxDeposit { gas_limit: 100_001, ..to_bob() });
    let error = execute(&mut execution, &too_much).expect_err("too much");
    assert!(error.is_block_full());
    assert!(matches!(
        error,
        ExecutionError::Invalid {
            reason: InvalidReason::BlockGas { gas_limit: 100_001, available: 100_000 },
            ..
        }
    ));
    execute(&mut execution, &deposit(to_bob())).expect("fits exactly");
    assert_eq!(execution.gas_used(), 21_000);
    assert!(execute(&mut execution, &deposit(to_bob())).is_err());
}

#[test]
fn a_deposit_creates_at_the_address_of_its_nonce() {
    let mut world = World::new(Profile::Karst);
    world.db.insert_account_info(ALICE, EvmAccountInfo { nonce: 9, ..Default::default() });
    let code = Asm::new().store(1, 1).bytes();
    let tx = TxDeposit {
        from: ALICE,
        to: TxKind::Create,
        mint: ETHER,
        value: U256::from(ETHER),
        gas_limit: 200_000,
        input: init_code(&code),
        ..Default::default()
    };
    let (outcome, output) = world.run_one(deposit(tx));
    assert!(outcome.success);
    let created = change(&output, ALICE.create(9)).expect("created");
    let after = created.after.expect("exists");
    assert_eq!(created.before, None);
    assert_eq!((after.nonce, after.balance), (1, U256::from(ETHER)));
    assert_eq!(output.changes.codes, [(after.code_hash, code)]);
    assert_eq!(nonce_after(&output, ALICE), 10);
    assert_eq!(deposit_nonce(&output.receipts[0]), Some(9));
}

#[test]
fn a_deposit_may_come_from_a_contract_and_needs_no_nonce() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, Asm::new().op(STOP).bytes());
    let (outcome, output) = world.run_one(deposit(TxDeposit { from: CONTRACT, ..to_bob() }));
    assert!(outcome.success);
    assert_eq!(nonce_after(&output, CONTRACT), 2);
    assert_eq!(deposit_nonce(&output.receipts[0]), Some(1));
}

#[test]
fn a_system_deposit_fails_since_regolith() {
    let world = World::new(Profile::Karst);
    let tx = TxDeposit { is_system_transaction: true, mint: 3, ..to_bob() };
    let (outcome, output) = world.run_one(deposit(tx));
    assert_eq!((outcome.success, outcome.gas_used), (false, 100_000));
    assert_eq!(gain(&output, ALICE), 3);
}

#[test]
fn a_deposit_of_the_greatest_amounts_does_not_panic() {
    let mut world = World::new(Profile::Karst);
    world.fund(ALICE, U256::MAX);
    for (mint, value) in [(u128::MAX, U256::MAX), (u128::MAX, U256::ZERO), (0, U256::MAX)] {
        let (_, output) = world.run_one(deposit(TxDeposit { mint, value, ..to_bob() }));
        assert_eq!(nonce_after(&output, ALICE), 1);
    }
    world.db.insert_account_info(ALICE, EvmAccountInfo { nonce: u64::MAX, ..Default::default() });
    let (_, output) = world.run_one(deposit(TxDeposit { mint: 1, ..to_bob() }));
    assert_eq!(nonce_after(&output, ALICE), u64::MAX);
}

#[test]
fn the_receipt_version_comes_with_canyon_and_the_nonce_with_regolith() {
    for (fork, nonce, version) in [
        (Fork::Bedrock, None, None),
        (Fork::Regolith, Some(0), None),
        (Fork::Canyon, Some(0), Some(1)),
        (Fork::Karst, Some(0), Some(1)),
    ] {
        let (_, output) = World::at(fork).run_one(deposit(to_bob()));
        let Receipt::Deposit(receipt) = &output.receipts[0] else {
            panic!("deposit receipt");
        };
        assert_eq!((receipt.deposit_nonce, receipt.deposit_receipt_version), (nonce, version));
    }
}
