//! The precompiles of fork `attestation` inside the EVM, on all recorded evidence.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolValue;
use phala_chainspec::Fork;
use phala_evm::{
    ATTESTATION_PRECOMPILES, TX_GAS_LIMIT_CAP,
    call::{CallOutcome, CallRequest, StateOverrides, call},
};
use phala_precompiles::{
    GPU_SETTLE_ADDRESS, GPU_VERIFY_ADDRESS, SUBSTRATE_VERIFY_ADDRESS, TDX_VERIFY_ADDRESS,
    gpu::{self, GpuClaims},
    settle::{self, SettleInput, Settled, SignedReceipt},
    substrate,
    tdx::{self, TdxClaims},
};

use crate::{
    asm::{
        ADD, Asm, CALLDATACOPY, CALLDATALOAD, CALLDATASIZE, DUP1, DUP3, GAS, MSTORE, RETURN,
        RETURNDATASIZE, STATICCALL, SUB, forwarder,
    },
    evidence::{gpu_rows, one_of_each, tdx_rows},
    world::{BOB, CONTRACT, Send, World, slot},
};

const DUP4: u8 = 0x83;
const RETURNDATACOPY: u8 = 0x3e;

/// What the metering contract's own instructions cost, with a warm address.
const METER_GAS: u64 = 118;

/// Above any input here; what is left when a call halts does not matter.
const GAS_CAP: u64 = 50_000_000;

/// Calls the address in the first word of calldata with the rest of it. Returns what that cost,
/// if it succeeded, and what came back.
fn meter() -> Bytes {
    Asm::new()
        .push(U256::from(32))
        .ops(&[CALLDATASIZE, SUB, DUP1])
        .push(U256::from(32))
        .ops(&[0x5f, CALLDATACOPY, GAS])
        .ops(&[0x5f, 0x5f, DUP4, 0x5f, 0x5f, CALLDATALOAD, GAS, STATICCALL])
        .ops(&[GAS, DUP3, SUB, 0x5f, MSTORE])
        .push(U256::from(32))
        .op(MSTORE)
        .ops(&[RETURNDATASIZE, 0x5f])
        .push(U256::from(64))
        .op(RETURNDATACOPY)
        .push(U256::from(64))
        .ops(&[RETURNDATASIZE, ADD, 0x5f, RETURN])
        .bytes()
}

/// One `STATICCALL`.
#[derive(Debug, PartialEq, Eq)]
struct Called {
    gas: u64,
    success: bool,
    output: Vec<u8>,
}

fn world(fork: Fork) -> World {
    let mut world = World::at(fork);
    world.deploy(CONTRACT, meter());
    world
}

fn calldata(address: Address, input: &[u8]) -> Bytes {
    [address.into_word().as_slice(), input].concat().into()
}

fn staticcall(world: &World, address: Address, input: &[u8]) -> Called {
    let request = CallRequest {
        from: BOB,
        to: TxKind::Call(CONTRACT),
        input: calldata(address, input),
        ..Default::default()
    };
    let none = StateOverrides::default();
    let result = call(&world.spec, &world.db, &world.env, &request, &none, GAS_CAP).unwrap();
    assert_eq!(result.outcome, CallOutcome::Success);
    let word = |index: usize| U256::from_be_slice(&result.output[32 * index..][..32]);
    Called {
        gas: word(0).to::<u64>() - METER_GAS,
        success: word(1) == U256::from(1),
        output: result.output[64..].to_vec(),
    }
}

/// Status and payload of a call that cost what its input says, warm as it is.
fn verdict(world: &World, address: Address, input: &[u8], gas: u64) -> (bool, Bytes) {
    let called = staticcall(world, address, input);
    assert!(called.success);
    assert_eq!(called.gas, gas);
    let (status, payload) = <(U256, Bytes)>::abi_decode_params(&called.output).unwrap();
    assert!(status <= U256::from(1));
    (status.is_zero(), payload)
}

#[test]
fn every_recorded_quote_has_its_verdict_and_claims_in_the_evm() {
    let Some(rows) = tdx_rows() else { return };
    let world = world(Fork::Attestation);
    for row in rows {
        let input = row.input.encode();
        let (accepted, payload) = verdict(&world, TDX_VERIFY_ADDRESS, &input, tdx::gas(&input));
        assert_eq!(accepted, row.accepted, "{}", row.name);
        if accepted {
            row.check_claims(&TdxClaims::abi_decode_validate(&payload).unwrap());
        }
        assert_eq!(payload.is_empty(), !accepted);
    }
}

#[test]
fn every_recorded_gpu_evidence_has_its_verdict_and_claims_in_the_evm() {
    let Some(rows) = gpu_rows() else { return };
    let world = world(Fork::Attestation);
    for row in rows {
        let input = row.input.encode();
        let gas = gpu::gas(&input).unwrap();
        let (accepted, payload) = verdict(&world, GPU_VERIFY_ADDRESS, &input, gas);
        assert_eq!(accepted, row.accepted, "{}", row.name);
        if accepted {
            row.check_claims(&GpuClaims::abi_decode_validate(&payload).unwrap());
        }
        assert_eq!(payload.is_empty(), !accepted);
    }
}

fn batch(receipts: usize) -> Vec<u8> {
    let receipt = SignedReceipt { words: [[3; 32]; 10], r: [1; 32], s: [2; 32], v: 27 };
    SettleInput { domain: B256::repeat_byte(7), receipts: vec![receipt; receipts] }.encode()
}

#[test]
fn a_batch_of_256_is_judged_in_the_evm() {
    let world = world(Fork::Attestation);
    let input = batch(256);
    let called = staticcall(&world, GPU_SETTLE_ADDRESS, &input);
    assert!(called.success);
    assert_eq!(called.gas, settle::gas(&input).unwrap());
    let (status, settled) = <(U256, Vec<Settled>)>::abi_decode_params(&called.output).unwrap();
    assert_eq!((status, settled.len()), (U256::ZERO, 256));
}

#[test]
fn parachain_signatures_answer_in_the_evm() {
    let world = world(Fork::Attestation);
    for input in [Vec::new(), vec![1; 97], vec![2; 5_000]] {
        let called = staticcall(&world, SUBSTRATE_VERIFY_ADDRESS, &input);
        assert_eq!(
            called,
            Called { gas: substrate::gas(&input), success: true, output: vec![0; 32] }
        );
    }
}

#[test]
fn what_is_no_frame_takes_all_the_gas_of_the_call() {
    let world = world(Fork::Attestation);
    for address in [TDX_VERIFY_ADDRESS, GPU_VERIFY_ADDRESS, GPU_SETTLE_ADDRESS] {
        let mut long = batch(2);
        long.push(0);
        for input in [Vec::new(), vec![2; 200], long] {
            let called = staticcall(&world, address, &input);
            assert!(!called.success && called.output.is_empty());
            assert!(called.gas > TX_GAS_LIMIT_CAP / 2, "{}", called.gas);
        }
    }
}

#[test]
fn before_the_fork_the_addresses_are_empty() {
    let world = world(Fork::Karst);
    for precompile in ATTESTATION_PRECOMPILES {
        let called = staticcall(&world, *precompile.address(), &[1; 97]);
        let cold = 2_500;
        assert_eq!(called, Called { gas: cold, success: true, output: Vec::new() });
    }
}

#[test]
fn the_fork_is_active_from_its_time_on() {
    let mut world = world(Fork::Attestation);
    let activation = world.env.timestamp + 1;
    let active = Fork::ALL.into_iter().map(|fork| match fork {
        Fork::Attestation => (fork, activation),
        _ => (fork, 0),
    });
    world.spec.forks = phala_chainspec::Forks::new(active).unwrap();
    let answer = |world: &World| staticcall(world, SUBSTRATE_VERIFY_ADDRESS, &[]).output.len();
    assert_eq!(answer(&world), 0);
    world.env.timestamp = activation;
    assert_eq!(answer(&world), 32);
}

#[test]
fn a_block_verifies_a_quote() {
    let Some(rows) = tdx_rows() else { return };
    let row = one_of_each(rows).remove(0);
    let mut world = world(Fork::Attestation);
    world.deploy(CONTRACT, forwarder());
    let input = row.input.encode();
    let send = Send::to(CONTRACT).gas(2_000_000).input(calldata(TDX_VERIFY_ADDRESS, &input));
    let (outcome, output) = world.run_one(send.tx(&world.spec));
    assert!(outcome.success);
    assert_eq!(slot(&output, CONTRACT, 0), Some(U256::from(1)));
    let len = tdx::verify(&input).unwrap().len();
    assert_eq!(slot(&output, CONTRACT, 1), Some(U256::from(len)));
}
