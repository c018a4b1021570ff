use std::{cmp::Reverse, collections::BTreeSet};

use alloy_primitives::Address;

use crate::sender_queue::{SenderQueue, SubPool};

/// What a queue offers for eviction in one sub-pool: worth, arrival of its last transaction there,
/// sender. The smallest goes first: lowest worth, then the newest.
pub(crate) type EvictionKey = (i128, Reverse<u64>, Address);

/// The keys of one queue.
pub(crate) type EvictionKeys = [Option<EvictionKey>; 3];

/// Queues of each sub-pool in the order in which they lose transactions.
///
/// One entry per queue and sub-pool, for its last transaction that is not local: taking the last
/// leaves no gap behind, and a queue cannot hide a poor transaction in front of a rich one.
#[derive(Debug, Default)]
pub(crate) struct EvictionOrder {
    sets: [BTreeSet<EvictionKey>; 3],
}

impl EvictionOrder {
    pub(crate) fn keys_of(sender: Address, queue: &SenderQueue) -> EvictionKeys {
        SubPool::ALL.map(|sub_pool| {
            let slot = &queue.slots()[queue.evictable(sub_pool)?];
            Some((slot.worth, Reverse(slot.arrival), sender))
        })
    }

    pub(crate) fn update(&mut self, old: &EvictionKeys, new: &EvictionKeys) {
        for (set, (old, new)) in self.sets.iter_mut().zip(old.iter().zip(new)) {
            if old == new {
                continue;
            }
            if let Some(old) = old {
                set.remove(old);
            }
            if let Some(new) = new {
                set.insert(*new);
            }
        }
    }

    /// The sender to lose a transaction next.
    pub(crate) fn worst(&self, sub_pool: SubPool) -> Option<Address> {
        self.sets[sub_pool as usize].first().map(|(_, _, sender)| *sender)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sets.iter().map(BTreeSet::len).sum()
    }
}
