use super::*;
use crate::testing::{RICH, Terms, address};

#[test]
fn a_replacement_needs_ten_percent_more_of_both_fees() {
    let (_, pool) = default_pool();
    let first =
        add(&pool, TxSpec { max_fee: 1_000, tip: 100, ..Default::default() }).expect("taken");
    for (max_fee, tip) in [(1_000, 100), (1_099, 110), (1_100, 109), (2_000, 100), (1_000, 200)] {
        let spec = TxSpec { max_fee, tip, value: U256::from(1), ..Default::default() };
        let error = add(&pool, spec).expect_err("is underpriced");
        assert_eq!(error.to_string(), "replacement transaction underpriced");
        assert!(pool.contains(&first));
    }
    let second =
        add(&pool, TxSpec { max_fee: 1_100, tip: 110, ..Default::default() }).expect("taken");
    assert!(!pool.contains(&first) && pool.contains(&second));
    assert_eq!(counts(&pool), (1, 0, 0));
}

#[test]
fn the_same_transaction_twice_is_known() {
    let (_, pool) = default_pool();
    add(&pool, TxSpec::default()).expect("taken");
    let error = add(&pool, TxSpec::default()).expect_err("is known");
    assert_eq!(error.to_string(), "already known");
}

#[test]
fn replacing_with_more_than_the_balance_parks_what_follows() {
    let two = 2 * 21_000 * 100;
    let chain = TestChain::new(Terms::default(), [(address(1), with_balance(0, two))].into());
    let pool = chain.pool(PoolConfig::default());
    add(&pool, TxSpec::default()).expect("taken");
    add(&pool, TxSpec { nonce: 1, ..Default::default() }).expect("taken");
    assert_eq!(counts(&pool), (2, 0, 0));
    add(&pool, TxSpec { max_fee: 110, tip: 11, ..Default::default() }).expect("taken");
    assert_eq!(counts(&pool), (1, 0, 1));
    assert_eq!(pool.pending_nonce(&address(1)), Some(2));
}

#[test]
fn a_local_transaction_stays_local_when_replaced() {
    let (_, pool) = default_pool();
    add_local(&pool, TxSpec::default()).expect("taken");
    add(&pool, TxSpec { max_fee: 200, tip: 20, ..Default::default() }).expect("taken");
    assert_eq!(pool.status().local, 1);
    assert!(RICH > U256::ZERO);
}
