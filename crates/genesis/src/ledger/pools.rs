use std::collections::BTreeMap;

use alloy_primitives::U256;

use super::{
    AccountId, Bucket, LedgerError,
    books::Books,
    holdings::{Carry, PoolCarry, QueuePayout, Request},
    reconcile::total,
    state::{State, add},
    values::{BasePool, Pool},
};

/// The runtime drops dust of at most this many units of an NFT.
const DUST_PER_NFT: u128 = 1000;
/// Most that the reward stream adds to a pool: 1 PHA.
const TOP_UP_LIMIT: u128 = 1_000_000_000_000;

/// Share NFTs of one pool.
#[derive(Default)]
struct Shares {
    /// By owner, without those in the queue.
    owned: BTreeMap<AccountId, u128>,
    /// NFTs in the queue.
    queued: BTreeMap<u32, u128>,
    sum: u128,
    count: u128,
}

type Settled = (BTreeMap<u64, PoolCarry>, Vec<QueuePayout>);

/// Settles the queues as if all work had ended, and leaves what goes on.
pub(super) fn settle(state: &mut State, books: &mut Books) -> Result<Settled, LedgerError> {
    let mut shares = gather(state)?;
    let locked = stakes_by_pool(state)?;
    let pools = std::mem::take(&mut state.pools);
    // Accounts of vaults, and what each has free.
    let mut vaults = BTreeMap::<AccountId, (u64, u128)>::new();
    for (pid, pool) in &pools {
        if let Pool::Vault { base, .. } = pool {
            vaults.insert(base.account, (*pid, wrapped(state, &base.account)));
        }
    }
    let mut carried: BTreeMap<u64, PoolCarry> = BTreeMap::new();
    // What a vault holds stays with the vault.
    let mut holds: BTreeMap<u64, BTreeMap<u64, u128>> = BTreeMap::new();
    let mut payouts = Vec::new();
    for (pid, pool) in &pools {
        let Pool::Stake { base, commission, cap, lock, reward, .. } = pool else { continue };
        books.credit(base.owner, wrapped(state, reward))?;
        let (in_lock, staked) =
            (wrapped(state, lock), locked.get(pid).copied().unwrap_or_default());
        if in_lock < staked {
            return Err(LedgerError::LockBelowStakes {
                pid: *pid,
                locked: in_lock,
                stakes: staked,
            });
        }
        let mut assets = wrapped(state, &base.account);
        add(&mut assets, in_lock)?;
        let residue = assets.saturating_sub(base.total_value);
        let top_up = base.total_value.saturating_sub(assets);
        if top_up > TOP_UP_LIMIT {
            return Err(LedgerError::Deficit { pid: *pid, deficit: top_up, limit: TOP_UP_LIMIT });
        }
        let available = books.amount(Bucket::RewardStream);
        if !books.take(Bucket::RewardStream, top_up) {
            return Err(LedgerError::RewardStream { available, needed: top_up });
        }
        books.book(Bucket::PoolResidue, residue)?;

        let mut of_pool = shares.remove(pid).unwrap_or_default();
        // A request without its NFT would show as missing shares as well; this says more.
        let requests = queue(base, &mut of_pool)?;
        check_shares(base, &of_pool, 0)?;
        let (mut value, mut left) = (base.total_value, base.total_shares);
        for request in requests {
            let paid = mul_div(request.shares, base.total_value, base.total_shares)?;
            value = value.checked_sub(paid).ok_or(LedgerError::Overflow("queue of a pool"))?;
            left =
                left.checked_sub(request.shares).ok_or(LedgerError::Overflow("queue of a pool"))?;
            match vaults.get_mut(&request.user) {
                Some((_, free)) => add(free, paid)?,
                None => books.credit(request.user, paid)?,
            }
            payouts.push(QueuePayout {
                pid: *pid,
                user: request.user,
                shares: request.shares,
                paid,
            });
        }
        books.book(Bucket::StakePools, value)?;
        let carry = Carry::Stake { value, residue, top_up, cap: *cap };
        let mut pool = carry_on(state, base, *commission, left, carry);
        for (owner, amount) in of_pool.owned {
            if let Some((vault, _)) = vaults.get(&owner) {
                holds.entry(*vault).or_default().insert(*pid, amount);
            } else {
                books.stake(owner, *pid, amount)?;
                add(&mut pool.claims_shares, amount)?;
            }
        }
        carried.insert(*pid, pool);
    }
    for (pid, pool) in &pools {
        if let Pool::Vault { base, .. } = pool {
            let of_pool = shares.remove(pid).unwrap_or_default();
            let free = vaults.get(&base.account).map(|vault| vault.1).unwrap_or_default();
            let holds = holds.remove(pid).unwrap_or_default();
            let context = Vault { pool, free, holds, vaults: &vaults, pools: &carried };
            let vault = settle_vault(state, books, context, of_pool, &mut payouts)?;
            carried.insert(*pid, vault);
        }
    }
    Ok((carried, payouts))
}

struct Vault<'a> {
    pool: &'a Pool,
    free: u128,
    holds: BTreeMap<u64, u128>,
    vaults: &'a BTreeMap<AccountId, (u64, u128)>,
    pools: &'a BTreeMap<u64, PoolCarry>,
}

fn settle_vault(
    state: &State,
    books: &mut Books,
    context: Vault<'_>,
    mut shares: Shares,
    payouts: &mut Vec<QueuePayout>,
) -> Result<PoolCarry, LedgerError> {
    let Vault { pool, mut free, holds, vaults, pools } = context;
    let base = pool.base();
    let (checkpoint, commission, owner_shares) = match pool {
        Pool::Vault { checkpoint, commission, owner_shares, .. } => {
            (*checkpoint, *commission, *owner_shares)
        }
        Pool::Stake { .. } => return Err(LedgerError::PoolIndex { pid: base.pid, cid: base.cid }),
    };
    let pid = base.pid;
    let requests = queue(base, &mut shares)?;
    check_shares(base, &shares, owner_shares)?;
    let mut nav = free;
    for (held, amount) in &holds {
        let Some(PoolCarry { total_shares, carry: Carry::Stake { value, .. }, .. }) =
            pools.get(held)
        else {
            return Err(LedgerError::PoolIndex { pid: *held, cid: base.cid });
        };
        add(&mut nav, mul_div(*amount, *value, *total_shares)?)?;
    }
    let in_vault = shares.owned.keys().chain(requests.iter().map(|request| &request.user));
    for owner in in_vault {
        if let Some((vault, _)) = vaults.get(owner) {
            return Err(LedgerError::VaultInVault { pid, vault: *vault });
        }
    }
    let mut left = base.total_shares;
    let mut open = Vec::new();
    for mut request in requests {
        if !open.is_empty() {
            open.push(request);
            continue;
        }
        let whole = mul_div(request.shares, nav, base.total_shares)?;
        let (taken, paid) = if whole <= free {
            (request.shares, whole)
        } else {
            let taken = mul_div(free, base.total_shares, nav)?.min(request.shares);
            (taken, mul_div(taken, nav, base.total_shares)?)
        };
        free = free.checked_sub(paid).ok_or(LedgerError::Overflow("queue of a vault"))?;
        left = left.checked_sub(taken).ok_or(LedgerError::Overflow("queue of a vault"))?;
        books.credit(request.user, paid)?;
        if taken > 0 {
            payouts.push(QueuePayout { pid, user: request.user, shares: taken, paid });
        }
        request.shares -= taken;
        if request.shares > 0 {
            open.push(request);
        }
    }
    books.book(Bucket::VaultFree, free)?;
    add(shares.owned.entry(base.owner).or_default(), owner_shares)?;
    let mut claims_shares = 0;
    for (owner, amount) in &shares.owned {
        books.stake(*owner, pid, *amount)?;
        add(&mut claims_shares, *amount)?;
    }
    let carry = Carry::Vault {
        free,
        tracked_value: base.total_value,
        nav_before_queue: nav,
        checkpoint,
        holds,
        owner_shares,
        queue: open,
        locked: state.vault_locks.contains(&pid),
    };
    Ok(PoolCarry { claims_shares, ..carry_on(state, base, commission, left, carry) })
}

fn carry_on(
    state: &State,
    base: &BasePool,
    commission: Option<u32>,
    total_shares: u128,
    carry: Carry,
) -> PoolCarry {
    PoolCarry {
        pid: base.pid,
        owner: base.owner,
        account: base.account,
        commission: commission.unwrap_or_default(),
        total_shares,
        whitelist: state.whitelists.get(&base.pid).cloned(),
        description: state.descriptions.get(&base.pid).cloned().unwrap_or_default(),
        claims_shares: 0,
        carry,
    }
}

/// Shares of every pool, by owner, where the pallets agree on the owner.
fn gather(state: &mut State) -> Result<BTreeMap<u64, Shares>, LedgerError> {
    let base_pool = AccountId::named(b"basepool");
    let mut all = BTreeMap::<u64, Shares>::new();
    for ((cid, nft), facts) in std::mem::take(&mut state.nfts) {
        let Some(pid) = state.collections.get(&cid).copied() else { continue };
        let (Some(owner), Some(amount)) = (facts.unique, facts.shares) else {
            return Err(LedgerError::NftIncomplete { pid, nft });
        };
        if facts.rmrk != Some(owner) || facts.indexed != Some(owner) {
            return Err(LedgerError::NftOwner { pid, nft, uniques: owner });
        }
        let shares = all.entry(pid).or_default();
        add(&mut shares.sum, amount)?;
        shares.count += 1;
        if owner == base_pool {
            shares.queued.insert(nft, amount);
        } else {
            add(shares.owned.entry(owner).or_default(), amount)?;
        }
    }
    for pid in all.keys() {
        if !state.pools.contains_key(pid) {
            return Err(LedgerError::PoolIndex { pid: *pid, cid: 0 });
        }
    }
    Ok(all)
}

/// Stakes of the sessions of every pool.
fn stakes_by_pool(state: &State) -> Result<BTreeMap<u64, u128>, LedgerError> {
    let mut stakes = BTreeMap::new();
    for (session, amount) in &state.stakes {
        if let Some((pid, _)) = state.sessions.get(session) {
            add(stakes.entry(*pid).or_default(), *amount)?;
        }
    }
    Ok(stakes)
}

/// Requests oldest first, each with the shares of its NFT; every queued NFT has one.
fn queue(base: &BasePool, shares: &mut Shares) -> Result<Vec<Request>, LedgerError> {
    let mut requests = Vec::with_capacity(base.queue.len());
    for (user, start, nft) in &base.queue {
        let amount = shares.queued.remove(nft).ok_or(LedgerError::QueueWithoutNft {
            pid: base.pid,
            nft: *nft,
            user: *user,
        })?;
        requests.push(Request { pid: base.pid, user: *user, start: *start, shares: amount });
    }
    if let Some(nft) = shares.queued.keys().next() {
        return Err(LedgerError::NftWithoutQueue { pid: base.pid, nft: *nft });
    }
    requests.sort_by_key(|request| request.start);
    Ok(requests)
}

fn check_shares(base: &BasePool, shares: &Shares, owner_shares: u128) -> Result<(), LedgerError> {
    let sum = total([shares.sum, owner_shares].iter())?;
    let tolerance = shares.count.saturating_mul(DUST_PER_NFT);
    if sum.abs_diff(base.total_shares) > tolerance {
        return Err(LedgerError::Shares {
            pid: base.pid,
            sum,
            total: base.total_shares,
            tolerance,
        });
    }
    Ok(())
}

fn wrapped(state: &State, id: &AccountId) -> u128 {
    state.wpha.get(id).copied().unwrap_or_default()
}

/// `a * b / c`, rounded down; nothing is worth something of an empty pool.
fn mul_div(a: u128, b: u128, c: u128) -> Result<u128, LedgerError> {
    if c == 0 {
        return Ok(0);
    }
    let product = U256::from(a) * U256::from(b);
    u128::try_from(product / U256::from(c)).map_err(|_| LedgerError::Overflow("price of shares"))
}
