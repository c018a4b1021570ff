use std::collections::BTreeMap;

use alloy_consensus::TxReceipt;
use phala_primitives::Receipt;

use crate::keys::{LogKind, log_index_prefix};
use crate::wire::put_varint;

/// The `log_index` entries of one block: for each address and topic the positions of the logs
/// that have it, counted through the whole block, as varint differences.
pub(crate) fn log_entries(receipts: &[Receipt]) -> BTreeMap<[u8; 9], Vec<u8>> {
    let mut positions: BTreeMap<[u8; 9], Vec<u64>> = BTreeMap::new();
    let logs = receipts.iter().flat_map(|receipt| receipt.logs());
    for (position, log) in (0u64..).zip(logs) {
        let mut note = |prefix| {
            let list = positions.entry(prefix).or_default();
            if list.last() != Some(&position) {
                list.push(position);
            }
        };
        note(log_index_prefix(LogKind::Address, log.address.as_slice()));
        for (topic, kind) in log.data.topics().iter().zip(0u8..) {
            note(log_index_prefix(LogKind::Topic(kind), topic.as_slice()));
        }
    }
    positions
        .into_iter()
        .map(|(prefix, positions)| {
            let mut value = Vec::with_capacity(positions.len());
            let mut last = 0;
            for position in positions {
                put_varint(&mut value, position - last);
                last = position;
            }
            (prefix, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use alloy_consensus::Receipt as Inner;
    use alloy_primitives::{Address, B256, Bytes, Log};

    use super::*;

    #[test]
    fn positions_count_through_the_block() {
        let log = |address: u8, topic: u8| {
            let topics = vec![B256::repeat_byte(topic)];
            Log::new_unchecked(Address::repeat_byte(address), topics, Bytes::new())
        };
        let receipt =
            |logs| Receipt::Legacy(Inner { status: true.into(), cumulative_gas_used: 0, logs });
        let receipts =
            [receipt(vec![log(1, 1), log(2, 1)]), receipt(vec![]), receipt(vec![log(1, 2)])];
        let entries = log_entries(&receipts);
        let address = |byte| {
            let prefix = log_index_prefix(LogKind::Address, Address::repeat_byte(byte).as_slice());
            entries.get(&prefix).cloned()
        };
        assert_eq!(address(1), Some(vec![0, 2]));
        assert_eq!(address(2), Some(vec![1]));
        let topic = log_index_prefix(LogKind::Topic(0), B256::repeat_byte(1).as_slice());
        assert_eq!(entries.get(&topic), Some(&vec![0, 1]));
        assert_eq!(entries.len(), 4);
    }
}
