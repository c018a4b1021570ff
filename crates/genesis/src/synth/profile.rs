use std::str::FromStr;

use super::SynthError;

/// How large a made-up parachain is, and what it has of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name, as on the command line.
    pub name: &'static str,
    /// Accounts with somebody behind them.
    pub accounts: usize,
    /// Entries of the state, filled up with messages nobody needs.
    pub keys: usize,
    /// Pools, vaults included.
    pub pools: usize,
    /// Vaults.
    pub vaults: usize,
    /// Stakes of accounts and vaults in pools.
    pub delegations: usize,
    /// Withdraw requests.
    pub queue_entries: usize,
    /// Registered workers.
    pub workers: usize,
    /// Accounts that are multisigs.
    pub multisigs: usize,
    /// Accounts that are pure proxies.
    pub pure_proxies: usize,
    /// Accounts with an ecdsa key.
    pub ecdsa: usize,
    /// Sovereign accounts of sibling chains.
    pub siblings: u32,
    /// Phat clusters.
    pub clusters: usize,
    /// Bytes of `:code`.
    pub code_len: usize,
    /// Accounts of one hundred that hold the existential deposit only.
    pub at_existential_deposit_percent: u64,
    /// Median of balances, in 10^-12 PHA.
    pub median_balance: u128,
    /// Whether accounts belong to the published development keys.
    pub dev_keys: bool,
}

/// One PHA on the parachain.
pub(super) const PHA: u128 = 1_000_000_000_000;

impl Profile {
    /// Small enough to read: each kind of account and authority once, all with known keys.
    pub const TINY: Self = Self {
        name: "tiny",
        accounts: 50,
        keys: 1_000,
        pools: 5,
        vaults: 2,
        delegations: 60,
        queue_entries: 6,
        workers: 10,
        multisigs: 0,
        pure_proxies: 0,
        ecdsa: 0,
        siblings: 1,
        clusters: 1,
        code_len: 64,
        at_existential_deposit_percent: 0,
        median_balance: 60 * PHA,
        dev_keys: true,
    };

    /// The size Phala is thought to have had at its end.
    pub const REAL: Self = Self {
        name: "real",
        accounts: 60_000,
        keys: 1_000_000,
        pools: 4_000,
        vaults: 150,
        delegations: 40_000,
        queue_entries: 1_200,
        workers: 45_000,
        multisigs: 800,
        pure_proxies: 400,
        ecdsa: 200,
        siblings: 25,
        clusters: 4,
        code_len: 100_000,
        dev_keys: false,
        ..Self::TINY
    };

    /// Several times that, with large values.
    pub const LARGE: Self = Self {
        name: "large",
        accounts: 250_000,
        keys: 3_000_000,
        pools: 6_000,
        vaults: 400,
        delegations: 150_000,
        queue_entries: 8_000,
        workers: 120_000,
        code_len: 1_000_000,
        median_balance: 20 * PHA,
        ..Self::REAL
    };

    /// What must still work in 4 GB.
    pub const STRESS: Self = Self {
        name: "stress",
        accounts: 1_000_000,
        keys: 10_000_000,
        pools: 10_000,
        vaults: 1_000,
        delegations: 600_000,
        queue_entries: 50_000,
        workers: 300_000,
        at_existential_deposit_percent: 10,
        median_balance: 5 * PHA,
        ..Self::LARGE
    };

    /// `REAL` with each number divided by `by`, for tests that have no time.
    pub fn scaled_down(by: usize) -> Self {
        let real = Self::REAL;
        Self {
            accounts: real.accounts / by,
            keys: real.keys / by,
            pools: real.pools / by,
            vaults: (real.vaults / by).max(1),
            delegations: real.delegations / by,
            queue_entries: real.queue_entries / by,
            workers: real.workers / by,
            multisigs: real.multisigs / by,
            pure_proxies: real.pure_proxies / by,
            ecdsa: real.ecdsa / by,
            ..real
        }
    }
}

impl FromStr for Profile {
    type Err = SynthError;

    fn from_str(name: &str) -> Result<Self, SynthError> {
        let known = [Self::TINY, Self::REAL, Self::LARGE, Self::STRESS];
        let found = known.into_iter().find(|profile| profile.name == name);
        found.ok_or_else(|| SynthError::UnknownProfile(name.to_owned()))
    }
}
