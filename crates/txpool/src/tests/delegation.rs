use super::*;
use crate::{
    account_state::SenderCode,
    testing::{Kind, RICH, Terms, address, authorization},
};

fn delegated() -> Pool {
    let account = AccountState { balance: RICH, code: SenderCode::Delegation, nonce: 3 };
    TestChain::new(Terms::default(), [(address(1), account)].into()).pool(PoolConfig::default())
}

#[test]
fn a_delegated_account_has_one_transaction_at_a_time() {
    let pool = delegated();
    let error = add(&pool, TxSpec { nonce: 4, ..Default::default() }).expect_err("has a gap");
    assert_eq!(error.to_string(), "gapped-nonce tx from delegated accounts");
    add(&pool, TxSpec { nonce: 3, ..Default::default() }).expect("taken");
    let error = add(&pool, TxSpec { nonce: 4, ..Default::default() }).expect_err("is the second");
    assert_eq!(error.to_string(), "in-flight transaction limit reached for delegated accounts");
    let replacement = TxSpec { nonce: 3, max_fee: 110, tip: 11, ..Default::default() };
    add(&pool, replacement).expect("replacing is fine");
}

#[test]
fn an_account_about_to_be_delegated_counts_as_such() {
    let (auth, authority) = authorization(1);
    let chain = TestChain::new(Terms::default(), Default::default());
    let pool = chain.pool(PoolConfig::default());
    let set_code =
        TxSpec { sender: 9, kind: Kind::SetCode(vec![auth]), gas: 100_000, ..Default::default() };
    let hash = add(&pool, set_code).expect("taken");

    let from_authority = |nonce| {
        let tx = TxSpec { sender: 5, nonce, ..Default::default() }.recovered();
        phala_primitives::RecoveredTx::new_unchecked(tx.tx().clone(), authority)
    };
    let error = pool.add(from_authority(1), Origin::External).expect_err("has a gap");
    assert!(matches!(error, PoolError::GappedFromDelegated));
    pool.add(from_authority(0), Origin::External).expect("taken");
    let error = pool.add(from_authority(1), Origin::External).expect_err("is the second");
    assert!(matches!(error, PoolError::InflightLimitReached));
    // Once the authorization is gone so is the limit.
    assert_eq!(pool.remove(&[hash]), 1);
    pool.add(from_authority(1), Origin::External).expect("taken");
    pool.inner.state.read().check_invariants();
}

#[test]
fn an_authority_with_several_transactions_is_reserved() {
    let (auth, authority) = authorization(1);
    let (_, pool) = default_pool();
    let own = |nonce| {
        let tx = TxSpec { sender: 5, nonce, ..Default::default() }.recovered();
        phala_primitives::RecoveredTx::new_unchecked(tx.tx().clone(), authority)
    };
    let set_code = |sender| TxSpec {
        sender,
        kind: Kind::SetCode(vec![auth.clone()]),
        gas: 100_000,
        ..Default::default()
    };
    pool.add(own(0), Origin::External).expect("taken");
    add(&pool, set_code(8)).expect("one transaction of the authority is fine");
    pool.remove(&[set_code(8).recovered().hash()]);
    pool.add(own(1), Origin::External).expect("taken");
    let error = add(&pool, set_code(9)).expect_err("is refused");
    assert_eq!(error.to_string(), "authority already reserved");
}

#[test]
fn an_authorization_nobody_signed_names_nobody() {
    let (mut auth, _) = authorization(1);
    auth = alloy_eips::eip7702::SignedAuthorization::new_unchecked(
        auth.inner().clone(),
        0,
        U256::ZERO,
        U256::ZERO,
    );
    let (_, pool) = default_pool();
    let kind = Kind::SetCode(vec![auth]);
    add(&pool, TxSpec { kind, gas: 100_000, ..Default::default() }).expect("taken");
}
