//! What must hold after every call, checked from scratch.

use std::collections::HashMap;

use super::*;

impl PoolState {
    /// Panics with the first invariant that does not hold.
    pub(crate) fn check_invariants(&self) {
        let mut usage = [Usage::default(); 3];
        let mut local = [Usage::default(); 3];
        let mut authorities = HashMap::new();
        let mut hashes = 0;
        for (sender, entry) in &self.entries {
            self.check_queue(&entry.queue);
            assert_eq!(entry.keys, EvictionOrder::keys_of(*sender, &entry.queue));
            assert_eq!(self.by_account_hash.get(&keccak256(sender)), Some(sender));
            for slot in entry.queue.slots() {
                let tx = &slot.tx;
                assert_eq!(tx.sender, *sender);
                assert!(self.by_hash.get(&tx.hash).is_some_and(|known| Arc::ptr_eq(known, tx)));
                usage[slot.sub_pool as usize].add(tx.size_bytes);
                if slot.local {
                    local[slot.sub_pool as usize].add(tx.size_bytes);
                }
                for authority in &tx.authorities {
                    *authorities.entry(*authority).or_insert(0) += 1;
                }
                hashes += 1;
            }
        }
        assert_eq!(self.by_hash.len(), hashes);
        assert_eq!(self.by_account_hash.len(), self.entries.len());
        assert_eq!(self.usage, usage);
        assert_eq!(self.authorities.counts(), &authorities);
        let keys = self.entries.values().flat_map(|entry| entry.keys).flatten().count();
        assert_eq!(self.order.len(), keys);
        self.check_limits(usage, local);
    }

    fn check_limits(&self, usage: [Usage; 3], local: [Usage; 3]) {
        let config = &self.config;
        let limits = [config.pending_limit, config.basefee_limit, config.queued_limit];
        for index in 0..3 {
            let external = usage[index].count - local[index].count;
            let external_bytes = usage[index].bytes - local[index].bytes;
            // Local transactions use up the limit, and may go beyond it.
            assert!(external == 0 || usage[index].count <= limits[index].count_max);
            assert!(external_bytes == 0 || usage[index].bytes <= limits[index].bytes_max);
        }
        let count: usize = local.iter().map(|usage| usage.count).sum();
        let bytes: usize = local.iter().map(|usage| usage.bytes).sum();
        assert_eq!(self.local_usage, Usage { count, bytes });
        assert!(!config.local_limit.is_exceeded_by(count, bytes));
    }

    fn check_queue(&self, queue: &SenderQueue) {
        let slots = queue.slots();
        assert!(!slots.is_empty());
        assert!(slots.len() <= self.config.account_slots_max);
        assert!(slots[0].tx.nonce >= queue.account.nonce);
        assert!(slots.is_sorted_by(|a, b| a.tx.nonce < b.tx.nonce));
        assert!(slots.is_sorted_by_key(|slot| slot.sub_pool));
        let mut spent = alloy_primitives::U256::ZERO;
        for (slot, nonce) in slots.iter().zip(queue.account.nonce..) {
            if slot.sub_pool == SubPool::Queued {
                break;
            }
            assert_eq!(slot.tx.nonce, nonce, "gap before an executable transaction");
            spent += self.head.cost(&slot.tx).expect("executable transactions have a cost");
            assert!(spent <= queue.account.balance);
            let pays = slot.tx.max_fee >= u128::from(self.head.base_fee);
            assert!(pays || slot.sub_pool == SubPool::BaseFee);
            assert!(slot.announced || slot.sub_pool == SubPool::BaseFee);
        }
        // Deciding everything anew moves nothing.
        let mut copy = SenderQueue::new(queue.account);
        for slot in slots {
            copy.put(slot.clone());
        }
        copy.evaluate(0, &self.head, Instant::now(), |moved| panic!("stale place: {moved:?}"));
    }
}
