use std::time::{Duration, Instant};

use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, Bytes};
use phala_evm::L1FeeParams;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    HeadUpdate, SubPoolLimit,
    account_state::SenderCode,
    testing::{Kind, RICH, Terms, address, authorization, l1_price},
};

/// From `PHALA_TEST_SEED`, or new; a failure prints it.
fn seed() -> u64 {
    let given = std::env::var("PHALA_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    println!("PHALA_TEST_SEED={seed}");
    seed
}

const SENDERS: u64 = 12;

fn random_tx(rng: &mut StdRng, chain: &TestChain) -> TxSpec {
    let sender = rng.random_range(0..SENDERS);
    let next = chain.account(&address(sender)).nonce;
    let kind = match rng.random_range(0..12) {
        0 => Kind::Legacy,
        1 => Kind::AccessList,
        2 => Kind::SetCode(vec![authorization(rng.random_range(0..4)).0]),
        _ => Kind::DynamicFee,
    };
    let max_fee = rng.random_range(20..200);
    TxSpec {
        sender,
        nonce: (next + rng.random_range(0..8)).saturating_sub(rng.random_range(0..2)),
        gas: rng.random_range(21_000..200_000),
        max_fee,
        tip: rng.random_range(0..=max_fee),
        value: U256::from(rng.random_range(0..1_000_000_u64)),
        input: Bytes::from(vec![0; rng.random_range(0..300)]),
        kind,
        ..Default::default()
    }
}

fn random_terms(rng: &mut StdRng) -> Terms {
    let fees = L1FeeParams {
        operator_fee_scalar: rng.random_range(0..3),
        operator_fee_constant: rng.random_range(0..1_000),
        da_footprint_gas_scalar: rng.random_range(0..500),
        ..l1_price(rng.random_range(0..100_000_000_000))
    };
    Terms {
        base_fee: rng.random_range(20..150),
        gas_limit: if rng.random_bool(0.1) { 100_000 } else { 30_000_000 },
        fees,
        ..Default::default()
    }
}

fn random_account(rng: &mut StdRng, nonce: u64) -> AccountState {
    let balance =
        if rng.random_bool(0.5) { RICH } else { U256::from(rng.random_range(0..60_000_000_u64)) };
    let code = if rng.random_bool(0.1) { SenderCode::Delegation } else { SenderCode::None };
    AccountState { nonce, balance, code }
}

/// A block of some of the best transactions, and balances changed at random.
fn random_block(rng: &mut StdRng, chain: &TestChain, pool: &Pool) -> HeadUpdate {
    let count = rng.random_range(0..12);
    let mined: Vec<_> =
        pool.best(chain.terms().base_fee).take(count).map(|tx| (*tx).clone()).collect();
    let mut changes = Vec::new();
    for sender in (0..SENDERS).map(address) {
        let sent = mined.iter().filter(|tx| tx.sender() == sender).count() as u64;
        if sent > 0 || rng.random_bool(0.1) {
            changes.push((sender, random_account(rng, chain.account(&sender).nonce + sent)));
        }
    }
    let terms = if rng.random_bool(0.5) { random_terms(rng) } else { chain.terms() };
    chain.extend(&mined, terms, &changes)
}

/// What the pool gives a builder can be executed in that order.
fn check_best(chain: &TestChain, pool: &Pool) {
    let mut next = std::collections::HashMap::new();
    let base_fee = chain.terms().base_fee;
    let mut count = 0;
    for tx in pool.best(base_fee) {
        let sender = tx.sender();
        let nonce = next.entry(sender).or_insert_with(|| chain.account(&sender).nonce);
        assert_eq!(tx.tx().nonce(), *nonce);
        assert!(tx.tx().max_fee_per_gas() >= u128::from(base_fee));
        *nonce += 1;
        count += 1;
    }
    assert_eq!(count, pool.status().pending);
}

/// A replacement pays more than what it replaces, or nothing changed.
fn check_replacement(pool: &Pool, spec: TxSpec, origin: Origin) {
    let (sender, nonce) = (address(spec.sender), spec.nonce);
    let find = || {
        let content = pool.content_from(&sender);
        content.pending.get(&nonce).or_else(|| content.queued.get(&nonce)).cloned()
    };
    let old = find();
    let result = pool.add(spec.recovered(), origin);
    let new = find();
    match (old, new, result) {
        (Some(old), Some(new), Ok(hash)) => {
            assert_eq!(new.hash(), hash);
            assert!(new.tx().max_fee_per_gas() > old.tx().max_fee_per_gas());
        }
        (_, Some(new), Ok(hash)) => assert_eq!(new.hash(), hash),
        (_, None, Ok(_)) => panic!("accepted and not there"),
        (_, _, Err(error)) => assert!(error.is_refusal(), "{error}"),
    }
}

#[test]
fn random_adds_and_heads_keep_every_invariant() {
    let mut rng = StdRng::seed_from_u64(seed());
    for _ in 0..30 {
        let limit = |rng: &mut StdRng| SubPoolLimit {
            count_max: rng.random_range(0..25),
            bytes_max: rng.random_range(0..60_000),
        };
        let config = PoolConfig {
            pending_limit: limit(&mut rng),
            basefee_limit: limit(&mut rng),
            queued_limit: limit(&mut rng),
            local_limit: limit(&mut rng),
            account_slots_max: rng.random_range(1..7),
            queued_lifetime: Duration::from_secs(60),
            ..Default::default()
        };
        let chain = TestChain::new(random_terms(&mut rng), Default::default());
        let pool = chain.pool(config);
        for _ in 0..400 {
            random_step(&mut rng, &chain, &pool);
            pool.inner.state.read().check_invariants();
            check_best(&chain, &pool);
        }
    }
}

fn random_step(rng: &mut StdRng, chain: &std::sync::Arc<TestChain>, pool: &Pool) {
    match rng.random_range(0..100) {
        0..80 => {
            let origin = if rng.random_bool(0.2) { Origin::Local } else { Origin::External };
            check_replacement(pool, random_tx(rng, chain), origin);
        }
        80..90 => pool.on_new_head(&random_block(rng, chain, pool)).expect("moves"),
        90..93 => {
            if chain.height() > 0 {
                pool.on_new_head(&chain.unwind()).expect("moves");
            }
        }
        93..95 => {
            random_block(rng, chain, pool);
            pool.resync().expect("moves");
        }
        95 => pool.expire(Instant::now() + Duration::from_secs(61)),
        _ => {
            let hashes: Vec<B256> = pool.best(0).map(|tx| tx.hash()).collect();
            if !hashes.is_empty() {
                pool.remove(&[hashes[rng.random_range(0..hashes.len())]]);
            }
        }
    }
}

#[test]
fn many_threads_and_moving_heads_end_in_a_consistent_pool() {
    let (chain, pool) = default_pool();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let pool = pool.clone();
            scope.spawn(move || {
                for nonce in 0..100 {
                    for sender in (0..8).map(|sender| sender * 4 + thread) {
                        let tx = TxSpec { sender, nonce, ..Default::default() }.recovered();
                        match pool.add(tx, Origin::External) {
                            Ok(_) | Err(PoolError::NonceTooLow { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
        for height in 1..30_u64 {
            let account = AccountState { nonce: height, balance: RICH, ..Default::default() };
            let terms = Terms { base_fee: 40 + height % 7, ..chain.terms() };
            let update = chain.extend(&[], terms, &[(address(height % 32), account)]);
            pool.on_new_head(&update).expect("moves");
        }
    });
    pool.inner.state.read().check_invariants();
    check_best(&chain, &pool);
}
