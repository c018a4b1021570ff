use alloy_primitives::{Address, Bytes, TxKind, U256};
use phala_chainspec::Profile;
use phala_evm::{
    ExecutionError, TX_GAS_LIMIT_CAP,
    call::{
        AccountOverride, CallOutcome, CallRequest, CallResult, Estimate, StateOverrides,
        StorageOverride, call, estimate_gas,
    },
};

use crate::{
    asm::{
        Asm, BASEFEE, CALL, CALLER, CALLVALUE, GAS, MSTORE, POP, RETURN, REVERT, SLOAD, STOP,
        forwarder, init_code,
    },
    world::{ALICE, BASE_FEE, BOB, CONTRACT, ETHER, L1Fees, Send, World},
};

const GAS_CAP: u64 = 50_000_000;

fn to(address: Address) -> CallRequest {
    CallRequest { from: BOB, to: TxKind::Call(address), ..Default::default() }
}

fn run(world: &World, request: &CallRequest) -> Result<CallResult, ExecutionError> {
    call(&world.spec, &world.db, &world.env, request, &StateOverrides::default(), GAS_CAP)
}

fn estimate(world: &World, request: &CallRequest) -> Result<Estimate, ExecutionError> {
    let none = StateOverrides::default();
    estimate_gas(&world.spec, &world.db, &world.env, request, &none, GAS_CAP)
}

fn gas(world: &World, request: &CallRequest) -> u64 {
    match estimate(world, request).expect("valid") {
        Estimate::Gas(gas) => gas,
        fails => panic!("{fails:?}"),
    }
}

/// Code that returns the word on top of the stack.
fn returning(code: Asm) -> Bytes {
    code.push(U256::ZERO).op(MSTORE).push(U256::from(32)).push(U256::ZERO).op(RETURN).bytes()
}

fn word(result: &CallResult) -> U256 {
    assert_eq!(result.outcome, CallOutcome::Success);
    U256::from_be_slice(&result.output)
}

#[test]
fn a_call_returns_data_and_costs_nobody_anything() {
    let mut world = World::new(Profile::Karst);
    world.set_l1_fees(&L1Fees {
        base_fee: 1_000_000_000,
        base_fee_scalar: 1_000_000,
        operator_scalar: 1_000_000,
        operator_constant: 9,
        ..Default::default()
    });
    world.deploy(CONTRACT, returning(Asm::new().op(CALLER)));
    // Bob has nothing.
    let result = run(&world, &to(CONTRACT)).expect("valid");
    assert_eq!(word(&result), U256::from_be_slice(BOB.as_slice()));
    assert_eq!(result.gas_used, 21_000 + 2 + 2 + 6 + 3 + 2);
    world.deploy(CONTRACT, returning(Asm::new().op(BASEFEE)));
    assert_eq!(word(&run(&world, &to(CONTRACT)).expect("valid")), 0);
    // A contract may be the sender of a call.
    let request = CallRequest { from: CONTRACT, ..to(CONTRACT) };
    assert!(run(&world, &request).is_ok());
}

#[test]
fn a_price_makes_the_sender_pay() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, returning(Asm::new().op(BASEFEE)));
    let price = u128::from(BASE_FEE);
    let request = CallRequest { gas_price: price, gas: Some(100_000), ..to(CONTRACT) };
    assert!(matches!(run(&world, &request), Err(ExecutionError::Invalid { .. })));
    world.fund(BOB, U256::from(100_000 * price));
    assert_eq!(word(&run(&world, &request).expect("affordable")), U256::from(BASE_FEE));
    let low = CallRequest { gas_price: price - 1, ..request };
    assert!(matches!(run(&world, &low), Err(ExecutionError::Invalid { .. })));
    // Without a gas limit, what the sender can pay for is the limit.
    world.deploy(CONTRACT, returning(Asm::new().op(GAS)));
    let request = CallRequest { gas_price: price, ..to(CONTRACT) };
    let left = word(&run(&world, &request).expect("affordable"));
    assert_eq!(left, U256::from(100_000 - 21_000 - 2));
    let request = CallRequest { value: U256::from(ETHER), ..request };
    assert!(matches!(run(&world, &request), Err(ExecutionError::Invalid { .. })));
    for tip in [Some(0), Some(u128::MAX)] {
        let request = CallRequest {
            gas_price: u128::MAX,
            max_priority_fee: tip,
            value: U256::MAX,
            gas: Some(u64::MAX),
            ..to(CONTRACT)
        };
        assert!(run(&world, &request).is_err());
    }
}

#[test]
fn gas_is_capped() {
    for (profile, cap) in [(Profile::Jovian, GAS_CAP), (Profile::Karst, TX_GAS_LIMIT_CAP)] {
        let mut world = World::new(profile);
        world.deploy(CONTRACT, returning(Asm::new().op(GAS)));
        for gas in [None, Some(u64::MAX), Some(cap)] {
            let result = run(&world, &CallRequest { gas, ..to(CONTRACT) }).expect("valid");
            assert_eq!(word(&result), U256::from(cap - 21_000 - 2));
        }
    }
}

#[test]
fn value_that_is_not_there_stops_the_call() {
    let world = World::new(Profile::Karst);
    let request = CallRequest { value: U256::from(1), ..to(CONTRACT) };
    let result = run(&world, &request).expect("valid");
    assert!(matches!(result.outcome, CallOutcome::Halt(_)));
}

#[test]
fn reverts_and_halts_are_told_apart() {
    let mut world = World::new(Profile::Karst);
    let revert = Asm::new().push(U256::from(0xbeef)).push(U256::ZERO).op(MSTORE);
    let revert = revert.push(U256::from(32)).push(U256::ZERO).op(REVERT).bytes();
    world.deploy(CONTRACT, revert);
    let result = run(&world, &to(CONTRACT)).expect("valid");
    assert_eq!(result.outcome, CallOutcome::Revert);
    assert_eq!(U256::from_be_slice(&result.output), U256::from(0xbeef));
    let Estimate::Fails { result, gas_limit } = estimate(&world, &to(CONTRACT)).expect("valid")
    else {
        panic!("cannot succeed");
    };
    assert_eq!((result.outcome, gas_limit), (CallOutcome::Revert, TX_GAS_LIMIT_CAP));

    world.deploy(CONTRACT, Bytes::from_static(&[0xfe]));
    let result = run(&world, &to(CONTRACT)).expect("valid");
    assert!(matches!(result.outcome, CallOutcome::Halt(_)));
    assert_eq!(result.gas_used, TX_GAS_LIMIT_CAP);
}

#[test]
fn overrides_replace_what_they_name() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, returning(Asm::new().push(U256::from(1)).op(SLOAD)));
    world.set_slot(CONTRACT, 1, U256::from(11));
    let sloads = |storage| {
        let change = AccountOverride { storage, ..Default::default() };
        let overrides = [(CONTRACT, change)].into_iter().collect();
        let result = call(&world.spec, &world.db, &world.env, &to(CONTRACT), &overrides, GAS_CAP);
        word(&result.expect("valid"))
    };
    let slots = |slot, value| [(U256::from(slot), U256::from(value))].into_iter().collect();
    assert_eq!(sloads(None), 11);
    assert_eq!(sloads(Some(StorageOverride::Merge(slots(1, 12)))), 12);
    assert_eq!(sloads(Some(StorageOverride::Merge(slots(2, 12)))), 11);
    assert_eq!(sloads(Some(StorageOverride::Replace(slots(1, 13)))), 13);
    assert_eq!(sloads(Some(StorageOverride::Replace(slots(2, 13)))), 0);

    // Code at an account that does not exist, and a balance to spend.
    let stranger = Address::repeat_byte(0x5a);
    let overrides: StateOverrides = [
        (
            stranger,
            AccountOverride {
                code: Some(returning(Asm::new().op(CALLVALUE))),
                ..Default::default()
            },
        ),
        (BOB, AccountOverride { balance: Some(U256::from(77)), ..Default::default() }),
    ]
    .into_iter()
    .collect();
    let request = CallRequest { value: U256::from(77), ..to(stranger) };
    let result = call(&world.spec, &world.db, &world.env, &request, &overrides, GAS_CAP);
    assert_eq!(word(&result.expect("valid")), 77);

    // The nonce decides where a contract is created.
    let nonce = AccountOverride { nonce: Some(5), ..Default::default() };
    let overrides = [(BOB, nonce)].into_iter().collect();
    let init = returning(Asm::new().op(0x30)); // ADDRESS
    let request = CallRequest { to: TxKind::Create, input: init, ..to(CONTRACT) };
    let result =
        call(&world.spec, &world.db, &world.env, &request, &overrides, GAS_CAP).expect("valid");
    assert_eq!(word(&result), U256::from_be_slice(BOB.create(5).as_slice()));

    let malformed =
        AccountOverride { code: Some(Bytes::from_static(&[0xef, 1, 2])), ..Default::default() };
    let overrides = [(CONTRACT, malformed)].into_iter().collect();
    assert!(call(&world.spec, &world.db, &world.env, &to(CONTRACT), &overrides, GAS_CAP).is_err());
}

#[test]
fn a_transfer_needs_21000_gas() {
    let world = World::new(Profile::Karst);
    assert_eq!(gas(&world, &to(ALICE)), 21_000);
    let request = CallRequest { from: ALICE, value: U256::from(1), ..to(BOB) };
    assert_eq!(gas(&world, &request), 21_000);
    // To a precompile it is more.
    let sha256 = Address::with_last_byte(2);
    assert!(gas(&world, &to(sha256)) > 21_000);
}

#[test]
fn an_estimate_is_enough_and_not_much_more() {
    let mut world = World::new(Profile::Karst);
    // Clears a slot (refund), and calls somebody who needs much gas and gives most of it back.
    let worker = Address::repeat_byte(0x66);
    let mut work = Asm::new();
    for slot in 0..20 {
        work = work.store(slot, 0);
    }
    world.deploy(worker, work.op(STOP).bytes());
    for slot in 0..20 {
        world.set_slot(worker, slot, U256::from(1));
    }
    let code = Asm::new()
        .ops(&[0x5f, 0x5f, 0x5f, 0x5f, 0x5f])
        .push_address(worker)
        .ops(&[GAS, CALL, POP])
        .push(U256::from(1))
        .store_top(0)
        .op(STOP);
    world.deploy(CONTRACT, code.bytes());
    for request in [
        to(worker),
        to(CONTRACT),
        CallRequest { input: vec![1; 5_000].into(), ..to(ALICE) },
        CallRequest { to: TxKind::Create, input: init_code(&[STOP; 1_000]), ..to(ALICE) },
        CallRequest { input: vec![1; 32].into(), ..to(CONTRACT) },
    ] {
        let estimate = gas(&world, &request);
        let with = |gas| {
            let tx = Send {
                from: ALICE,
                to: request.to,
                input: request.input.clone(),
                ..Send::to(ALICE).gas(gas)
            };
            let mut execution = world.start();
            crate::world::execute(&mut execution, &tx.tx(&world.spec))
                .is_ok_and(|outcome| outcome.success)
        };
        assert!(with(estimate), "{estimate} is not enough");
        // Where less is enough too, it is at most one part in 64 less.
        let lower = estimate - estimate / 64 - 1;
        let used_with_plenty = run(&world, &request).expect("valid").gas_used;
        assert!(!with(lower) || lower < used_with_plenty, "{lower} would do, not {estimate}");
    }
}

#[test]
fn an_estimate_stays_below_what_the_sender_can_pay() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, Asm::new().store(0, 1).op(STOP).bytes());
    let price = u128::from(BASE_FEE);
    let request = CallRequest { gas_price: price, ..to(CONTRACT) };
    world.fund(BOB, U256::from(30_000 * price));
    let Estimate::Fails { gas_limit, .. } = estimate(&world, &request).expect("valid") else {
        panic!("needs 43,106");
    };
    assert_eq!(gas_limit, 30_000);
    world.fund(BOB, U256::from(20_000 * price));
    assert!(matches!(estimate(&world, &request), Err(ExecutionError::Invalid { .. })));
    world.fund(BOB, U256::from(50_000 * price));
    assert!(gas(&world, &request) <= 50_000);
}

#[test]
fn a_call_with_too_little_gas_is_an_error_of_its_own() {
    let mut world = World::new(Profile::Karst);
    world.deploy(CONTRACT, forwarder());
    let request = CallRequest { gas: Some(100), ..to(CONTRACT) };
    assert!(matches!(run(&world, &request), Err(ExecutionError::Invalid { .. })));
}
