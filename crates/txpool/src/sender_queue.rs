use std::{sync::Arc, time::Instant};

use alloy_primitives::{B256, U256};

use crate::{account_state::AccountState, head_state::HeadState, pool_tx::PoolTx};

/// Where in the pool a transaction is; along a queue this never decreases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubPool {
    Pending,
    BaseFee,
    Queued,
}

impl SubPool {
    pub(crate) const ALL: [Self; 3] = [Self::Pending, Self::BaseFee, Self::Queued];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::BaseFee => "basefee",
            Self::Queued => "queued",
        }
    }
}

/// A transaction in a queue, with what the queue before it implies for it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) tx: Arc<PoolTx>,
    pub(crate) local: bool,
    /// Order of arrival in the pool; breaks ties.
    pub(crate) arrival: u64,
    /// Whether subscribers have heard of it.
    pub(crate) announced: bool,
    pub(crate) sub_pool: SubPool,
    /// When it last became queued.
    pub(crate) queued_since: Instant,
    /// Most it may cost at the current head; saturated, which no balance covers.
    cost: U256,
    /// `cost` of this and all before it.
    spent: U256,
    /// Lowest effective tip of this and all before it.
    pub(crate) worth: i128,
}

impl Slot {
    pub(crate) fn new(tx: Arc<PoolTx>, local: bool, arrival: u64, now: Instant) -> Self {
        Self {
            tx,
            local,
            arrival,
            announced: false,
            // The place of everything not evaluated yet.
            sub_pool: SubPool::Queued,
            queued_since: now,
            cost: U256::MAX,
            spent: U256::MAX,
            worth: i128::MIN,
        }
    }
}

/// A transaction that changed its sub-pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) from: SubPool,
    pub(crate) to: SubPool,
    pub(crate) size_bytes: usize,
    /// Set when it became pending for the first time.
    pub(crate) announce: Option<B256>,
}

/// Transactions of one sender by nonce.
#[derive(Debug)]
pub(crate) struct SenderQueue {
    pub(crate) account: AccountState,
    slots: Vec<Slot>,
}

impl SenderQueue {
    pub(crate) const fn new(account: AccountState) -> Self {
        Self { account, slots: Vec::new() }
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn find(&self, nonce: u64) -> Result<usize, usize> {
        // Wallets append; look at the end first.
        if self.slots.last().is_none_or(|last| last.tx.nonce < nonce) {
            return Err(self.slots.len());
        }
        self.slots.binary_search_by_key(&nonce, |slot| slot.tx.nonce)
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Slot> {
        self.find(nonce).ok().map(|index| &self.slots[index])
    }

    /// Puts a slot where its nonce, which must be free, belongs.
    pub(crate) fn put(&mut self, slot: Slot) -> usize {
        let (Ok(index) | Err(index)) = self.find(slot.tx.nonce);
        self.slots.insert(index, slot);
        index
    }

    pub(crate) fn remove(&mut self, index: usize) -> Slot {
        self.slots.remove(index)
    }

    /// Takes out the slots that `is_dead` holds of.
    pub(crate) fn take_if(&mut self, is_dead: impl FnMut(&mut Slot) -> bool) -> Vec<Slot> {
        self.slots.extract_if(.., is_dead).collect()
    }

    /// Index range of a sub-pool.
    pub(crate) fn range(&self, sub_pool: SubPool) -> std::ops::Range<usize> {
        let start = self.slots.partition_point(|slot| slot.sub_pool < sub_pool);
        let end = self.slots.partition_point(|slot| slot.sub_pool <= sub_pool);
        start..end
    }

    /// The nonce after the transactions that follow the account's nonce without a gap.
    pub(crate) fn next_nonce(&self) -> u64 {
        let mut next = self.account.nonce;
        for slot in &self.slots {
            if slot.tx.nonce != next {
                break;
            }
            next += 1;
        }
        next
    }

    /// Last slot of a sub-pool that eviction may take.
    pub(crate) fn evictable(&self, sub_pool: SubPool) -> Option<usize> {
        self.range(sub_pool).rev().find(|index| !self.slots[*index].local)
    }

    /// Decides the sub-pools again from slot `from` on; everything before must be up to date.
    pub(crate) fn evaluate(
        &mut self,
        from: usize,
        head: &HeadState,
        now: Instant,
        mut on_move: impl FnMut(Move),
    ) {
        let mut state = match from.checked_sub(1).map(|index| &self.slots[index]) {
            Some(slot) => Walk {
                sub_pool: slot.sub_pool,
                // Cannot overflow: admission refuses the highest nonce.
                next_nonce: slot.tx.nonce + 1,
                spent: slot.spent,
                worth: slot.worth,
            },
            None => Walk {
                sub_pool: SubPool::Pending,
                next_nonce: self.account.nonce,
                spent: U256::ZERO,
                worth: i128::MAX,
            },
        };
        for slot in &mut self.slots[from..] {
            slot.cost = head.cost(&slot.tx).unwrap_or(U256::MAX);
            state.step(slot, &self.account, head.base_fee);
            slot.spent = state.spent;
            slot.worth = state.worth;
            let old = std::mem::replace(&mut slot.sub_pool, state.sub_pool);
            let first_time = state.sub_pool == SubPool::Pending && !slot.announced;
            if old == state.sub_pool && !first_time {
                continue;
            }
            if state.sub_pool == SubPool::Queued {
                slot.queued_since = now;
            }
            slot.announced |= first_time;
            on_move(Move {
                from: old,
                to: state.sub_pool,
                size_bytes: slot.tx.size_bytes,
                announce: first_time.then_some(slot.tx.hash),
            });
        }
    }
}

/// What is known after the slots walked so far.
struct Walk {
    sub_pool: SubPool,
    next_nonce: u64,
    spent: U256,
    worth: i128,
}

impl Walk {
    fn step(&mut self, slot: &Slot, account: &AccountState, base_fee: u64) {
        let gap = slot.tx.nonce != self.next_nonce;
        self.next_nonce = slot.tx.nonce + 1;
        self.spent = self.spent.saturating_add(slot.cost);
        self.worth = self.worth.min(slot.tx.effective_tip(base_fee));
        let place = if gap || self.spent > account.balance || slot.cost == U256::MAX {
            SubPool::Queued
        } else if slot.tx.max_fee < u128::from(base_fee) {
            SubPool::BaseFee
        } else {
            SubPool::Pending
        };
        self.sub_pool = self.sub_pool.max(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TxSpec, head_with};

    /// A queue at nonce 5 with this balance, and one slot for each (nonce, max fee).
    fn queue(balance: u64, txs: &[(u64, u128)], base_fee: u64) -> Vec<SubPool> {
        let account = AccountState { nonce: 5, balance: U256::from(balance), ..Default::default() };
        let mut queue = SenderQueue::new(account);
        let now = Instant::now();
        for (arrival, &(nonce, max_fee)) in txs.iter().enumerate() {
            let spec = TxSpec { nonce, max_fee, tip: 0, gas: 21_000, ..Default::default() };
            let tx = Arc::new(PoolTx::new(spec.build()));
            let slot = Slot::new(tx, false, arrival as u64, now);
            let index = queue.put(slot);
            queue.evaluate(index, &head_with(base_fee), now, |_| ());
        }
        queue.slots().iter().map(|slot| slot.sub_pool).collect()
    }

    const RICH: u64 = u64::MAX;
    use SubPool::{BaseFee as B, Pending as P, Queued as Q};

    #[test]
    fn consecutive_nonces_are_pending() {
        assert_eq!(queue(RICH, &[(5, 10), (6, 10), (7, 10)], 10), [P, P, P]);
        assert_eq!(queue(RICH, &[(7, 10), (6, 10), (5, 10)], 10), [P, P, P]);
    }

    #[test]
    fn everything_behind_a_gap_is_queued() {
        assert_eq!(queue(RICH, &[(6, 10), (7, 10)], 10), [Q, Q]);
        assert_eq!(queue(RICH, &[(5, 10), (7, 10), (8, 10)], 10), [P, Q, Q]);
        assert_eq!(queue(RICH, &[(5, 9), (7, 10)], 10), [B, Q]);
    }

    #[test]
    fn a_fee_too_low_holds_back_everything_behind_it() {
        assert_eq!(queue(RICH, &[(5, 10), (6, 9), (7, 10)], 10), [P, B, B]);
    }

    #[test]
    fn the_balance_must_cover_the_whole_queue() {
        let two = 2 * 21_000 * 10;
        assert_eq!(queue(two, &[(5, 10), (6, 10), (7, 10)], 10), [P, P, Q]);
        assert_eq!(queue(two - 1, &[(5, 10), (6, 10), (7, 0)], 10), [P, Q, Q]);
        assert_eq!(queue(two, &[(5, 9), (6, 10)], 10), [B, B]);
    }

    #[test]
    fn next_nonce_counts_what_follows_without_a_gap() {
        let mut queue = SenderQueue::new(AccountState { nonce: 5, ..Default::default() });
        assert_eq!(queue.next_nonce(), 5);
        for nonce in [7, 6] {
            let tx = Arc::new(PoolTx::new(TxSpec { nonce, ..Default::default() }.build()));
            queue.put(Slot::new(tx, false, 0, Instant::now()));
        }
        assert_eq!(queue.next_nonce(), 5);
        let tx = Arc::new(PoolTx::new(TxSpec { nonce: 5, ..Default::default() }.build()));
        queue.put(Slot::new(tx, false, 0, Instant::now()));
        assert_eq!(queue.next_nonce(), 8);
    }
}
