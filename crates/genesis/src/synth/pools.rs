use std::collections::HashSet;

use super::{
    account_id::{self, AccountId},
    draw::{Draw, Stream},
    profile::{PHA, Profile},
    settlement::mul_div,
    world::SNAPSHOT_TIME_SECS,
};

/// Collections of pools are numbered from here.
pub(super) const FIRST_COLLECTION: u32 = 10_000;

/// A price of one, in millionths.
const PRICE_ONE: u128 = 1_000_000;

/// The runtime drops what a pool owes for up to this much per NFT.
const DUST: u128 = 1_000;

/// All stake together, unless there are few delegations.
const STAKE_MAX: u128 = 52_000_000 * PHA;
const STAKE_PER_DELEGATION: u128 = 1_300 * PHA;

/// Oldest request.
const QUEUE_AGE_SECS: u64 = 20 * 86_400;

/// Who owns a share NFT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Investor {
    /// Index of a holder.
    Holder(usize),
    /// Index of a pool.
    Vault(usize),
}

/// Shares of a pool.
#[derive(Clone, Debug)]
pub(super) struct Nft {
    pub(super) investor: Investor,
    pub(super) shares: u128,
    /// When a withdrawal was asked for, in Unix seconds: the NFT is in the pool's queue since.
    pub(super) queued_since: Option<u64>,
}

/// What is remarkable about a stake pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Plain,
    /// Holds more than it owes.
    Residue,
    /// Holds less than it owes.
    Deficit,
    /// Some shares were dropped as dust.
    Dust,
    Empty,
    /// Worth nothing, with shares.
    Bankrupt,
}

/// What only a vault has.
#[derive(Clone, Debug, Default)]
pub(super) struct Vault {
    pub(super) owner_shares: u128,
    /// Indices of pools, ascending.
    pub(super) invests_in: Vec<usize>,
}

/// A stake pool or vault, as the parachain has it before anything is settled.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) pid: u64,
    /// Index of a holder.
    pub(super) owner: usize,
    pub(super) account: AccountId,
    pub(super) lock_account: AccountId,
    pub(super) reward_account: AccountId,
    pub(super) condition: Condition,
    pub(super) vault: Option<Vault>,
    pub(super) nfts: Vec<Nft>,
    pub(super) total_shares: u128,
    pub(super) total_value: u128,
    /// W-PHA that no worker uses.
    pub(super) free: u128,
    /// W-PHA that workers use, and what they left behind.
    pub(super) locked: u128,
    /// W-PHA the owner has earned.
    pub(super) owner_reward: u128,
}

impl Pool {
    pub(super) fn collection(&self) -> u32 {
        FIRST_COLLECTION + u32::try_from(self.pid).expect("few pools")
    }

    /// Requests with their NFT ids, oldest first.
    pub(super) fn queue(&self) -> impl Iterator<Item = (u32, &Nft, u64)> {
        let queued = |(id, nft): (usize, &'_ Nft)| nft.queued_since.map(|since| (id, since));
        let mut ids: Vec<_> = self.nfts.iter().enumerate().filter_map(queued).collect();
        ids.sort_by_key(|(_, since)| *since);
        ids.into_iter().map(|(id, since)| {
            (u32::try_from(id).expect("few NFTs in a pool"), &self.nfts[id], since)
        })
    }

    fn nft_shares(&self) -> u128 {
        self.nfts.iter().map(|nft| nft.shares).sum()
    }
}

/// All pools. `accounts` are those of the holders.
pub(super) fn draw_pools(profile: &Profile, seed: u64, accounts: &[AccountId]) -> Vec<Pool> {
    let mut draw = Draw::new(seed, Stream::Pools);
    let mut pools = bare_pools(profile, accounts, &mut draw);
    let vaults: Vec<usize> = indices(&pools, |pool| pool.vault.is_some());
    let open = indices(&pools, |pool| pool.vault.is_none() && pool.condition != Condition::Empty);
    let solvent: Vec<usize> =
        open.iter().copied().filter(|pool| pools[*pool].condition != Condition::Bankrupt).collect();
    let mut market = Market { pools: &mut pools, vaults, open, solvent, holders: accounts.len() };
    let investments = market.choose_investments(&mut draw);
    market.delegate(profile.delegations - investments, profile, &mut draw);
    market.queue(profile.queue_entries, profile, &mut draw);
    market.invest();
    market.price(&mut draw);
    pools
}

fn indices(pools: &[Pool], keep: impl Fn(&Pool) -> bool) -> Vec<usize> {
    (0..pools.len()).filter(|index| keep(&pools[*index])).collect()
}

fn bare_pools(profile: &Profile, accounts: &[AccountId], draw: &mut Draw) -> Vec<Pool> {
    let every = profile.pools / profile.vaults.max(1);
    let (mut vaults, mut stake_pools) = (0, 0);
    let mut pools = Vec::with_capacity(profile.pools);
    for index in 0..profile.pools {
        let is_vault = vaults < profile.vaults && index % every == every - 1;
        let condition = if is_vault { Condition::Plain } else { condition(stake_pools) };
        vaults += usize::from(is_vault);
        stake_pools += usize::from(!is_vault);
        let pid = index as u64;
        // In tiny the first of the known keys own them.
        let owner = if profile.dev_keys { index } else { draw.index(accounts.len()) };
        let account = |tag| account_id::of_pool(tag, pid, &accounts[owner]);
        pools.push(Pool {
            pid,
            owner,
            account: account(b"bp/"),
            lock_account: account(b"sl/"),
            reward_account: account(b"so/"),
            condition,
            vault: is_vault.then(Vault::default),
            nfts: Vec::new(),
            total_shares: 0,
            total_value: 0,
            free: 0,
            locked: 0,
            owner_reward: 0,
        });
    }
    pools
}

/// By the how-manieth stake pool it is: five with a residue, one with a deficit, one with dust, three of
/// a hundred empty, one of a hundred bankrupt.
const fn condition(nth: usize) -> Condition {
    match (nth, nth % 100) {
        (0 | 3..=6, _) => Condition::Residue,
        (1, _) => Condition::Deficit,
        (2, _) => Condition::Dust,
        (_, 20..=22) => Condition::Empty,
        (_, 10) => Condition::Bankrupt,
        _ => Condition::Plain,
    }
}

/// Everybody's ways into pools.
struct Market<'a> {
    pools: &'a mut [Pool],
    vaults: Vec<usize>,
    /// Stake pools that take deposits.
    open: Vec<usize>,
    /// Those of them that are worth something.
    solvent: Vec<usize>,
    holders: usize,
}

impl Market<'_> {
    /// One to three pools for each vault; the number of investments.
    fn choose_investments(&mut self, draw: &mut Draw) -> usize {
        let mut count = 0;
        for vault in &self.vaults {
            let mut chosen: Vec<usize> = (0..1 + draw.index(3))
                .map(|_| self.solvent[draw.index(self.solvent.len())])
                .collect();
            chosen.sort_unstable();
            chosen.dedup();
            count += chosen.len();
            self.pools[*vault].vault.as_mut().expect("a vault").invests_in = chosen;
        }
        count
    }

    /// Half of the delegations, and larger ones, are of the first 5 % of holders.
    fn delegate(&mut self, count: usize, profile: &Profile, draw: &mut Draw) {
        let heavy = (self.holders / 20).max(1);
        let mut taken = HashSet::with_capacity(count);
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            let is_heavy = draw.percent(50);
            let holder = draw.index(if is_heavy { heavy } else { self.holders });
            let pool = if draw.percent(35) && !self.vaults.is_empty() {
                self.vaults[draw.index(self.vaults.len())]
            } else {
                self.open[draw.index(self.open.len())]
            };
            if taken.insert((holder, pool)) {
                let weight = draw.log_normal(60 * PHA) * if is_heavy { 4 } else { 1 };
                drawn.push((holder, pool, weight));
            }
        }
        // In millionths, so that products stay far from the end of 128 bits.
        let sum = drawn.iter().map(|(_, _, weight)| weight / 1_000_000).sum::<u128>().max(1);
        let target = STAKE_MAX.min(STAKE_PER_DELEGATION * profile.delegations as u128);
        for (holder, pool, weight) in drawn {
            let shares = weight / 1_000_000 * target / sum + DUST + 1;
            let investor = Investor::Holder(holder);
            self.pools[pool].nfts.push(Nft { investor, shares, queued_since: None });
        }
    }

    /// Every third request waits in a vault; every tenth of the others is a vault's own.
    fn queue(&mut self, count: usize, profile: &Profile, draw: &mut Draw) {
        let mut taken = HashSet::new();
        for entry in 0..count {
            let (pool, investor) = if entry % 3 == 2 && !self.vaults.is_empty() {
                let pool = self.vaults[entry / 6 % self.vaults.len()];
                (pool, Investor::Holder(draw.index(self.holders)))
            } else {
                let pool = self.solvent[entry / 4 % self.solvent.len()];
                let holder = Investor::Holder(draw.index(self.holders));
                let is_vaults = entry % 10 == 3 && !self.vaults.is_empty();
                let investor = if is_vaults {
                    Investor::Vault(self.vaults[entry % self.vaults.len()])
                } else {
                    holder
                };
                (pool, investor)
            };
            let shares = draw.log_normal(profile.median_balance) + DUST + 1;
            // A second request of the same user would have replaced the first.
            if taken.insert((investor, pool)) {
                let age = QUEUE_AGE_SECS - QUEUE_AGE_SECS * entry as u64 / count as u64;
                let queued_since = Some(SNAPSHOT_TIME_SECS - age);
                self.pools[pool].nfts.push(Nft { investor, shares, queued_since });
            }
        }
    }

    /// Nine tenths of what was put into a vault goes on into stake pools.
    fn invest(&mut self) {
        for (nth, vault) in self.vaults.iter().enumerate() {
            let deposits = self.pools[*vault].nft_shares();
            let invests_in = self.pools[*vault].vault.as_ref().expect("a vault").invests_in.clone();
            let shares = deposits / 10 * 9 / invests_in.len().max(1) as u128;
            if shares <= DUST {
                self.pools[*vault].vault.as_mut().expect("a vault").invests_in.clear();
                continue;
            }
            for pool in invests_in {
                let investor = Investor::Vault(*vault);
                self.pools[pool].nfts.push(Nft { investor, shares, queued_since: None });
            }
            let queued: u128 = self.pools[*vault].queue().map(|(_, nft, _)| nft.shares).sum();
            // Every second vault cannot pay all that is asked of it.
            let is_short = nth % 2 == 0;
            self.pools[*vault].free =
                if is_short { queued / 2 } else { queued * 3 + deposits / 20 };
        }
    }

    fn price(&mut self, draw: &mut Draw) {
        for pool in self.pools.iter_mut().filter(|pool| pool.vault.is_none()) {
            price_stake_pool(pool, draw);
        }
        for vault in &self.vaults {
            let invests_in = &self.pools[*vault].vault.as_ref().expect("a vault").invests_in;
            let shares_and_value = |pool: &usize| {
                let pool = &self.pools[*pool];
                (pool.total_shares, pool.total_value)
            };
            let invested: Vec<_> = invests_in.iter().map(shares_and_value).collect();
            price_vault(&mut self.pools[*vault], &invested, draw);
        }
    }
}

fn price_stake_pool(pool: &mut Pool, draw: &mut Draw) {
    let shares = pool.nft_shares();
    if shares == 0 {
        return;
    }
    let price = 900_000 + u128::from(draw.below(700_001));
    let value =
        if pool.condition == Condition::Bankrupt { 0 } else { mul_div(shares, price, PRICE_ONE) };
    let dropped =
        if pool.condition == Condition::Dust { DUST * pool.nfts.len() as u128 - 1 } else { 0 };
    pool.total_shares = shares + dropped;
    pool.total_value = value;
    pool.owner_reward = u128::from(draw.below(50_000_000_000_000));
    let residue = match pool.condition {
        Condition::Residue => 11 + u128::from(draw.below(2_000_000_000)),
        _ => 0,
    };
    let deficit = if pool.condition == Condition::Deficit { (PHA / 5 * 2).min(value) } else { 0 };
    pool.free = value + residue - deficit;
}

/// Shares are scaled so that the price lands between 1.0 and 1.8.
fn price_vault(pool: &mut Pool, invested: &[(u128, u128)], draw: &mut Draw) {
    let deposits = pool.nft_shares();
    let per_pool = deposits / 10 * 9 / invested.len().max(1) as u128;
    let worth: u128 =
        invested.iter().map(|(shares, value)| mul_div(per_pool, *value, (*shares).max(1))).sum();
    let nav = pool.free + worth;
    if nav == 0 || deposits == 0 {
        pool.total_shares = deposits;
        return;
    }
    let price = 1_000_000 + u128::from(draw.below(800_001));
    let shares = mul_div(nav, PRICE_ONE, price);
    for nft in &mut pool.nfts {
        nft.shares = mul_div(nft.shares, shares, deposits).max(DUST + 1);
    }
    let held = pool.nft_shares();
    let owner_shares = held / 50;
    pool.vault.as_mut().expect("a vault").owner_shares = owner_shares;
    pool.total_shares = held + owner_shares;
    // What the runtime tracked has drifted away from what the vault is worth.
    pool.total_value = nav + u128::from(draw.below(9));
}
