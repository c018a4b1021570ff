use std::{collections::BTreeMap, fmt, sync::Arc};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U256};

use phala_primitives::RecoveredTx;

use crate::{
    Pool,
    sender_queue::{SenderQueue, Slot, SubPool},
};

/// How much the pool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Transactions the next block could contain.
    pub pending: usize,
    /// Transactions that wait for a lower base fee. `txpool_status` counts them as queued.
    pub basefee: usize,
    /// Transactions behind a gap or beyond the balance.
    pub queued: usize,
    /// Of all these, transactions of local origin.
    pub local: usize,
    /// Memory of all these, estimated.
    pub bytes: usize,
}

/// One sender's transactions by nonce.
#[derive(Clone, Debug, Default)]
pub struct SenderContent {
    /// Transactions the next block could contain.
    pub pending: BTreeMap<u64, Arc<RecoveredTx>>,
    /// All others.
    pub queued: BTreeMap<u64, Arc<RecoveredTx>>,
}

/// Everything in the pool by sender and nonce.
#[derive(Clone, Debug, Default)]
pub struct PoolContent {
    /// Transactions the next block could contain.
    pub pending: BTreeMap<Address, BTreeMap<u64, Arc<RecoveredTx>>>,
    /// All others.
    pub queued: BTreeMap<Address, BTreeMap<u64, Arc<RecoveredTx>>>,
}

/// What `txpool_inspect` tells of a transaction; displays as geth writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionSummary {
    /// Recipient; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei transferred.
    pub value: U256,
    /// Gas limit.
    pub gas_limit: u64,
    /// Max fee per gas, or the gas price.
    pub max_fee_per_gas: u128,
}

impl TransactionSummary {
    /// Summarizes a transaction.
    pub fn of(tx: &RecoveredTx) -> Self {
        let tx = tx.tx();
        Self {
            to: tx.to(),
            value: tx.value(),
            gas_limit: tx.gas_limit(),
            max_fee_per_gas: tx.max_fee_per_gas(),
        }
    }
}

impl fmt::Display for TransactionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) => write!(f, "{to}")?,
            None => write!(f, "contract creation")?,
        }
        let Self { value, gas_limit, max_fee_per_gas, .. } = self;
        write!(f, ": {value} wei + {gas_limit} gas × {max_fee_per_gas} wei")
    }
}

impl Pool {
    /// Counts.
    pub fn status(&self) -> PoolStatus {
        let state = self.inner.state.read();
        let usage = SubPool::ALL.map(|sub_pool| state.usage(sub_pool));
        PoolStatus {
            pending: usage[0].count,
            basefee: usage[1].count,
            queued: usage[2].count,
            local: state.local_usage().count,
            bytes: usage.iter().map(|usage| usage.bytes).sum(),
        }
    }

    /// Everything; as large as the pool.
    pub fn content(&self) -> PoolContent {
        let state = self.inner.state.read();
        let mut content = PoolContent::default();
        for (sender, queue) in state.queues() {
            let SenderContent { pending, queued } = content_of(queue);
            if !pending.is_empty() {
                content.pending.insert(*sender, pending);
            }
            if !queued.is_empty() {
                content.queued.insert(*sender, queued);
            }
        }
        content
    }

    /// Transactions of one sender.
    pub fn content_from(&self, sender: &Address) -> SenderContent {
        self.inner.state.read().queue(sender).map(content_of).unwrap_or_default()
    }
}

fn content_of(queue: &SenderQueue) -> SenderContent {
    let by_nonce = |slots: &[Slot]| {
        slots.iter().map(|slot| (slot.tx.nonce, Arc::clone(&slot.tx.tx))).collect()
    };
    let (pending, queued) = queue.slots().split_at(queue.range(SubPool::Pending).end);
    SenderContent { pending: by_nonce(pending), queued: by_nonce(queued) }
}
