//! `cargo test --profile ci -p phala-evm -- --ignored --nocapture throughput` prints how fast
//! transactions execute when their state is in memory. Nothing is asserted about time.

use std::time::Instant;

use alloy_primitives::{Address, U256};
use phala_chainspec::Profile;
use phala_evm::{
    CodeCache,
    call::{CallRequest, call},
};

use crate::{
    asm::{Asm, CALLDATALOAD, CALLER, LOG1, MSTORE, SLOAD, SSTORE, STOP, SUB},
    world::{CONTRACT, L1Fees, Send, Tx, World, execute},
};

fn user(i: u64) -> Address {
    Address::left_padding_from(&(0x1000_0000 + i).to_be_bytes())
}

fn measure(name: &str, world: &World, txs: &[Tx]) {
    let codes = CodeCache::new();
    let mut best = f64::MAX;
    let mut gas = 0;
    for _ in 0..10 {
        let start = Instant::now();
        let db = phala_evm::WithCodeCache::new(&world.db, &codes);
        let mut execution = phala_evm::Execution::new(&world.spec, db, &world.env).expect("starts");
        for tx in txs {
            execute(&mut execution, tx).expect("valid");
        }
        let output = execution.finish();
        best = best.min(start.elapsed().as_secs_f64());
        gas = output.gas_used;
    }
    let per_tx = best * 1e6 / txs.len() as f64;
    println!("{name}: {:.0} Mgas/s, {per_tx:.2} us per transaction", gas as f64 / best / 1e6);
}

#[test]
#[ignore = "prints timings"]
fn throughput() {
    let mut world = World::new(Profile::Karst);
    world.env.gas_limit = 1_000_000_000;
    world.set_l1_fees(&L1Fees {
        base_fee: 7,
        base_fee_scalar: 1_000,
        da_scalar: 1,
        ..Default::default()
    });
    for i in 0..4_000 {
        world.fund(user(i), U256::from(10u64.pow(18)));
    }
    let send = |i: u64, to| Send { from: user(i % 2_000), nonce: i / 2_000, ..Send::to(to) };
    let transfers: Vec<_> = (0..4_000)
        .map(|i| send(i, user(4_000 - 1 - i % 2_000)).value(1).gas(21_000).tx(&world.spec))
        .collect();
    measure("transfers", &world, &transfers);

    // Two balances in storage change, and a log: the shape of an ERC-20 transfer.
    let code = Asm::new()
        .ops(&[CALLER, SLOAD])
        .push(U256::from(1))
        .ops(&[SUB, CALLER, SSTORE])
        .push(U256::ZERO)
        .op(CALLDATALOAD)
        .op(SLOAD)
        .push(U256::from(1))
        .op(crate::asm::ADD)
        .push(U256::ZERO)
        .ops(&[CALLDATALOAD, SSTORE, CALLER])
        .push(U256::from(1))
        .push(U256::ZERO)
        .op(MSTORE)
        .push(U256::from(32))
        .push(U256::ZERO)
        .ops(&[LOG1, STOP]);
    world.deploy(CONTRACT, code.bytes());
    for i in 0..4_000 {
        let slot = U256::from_be_slice(user(i).as_slice());
        world.db.insert_account_storage(CONTRACT, slot, U256::from(1_000)).expect("infallible");
    }
    let tokens: Vec<_> = (0..4_000)
        .map(|i| {
            let to = alloy_primitives::B256::left_padding_from(user(3_999 - i % 2_000).as_slice());
            send(i, CONTRACT).gas(100_000).input(to.0).tx(&world.spec)
        })
        .collect();
    measure("tokens", &world, &tokens);

    let start = Instant::now();
    let sum: u64 = transfers.iter().map(|tx| phala_evm::da_usage(&tx.2)).sum();
    assert!(sum > 0);
    let each = start.elapsed().as_secs_f64() * 1e6 / transfers.len() as f64;
    println!("estimating the compressed size: {each:.2} us per transaction");

    let request = CallRequest {
        from: user(1),
        to: CONTRACT.into(),
        input: alloy_primitives::B256::left_padding_from(user(2).as_slice()).into(),
        ..Default::default()
    };
    let codes = CodeCache::new();
    let start = Instant::now();
    for _ in 0..1_000 {
        let db = phala_evm::WithCodeCache::new(&world.db, &codes);
        call(&world.spec, db, &world.env, &request, &Default::default(), 50_000_000)
            .expect("valid");
    }
    println!("calls: {:.2} us each", start.elapsed().as_secs_f64() * 1e6 / 1_000.0);
}
