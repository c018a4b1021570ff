use std::time::{Duration, Instant};

use alloy_primitives::Bytes;

use super::*;
use crate::{
    SubPoolLimit,
    testing::{Terms, address},
};

const COUNT: fn(usize) -> SubPoolLimit =
    |count_max| SubPoolLimit { count_max, bytes_max: usize::MAX };

fn small_pool(config: PoolConfig) -> Pool {
    TestChain::new(Terms::default(), Default::default()).pool(config)
}

fn paying(sender: u64, tip: u128) -> TxSpec {
    TxSpec { sender, tip, max_fee: 1_000, ..Default::default() }
}

#[test]
fn a_full_pool_keeps_who_pays_more() {
    let pool = small_pool(PoolConfig { pending_limit: COUNT(3), ..Default::default() });
    for sender in [1, 2, 3] {
        add(&pool, paying(sender, 10 * u128::from(sender))).expect("taken");
    }
    let error = add(&pool, paying(4, 5)).expect_err("pays too little");
    assert_eq!(error.to_string(), "txpool is full");
    // At equal worth the older one stays.
    assert!(matches!(add(&pool, paying(5, 10)), Err(PoolError::Full)));
    add(&pool, paying(6, 15)).expect("pays more than the worst");
    assert_eq!(counts(&pool), (3, 0, 0));
    assert!(pool.content_from(&address(1)).pending.is_empty());
    assert_eq!(pool.content_from(&address(6)).pending.len(), 1);
}

#[test]
fn the_effective_tip_counts_not_the_cap() {
    let pool = small_pool(PoolConfig { pending_limit: COUNT(1), ..Default::default() });
    // Base fee 50: this one leaves a tip of 5 whatever it promises.
    add(&pool, TxSpec { max_fee: 55, tip: 55, ..Default::default() }).expect("taken");
    add(&pool, TxSpec { sender: 2, max_fee: 60, tip: 6, ..Default::default() }).expect("taken");
    assert_eq!(pool.content_from(&address(2)).pending.len(), 1);
}

#[test]
fn bytes_are_limited_as_well() {
    let limit = SubPoolLimit { count_max: 100, bytes_max: 10_000 };
    let pool = small_pool(PoolConfig { pending_limit: limit, ..Default::default() });
    for sender in 0..20 {
        let input = Bytes::from(vec![0; 1_000]);
        let spec = TxSpec { input, gas: 100_000, ..paying(sender, 10 + u128::from(sender)) };
        add(&pool, spec).expect("pays more than the others");
    }
    let status = pool.status();
    assert!(status.pending < 5 && status.bytes <= 10_000, "{status:?}");
}

#[test]
fn eviction_takes_from_the_end_of_a_queue() {
    let pool = small_pool(PoolConfig { pending_limit: COUNT(4), ..Default::default() });
    // Sender 1 hides a poor transaction in front of rich ones.
    for (nonce, tip) in [(0, 1), (1, 500), (2, 500)] {
        add(&pool, TxSpec { nonce, ..paying(1, tip) }).expect("taken");
    }
    for (sender, tip) in [(2, 20), (3, 20), (4, 20)] {
        add(&pool, paying(sender, tip)).expect("taken");
    }
    let left: Vec<u64> = pool.content_from(&address(1)).pending.into_keys().collect();
    assert_eq!(left, [0]);
    assert_eq!(counts(&pool), (4, 0, 0));
}

#[test]
fn what_waits_for_the_base_fee_is_worth_what_it_lacks_least() {
    let pool = small_pool(PoolConfig { basefee_limit: COUNT(1), ..Default::default() });
    let below = |sender, max_fee| TxSpec { sender, max_fee, tip: 1, ..Default::default() };
    add(&pool, below(1, 30)).expect("taken");
    add(&pool, below(2, 40)).expect("is closer to the base fee");
    assert!(matches!(add(&pool, below(3, 20)), Err(PoolError::Full)));
    assert_eq!(counts(&pool), (0, 1, 0));
    assert_eq!(pool.content_from(&address(2)).queued.len(), 1);
}

#[test]
fn local_transactions_are_kept_and_bounded() {
    let config =
        PoolConfig { pending_limit: COUNT(2), local_limit: COUNT(3), ..Default::default() };
    let pool = small_pool(config);
    for sender in 1..=3 {
        add_local(&pool, paying(sender, 1)).expect("taken");
    }
    assert_eq!((counts(&pool), pool.status().local), ((3, 0, 0), 3));
    // One more is external, and the pool is full of protected ones.
    assert!(matches!(add_local(&pool, paying(4, 500)), Err(PoolError::Full)));
    assert!(matches!(add(&pool, paying(5, 500)), Err(PoolError::Full)));
    assert_eq!(counts(&pool), (3, 0, 0));
}

#[test]
fn without_locals_nobody_is_protected() {
    let config = PoolConfig { pending_limit: COUNT(1), no_locals: true, ..Default::default() };
    let pool = small_pool(config);
    add_local(&pool, paying(1, 1)).expect("taken");
    add(&pool, paying(2, 2)).expect("evicts the first");
    assert_eq!((pool.status().pending, pool.status().local), (1, 0));
}

#[test]
fn a_replacement_that_finds_no_place_leaves_the_old_one() {
    let limit = SubPoolLimit { count_max: 100, bytes_max: 4_000 };
    let pool = small_pool(PoolConfig { pending_limit: limit, ..Default::default() });
    let old = add(&pool, paying(1, 10)).expect("taken");
    add(&pool, paying(2, 500)).expect("taken");
    let input = Bytes::from(vec![0; 2_000]);
    let big = TxSpec { input, gas: 200_000, max_fee: 2_000, ..paying(1, 20) };
    assert!(matches!(add(&pool, big), Err(PoolError::Full)));
    assert!(pool.contains(&old));
}

#[test]
fn a_sender_has_so_many_slots() {
    let pool = small_pool(PoolConfig { account_slots_max: 3, ..Default::default() });
    for nonce in [0, 2, 3] {
        add(&pool, TxSpec { nonce, ..paying(1, 10) }).expect("taken");
    }
    let error = add(&pool, TxSpec { nonce: 4, ..paying(1, 10) }).expect_err("is refused");
    assert_eq!(
        error.to_string(),
        format!("account limit exceeded: address {}, limit 3", address(1))
    );
    // Filling the gap is worth more than the last queued one.
    add(&pool, TxSpec { nonce: 1, ..paying(1, 10) }).expect("taken");
    assert_eq!(counts(&pool), (3, 0, 0));
    assert!(matches!(
        add(&pool, TxSpec { nonce: 3, ..paying(1, 10) }),
        Err(PoolError::AccountLimitExceeded { .. })
    ));
    // A replacement needs no slot.
    add(&pool, TxSpec { nonce: 1, max_fee: 2_000, ..paying(1, 20) }).expect("taken");
}

#[test]
fn queued_transactions_expire_but_not_local_ones() {
    let pool =
        small_pool(PoolConfig { queued_lifetime: Duration::from_secs(60), ..Default::default() });
    add(&pool, TxSpec { nonce: 1, ..paying(1, 10) }).expect("taken");
    add_local(&pool, TxSpec { nonce: 1, ..paying(2, 10) }).expect("taken");
    add(&pool, paying(3, 10)).expect("taken");
    pool.expire(Instant::now() + Duration::from_secs(59));
    assert_eq!(counts(&pool), (1, 0, 2));
    pool.expire(Instant::now() + Duration::from_secs(61));
    pool.inner.state.read().check_invariants();
    assert_eq!(counts(&pool), (1, 0, 1));
}

#[test]
fn removal_parks_what_follows() {
    let (_, pool) = default_pool();
    let hashes: Vec<_> =
        (0..3).map(|nonce| add(&pool, TxSpec { nonce, ..paying(1, 10) }).expect("taken")).collect();
    assert_eq!(pool.remove(&[hashes[1], hashes[1]]), 1);
    pool.inner.state.read().check_invariants();
    assert_eq!(counts(&pool), (1, 0, 1));
    assert_eq!(pool.pending_nonce(&address(1)), Some(1));
}
