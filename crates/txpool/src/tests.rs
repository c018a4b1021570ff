//! The pool as its callers see it, on a chain in memory.

mod admission;
mod best;
mod delegation;
mod heads;
mod journal;
mod limits;
mod random;
mod replacement;

use alloy_primitives::U256;

use crate::{
    Origin, Pool, PoolConfig, PoolError, PoolStatus,
    account_state::AccountState,
    testing::{TestChain, TxSpec},
};

fn add(pool: &Pool, spec: TxSpec) -> Result<alloy_primitives::B256, PoolError> {
    let result = pool.add(spec.recovered(), Origin::External);
    pool.inner.state.read().check_invariants();
    result
}

fn add_local(pool: &Pool, spec: TxSpec) -> Result<alloy_primitives::B256, PoolError> {
    let result = pool.add(spec.recovered(), Origin::Local);
    pool.inner.state.read().check_invariants();
    result
}

/// Pending, basefee, queued.
fn counts(pool: &Pool) -> (usize, usize, usize) {
    let PoolStatus { pending, basefee, queued, .. } = pool.status();
    (pending, basefee, queued)
}

fn with_balance(nonce: u64, balance: u64) -> AccountState {
    AccountState { nonce, balance: U256::from(balance), ..Default::default() }
}

fn default_pool() -> (std::sync::Arc<TestChain>, Pool) {
    let chain = TestChain::new(Default::default(), Default::default());
    let pool = chain.pool(PoolConfig::default());
    (chain, pool)
}
