use std::{path::PathBuf, time::Duration};

/// How much a sub-pool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubPoolLimit {
    /// Transactions.
    pub count_max: usize,
    /// Bytes they occupy in memory, as estimated.
    pub bytes_max: usize,
}

impl SubPoolLimit {
    pub(crate) const fn is_exceeded_by(&self, count: usize, bytes: usize) -> bool {
        count > self.count_max || bytes > self.bytes_max
    }
}

/// Limits and policies of the pool.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Transactions that the next block could contain.
    pub pending_limit: SubPoolLimit,
    /// Transactions that wait for a lower base fee.
    pub basefee_limit: SubPoolLimit,
    /// Transactions behind a nonce gap or beyond the sender's balance.
    pub queued_limit: SubPoolLimit,
    /// Transactions of local origin; beyond it a local submission is treated as external.
    pub local_limit: SubPoolLimit,
    /// Transactions of one sender over all sub-pools.
    pub account_slots_max: usize,
    /// How long a transaction may stay queued.
    pub queued_lifetime: Duration,
    /// Largest encoded transaction. Attestation evidence is large; geth's limit is the default.
    pub tx_bytes_max: usize,
    /// Authorizations in one transaction; each costs a signature recovery at admission.
    pub authorizations_max: usize,
    /// Lowest priority fee accepted from external origin.
    pub min_priority_fee_wei: u128,
    /// By how many percent a replacement must raise both fees.
    pub price_bump_percent: u64,
    /// Treat every submission as external: no protection and no journal.
    pub no_locals: bool,
    /// Where local transactions are kept over a restart; `None` keeps none.
    pub journal_path: Option<PathBuf>,
    /// Undelivered notices a slow subscriber may have before it loses the oldest.
    pub subscription_len_max: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        let limit = SubPoolLimit { count_max: 10_000, bytes_max: 32 << 20 };
        Self {
            pending_limit: limit,
            basefee_limit: limit,
            queued_limit: limit,
            local_limit: SubPoolLimit { count_max: 2_500, bytes_max: 8 << 20 },
            account_slots_max: 128,
            queued_lifetime: Duration::from_secs(3 * 60 * 60),
            tx_bytes_max: 128 << 10,
            authorizations_max: 256,
            min_priority_fee_wei: 0,
            price_bump_percent: 10,
            no_locals: false,
            journal_path: None,
            subscription_len_max: 4_096,
        }
    }
}
