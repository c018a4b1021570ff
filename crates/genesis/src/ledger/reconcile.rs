use std::{cmp::Reverse, collections::BTreeMap, fmt::Display};

use super::{
    AccountId, Bucket, Class, Funding, Ledger, LedgerError, Override,
    books::Books,
    class::Classes,
    pools,
    state::{State, add},
};
use crate::Pair;

/// Seconds of a block of the parachain.
const BLOCK_SECONDS: u128 = 12;
/// From 12 to 18 decimals.
const TO_18: u128 = 1_000_000;
/// Accounts the report names.
const LARGEST: usize = 100;

/// What a reviewer decided.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Spec versions to take besides those that were reviewed.
    pub spec_versions: Vec<u32>,
    /// Accounts of another class than their shape says.
    pub overrides: Vec<Override>,
}

/// What is known of a state even if it is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Names and messages say it.
pub struct Known {
    pub pairs: u64,
    pub block_number: Option<u32>,
    pub spec: Option<(u32, String)>,
    pub issuance: Option<u128>,
    /// Buckets as they were when it stopped.
    pub buckets: BTreeMap<Bucket, u128>,
}

/// Answer of [`reconcile`].
#[derive(Debug)]
pub struct Reconciliation {
    /// Facts for the report.
    pub known: Known,
    /// What is owed, or the rule that the state breaks.
    pub ledger: Result<Ledger, LedgerError>,
}

/// Says what each account is owed in the state of `pairs`, which come sorted by key.
pub fn reconcile<E: Display>(
    pairs: impl Iterator<Item = Result<Pair, E>>,
    options: &Options,
) -> Reconciliation {
    let mut state = State::default();
    let read = state.read(pairs, &options.spec_versions);
    let mut known = Known {
        pairs: state.keys,
        block_number: state.number,
        spec: state.spec.clone(),
        issuance: state.issuance,
        buckets: BTreeMap::new(),
    };
    let ledger = read.and_then(|()| Classes::new(&state, &options.overrides)).and_then(|classes| {
        let mut books = Books::new(classes);
        let ledger = settle(state, &mut books);
        known.buckets.clone_from(&books.buckets);
        ledger
    });
    Reconciliation { known, ledger }
}

fn settle(mut state: State, books: &mut Books) -> Result<Ledger, LedgerError> {
    let issuance = state.issuance.ok_or(LedgerError::Missing("Balances.TotalIssuance"))?;
    let block_number = state.number.ok_or(LedgerError::Missing("System.Number"))?;
    let now_ms = state.now_ms.ok_or(LedgerError::Missing("Timestamp.Now"))?;
    let spec_version = state.spec.as_ref().map(|spec| spec.0).unwrap_or_default();

    let surplus = check_supplies(&state, issuance)?;
    books.book(Bucket::WphaSurplus, surplus)?;
    let (classes, largest) = survey(&state, books)?;
    book_native(&state, books)?;
    book_vesting(&state, books, block_number, now_ms)?;
    book_wrapped(&state, books)?;
    book_pending(&state, books)?;
    let (pools, payouts) = pools::settle(&mut state, books)?;
    for pool in pools.values() {
        if let super::Carry::Vault { queue, .. } = &pool.carry {
            for request in queue {
                books.holders.entry(request.user).or_default().requests.push(request.clone());
            }
        }
    }
    let funding = fund(books, issuance)?;
    Ok(Ledger {
        block_number,
        now_ms,
        spec_version,
        pairs: state.keys,
        issuance,
        buckets: books.buckets.clone(),
        holders: std::mem::take(&mut books.holders),
        pools,
        payouts,
        escrow: std::mem::take(&mut books.escrow),
        proxies: state.proxies.into_iter().collect(),
        council: state.council,
        committee: state.committee,
        budget_per_block: state.budget_per_block.unwrap_or_default(),
        halving: state.computing_start.zip(state.halving_interval),
        classes,
        largest,
        funding,
    })
}

/// Issuance and W-PHA agree with the accounts. Returns what is behind W-PHA above its supply.
fn check_supplies(state: &State, issuance: u128) -> Result<u128, LedgerError> {
    let sum = total(state.native.values())?;
    if sum != issuance {
        return Err(LedgerError::Issuance { sum, issuance });
    }
    let supply = state.wpha_supply.unwrap_or_default();
    let sum = total(state.wpha.values())?;
    if sum != supply {
        return Err(LedgerError::WphaSum { sum, supply });
    }
    let backing = state.native.get(&AccountId::named(b"wpha/")).copied().unwrap_or_default();
    let surplus =
        backing.checked_sub(supply).ok_or(LedgerError::WphaBacking { supply, backing })?;
    if state.dust > surplus {
        return Err(LedgerError::Dust { dust: state.dust, surplus });
    }
    Ok(surplus)
}

type Survey = (BTreeMap<Class, u64>, Vec<(AccountId, Class, u128)>);

/// Counts the classes and finds the largest accounts.
fn survey(state: &State, books: &Books) -> Result<Survey, LedgerError> {
    let mut counts = BTreeMap::<Class, u64>::new();
    let mut all = Vec::with_capacity(state.native.len());
    let only_wrapped = state.wpha.keys().filter(|id| !state.native.contains_key(id));
    for id in state.native.keys().chain(only_wrapped) {
        let class = books.classes.of(id);
        *counts.entry(class).or_default() += 1;
        let mut amount = state.native.get(id).copied().unwrap_or_default();
        add(&mut amount, state.wpha.get(id).copied().unwrap_or_default())?;
        all.push((*id, class, amount));
    }
    all.sort_by_key(|(id, _, amount)| (Reverse(*amount), *id));
    all.truncate(LARGEST);
    Ok((counts, all))
}

fn book_native(state: &State, books: &mut Books) -> Result<(), LedgerError> {
    // Held for others: Phat stakes are booked with what is pending, deposits here.
    let stakes = total(state.phat.values())?;
    let deposits = total(state.deposits.values())?;
    let held = |name| state.native.get(&AccountId::named(name)).copied().unwrap_or_default();
    let (for_stakes, for_deposits) = (held(b"modlphat/tok"), held(b"modlindex/ac"));
    if for_stakes < stakes {
        return Err(LedgerError::PhatStakes { stakes, held: for_stakes });
    }
    if for_deposits < deposits {
        return Err(LedgerError::IndexDeposits { deposits, held: for_deposits });
    }
    for (id, amount) in &state.native {
        match books.classes.of(id) {
            Class::WphaBacking => {}
            Class::PhatTokens => books.credit(*id, amount.saturating_sub(stakes))?,
            Class::IndexInflight => books.credit(*id, amount.saturating_sub(deposits))?,
            _ => books.credit(*id, *amount)?,
        }
    }
    for (sender, amount) in &state.deposits {
        books.credit_as(*sender, Class::IndexInflight, Bucket::IndexInflight, *amount)?;
    }
    Ok(())
}

/// Moves what is still locked by schedules from liquid to vesting. Schedules of one account are
/// merged: nothing is paid before it would have been at the pace of the longest.
fn book_vesting(
    state: &State,
    books: &mut Books,
    block: u32,
    now_ms: u64,
) -> Result<(), LedgerError> {
    for (id, schedules) in &state.vesting {
        let (mut left, mut blocks) = (0_u128, 0_u128);
        for (locked, per_block, start) in schedules {
            let passed = u128::from(block.saturating_sub(*start));
            let rest = locked.saturating_sub(per_block.saturating_mul(passed));
            add(&mut left, rest)?;
            // One that has not begun ends that much later.
            let waits = u128::from(start.saturating_sub(block));
            // A pace of zero never ends; the runtime makes it one.
            blocks = blocks.max(rest.div_ceil((*per_block).max(1)).saturating_add(waits));
        }
        let Some(holder) = books.holders.get_mut(id) else { continue };
        holder.vesting = left.min(holder.liquid);
        if holder.vesting == 0 {
            continue;
        }
        holder.liquid -= holder.vesting;
        let end = blocks.saturating_mul(BLOCK_SECONDS).saturating_add(u128::from(now_ms / 1000));
        holder.vesting_end = u32::try_from(end).unwrap_or(u32::MAX);
        let moved = holder.vesting;
        if !books.take(Bucket::HoldersLiquid, moved) {
            return Err(LedgerError::Overflow("vesting"));
        }
        books.book(Bucket::HoldersVesting, moved)?;
    }
    Ok(())
}

/// W-PHA outside of pools is PHA of its account. That of a bridge's reserve is not in circulation
/// on Ethereum, so it is stranded.
fn book_wrapped(state: &State, books: &mut Books) -> Result<(), LedgerError> {
    for (id, amount) in &state.wpha {
        match books.classes.of(id) {
            Class::Pool => {}
            Class::BridgedOut => {
                books.credit_as(*id, Class::BridgedOut, Bucket::Stranded, *amount)?
            }
            _ => books.credit(*id, *amount)?,
        }
    }
    Ok(())
}

/// Pays pending rewards and reimbursements from the subsidy pool, and Phat stakes from their pot.
fn book_pending(state: &State, books: &mut Books) -> Result<(), LedgerError> {
    let pending = total(state.pending.values())?;
    let subsidy = books.amount(Bucket::RewardStream);
    if !books.take(Bucket::RewardStream, pending) {
        return Err(LedgerError::PendingRewards { pending, subsidy });
    }
    for (id, amount) in state.pending.iter().chain(&state.phat) {
        books.credit(*id, *amount)?;
    }
    Ok(())
}

/// Every unit is somewhere, and each contract gets what it owes.
fn fund(books: &Books, issuance: u128) -> Result<Funding, LedgerError> {
    let sum = total(books.buckets.values())?;
    if sum != issuance {
        return Err(LedgerError::Buckets { sum, issuance });
    }
    let mut claims = 0;
    for holder in books.holders.values() {
        add(&mut claims, holder.liquid)?;
        add(&mut claims, holder.vesting)?;
    }
    let of = |buckets: &[Bucket]| {
        let mut sum = 0_u128;
        for bucket in buckets {
            add(&mut sum, books.amount(*bucket))?;
        }
        sum.checked_mul(TO_18).ok_or(LedgerError::Overflow("18 decimals"))
    };
    let funding = Funding {
        claims: of(&[Bucket::HoldersLiquid, Bucket::HoldersVesting])?,
        pools: of(&[Bucket::StakePools, Bucket::VaultFree])?,
        reward_stream: of(&[Bucket::RewardStream])?,
        treasury: of(&[
            Bucket::Treasury,
            Bucket::GovernancePots,
            Bucket::PoolResidue,
            Bucket::WphaSurplus,
        ])?,
        escrow: of(&[
            Bucket::ForeignChainEscrow,
            Bucket::PhatClusterEscrow,
            Bucket::IndexInflight,
            Bucket::Stranded,
        ])?,
    };
    let owed = issuance
        .checked_sub(books.amount(Bucket::BridgedOut))
        .and_then(|owed| owed.checked_mul(TO_18));
    if claims.checked_mul(TO_18) != Some(funding.claims) || funding.total() != owed {
        return Err(LedgerError::Funding { claims: funding.claims, pools: funding.pools });
    }
    Ok(funding)
}

pub(super) fn total<'a>(amounts: impl Iterator<Item = &'a u128>) -> Result<u128, LedgerError> {
    let mut sum = 0;
    for amount in amounts {
        add(&mut sum, *amount)?;
    }
    Ok(sum)
}
