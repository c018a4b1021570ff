use std::cell::RefCell;

use alloy_primitives::hex;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::{
    account_id::AccountId,
    books::Bucket,
    generate::Proof,
    pools::Pool,
    settlement::SettledPool,
    world::{BLOCK_NUMBER, World},
};

/// The report an importer must come to, in 10^-12 PHA.
pub(super) struct Expected<'a> {
    pub(super) world: &'a World,
    pub(super) proof: &'a Proof,
    pub(super) keys: usize,
}

impl Serialize for Expected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { world, proof, keys } = self;
        let books = &world.books;
        Report {
            note: "Made up; booked while it was generated. Amounts in 10^-12 PHA.",
            profile: world.profile.name,
            seed: world.seed,
            state_version: 0,
            state_root: text(&proof.state_root),
            header: hex::encode_prefixed(&proof.header),
            block_hash: text(&proof.block_hash),
            block_number: BLOCK_NUMBER,
            keys: *keys,
            total_issuance: world.issuance.to_string(),
            buckets: books,
            bucket_sum: books.total().to_string(),
            l2_issuance_12: (world.issuance - books.of(Bucket::BridgedOut)).to_string(),
            holders: Sequence::new(self.holders()),
            pools: Sequence::new(world.pools.iter().zip(&world.settlement.pools).map(pool)),
            queue_payouts: Sequence::new(world.settlement.payouts.iter().map(|payout| {
                json!({
                    "pid": payout.pid,
                    "user": text(&payout.user),
                    "shares": payout.shares.to_string(),
                    "paid": payout.paid.to_string(),
                })
            })),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Report<'a, B, H, P, Q> {
    note: &'a str,
    profile: &'a str,
    seed: u64,
    state_version: u8,
    state_root: String,
    header: String,
    block_hash: String,
    block_number: u32,
    keys: usize,
    total_issuance: String,
    buckets: B,
    bucket_sum: String,
    l2_issuance_12: String,
    holders: H,
    pools: P,
    queue_payouts: Q,
}

/// Rows that are made while they are written: a million of them need no memory.
struct Sequence<I>(RefCell<Option<I>>);

impl<I: Iterator<Item: Serialize>> Sequence<I> {
    const fn new(rows: I) -> Self {
        Self(RefCell::new(Some(rows)))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for Sequence<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}

impl Expected<'_> {
    /// In the order of their accounts; those who are owed nothing are left out.
    fn holders(&self) -> impl Iterator<Item = serde_json::Value> {
        let World { holders, settlement, keyring, .. } = self.world;
        let mut order: Vec<usize> = (0..holders.len()).collect();
        order.sort_unstable_by_key(|index| holders[*index].account);
        let waiting = waiting_users(&settlement.pools);
        order.into_iter().filter_map(move |index| {
            let holder = &holders[index];
            let first = settlement.stakes.partition_point(|(of, _, _)| *of < index);
            let stakes: serde_json::Map<_, _> = settlement.stakes[first..]
                .iter()
                .take_while(|(of, _, _)| *of == index)
                .map(|(_, pid, shares)| (pid.to_string(), shares.to_string().into()))
                .collect();
            let has_coins = holder.liquid > 0 || holder.vesting > 0;
            let is_owed = has_coins || !stakes.is_empty() || waiting.contains(&holder.account);
            is_owed.then(|| {
                json!({
                    "name": keyring.name(index),
                    "account": text(&holder.account),
                    "liquid": holder.liquid.to_string(),
                    "vesting": holder.vesting.to_string(),
                    "vesting_end": holder.vesting_end,
                    "stakes": stakes,
                })
            })
        })
    }
}

fn waiting_users(pools: &[SettledPool]) -> std::collections::HashSet<AccountId> {
    pools.iter().flat_map(|pool| &pool.queue_left).map(|waiting| waiting.user).collect()
}

fn pool((pool, settled): (&Pool, &SettledPool)) -> serde_json::Value {
    if pool.vault.is_none() {
        return json!({
            "pid": pool.pid,
            "kind": "stake",
            "shares": settled.shares.to_string(),
            "free": settled.free.to_string(),
            "value": settled.value.to_string(),
            "residue": settled.residue.to_string(),
            "topped_up": settled.topped_up.to_string(),
        });
    }
    let holds = settled.holds.iter();
    let holds: serde_json::Map<_, _> =
        holds.map(|(pid, shares)| (pid.to_string(), shares.to_string().into())).collect();
    let queue_left: Vec<_> = settled
        .queue_left
        .iter()
        .map(|waiting| {
            json!({
                "user": text(&waiting.user),
                "start": waiting.start,
                "shares": waiting.shares.to_string(),
            })
        })
        .collect();
    json!({
        "pid": pool.pid,
        "kind": "vault",
        "shares": settled.shares.to_string(),
        "free": settled.free.to_string(),
        "tracked_value_on_parachain": pool.total_value.to_string(),
        "nav_before_queue": settled.nav_before_queue.to_string(),
        "holds": holds,
        "queue_left": queue_left,
    })
}

fn text(bytes: &[u8; 32]) -> String {
    hex::encode_prefixed(bytes)
}
