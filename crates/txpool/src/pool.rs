use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;

use phala_primitives::{RecoveredTx, SenderCache, TransactionError, decode_transaction};

use crate::{
    Origin, PoolConfig, PoolError,
    account_state::AccountState,
    chain_state::ChainState,
    head_state::HeadState,
    journal_writer::JournalWriter,
    metrics::PoolMetrics,
    pool_state::{DropReason, Effects, PoolState},
    pool_tx::PoolTx,
    validation,
};

/// How often the head may move during one admission before it is given up; at one block a second
/// and under a millisecond a check, reaching this means something is badly wrong.
const HEAD_MOVES_MAX: usize = 8;

/// The transaction pool. Cloning gives another handle to the same pool.
#[derive(Clone)]
pub struct Pool {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) chain: Box<dyn ChainState>,
    pub(crate) state: RwLock<PoolState>,
    /// Held during a head update, so that two do not interleave.
    pub(crate) head_updates: Mutex<()>,
    pub(crate) metrics: PoolMetrics,
    pub(crate) config: Arc<PoolConfig>,
    chain_id: u64,
    senders: Arc<SenderCache>,
    announcements: broadcast::Sender<B256>,
    pub(crate) journal: Option<JournalWriter>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Pool {
    /// Builds a pool on the newest block of `chain` and takes in its journal.
    pub(crate) fn on_chain(
        chain: Box<dyn ChainState>,
        chain_id: u64,
        config: PoolConfig,
        senders: Arc<SenderCache>,
    ) -> Result<Self, PoolError> {
        let config = Arc::new(config);
        let head = Arc::new(chain.head_state(&chain.latest_header()?)?);
        let (journal, kept) = match &config.journal_path {
            Some(path) => {
                let (writer, kept) = JournalWriter::open(path)?;
                (Some(writer), kept)
            }
            None => (None, Vec::new()),
        };
        let (announcements, _) = broadcast::channel(config.subscription_len_max.max(1));
        let inner = Inner {
            chain,
            state: RwLock::new(PoolState::new(head, Arc::clone(&config))),
            head_updates: Mutex::new(()),
            metrics: PoolMetrics::new(),
            config,
            chain_id,
            senders,
            announcements,
            journal,
        };
        let pool = Self { inner: Arc::new(inner) };
        pool.restore(&kept);
        Ok(pool)
    }

    /// Decodes a transaction, recovers its sender and adds it. Costs a signature recovery, so many
    /// at a time belong on several threads.
    pub fn add_raw(&self, bytes: &[u8], origin: Origin) -> Result<B256, PoolError> {
        let tx = self.decode(bytes).inspect_err(|error| self.inner.metrics.rejected(error))?;
        self.add(tx, origin)
    }

    fn decode(&self, bytes: &[u8]) -> Result<RecoveredTx, PoolError> {
        validation::check_size(bytes.len(), &self.inner.config)?;
        let tx = decode_transaction(bytes).map_err(|error| match error {
            TransactionError::UnsupportedType(ty) => PoolError::UnsupportedType { ty },
            error => PoolError::Undecodable(error),
        })?;
        let hash = tx.tx_hash();
        if self.contains(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        validation::check_type(&tx)?;
        match self.inner.senders.get(&hash) {
            Some(sender) => Ok(RecoveredTx::new_unchecked(tx, sender)),
            None => RecoveredTx::recover(tx).map_err(PoolError::InvalidSender),
        }
    }

    /// Adds a transaction whose sender is known, and returns its hash.
    pub fn add(&self, tx: RecoveredTx, origin: Origin) -> Result<B256, PoolError> {
        let local = origin == Origin::Local && !self.inner.config.no_locals;
        let minimum = if local { 0 } else { self.inner.config.min_priority_fee_wei };
        self.add_at_tip(tx, local, minimum)
    }

    /// [`Self::add`] for a transaction that was in a block before, and so has to prove nothing.
    pub(crate) fn add_again(&self, tx: RecoveredTx) -> Result<B256, PoolError> {
        self.add_at_tip(tx, false, 0)
    }

    fn add_at_tip(&self, tx: RecoveredTx, local: bool, minimum: u128) -> Result<B256, PoolError> {
        let tx = Arc::new(tx);
        let mut effects = Effects::default();
        let result = self.admit(Arc::clone(&tx), local, minimum, &mut effects);
        self.finish(&effects);
        match &result {
            Ok(hash) => {
                self.inner.senders.insert(*hash, tx.sender());
                self.inner.metrics.added.increment(1);
                if let Some(journal) = self.inner.journal.as_ref().filter(|_| effects.local) {
                    journal.append(tx.encoded().clone());
                }
            }
            Err(error) => self.inner.metrics.rejected(error),
        }
        result
    }

    fn admit(
        &self,
        tx: Arc<RecoveredTx>,
        local: bool,
        minimum: u128,
        effects: &mut Effects,
    ) -> Result<B256, PoolError> {
        let inner = &*self.inner;
        validation::check_form(&tx, inner.chain_id, &inner.config)?;
        let mut tx = PoolTx::new(tx);
        if tx.tip_cap < minimum {
            return Err(PoolError::TipBelowMinimum { tip: tx.tip_cap, minimum });
        }
        let head = self.check_conflicts(&tx)?;
        let mut account = check_at(&tx, &head)?;
        tx.recover_authorities();
        let tx = Arc::new(tx);
        let mut checked_at = head.block;
        for _ in 0..HEAD_MOVES_MAX {
            let head = {
                let mut state = inner.state.write();
                if state.head.block == checked_at {
                    let now = Instant::now();
                    state.insert(Arc::clone(&tx), account, local, now, effects)?;
                    return Ok(tx.hash);
                }
                Arc::clone(&state.head)
            };
            account = check_at(&tx, &head)?;
            checked_at = head.block;
        }
        Err(PoolError::HeadMoved(HEAD_MOVES_MAX))
    }

    fn check_conflicts(&self, tx: &PoolTx) -> Result<Arc<HeadState>, PoolError> {
        let state = self.inner.state.read();
        state.check_conflicts(tx)?;
        Ok(Arc::clone(&state.head))
    }

    /// Tells subscribers and metrics what a change of the pool led to.
    pub(crate) fn finish(&self, effects: &Effects) {
        for hash in &effects.announced {
            // Without a subscriber there is nobody to tell.
            let _ = self.inner.announcements.send(*hash);
        }
        self.inner.metrics.changed(effects);
    }

    /// Whether the pool has this transaction.
    pub fn contains(&self, hash: &B256) -> bool {
        self.inner.state.read().get(hash).is_some()
    }

    /// The transaction with this hash, if the pool has it.
    pub fn get(&self, hash: &B256) -> Option<Arc<RecoveredTx>> {
        self.inner.state.read().get(hash).map(|tx| Arc::clone(&tx.tx))
    }

    /// The nonce the sender's next transaction should have, counting what follows the account's
    /// nonce without a gap; `None` if the pool has nothing of this sender.
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.inner.state.read().queue(sender).map(|queue| queue.next_nonce())
    }

    /// Hashes of transactions that become pending for the first time. A subscriber that falls
    /// behind by more than the configured number loses the oldest and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<B256> {
        self.inner.announcements.subscribe()
    }

    /// Removes transactions, as a builder does with one that turns out not to be executable.
    /// Returns how many there were.
    pub fn remove(&self, hashes: &[B256]) -> usize {
        let mut effects = Effects::default();
        let now = Instant::now();
        {
            let mut state = self.inner.state.write();
            for hash in hashes {
                state.remove(hash, DropReason::Removed, now, &mut effects);
            }
        }
        self.finish(&effects);
        effects.dropped.len()
    }

    /// Upkeep that needs no block: expires what was queued too long, compacts the journal, lets go
    /// of an old state snapshot, publishes gauges. To be called every ten seconds or so.
    pub fn maintain(&self) -> Result<(), PoolError> {
        self.expire(Instant::now());
        self.compact_journal();
        let result = self.resync();
        self.inner.metrics.publish(&self.status());
        result
    }

    pub(crate) fn expire(&self, now: Instant) {
        let lifetime: Duration = self.inner.config.queued_lifetime;
        // A process younger than the lifetime has nothing that old.
        let Some(deadline) = now.checked_sub(lifetime) else { return };
        let mut effects = Effects::default();
        self.inner.state.write().expire(deadline, now, &mut effects);
        self.finish(&effects);
    }
}

fn check_at(tx: &PoolTx, head: &HeadState) -> Result<AccountState, PoolError> {
    validation::check_rules(tx, head)?;
    let account = head.accounts.account(&tx.sender)?;
    validation::check_account(tx, &account, head)?;
    Ok(account)
}
