use alloy_primitives::{Address, Bytes, U256};
use phala_chainspec::{Fork, Profile};
use phala_evm::ExecutionOutput;

use crate::{
    asm::{Asm, CALLVALUE, CREATE, MSTORE, POP, SELFDESTRUCT, STOP, init_code},
    world::{ALICE, BOB, CONTRACT, Send, World, change, gain},
};

fn destroy_to(target: Address) -> Asm {
    Asm::new().push_address(target).op(SELFDESTRUCT)
}

fn created(output: &ExecutionOutput, nonce: u64) -> Option<&phala_evm::AccountChange> {
    change(output, ALICE.create(nonce))
}

#[test]
fn an_existing_contract_only_gives_away_its_balance() {
    let mut world = World::new(Profile::Karst);
    world.deploy_with(CONTRACT, destroy_to(BOB).bytes(), U256::from(50));
    world.set_slot(CONTRACT, 1, U256::from(1));
    let (outcome, output) = world.run_one(Send::to(CONTRACT).value(5).tx(&world.spec));
    assert!(outcome.success);
    let contract = change(&output, CONTRACT).expect("changed");
    assert_eq!(contract.after.expect("still there").balance, 0);
    assert_eq!(
        contract.after.expect("still there").code_hash,
        contract.before.expect("was").code_hash
    );
    assert!(contract.slots.is_empty() && !contract.wiped);
    assert_eq!(gain(&output, BOB), 55);
}

#[test]
fn an_existing_contract_keeps_what_it_gives_itself() {
    let mut world = World::new(Profile::Karst);
    world.deploy_with(CONTRACT, destroy_to(CONTRACT).bytes(), U256::from(50));
    let (outcome, output) = world.run_one(Send::to(CONTRACT).tx(&world.spec));
    assert!(outcome.success);
    assert!(change(&output, CONTRACT).is_none());
}

#[test]
fn a_contract_created_and_destroyed_in_one_transaction_leaves_no_trace() {
    let world = World::new(Profile::Karst);
    let init: Bytes = Asm::new().store(1, 7).bytes();
    let init = [init.as_ref(), &destroy_to(BOB).bytes()].concat();
    let (outcome, output) = world.run_one(Send::create(init.into()).value(9).tx(&world.spec));
    assert!(outcome.success);
    assert!(created(&output, 0).is_none());
    assert!(output.changes.codes.is_empty());
    assert_eq!(gain(&output, BOB), 9);
}

#[test]
fn what_a_created_contract_gives_itself_when_destroyed_is_burnt() {
    let world = World::new(Profile::Karst);
    let init = destroy_to(ALICE.create(0)).bytes();
    let (outcome, output) = world.run_one(Send::create(init).value(9).tx(&world.spec));
    assert!(outcome.success);
    assert!(created(&output, 0).is_none());
}

#[test]
fn a_contract_created_earlier_in_the_block_survives() {
    let world = World::new(Profile::Karst);
    let target = ALICE.create(0);
    let txs = [
        Send::create(init_code(&destroy_to(BOB).bytes())).value(9).tx(&world.spec),
        Send::to(target).nonce(1).value(1).tx(&world.spec),
    ];
    let (outcomes, output) = world.run(&txs);
    assert!(outcomes.iter().all(|outcome| outcome.success));
    let contract = created(&output, 0).expect("created");
    let after = contract.after.expect("still there");
    assert_eq!((after.nonce, after.balance), (1, U256::ZERO));
    assert_eq!(output.changes.codes.len(), 1);
    assert_eq!(gain(&output, BOB), 10);
}

#[test]
fn an_account_funded_before_it_is_created_and_destroyed_is_gone() {
    let mut world = World::new(Profile::Karst);
    world.fund(ALICE.create(0), U256::from(4));
    let (_, output) = world.run_one(Send::create(destroy_to(BOB).bytes()).value(1).tx(&world.spec));
    let gone = created(&output, 0).expect("changed");
    assert_eq!(gone.before.expect("was funded").balance, 4);
    assert_eq!(gone.after, None);
    assert!(!gone.wiped);
    assert_eq!(gain(&output, BOB), 5);
}

#[test]
fn before_ecotone_a_contract_loses_its_storage() {
    let mut world = World::at(Fork::Canyon);
    world.deploy(CONTRACT, destroy_to(BOB).bytes());
    world.set_slot(CONTRACT, 1, U256::from(1));
    let (_, output) = world.run_one(Send::to(CONTRACT).tx(&world.spec));
    let contract = change(&output, CONTRACT).expect("changed");
    assert_eq!(contract.after, None);
    assert!(contract.wiped);
}

#[test]
fn a_destroyed_account_that_gets_money_later_in_the_block_is_a_new_one() {
    let world = World::new(Profile::Karst);
    let target = ALICE.create(0);
    let init = [Asm::new().store(1, 7).bytes().as_ref(), &destroy_to(BOB).bytes()].concat();
    let txs = [
        Send::create(init.into()).tx(&world.spec),
        Send::to(target).nonce(1).value(3).tx(&world.spec),
    ];
    let (_, output) = world.run(&txs);
    let account = created(&output, 0).expect("funded");
    let after = account.after.expect("exists");
    assert_eq!((after.nonce, after.balance), (0, U256::from(3)));
    assert!(account.slots.is_empty());
}

#[test]
fn a_factory_that_destroys_its_child_in_the_same_transaction_keeps_only_itself() {
    let mut world = World::new(Profile::Karst);
    // MSTORE the child's init code (PUSH20 BOB SELFDESTRUCT, 22 bytes) and CREATE it.
    let child = destroy_to(BOB).bytes();
    let code = Asm::new()
        .push(U256::from_be_slice(&child))
        .push(U256::ZERO)
        .op(MSTORE)
        .push(U256::from(child.len()))
        .push(U256::from(32 - child.len()))
        .ops(&[CALLVALUE, CREATE, POP, STOP]);
    world.deploy(CONTRACT, code.bytes());
    let (outcome, output) = world.run_one(Send::to(CONTRACT).value(6).tx(&world.spec));
    assert!(outcome.success);
    assert_eq!(change(&output, CONTRACT).expect("changed").after.expect("exists").nonce, 2);
    assert!(change(&output, CONTRACT.create(1)).is_none());
    assert_eq!(gain(&output, BOB), 6);
}
