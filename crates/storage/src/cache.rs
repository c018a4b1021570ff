use std::collections::VecDeque;
use std::sync::Arc;

use alloy_consensus::{Transaction as _, TxReceipt};
use alloy_primitives::B256;
use alloy_primitives::map::B256Map;
use parking_lot::Mutex;
use phala_primitives::{Receipt, RecoveredBlock};

/// Memory of a transaction or receipt besides its variable parts.
const FIXED_BYTES: usize = 400;

/// Decoded blocks and receipts that readers asked for or that have just been written, under a
/// byte budget. What has not been asked for again since it came in leaves first.
pub(crate) struct RecordCache {
    blocks: Mutex<Shelf<RecoveredBlock>>,
    receipts: Mutex<Shelf<Vec<Receipt>>>,
}

impl RecordCache {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            blocks: Mutex::new(Shelf::new(bytes / 2)),
            receipts: Mutex::new(Shelf::new(bytes - bytes / 2)),
        }
    }

    pub(crate) fn block(&self, hash: &B256) -> Option<Arc<RecoveredBlock>> {
        self.blocks.lock().get(hash)
    }

    pub(crate) fn receipts(&self, hash: &B256) -> Option<Arc<Vec<Receipt>>> {
        self.receipts.lock().get(hash)
    }

    pub(crate) fn insert_block(&self, block: &Arc<RecoveredBlock>) {
        let transactions = block.body().transactions.iter();
        let bytes: usize = transactions.map(|tx| FIXED_BYTES + tx.input().len()).sum();
        self.blocks.lock().insert(block.hash(), Arc::clone(block), 1_000 + bytes);
    }

    pub(crate) fn insert_receipts(&self, block: B256, receipts: &Arc<Vec<Receipt>>) {
        let log_bytes = |receipt: &Receipt| -> usize {
            receipt.logs().iter().map(|log| 200 + log.data.data.len()).sum()
        };
        let bytes: usize = receipts.iter().map(|receipt| FIXED_BYTES + log_bytes(receipt)).sum();
        self.receipts.lock().insert(block, Arc::clone(receipts), 100 + bytes);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.lock().bytes + self.receipts.lock().bytes
    }
}

/// Second-chance cache.
struct Shelf<T> {
    entries: B256Map<Entry<T>>,
    order: VecDeque<B256>,
    bytes: usize,
    bytes_max: usize,
}

struct Entry<T> {
    value: Arc<T>,
    bytes: usize,
    used: bool,
}

impl<T> Shelf<T> {
    fn new(bytes_max: usize) -> Self {
        Self { entries: B256Map::default(), order: VecDeque::new(), bytes: 0, bytes_max }
    }

    fn get(&mut self, hash: &B256) -> Option<Arc<T>> {
        let entry = self.entries.get_mut(hash)?;
        entry.used = true;
        Some(Arc::clone(&entry.value))
    }

    fn insert(&mut self, hash: B256, value: Arc<T>, bytes: usize) {
        if bytes > self.bytes_max || self.entries.contains_key(&hash) {
            return;
        }
        while self.bytes + bytes > self.bytes_max {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.entries.get_mut(&oldest) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.order.push_back(oldest);
                }
                _ => {
                    if let Some(entry) = self.entries.remove(&oldest) {
                        self.bytes -= entry.bytes;
                    }
                }
            }
        }
        self.bytes += bytes;
        self.entries.insert(hash, Entry { value, bytes, used: false });
        self.order.push_back(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_stays_longer() {
        let mut shelf = Shelf::new(300);
        let key = B256::repeat_byte;
        for byte in 1..=3 {
            shelf.insert(key(byte), Arc::new(byte), 100);
        }
        assert_eq!(shelf.get(&key(1)).as_deref(), Some(&1));
        shelf.insert(key(4), Arc::new(4), 100);
        assert_eq!(shelf.bytes, 300);
        assert_eq!(shelf.get(&key(2)), None);
        assert!(shelf.get(&key(1)).is_some() && shelf.get(&key(3)).is_some());
        shelf.insert(key(5), Arc::new(5), 301);
        assert_eq!(shelf.get(&key(5)), None);
    }
}
