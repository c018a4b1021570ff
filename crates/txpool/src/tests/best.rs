use std::time::Instant;

use alloy_consensus::Transaction as _;

use super::*;
use crate::testing::{Terms, address};

fn order(pool: &Pool, base_fee: u64) -> Vec<(u64, u64)> {
    let sender = |tx: &phala_primitives::RecoveredTx| {
        (1..9).find(|sender| address(*sender) == tx.sender()).expect("a sender of the test")
    };
    pool.best(base_fee).map(|tx| (sender(&tx), tx.tx().nonce())).collect()
}

fn tx(sender: u64, nonce: u64, tip: u128) -> TxSpec {
    TxSpec { sender, nonce, tip, max_fee: 1_000, ..Default::default() }
}

#[test]
fn gives_the_best_tip_first_and_nonces_in_order() {
    let (_, pool) = default_pool();
    for spec in [tx(1, 0, 5), tx(1, 1, 90), tx(2, 0, 20), tx(2, 1, 3), tx(3, 0, 20)] {
        add(&pool, spec).expect("taken");
    }
    assert_eq!(order(&pool, 50), [(2, 0), (3, 0), (1, 0), (1, 1), (2, 1)]);
}

#[test]
fn what_cannot_pay_the_base_fee_ends_its_queue() {
    let (_, pool) = default_pool();
    let cheap = TxSpec { max_fee: 60, ..tx(1, 1, 10) };
    for spec in [tx(1, 0, 5), cheap, tx(1, 2, 90), tx(2, 0, 1)] {
        add(&pool, spec).expect("taken");
    }
    assert_eq!(order(&pool, 60), [(1, 0), (2, 0), (1, 1), (1, 2)]);
    assert_eq!(order(&pool, 61), [(1, 0), (2, 0)]);
    assert_eq!(order(&pool, 1_001), []);
}

#[test]
fn a_lower_base_fee_than_expected_brings_in_what_waits_for_it() {
    let (_, pool) = default_pool();
    add(&pool, TxSpec { max_fee: 40, ..tx(1, 0, 10) }).expect("taken");
    add(&pool, tx(1, 1, 10)).expect("taken");
    add(&pool, tx(1, 3, 10)).expect("taken");
    assert_eq!(counts(&pool), (0, 2, 1));
    assert_eq!(order(&pool, 50), []);
    assert_eq!(order(&pool, 40), [(1, 0), (1, 1)]);
}

#[test]
fn a_builder_may_skip_a_sender() {
    let (_, pool) = default_pool();
    for spec in [tx(1, 0, 50), tx(1, 1, 50), tx(2, 0, 20), tx(2, 1, 20)] {
        add(&pool, spec).expect("taken");
    }
    let mut best = pool.best(50);
    assert_eq!(best.next().expect("has one").sender(), address(1));
    best.skip_sender();
    let left: Vec<_> = best.map(|tx| tx.sender()).collect();
    assert_eq!(left, [address(2), address(2)]);
}

#[test]
fn a_snapshot_outlives_changes() {
    let (_, pool) = default_pool();
    let hash = add(&pool, tx(1, 0, 50)).expect("taken");
    let mut best = pool.best(50);
    pool.remove(&[hash]);
    add(&pool, tx(2, 0, 50)).expect("taken");
    assert_eq!(best.next().expect("is in the snapshot").hash(), hash);
    assert!(best.next().is_none());
}

/// Prints what ten thousand transactions cost; nothing is asserted about time.
#[test]
fn handles_ten_thousand_transactions() {
    let chain = TestChain::new(Terms::default(), Default::default());
    let pool = chain.pool(PoolConfig { account_slots_max: 1_000, ..Default::default() });
    let specs = (0..10_000_u64).map(|i| tx(i % 1_000, i / 1_000, u128::from(i * 7919 % 500)));
    let txs: Vec<_> = specs.map(TxSpec::recovered).collect();
    let started = Instant::now();
    for tx in txs {
        pool.add(tx, Origin::External).expect("taken");
    }
    let added = started.elapsed();
    let started = Instant::now();
    let best = pool.best(50);
    let snapshot = started.elapsed();
    assert_eq!(best.count(), 10_000);
    let all = started.elapsed();
    let started = Instant::now();
    let terms = Terms { base_fee: 60, ..chain.terms() };
    pool.on_new_head(&chain.extend(&[], terms, &[])).expect("moves");
    let head = started.elapsed();
    println!("10,000 added in {added:?}, snapshot {snapshot:?}, drained {all:?}, head {head:?}");
    pool.inner.state.read().check_invariants();
}
