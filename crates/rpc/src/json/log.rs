use alloy_primitives::{Address, B256, Bytes, Log};
use serde::Serialize;

use super::{BlockPlace, Quantity, quantity_of};

/// A log as `eth_getLogs`, receipts and subscriptions show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogJson<'a> {
    address: Address,
    topics: &'a [B256],
    data: &'a Bytes,
    block_hash: B256,
    block_number: Quantity,
    block_timestamp: Quantity,
    transaction_hash: B256,
    transaction_index: Quantity,
    log_index: Quantity,
    removed: bool,
}

impl<'a> LogJson<'a> {
    pub(crate) fn new(
        log: &'a Log,
        block: BlockPlace,
        transaction_hash: B256,
        transaction_index: usize,
        log_index: usize,
        removed: bool,
    ) -> Self {
        Self {
            address: log.address,
            topics: log.data.topics(),
            data: &log.data.data,
            block_hash: block.hash,
            block_number: block.number.into(),
            block_timestamp: block.timestamp.into(),
            transaction_hash,
            transaction_index: quantity_of(transaction_index),
            log_index: quantity_of(log_index),
            removed,
        }
    }
}
