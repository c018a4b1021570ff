use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::Address;
use phala_primitives::{SenderCache, Transaction};

/// Transactions recovered at a time: long enough to share nothing, short enough that the executor
/// is never kept waiting for more than half a millisecond.
const CHUNK: usize = 8;

/// Recovers the senders of one block while the block is being executed.
///
/// Workers take chunks in order. Whoever needs a sender that is not there yet recovers the next
/// chunk itself, so the block makes progress even without a free worker.
#[derive(Debug)]
pub(crate) struct Recovery<'a> {
    transactions: &'a [Transaction],
    cache: &'a SenderCache,
    senders: Box<[OnceLock<Option<Address>>]>,
    next: AtomicUsize,
    busy_nanos: AtomicU64,
}

impl<'a> Recovery<'a> {
    /// Prepares the recovery of all senders; nothing is recovered yet.
    pub(crate) fn new(transactions: &'a [Transaction], cache: &'a SenderCache) -> Self {
        Self {
            transactions,
            cache,
            senders: transactions.iter().map(|_| OnceLock::new()).collect(),
            next: AtomicUsize::new(0),
            busy_nanos: AtomicU64::new(0),
        }
    }

    /// Recovers chunks until none is left.
    pub(crate) fn work(&self) {
        while self.recover_chunk() {}
    }

    /// The sender of a transaction, `None` if its signature is invalid.
    pub(crate) fn sender(&self, index: usize) -> Option<Address> {
        loop {
            if let Some(sender) = self.senders[index].get() {
                return *sender;
            }
            if !self.recover_chunk() {
                // A worker holds the chunk. One signature more costs no more than waiting for it,
                // and does not depend on that worker.
                let sender = self.recover(&self.transactions[index]);
                return *self.senders[index].get_or_init(|| sender);
            }
        }
    }

    /// Takes no further chunk. Chunks that were taken are finished.
    pub(crate) fn stop(&self) {
        self.next.store(self.transactions.len(), Ordering::Relaxed);
    }

    /// All senders; `Err` with the place of the first that is missing or has no valid signature.
    pub(crate) fn into_senders(self) -> Result<Vec<Address>, usize> {
        let senders = self.senders.into_iter().enumerate();
        senders.map(|(index, sender)| sender.into_inner().flatten().ok_or(index)).collect()
    }

    /// Processor time spent, all workers together.
    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed))
    }

    fn recover_chunk(&self) -> bool {
        let start = self.next.fetch_add(CHUNK, Ordering::Relaxed);
        if start >= self.transactions.len() {
            // Keeps the counter far from overflow however often it is asked.
            self.stop();
            return false;
        }
        let began = Instant::now();
        let end = (start + CHUNK).min(self.transactions.len());
        for index in start..end {
            let sender = self.recover(&self.transactions[index]);
            // Only an executor that would not wait for it may have been here before.
            let _ = self.senders[index].set(sender);
        }
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
        true
    }

    fn recover(&self, tx: &Transaction) -> Option<Address> {
        if let Transaction::Deposit(deposit) = tx {
            return Some(deposit.from);
        }
        let hash = tx.tx_hash();
        if let Some(sender) = self.cache.get(&hash) {
            return Some(sender);
        }
        let sender = tx.recover_signer().ok()?;
        self.cache.insert(hash, sender);
        Some(sender)
    }
}

#[cfg(test)]
mod tests {
    use alloy_consensus::Sealable;
    use op_alloy_consensus::TxDeposit;

    use super::*;

    fn deposits(count: u8) -> Vec<Transaction> {
        let deposit = |tag| TxDeposit { from: Address::repeat_byte(tag), ..Default::default() };
        (0..count).map(|tag| Transaction::Deposit(deposit(tag).seal_slow())).collect()
    }

    #[test]
    fn works_without_a_worker_and_in_any_order() {
        let (transactions, cache) = (deposits(21), SenderCache::new(8));
        let recovery = Recovery::new(&transactions, &cache);
        assert_eq!(recovery.sender(20), Some(Address::repeat_byte(20)));
        assert_eq!(recovery.sender(0), Some(Address::repeat_byte(0)));
        let senders = recovery.into_senders().expect("all recovered");
        assert_eq!(senders.len(), 21);
    }

    #[test]
    fn stops_after_the_chunks_that_were_taken() {
        let (transactions, cache) = (deposits(21), SenderCache::new(8));
        let recovery = Recovery::new(&transactions, &cache);
        assert!(recovery.recover_chunk());
        recovery.stop();
        recovery.work();
        assert_eq!(recovery.into_senders(), Err(CHUNK));
    }
}
