use super::*;
use crate::{
    HeadUpdate,
    account_state::SenderCode,
    testing::{RICH, Terms, address, l1_price},
};

fn tx(nonce: u64) -> TxSpec {
    TxSpec { nonce, ..Default::default() }
}

fn nonce(nonce: u64) -> AccountState {
    AccountState { nonce, balance: RICH, ..Default::default() }
}

fn step(pool: &Pool, update: &HeadUpdate) {
    pool.on_new_head(update).expect("moves");
    pool.inner.state.read().check_invariants();
}

#[test]
fn mined_transactions_leave() {
    let (chain, pool) = default_pool();
    for n in 0..3 {
        add(&pool, tx(n)).expect("taken");
    }
    let mined = [tx(0).recovered(), tx(1).recovered()];
    step(&pool, &chain.extend(&mined, chain.terms(), &[(address(1), nonce(2))]));
    assert_eq!(counts(&pool), (1, 0, 0));
    assert!(!pool.contains(&mined[0].hash()));
    assert_eq!(pool.pending_nonce(&address(1)), Some(3));
    assert!(matches!(add(&pool, tx(1)), Err(PoolError::NonceTooLow { .. })));
}

#[test]
fn a_conflicting_mined_transaction_removes_ours() {
    let (chain, pool) = default_pool();
    add(&pool, tx(0)).expect("taken");
    let other = TxSpec { max_fee: 500, ..tx(0) }.recovered();
    step(&pool, &chain.extend(&[other], chain.terms(), &[(address(1), nonce(1))]));
    assert_eq!(counts(&pool), (0, 0, 0));
    assert_eq!(pool.pending_nonce(&address(1)), None);
}

#[test]
fn a_reorg_brings_transactions_back() {
    let (chain, pool) = default_pool();
    let mined = [tx(0).recovered(), tx(1).recovered()];
    step(&pool, &chain.extend(&mined, chain.terms(), &[(address(1), nonce(2))]));
    add(&pool, tx(2)).expect("taken");
    assert_eq!(counts(&pool), (1, 0, 0));
    pool.on_removed(chain.unwind().removed).expect("moves");
    pool.inner.state.read().check_invariants();
    assert_eq!(counts(&pool), (3, 0, 0));

    // Another branch contains one of them.
    let mined_again = [tx(0).recovered()];
    step(&pool, &chain.extend(&mined_again, chain.terms(), &[(address(1), nonce(1))]));
    assert_eq!(counts(&pool), (2, 0, 0));
}

#[test]
fn what_was_mined_for_little_comes_back_too() {
    let chain = TestChain::new(Terms::default(), Default::default());
    let pool = chain.pool(PoolConfig { min_priority_fee_wei: 1_000, ..Default::default() });
    let mined = [tx(0).recovered()];
    step(&pool, &chain.extend(&mined, chain.terms(), &[(address(1), nonce(1))]));
    step(&pool, &chain.unwind());
    assert_eq!(counts(&pool), (1, 0, 0));
}

#[test]
fn a_reorg_in_one_update_keeps_what_the_other_branch_mined_out() {
    let (chain, pool) = default_pool();
    let mined = [tx(0).recovered(), tx(1).recovered()];
    step(&pool, &chain.extend(&mined, chain.terms(), &[(address(1), nonce(2))]));
    let removed = chain.unwind().removed;
    let added = chain.extend(&[tx(0).recovered()], chain.terms(), &[(address(1), nonce(1))]);
    step(&pool, &HeadUpdate { removed, ..added });
    assert_eq!(counts(&pool), (1, 0, 0));
    assert!(pool.contains(&mined[1].hash()));
}

#[test]
fn the_base_fee_promotes_and_demotes() {
    let (chain, pool) = default_pool();
    let mut announced = pool.subscribe();
    for (n, max_fee) in [(0, 100), (1, 60), (2, 100)] {
        add(&pool, TxSpec { max_fee, ..tx(n) }).expect("taken");
    }
    assert_eq!(counts(&pool), (3, 0, 0));
    let at = |base_fee| Terms { base_fee, ..Default::default() };
    step(&pool, &chain.extend(&[], at(61), &[]));
    assert_eq!(counts(&pool), (1, 2, 0));
    step(&pool, &chain.extend(&[], at(60), &[]));
    assert_eq!(counts(&pool), (3, 0, 0));
    step(&pool, &chain.extend(&[], at(101), &[]));
    assert_eq!(counts(&pool), (0, 3, 0));
    // Nobody is told twice.
    for _ in 0..3 {
        announced.try_recv().expect("was announced");
    }
    assert!(announced.try_recv().is_err());
}

#[test]
fn what_becomes_pending_later_is_announced_then() {
    let (chain, pool) = default_pool();
    let mut announced = pool.subscribe();
    let late = add(&pool, tx(1)).expect("taken");
    let poor = add(&pool, TxSpec { sender: 2, max_fee: 40, ..tx(0) }).expect("taken");
    assert!(announced.try_recv().is_err());
    let first = add(&pool, tx(0)).expect("taken");
    assert_eq!(announced.try_recv().expect("told"), first);
    assert_eq!(announced.try_recv().expect("told"), late);
    step(&pool, &chain.extend(&[], Terms { base_fee: 40, ..chain.terms() }, &[]));
    assert_eq!(announced.try_recv().expect("told"), poor);
}

#[test]
fn a_slow_subscriber_loses_the_oldest() {
    let chain = TestChain::new(Terms::default(), Default::default());
    let pool = chain.pool(PoolConfig { subscription_len_max: 2, ..Default::default() });
    let mut announced = pool.subscribe();
    for n in 0..4 {
        add(&pool, tx(n)).expect("taken");
    }
    let lag = announced.try_recv().expect_err("lags");
    assert_eq!(lag, tokio::sync::broadcast::error::TryRecvError::Lagged(2));
    assert!(announced.try_recv().is_ok());
}

#[test]
fn a_changed_balance_parks_and_unparks() {
    let (chain, pool) = default_pool();
    for n in 0..2 {
        add(&pool, tx(n)).expect("taken");
    }
    let one = with_balance(0, 21_000 * 100);
    step(&pool, &chain.extend(&[], chain.terms(), &[(address(1), one)]));
    assert_eq!(counts(&pool), (1, 0, 1));
    step(&pool, &chain.extend(&[], chain.terms(), &[(address(1), with_balance(0, 0))]));
    assert_eq!(counts(&pool), (0, 0, 2));
    step(&pool, &chain.extend(&[], chain.terms(), &[(address(1), nonce(0))]));
    assert_eq!(counts(&pool), (2, 0, 0));
}

#[test]
fn l1_fees_are_checked_again() {
    let cost = 21_000 * 100 + 100_000;
    let at = |price| Terms { fees: l1_price(price), ..Default::default() };
    let price = 1_000_000_000;
    let chain = TestChain::new(at(price), [(address(1), with_balance(0, cost))].into());
    let pool = chain.pool(PoolConfig::default());
    add(&pool, tx(0)).expect("taken");
    step(&pool, &chain.extend(&[], at(price + 10_000), &[]));
    assert_eq!(counts(&pool), (0, 0, 1));
    step(&pool, &chain.extend(&[], at(price), &[]));
    assert_eq!(counts(&pool), (1, 0, 0));
}

#[test]
fn a_lower_gas_limit_drops_what_no_block_can_hold() {
    let (chain, pool) = default_pool();
    add(&pool, TxSpec { gas: 2_000_000, ..tx(0) }).expect("taken");
    add(&pool, tx(1)).expect("taken");
    step(&pool, &chain.extend(&[], Terms { gas_limit: 1_999_999, ..Default::default() }, &[]));
    assert_eq!(counts(&pool), (0, 0, 1));
}

#[test]
fn a_fork_drops_what_it_forbids() {
    let jovian = Terms { spec_id: op_revm::OpSpecId::JOVIAN, ..Default::default() };
    let chain = TestChain::new(jovian, Default::default());
    let pool = chain.pool(PoolConfig::default());
    add(&pool, TxSpec { gas: 20_000_000, ..tx(0) }).expect("taken");
    add(&pool, TxSpec { sender: 2, ..tx(0) }).expect("taken");
    step(&pool, &chain.extend(&[], Terms::default(), &[]));
    assert_eq!(counts(&pool), (1, 0, 0));
}

#[test]
fn an_account_that_became_a_contract_sends_no_more() {
    let (chain, pool) = default_pool();
    add(&pool, tx(0)).expect("taken");
    let contract = AccountState { code: SenderCode::Contract(Default::default()), ..nonce(0) };
    step(&pool, &chain.extend(&[], chain.terms(), &[(address(1), contract)]));
    assert_eq!(counts(&pool), (0, 0, 0));
    assert!(matches!(add(&pool, tx(0)), Err(PoolError::SenderNotEoa { .. })));
}

#[test]
fn a_missed_head_makes_the_pool_read_everything_again() {
    let (chain, pool) = default_pool();
    for n in 0..3 {
        add(&pool, tx(n)).expect("taken");
    }
    chain.extend(&[tx(0).recovered()], chain.terms(), &[(address(1), nonce(1))]);
    // The next one does not say that sender 1 changed.
    step(&pool, &chain.extend(&[], chain.terms(), &[]));
    assert_eq!(counts(&pool), (2, 0, 0));
    chain.extend(&[tx(1).recovered()], chain.terms(), &[(address(1), nonce(2))]);
    pool.resync().expect("moves");
    assert_eq!(counts(&pool), (1, 0, 0));
    pool.maintain().expect("nothing to do");
}

#[test]
fn only_changed_senders_are_read() {
    let (chain, pool) = default_pool();
    for sender in 0..50 {
        add(&pool, TxSpec { sender, ..tx(0) }).expect("taken");
    }
    let reads = || chain.reads.load(std::sync::atomic::Ordering::Relaxed);
    let before = reads();
    step(
        &pool,
        &chain.extend(&[], chain.terms(), &[(address(7), nonce(1)), (address(99), nonce(1))]),
    );
    assert_eq!(reads() - before, 1);
    assert_eq!(counts(&pool), (49, 0, 0));
}

#[test]
fn after_a_failed_update_the_next_one_repairs() {
    let (chain, pool) = default_pool();
    add(&pool, tx(0)).expect("taken");
    let broken = |value| chain.broken.store(value, std::sync::atomic::Ordering::Relaxed);
    let update = chain.extend(&[tx(0).recovered()], chain.terms(), &[(address(1), nonce(1))]);
    broken(true);
    pool.on_new_head(&update).expect_err("cannot read");
    assert_eq!(counts(&pool), (1, 0, 0));
    broken(false);
    step(&pool, &chain.extend(&[], chain.terms(), &[]));
    assert_eq!(counts(&pool), (0, 0, 0));
}

#[test]
fn the_same_head_twice_changes_nothing() {
    let (chain, pool) = default_pool();
    add(&pool, tx(0)).expect("taken");
    let update = chain.extend(&[], chain.terms(), &[]);
    step(&pool, &update);
    step(&pool, &update);
    assert_eq!(counts(&pool), (1, 0, 0));
}
