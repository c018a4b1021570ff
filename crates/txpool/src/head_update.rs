use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use alloy_primitives::{Address, B256};

use phala_primitives::{RecoveredBlock, RecoveredTx, SealedHeader};

use crate::{
    Pool, PoolError,
    account_state::AccountState,
    head_state::HeadState,
    pool_state::{Effects, PoolState},
    validation,
};

/// Transactions of removed blocks that are put back at most; a reorg that removes more is an
/// operator's act, and what it leaves out can be submitted again.
const REINJECTED_MAX: usize = 16_384;

/// Up to so many senders are simply read again; more make it worth asking what a block changed.
const REREAD_SENDERS_MAX: usize = 32;

/// A new head of the canonical chain.
#[derive(Clone, Debug)]
pub struct HeadUpdate {
    /// The new head.
    pub header: SealedHeader,
    /// Blocks that left the canonical chain, in any order.
    pub removed: Vec<Arc<RecoveredBlock>>,
    /// Blocks that joined it, in any order.
    pub added: Vec<Arc<RecoveredBlock>>,
}

impl HeadUpdate {
    /// Whether this leads from `old` to the new head without a hole.
    fn follows(&self, old: &B256) -> bool {
        let by_number = |block: &&Arc<RecoveredBlock>| block.header().number;
        let fork_point = match self.removed.iter().min_by_key(by_number) {
            Some(lowest) if self.removed.iter().any(|block| block.hash() == *old) => {
                lowest.header().parent_hash
            }
            Some(_) => return false,
            None => *old,
        };
        let mut added: Vec<_> = self.added.iter().collect();
        added.sort_by_key(by_number);
        let mut tip = fork_point;
        for block in added {
            if block.header().parent_hash != tip {
                return false;
            }
            tip = block.hash();
        }
        tip == self.header.hash()
    }

    /// Transactions of removed blocks that no added block has.
    fn orphans(&self) -> Vec<RecoveredTx> {
        let mined: HashSet<B256> = self
            .added
            .iter()
            .flat_map(|block| &block.body().transactions)
            .map(|tx| tx.tx_hash())
            .collect();
        let mut removed: Vec<_> = self.removed.iter().collect();
        removed.sort_by_key(|block| block.header().number);
        removed
            .into_iter()
            .flat_map(|block| block.senders().iter().zip(&block.body().transactions))
            .filter(|(_, tx)| !tx.is_deposit() && !mined.contains(&tx.tx_hash()))
            .take(REINJECTED_MAX)
            .map(|(sender, tx)| RecoveredTx::new_unchecked(tx.clone(), *sender))
            .collect()
    }
}

/// Which accounts a head update may have changed.
enum Changed {
    /// Those with these address hashes.
    Known(HashSet<B256>),
    /// Any.
    Unknown,
}

impl Changed {
    fn senders(&self, state: &PoolState) -> Vec<Address> {
        match self {
            Self::Known(hashes) => {
                hashes.iter().filter_map(|hash| state.sender_by_account_hash(hash)).collect()
            }
            Self::Unknown => state.queues().map(|(sender, _)| *sender).collect(),
        }
    }
}

impl Pool {
    /// Moves the pool to a new head: what was mined leaves, what a reorg took out of the chain
    /// comes back, and what the new state does not allow is parked or dropped.
    ///
    /// Calls are serialized. After an error the pool stays on its old head, and the next update
    /// reads everything again.
    pub fn on_new_head(&self, update: &HeadUpdate) -> Result<(), PoolError> {
        let _one_at_a_time = self.inner.head_updates.lock();
        let started = Instant::now();
        let old = self.inner.state.read().head.block;
        if old.hash != update.header.hash() {
            let changed = self.changed(&old.hash, update);
            let head = self.inner.chain.head_state(&update.header)?;
            self.move_to(head, &changed, started)?;
        }
        for tx in update.orphans() {
            // Most refusals are expected: mined again, replaced, or no longer affordable.
            if let Err(error) = self.add_again(tx) {
                tracing::debug!(%error, "transaction of a removed block did not come back");
            }
        }
        self.inner.metrics.head_update_seconds.record(started.elapsed());
        Ok(())
    }

    /// Moves the pool back to the newest block of the store, an ancestor of its head, and puts the
    /// transactions of the blocks between them back.
    pub fn on_removed(&self, removed: Vec<Arc<RecoveredBlock>>) -> Result<(), PoolError> {
        let header = self.inner.chain.latest_header()?;
        self.on_new_head(&HeadUpdate { header, removed, added: vec![] })
    }

    /// Reads the newest head again. For a caller that missed updates, and to let go of a state
    /// snapshot when the chain stands still.
    pub fn resync(&self) -> Result<(), PoolError> {
        let header = self.inner.chain.latest_header()?;
        if self.inner.state.read().head.block.hash != header.hash() {
            return self.on_new_head(&HeadUpdate { header, removed: vec![], added: vec![] });
        }
        let _one_at_a_time = self.inner.head_updates.lock();
        let head = self.inner.chain.head_state(&header)?;
        let mut state = self.inner.state.write();
        if state.head.block == head.block {
            state.head = Arc::new(head);
        }
        Ok(())
    }

    fn changed(&self, old: &B256, update: &HeadUpdate) -> Changed {
        if self.inner.state.read().queues().len() <= REREAD_SENDERS_MAX {
            return Changed::Unknown;
        }
        if !update.follows(old) {
            tracing::debug!(%old, new = %update.header.hash(), "head does not follow, reading all senders again");
            return Changed::Unknown;
        }
        let mut hashes = HashSet::new();
        for block in update.removed.iter().chain(&update.added) {
            match self.inner.chain.changed_accounts(&block.hash()) {
                Some(changed) => hashes.extend(changed),
                None => return Changed::Unknown,
            }
        }
        Changed::Known(hashes)
    }

    fn move_to(&self, head: HeadState, changed: &Changed, now: Instant) -> Result<(), PoolError> {
        // Accounts are read before the lock is taken; whoever came meanwhile is read under it.
        let senders = changed.senders(&self.inner.state.read());
        let mut accounts = HashMap::with_capacity(senders.len());
        read_missing(&head, senders, &mut accounts)?;

        let mut effects = Effects::default();
        {
            let mut state = self.inner.state.write();
            read_missing(&head, changed.senders(&state), &mut accounts)?;
            let previous = Arc::clone(&state.head);
            let same_fees = head.base_fee == previous.base_fee && head.fees == previous.fees;
            let stricter = head.is_stricter_than(&previous);
            let affected = (same_fees && !stricter).then(|| accounts.keys().copied().collect());
            let head = Arc::new(head);
            let is_invalid = |tx: &_| stricter && validation::check_rules(tx, &head).is_err();
            state.set_head(
                Arc::clone(&head),
                &accounts,
                is_invalid,
                affected.as_ref(),
                now,
                &mut effects,
            );
        }
        self.finish(&effects);
        Ok(())
    }
}

fn read_missing(
    head: &HeadState,
    senders: Vec<Address>,
    accounts: &mut HashMap<Address, AccountState>,
) -> Result<(), PoolError> {
    for sender in senders {
        if let Entry::Vacant(vacant) = accounts.entry(sender) {
            vacant.insert(head.accounts.account(&sender)?);
        }
    }
    Ok(())
}
