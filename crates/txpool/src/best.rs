use std::{cmp::Reverse, collections::BinaryHeap, ops::Range, sync::Arc};

use phala_primitives::RecoveredTx;

use crate::{
    Pool,
    pool_tx::PoolTx,
    sender_queue::{Slot, SubPool},
};

/// Transactions for a block in the order a builder earns most by, nonces of one sender in order.
///
/// A snapshot: it holds no lock, and what happens to the pool meanwhile does not show.
#[derive(Debug)]
pub struct BestTransactions {
    base_fee: u64,
    /// Queues one after the other.
    transactions: Vec<(Arc<PoolTx>, u64)>,
    /// The next transaction of each queue that is not exhausted.
    heap: BinaryHeap<Candidate>,
    /// The queue of the transaction given last; its next one enters the heap on the next call.
    current: Option<Range<usize>>,
}

/// A queue by its next transaction: higher tip first, then the older one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    tip: i128,
    arrival: Reverse<u64>,
    start: usize,
    end: usize,
}

impl BestTransactions {
    fn new<'a>(base_fee: u64, queues: impl Iterator<Item = &'a [Slot]>) -> Self {
        let mut transactions = Vec::new();
        let mut ranges = Vec::new();
        for slots in queues {
            let start = transactions.len();
            let affordable =
                slots.iter().take_while(|slot| slot.tx.max_fee >= u128::from(base_fee));
            transactions.extend(affordable.map(|slot| (Arc::clone(&slot.tx), slot.arrival)));
            ranges.push(start..transactions.len());
        }
        let mut best = Self {
            base_fee,
            transactions,
            heap: BinaryHeap::with_capacity(ranges.len()),
            current: None,
        };
        for range in ranges {
            best.push(range);
        }
        best
    }

    /// Leaves out what else the sender of the transaction given last has, for a builder that could
    /// not use that one.
    pub fn skip_sender(&mut self) {
        self.current = None;
    }

    fn push(&mut self, range: Range<usize>) {
        if let Some((tx, arrival)) =
            self.transactions.get(range.start).filter(|_| !range.is_empty())
        {
            self.heap.push(Candidate {
                tip: tx.effective_tip(self.base_fee),
                arrival: Reverse(*arrival),
                start: range.start,
                end: range.end,
            });
        }
    }
}

impl Iterator for BestTransactions {
    type Item = Arc<RecoveredTx>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(range) = self.current.take() {
            self.push(range);
        }
        let Candidate { start, end, .. } = self.heap.pop()?;
        self.current = Some(start + 1..end);
        Some(Arc::clone(&self.transactions[start].0.tx))
    }
}

impl Pool {
    /// Transactions for a block with this base fee, best first.
    pub fn best(&self, base_fee: u64) -> BestTransactions {
        let state = self.inner.state.read();
        // Below the base fee the pool expects, transactions waiting for that are executable too.
        let last = if base_fee < state.head.base_fee { SubPool::BaseFee } else { SubPool::Pending };
        let slots = state.queues().map(|(_, queue)| &queue.slots()[..queue.range(last).end]);
        BestTransactions::new(base_fee, slots)
    }
}
