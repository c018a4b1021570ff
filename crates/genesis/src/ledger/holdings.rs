use std::collections::BTreeMap;

use super::{AccountId, Bucket, Class};

/// What an account is owed. Amounts have 12 decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Paid when it is claimed.
    pub liquid: u128,
    /// Paid linearly from the snapshot to `vesting_end`.
    pub vesting: u128,
    /// Unix seconds; 0 without vesting.
    pub vesting_end: u32,
    /// Shares by pool.
    pub stakes: BTreeMap<u64, u128>,
    /// Open withdraw requests of vaults, oldest first.
    pub requests: Vec<Request>,
}

/// Withdraw request of a vault that stays open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Vault.
    pub pid: u64,
    /// Who asked.
    pub user: AccountId,
    /// When it was made, Unix seconds.
    pub start: u64,
    /// Shares still to be paid.
    pub shares: u128,
}

/// Request, or part of one, that was paid at the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePayout {
    /// Pool.
    pub pid: u64,
    /// Who asked.
    pub user: AccountId,
    /// Shares taken back.
    pub shares: u128,
    /// Paid for them.
    pub paid: u128,
}

/// What differs between the kinds of pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carry {
    /// Pool of workers.
    Stake {
        /// Value of all shares, all of it free.
        value: u128,
        /// Held above the value; goes to the treasury.
        residue: u128,
        /// Lacking below the value; comes from the reward stream.
        top_up: u128,
        /// Most that may be in the pool.
        cap: Option<u128>,
    },
    /// Pool that invests in pools.
    Vault {
        /// PHA that is in no pool.
        free: u128,
        /// What the runtime thought it is worth.
        tracked_value: u128,
        /// Worth before its queue was settled.
        nav_before_queue: u128,
        /// Share price, U64F64, above which commission is due.
        checkpoint: u128,
        /// Shares in stake pools.
        holds: BTreeMap<u64, u128>,
        /// Shares of its owner that came from commission; among the owner's stakes now.
        owner_shares: u128,
        /// Requests left, oldest first.
        queue: Vec<Request>,
        /// Was locked because of an overdue request.
        locked: bool,
    },
}

/// A pool as it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolCarry {
    /// Id.
    pub pid: u64,
    /// Who owns it.
    pub owner: AccountId,
    /// Account of the pool on the parachain.
    pub account: AccountId,
    /// Parts per million.
    pub commission: u32,
    /// All shares, 12 decimals.
    pub total_shares: u128,
    /// Who may deposit; `None` for everybody.
    pub whitelist: Option<Vec<AccountId>>,
    /// What the owner says of it.
    pub description: Vec<u8>,
    /// Shares of people who have not claimed: held by the claims contract.
    pub claims_shares: u128,
    /// What the kind adds.
    pub carry: Carry,
}

/// PHA that each contract gets, 18 decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Names and messages say it.
pub struct Funding {
    pub claims: u128,
    pub pools: u128,
    pub reward_stream: u128,
    pub treasury: u128,
    pub escrow: u128,
}

impl Funding {
    /// All of it: what L1 has to lock.
    pub fn total(&self) -> Option<u128> {
        [self.pools, self.reward_stream, self.treasury, self.escrow]
            .iter()
            .try_fold(self.claims, |sum, part| sum.checked_add(*part))
    }
}

/// Everything owed. Amounts have 12 decimals where it does not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Block of the snapshot.
    pub block_number: u32,
    /// Its time, Unix milliseconds.
    pub now_ms: u64,
    /// Runtime version.
    pub spec_version: u32,
    /// Number of pairs read.
    pub pairs: u64,
    /// `Balances.TotalIssuance`.
    pub issuance: u128,
    /// Where each unit is.
    pub buckets: BTreeMap<Bucket, u128>,
    /// Whom something is owed, by account.
    pub holders: BTreeMap<AccountId, Holder>,
    /// Pools by id.
    pub pools: BTreeMap<u64, PoolCarry>,
    /// What queues were paid, in the order of payment.
    pub payouts: Vec<QueuePayout>,
    /// Escrowed PHA by class and account of the parachain; deposits of inDEX by sender.
    pub escrow: BTreeMap<(Class, AccountId), u128>,
    /// `(account, delegate)` of proxies that may do anything at once.
    pub proxies: Vec<(AccountId, AccountId)>,
    /// Members of the council.
    pub council: Vec<AccountId>,
    /// Members of the technical committee.
    pub committee: Vec<AccountId>,
    /// Rewards of a block, U64F64 PHA; 0 if never set.
    pub budget_per_block: u128,
    /// Blocks at which the rewards began and after which they shrink.
    pub halving: Option<(u32, u32)>,
    /// Accounts of each class.
    pub classes: BTreeMap<Class, u64>,
    /// The largest accounts: class, native and W-PHA together.
    pub largest: Vec<(AccountId, Class, u128)>,
    /// What each contract gets.
    pub funding: Funding,
}

impl Ledger {
    /// Amount in a bucket.
    pub fn bucket(&self, bucket: Bucket) -> u128 {
        self.buckets.get(&bucket).copied().unwrap_or_default()
    }

    /// Block after the snapshot at which the rewards shrink next.
    pub fn next_cut(&self) -> Option<u64> {
        let (start, interval) = self.halving?;
        let passed = u64::from(self.block_number.saturating_sub(start));
        let cuts = passed.checked_div(u64::from(interval))?;
        Some(u64::from(start) + (cuts + 1) * u64::from(interval))
    }
}
