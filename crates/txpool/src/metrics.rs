use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::{PoolError, PoolStatus, pool_state::Effects, sender_queue::SubPool};

/// Handles are made once; the recorder must be installed before the pool is built.
pub(crate) struct PoolMetrics {
    pub(crate) added: Counter,
    pub(crate) head_update_seconds: Histogram,
    replaced: Counter,
    sub_pools: [Gauge; 3],
    local: Gauge,
    bytes: Gauge,
}

impl PoolMetrics {
    pub(crate) fn new() -> Self {
        Self {
            added: counter!("phala_txpool_added_total"),
            head_update_seconds: histogram!("phala_txpool_head_update_seconds"),
            replaced: counter!("phala_txpool_replaced_total"),
            sub_pools: SubPool::ALL
                .map(|sub_pool| gauge!("phala_txpool_transactions", "pool" => sub_pool.name())),
            local: gauge!("phala_txpool_local_transactions"),
            bytes: gauge!("phala_txpool_bytes"),
        }
    }

    pub(crate) fn rejected(&self, error: &PoolError) {
        counter!("phala_txpool_rejected_total", "reason" => error.label()).increment(1);
    }

    pub(crate) fn changed(&self, effects: &Effects) {
        if effects.replaced {
            self.replaced.increment(1);
        }
        for (reason, _) in &effects.dropped {
            counter!("phala_txpool_dropped_total", "reason" => reason.name()).increment(1);
        }
    }

    pub(crate) fn publish(&self, status: &PoolStatus) {
        let counts = [status.pending, status.basefee, status.queued];
        for (gauge, count) in self.sub_pools.iter().zip(counts) {
            gauge.set(count as f64);
        }
        self.local.set(status.local as f64);
        self.bytes.set(status.bytes as f64);
    }
}
