use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use alloy_primitives::{Address, B256, Bytes, keccak256};

use crate::{
    PoolConfig, PoolError,
    account_state::{AccountState, SenderCode},
    delegation::Authorities,
    eviction::{EvictionKeys, EvictionOrder},
    head_state::HeadState,
    pool_tx::PoolTx,
    sender_queue::{Move, SenderQueue, Slot, SubPool},
};

/// Transactions and bytes held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

impl Usage {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn sub(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

/// Why a transaction left the pool without being mined or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DropReason {
    /// A limit was reached.
    Evicted,
    /// Queued for too long.
    Expired,
    /// No longer valid under the rules or limits of the next block.
    Invalid,
    /// Asked for by the caller.
    Removed,
}

impl DropReason {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Removed => "removed",
        }
    }
}

/// What a change of the pool led to; acted upon after the lock is released.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Transactions that became pending for the first time.
    pub(crate) announced: Vec<B256>,
    /// Transactions dropped.
    pub(crate) dropped: Vec<(DropReason, B256)>,
    /// Whether a transaction took the place of another.
    pub(crate) replaced: bool,
    /// Whether the transaction added counts as local.
    pub(crate) local: bool,
}

struct Entry {
    queue: SenderQueue,
    keys: EvictionKeys,
    account_hash: B256,
}

/// Everything behind the pool's lock.
pub(crate) struct PoolState {
    pub(crate) head: Arc<HeadState>,
    config: Arc<PoolConfig>,
    entries: HashMap<Address, Entry>,
    by_hash: HashMap<B256, Arc<PoolTx>>,
    /// keccak256 of the address to the address, to find the senders a block changed.
    by_account_hash: HashMap<B256, Address>,
    authorities: Authorities,
    order: EvictionOrder,
    usage: [Usage; 3],
    local_usage: Usage,
    arrivals: u64,
}

impl PoolState {
    pub(crate) fn new(head: Arc<HeadState>, config: Arc<PoolConfig>) -> Self {
        Self {
            head,
            config,
            entries: HashMap::new(),
            by_hash: HashMap::new(),
            by_account_hash: HashMap::new(),
            authorities: Authorities::default(),
            order: EvictionOrder::default(),
            usage: Default::default(),
            local_usage: Usage::default(),
            arrivals: 0,
        }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<PoolTx>> {
        self.by_hash.get(hash)
    }

    pub(crate) fn queue(&self, sender: &Address) -> Option<&SenderQueue> {
        self.entries.get(sender).map(|entry| &entry.queue)
    }

    pub(crate) fn queues(&self) -> impl ExactSizeIterator<Item = (&Address, &SenderQueue)> {
        self.entries.iter().map(|(sender, entry)| (sender, &entry.queue))
    }

    pub(crate) fn usage(&self, sub_pool: SubPool) -> Usage {
        self.usage[sub_pool as usize]
    }

    pub(crate) fn local_usage(&self) -> Usage {
        self.local_usage
    }

    /// Encoded transactions of local origin, nonces of a sender in order.
    pub(crate) fn local_transactions(&self) -> Vec<Bytes> {
        self.queues()
            .flat_map(|(_, queue)| queue.slots())
            .filter(|slot| slot.local)
            .map(|slot| slot.tx.tx.encoded().clone())
            .collect()
    }

    /// The sender in the pool whose account has this hash.
    pub(crate) fn sender_by_account_hash(&self, hash: &B256) -> Option<Address> {
        self.by_account_hash.get(hash).copied()
    }

    /// Refuses what [`Self::insert`] would refuse whatever the account looks like. Cheap, and
    /// therefore done before signatures of authorizations are recovered.
    pub(crate) fn check_conflicts(&self, tx: &PoolTx) -> Result<(), PoolError> {
        if self.by_hash.contains_key(&tx.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let Some(queue) = self.queue(&tx.sender) else { return Ok(()) };
        if let Some(old) = queue.get(tx.nonce) {
            return if tx.replaces(&old.tx, self.config.price_bump_percent) {
                Ok(())
            } else {
                Err(PoolError::ReplacementUnderpriced)
            };
        }
        let limit = self.config.account_slots_max;
        let Some(last) = queue.slots().last().filter(|_| queue.slots().len() >= limit) else {
            return Ok(());
        };
        // A full queue still takes what comes before one of its queued transactions.
        if last.sub_pool == SubPool::Queued && tx.nonce < last.tx.nonce {
            return Ok(());
        }
        Err(PoolError::AccountLimitExceeded { sender: tx.sender, limit })
    }

    fn check_delegations(&self, tx: &PoolTx, account: &AccountState) -> Result<(), PoolError> {
        self.authorities.check_sender(tx, account, self.queue(&tx.sender))?;
        let reserved =
            |authority| self.queue(authority).is_some_and(|queue| queue.slots().len() > 1);
        if tx.authorities.iter().any(reserved) {
            return Err(PoolError::AuthorityReserved);
        }
        Ok(())
    }

    /// Adds a transaction that passed the checks at the current head against `account`.
    pub(crate) fn insert(
        &mut self,
        tx: Arc<PoolTx>,
        account: AccountState,
        local: bool,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), PoolError> {
        self.check_conflicts(&tx)?;
        self.check_delegations(&tx, &account)?;
        let sender = tx.sender;
        if self.queue(&sender).is_some_and(|queue| {
            queue.slots().len() >= self.config.account_slots_max && queue.get(tx.nonce).is_none()
        }) {
            self.edit(sender, now, effects, |state, queue, effects| {
                let last = queue.slots().len() - 1;
                let slot = queue.remove(last);
                effects.dropped.push((DropReason::Evicted, slot.tx.hash));
                state.forget(&slot);
                last
            });
        }
        let old = self.put(Arc::clone(&tx), account, local, now, effects);
        self.enforce_limits(now, effects);
        if self.is_over_limit_because_of(&tx) {
            self.remove(&tx.hash, DropReason::Evicted, now, effects);
        }
        if self.by_hash.contains_key(&tx.hash) {
            effects.replaced = old.is_some();
            return Ok(());
        }
        // It lost its place at once. What it replaced fitted before and is put back.
        if let Some(old) = old {
            let local = old.local;
            self.put(old.tx, account, local, now, effects);
            self.enforce_limits(now, effects);
        }
        effects.announced.retain(|hash| self.by_hash.contains_key(hash));
        Err(PoolError::Full)
    }

    fn put(
        &mut self,
        tx: Arc<PoolTx>,
        account: AccountState,
        local: bool,
        now: Instant,
        effects: &mut Effects,
    ) -> Option<Slot> {
        let sender = tx.sender;
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.entries.entry(sender).or_insert_with(|| {
            let account_hash = keccak256(sender);
            self.by_account_hash.insert(account_hash, sender);
            Entry { queue: SenderQueue::new(account), keys: EvictionKeys::default(), account_hash }
        });
        let mut replaced = None;
        self.edit(sender, now, effects, |state, queue, effects| {
            let old = queue.find(tx.nonce).ok().map(|index| queue.remove(index));
            if let Some(old) = &old {
                state.forget(old);
            }
            let is_wanted_local = local || old.as_ref().is_some_and(|old| old.local);
            effects.local = is_wanted_local && state.has_room_for_local(&tx);
            let index = queue.put(Slot::new(Arc::clone(&tx), effects.local, arrival, now));
            state.remember(&tx, effects.local);
            replaced = old;
            index
        });
        replaced
    }

    fn has_room_for_local(&self, tx: &PoolTx) -> bool {
        let Usage { count, bytes } = self.local_usage;
        !self.config.local_limit.is_exceeded_by(count + 1, bytes + tx.size_bytes)
    }

    /// A limit is still exceeded where the transaction is, by others that are protected.
    fn is_over_limit_because_of(&self, tx: &PoolTx) -> bool {
        let slot = self.queue(&tx.sender).and_then(|queue| queue.get(tx.nonce));
        slot.is_some_and(|slot| !slot.local && self.is_exceeded(slot.sub_pool))
    }

    fn is_exceeded(&self, sub_pool: SubPool) -> bool {
        let limit = match sub_pool {
            SubPool::Pending => self.config.pending_limit,
            SubPool::BaseFee => self.config.basefee_limit,
            SubPool::Queued => self.config.queued_limit,
        };
        let usage = self.usage(sub_pool);
        limit.is_exceeded_by(usage.count, usage.bytes)
    }

    /// Evicts until every limit holds or only local transactions are left.
    ///
    /// Taking the last transaction of one sub-pool can only move others on to a later one, so one
    /// pass in that order is enough.
    pub(crate) fn enforce_limits(&mut self, now: Instant, effects: &mut Effects) {
        for sub_pool in SubPool::ALL {
            while self.is_exceeded(sub_pool) {
                let Some(sender) = self.order.worst(sub_pool) else { break };
                self.edit(sender, now, effects, |state, queue, effects| {
                    let index = queue
                        .evictable(sub_pool)
                        .expect("the eviction order lists queues with something to evict");
                    let slot = queue.remove(index);
                    effects.dropped.push((DropReason::Evicted, slot.tx.hash));
                    state.forget(&slot);
                    index
                });
            }
        }
    }

    /// Removes one transaction. Those behind it become queued, which may evict others.
    pub(crate) fn remove(
        &mut self,
        hash: &B256,
        reason: DropReason,
        now: Instant,
        effects: &mut Effects,
    ) -> bool {
        let Some(tx) = self.by_hash.get(hash).map(Arc::clone) else { return false };
        self.edit(tx.sender, now, effects, |state, queue, effects| {
            let index = queue.find(tx.nonce).expect("a known transaction is in its queue");
            let slot = queue.remove(index);
            effects.dropped.push((reason, slot.tx.hash));
            state.forget(&slot);
            index
        });
        self.enforce_limits(now, effects);
        true
    }

    /// Drops what has been queued since before `deadline`.
    pub(crate) fn expire(&mut self, deadline: Instant, now: Instant, effects: &mut Effects) {
        let is_expired = |slot: &Slot| {
            slot.sub_pool == SubPool::Queued && !slot.local && slot.queued_since < deadline
        };
        let expired: Vec<B256> = self
            .queues()
            .flat_map(|(_, queue)| queue.slots())
            .filter(|slot| is_expired(slot))
            .map(|slot| slot.tx.hash)
            .collect();
        for hash in expired {
            self.remove(&hash, DropReason::Expired, now, effects);
        }
    }

    /// Moves to another head. `accounts` has the new state of every sender that changed; senders
    /// in `affected` are visited, or all if `None`.
    pub(crate) fn set_head(
        &mut self,
        head: Arc<HeadState>,
        accounts: &HashMap<Address, AccountState>,
        is_invalid: impl Fn(&PoolTx) -> bool,
        affected: Option<&HashSet<Address>>,
        now: Instant,
        effects: &mut Effects,
    ) {
        self.head = head;
        let senders: Vec<Address> = match affected {
            Some(affected) => affected.iter().copied().collect(),
            None => self.entries.keys().copied().collect(),
        };
        for sender in senders {
            if !self.entries.contains_key(&sender) {
                continue;
            }
            self.edit(sender, now, effects, |state, queue, effects| {
                if let Some(account) = accounts.get(&sender) {
                    queue.account = *account;
                }
                let next = queue.account.nonce;
                for slot in queue.take_if(|slot| slot.tx.nonce < next) {
                    state.forget(&slot);
                }
                // EIP-3607; nobody can bring this about, but then nothing of it could be mined.
                let is_contract = matches!(queue.account.code, SenderCode::Contract(_));
                for slot in queue.take_if(|slot| is_contract || is_invalid(&slot.tx)) {
                    effects.dropped.push((DropReason::Invalid, slot.tx.hash));
                    state.forget(&slot);
                }
                0
            });
        }
        self.enforce_limits(now, effects);
    }

    /// Changes one queue. `change` returns the first index whose sub-pool has to be decided again.
    /// Every change of a queue goes through here, which keeps usage and eviction order right.
    fn edit(
        &mut self,
        sender: Address,
        now: Instant,
        effects: &mut Effects,
        change: impl FnOnce(&mut Self, &mut SenderQueue, &mut Effects) -> usize,
    ) {
        let Some(mut entry) = self.entries.remove(&sender) else { return };
        let from = change(self, &mut entry.queue, effects);
        let usage = &mut self.usage;
        entry.queue.evaluate(from, &self.head, now, |Move { from, to, size_bytes, announce }| {
            usage[from as usize].sub(size_bytes);
            usage[to as usize].add(size_bytes);
            effects.announced.extend(announce);
        });
        let keys = EvictionOrder::keys_of(sender, &entry.queue);
        self.order.update(&entry.keys, &keys);
        entry.keys = keys;
        if entry.queue.slots().is_empty() {
            self.by_account_hash.remove(&entry.account_hash);
        } else {
            self.entries.insert(sender, entry);
        }
    }

    /// Enters a transaction in the indices; its slot counts as queued until it is evaluated.
    fn remember(&mut self, tx: &Arc<PoolTx>, local: bool) {
        self.usage[SubPool::Queued as usize].add(tx.size_bytes);
        if local {
            self.local_usage.add(tx.size_bytes);
        }
        self.authorities.add(tx);
        self.by_hash.insert(tx.hash, Arc::clone(tx));
    }

    /// Takes a removed slot out of the indices.
    fn forget(&mut self, slot: &Slot) {
        self.usage[slot.sub_pool as usize].sub(slot.tx.size_bytes);
        if slot.local {
            self.local_usage.sub(slot.tx.size_bytes);
        }
        self.authorities.remove(&slot.tx);
        self.by_hash.remove(&slot.tx.hash);
    }
}

#[cfg(test)]
mod invariants;
