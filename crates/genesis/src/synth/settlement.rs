use alloy_primitives::U256;

use super::{
    account_id::AccountId,
    books::{Books, Bucket},
    holders::Holder,
    pools::{Investor, Pool},
};

/// `a * b / c`, rounded down; `c` is not 0 and the quotient fits.
pub(super) fn mul_div(a: u128, b: u128, c: u128) -> u128 {
    let quotient = U256::from(a) * U256::from(b) / U256::from(c);
    quotient.try_into().expect("a price times an amount that exists")
}

/// One withdraw request that was paid, in whole or in part.
#[derive(Clone, Debug)]
pub(super) struct Payout {
    pub(super) pid: u64,
    pub(super) user: AccountId,
    pub(super) shares: u128,
    pub(super) paid: u128,
}

/// One that waits on.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) user: AccountId,
    pub(super) start: u64,
    pub(super) shares: u128,
}

/// A pool after its queue was settled.
#[derive(Clone, Debug, Default)]
pub(super) struct SettledPool {
    pub(super) shares: u128,
    /// W-PHA it has.
    pub(super) free: u128,
    /// What its shares are worth together.
    pub(super) value: u128,
    pub(super) residue: u128,
    pub(super) topped_up: u128,
    pub(super) nav_before_queue: u128,
    /// A vault's shares in other pools.
    pub(super) holds: Vec<(u64, u128)>,
    pub(super) queue_left: Vec<Waiting>,
}

/// What all pools owe, and to whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Settlement {
    /// In the order of the pools.
    pub(super) pools: Vec<SettledPool>,
    /// Those of stake pools first.
    pub(super) payouts: Vec<Payout>,
    /// Holder, pid and shares.
    pub(super) stakes: Vec<(usize, u64, u128)>,
}

impl Settlement {
    /// Pays what is due and books the rest. Every worker has stopped, so stake pools pay in full.
    pub(super) fn new(pools: &[Pool], holders: &mut [Holder], books: &mut Books) -> Self {
        let mut settlement =
            Self { pools: vec![SettledPool::default(); pools.len()], ..Self::default() };
        for (index, pool) in pools.iter().enumerate().filter(|(_, pool)| pool.vault.is_some()) {
            settlement.pools[index].free = pool.free;
        }
        for (index, pool) in pools.iter().enumerate().filter(|(_, pool)| pool.vault.is_none()) {
            settlement.stake_pool(index, pool, pools, holders, books);
        }
        for (index, pool) in pools.iter().enumerate().filter(|(_, pool)| pool.vault.is_some()) {
            settlement.vault(index, pool, holders, books);
        }
        settlement.merge_stakes();
        settlement
    }

    fn stake_pool(
        &mut self,
        index: usize,
        pool: &Pool,
        pools: &[Pool],
        holders: &mut [Holder],
        books: &mut Books,
    ) {
        let assets = pool.free + pool.locked;
        let residue = assets.saturating_sub(pool.total_value);
        let topped_up = pool.total_value.saturating_sub(assets);
        let mut settled = SettledPool {
            shares: pool.total_shares,
            free: assets,
            value: pool.total_value,
            residue,
            topped_up,
            ..SettledPool::default()
        };
        for (_, nft, _) in pool.queue() {
            let paid = mul_div(nft.shares, pool.total_value, pool.total_shares);
            let user = match nft.investor {
                Investor::Holder(holder) => {
                    holders[holder].liquid += paid;
                    holders[holder].account
                }
                Investor::Vault(vault) => {
                    self.pools[vault].free += paid;
                    pools[vault].account
                }
            };
            settled.shares -= nft.shares;
            settled.value -= paid;
            settled.free -= paid;
            self.payouts.push(Payout { pid: pool.pid, user, shares: nft.shares, paid });
        }
        books.put(Bucket::StakePools, settled.value);
        books.put(Bucket::PoolResidue, residue);
        books.take(Bucket::RewardStream, topped_up);
        self.pools[index] = settled;
        for nft in pool.nfts.iter().filter(|nft| nft.queued_since.is_none()) {
            match nft.investor {
                Investor::Holder(holder) => self.stakes.push((holder, pool.pid, nft.shares)),
                Investor::Vault(vault) => self.pools[vault].holds.push((pool.pid, nft.shares)),
            }
        }
    }

    /// After the stake pools: what they paid to the vault is free now. The price is the one before the
    /// queue; the first request that cannot be paid in full ends the settlement.
    fn vault(&mut self, index: usize, pool: &Pool, holders: &mut [Holder], books: &mut Books) {
        let mut settled = std::mem::take(&mut self.pools[index]);
        let worth = |(pid, shares): &(u64, u128)| {
            let of = &self.pools[usize::try_from(*pid).expect("an index")];
            mul_div(*shares, of.value, of.shares)
        };
        let nav = settled.free + settled.holds.iter().map(worth).sum::<u128>();
        settled.nav_before_queue = nav;
        settled.shares = pool.total_shares;
        let mut is_short = false;
        for (_, nft, start) in pool.queue() {
            let Investor::Holder(user) = nft.investor else {
                unreachable!("vaults do not invest in vaults");
            };
            let account = holders[user].account;
            let due = mul_div(nft.shares, nav, pool.total_shares);
            let shares = match (is_short, due <= settled.free) {
                (true, _) => 0,
                (false, true) => nft.shares,
                (false, false) => mul_div(settled.free, pool.total_shares, nav),
            };
            if shares > 0 {
                let paid = mul_div(shares, nav, pool.total_shares);
                holders[user].liquid += paid;
                settled.free -= paid;
                settled.shares -= shares;
                self.payouts.push(Payout { pid: pool.pid, user: account, shares, paid });
            }
            if shares < nft.shares {
                is_short = true;
                settled.queue_left.push(Waiting {
                    user: account,
                    start,
                    shares: nft.shares - shares,
                });
            }
        }
        books.put(Bucket::VaultFree, settled.free);
        for nft in pool.nfts.iter().filter(|nft| nft.queued_since.is_none()) {
            if let Investor::Holder(holder) = nft.investor {
                self.stakes.push((holder, pool.pid, nft.shares));
            }
        }
        let owner_shares = pool.vault.as_ref().map_or(0, |vault| vault.owner_shares);
        if owner_shares > 0 {
            self.stakes.push((pool.owner, pool.pid, owner_shares));
        }
        self.pools[index] = settled;
    }

    /// A vault's owner may have shares as an NFT and as commission.
    fn merge_stakes(&mut self) {
        self.stakes.sort_unstable();
        self.stakes.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{
        account_id::padded,
        pools::{Condition, Nft, Vault},
        profile::PHA,
    };

    const ALICE: usize = 0;
    const BOB: usize = 1;
    const CHARLIE: usize = 2;
    const DAVE: usize = 3;
    const EVE: usize = 4;
    const MULTISIG: usize = 5;

    fn pool(pid: u64, owner: usize, nfts: &[(Investor, u128, Option<u64>)]) -> Pool {
        let nft = |(investor, shares, queued_since): &(Investor, u128, Option<u64>)| Nft {
            investor: *investor,
            shares: shares * PHA,
            queued_since: *queued_since,
        };
        let nfts: Vec<Nft> = nfts.iter().map(nft).collect();
        Pool {
            pid,
            owner,
            account: padded(&[b'p', pid as u8]),
            lock_account: padded(b"sl/"),
            reward_account: padded(b"so/"),
            condition: Condition::Plain,
            vault: None,
            total_shares: nfts.iter().map(|nft| nft.shares).sum(),
            total_value: 0,
            nfts,
            free: 0,
            locked: 0,
            owner_reward: 0,
        }
    }

    /// Two stake pools and a vault that cannot pay its whole queue, with the figures of the project's
    /// hand-made state.
    #[test]
    fn a_state_settled_by_hand_comes_out_to_the_last_unit() {
        use Investor::{Holder as Of, Vault as Vaults};
        let mut first = pool(
            0,
            ALICE,
            &[
                (Of(ALICE), 500, None),
                (Of(BOB), 150, None),
                (Vaults(2), 250, None),
                (Of(BOB), 60, Some(1)),
                (Vaults(2), 40, Some(2)),
            ],
        );
        first.total_value = 1_100 * PHA + 7;
        first.free = 200 * PHA + 7;
        first.locked = 900 * PHA + 11;
        let mut second = pool(1, DAVE, &[(Of(DAVE), 390, None), (Vaults(2), 10, None)]);
        second.total_value = 400 * PHA;
        second.locked = 400 * PHA;
        let mut vault = pool(
            2,
            EVE,
            &[
                (Of(CHARLIE), 200, None),
                (Of(MULTISIG), 40, None),
                (Of(CHARLIE), 30, Some(3)),
                (Of(MULTISIG), 20, Some(4)),
            ],
        );
        vault.free = 5 * PHA;
        vault.total_shares += 10 * PHA;
        vault.vault = Some(Vault { owner_shares: 10 * PHA, invests_in: vec![0, 1] });

        let pools = [first, second, vault];
        let mut holders: Vec<Holder> = (1..7_u8).map(|id| Holder::new([id; 32])).collect();
        let mut books = Books::default();
        let settlement = Settlement::new(&pools, &mut holders, &mut books);

        let paid: Vec<_> =
            settlement.payouts.iter().map(|one| (one.pid, one.shares, one.paid)).collect();
        assert_eq!(
            paid,
            [
                (0, 60 * PHA, 66 * PHA),
                (0, 40 * PHA, 44 * PHA),
                (2, 30 * PHA, 33_400_000_000_000),
                (2, 14_011_976_047_904, 15_599_999_999_999),
            ]
        );
        let settled = &settlement.pools[2];
        assert_eq!((settled.nav_before_queue, settled.free), (334_000_000_000_001, 1));
        assert_eq!(settled.shares, 255_988_023_952_096);
        assert_eq!(settled.queue_left.len(), 1);
        assert_eq!(settled.queue_left[0].shares, 5_988_023_952_096);
        assert_eq!(settlement.pools[0].residue, 11);
        assert_eq!(books.of(Bucket::StakePools), 1_390_000_000_000_007);
        assert_eq!(books.of(Bucket::VaultFree), 1);
        assert_eq!(holders[CHARLIE].liquid, 33_400_000_000_000);
        assert_eq!(holders[MULTISIG].liquid, 15_599_999_999_999);
        assert!(settlement.stakes.contains(&(EVE, 2, 10 * PHA)));
    }

    #[test]
    fn what_a_pool_lacks_comes_out_of_the_reward_stream() {
        let mut pool = pool(0, ALICE, &[(Investor::Holder(BOB), 10, None)]);
        pool.total_value = 10 * PHA;
        pool.free = 10 * PHA - 7;
        let mut holders: Vec<Holder> = (1..3_u8).map(|id| Holder::new([id; 32])).collect();
        let mut books = Books::default();
        books.put(Bucket::RewardStream, 100);
        let settlement = Settlement::new(&[pool], &mut holders, &mut books);
        assert_eq!((settlement.pools[0].topped_up, settlement.pools[0].residue), (7, 0));
        assert_eq!((books.of(Bucket::RewardStream), books.of(Bucket::StakePools)), (93, 10 * PHA));
    }
}
