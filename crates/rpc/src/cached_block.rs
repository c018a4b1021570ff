use std::sync::{Arc, OnceLock};

use alloy_consensus::TxReceipt as _;
use alloy_eips::eip2718::Encodable2718 as _;
use phala_chainspec::ChainSpec;
use phala_primitives::{Receipt, RecoveredBlock};
use reth_primitives_traits::InMemorySize as _;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    RpcError,
    json::{
        BlockJson, BlockPlace, DepositExecution, HeaderJson, LogJson, ReceiptJson, ReceiptPlace,
        TransactionJson,
    },
    l1_fees::BlockFees,
};

/// One block with what was read, computed and serialised for it so far.
///
/// A block never changes, whatever chain it is on, so nothing here can become wrong.
#[derive(Debug)]
pub(crate) struct CachedBlock {
    block: Arc<RecoveredBlock>,
    receipts: Arc<Vec<Receipt>>,
    /// `None` without L1 attributes.
    fees: OnceLock<Option<BlockFees>>,
    /// Number of logs before each transaction.
    logs_before: OnceLock<Vec<usize>>,
    header_json: OnceLock<Arc<RawValue>>,
    hashes_json: OnceLock<Arc<RawValue>>,
    full_json: OnceLock<Arc<RawValue>>,
    receipts_json: OnceLock<Arc<RawValue>>,
}

impl CachedBlock {
    pub(crate) fn new(block: Arc<RecoveredBlock>, receipts: Arc<Vec<Receipt>>) -> Self {
        Self {
            block,
            receipts,
            fees: OnceLock::new(),
            logs_before: OnceLock::new(),
            header_json: OnceLock::new(),
            hashes_json: OnceLock::new(),
            full_json: OnceLock::new(),
            receipts_json: OnceLock::new(),
        }
    }

    pub(crate) fn block(&self) -> &RecoveredBlock {
        &self.block
    }

    pub(crate) fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    pub(crate) fn place(&self) -> BlockPlace {
        BlockPlace::from(self.block.sealed_header())
    }

    /// The header, as `newHeads` sends it.
    pub(crate) fn header_json(&self) -> Result<Arc<RawValue>, RpcError> {
        serialised(&self.header_json, || HeaderJson::from(self.block.sealed_header()))
    }

    /// The block with transaction hashes.
    pub(crate) fn hashes_json(&self) -> Result<Arc<RawValue>, RpcError> {
        serialised(&self.hashes_json, || BlockJson::with_hashes(&self.block))
    }

    /// The block with whole transactions.
    pub(crate) fn full_json(&self) -> Result<Arc<RawValue>, RpcError> {
        serialised(&self.full_json, || BlockJson::with_transactions(&self.block, &self.receipts))
    }

    /// Whether the block was serialised before, with whole transactions or with hashes.
    pub(crate) fn is_serialised(&self, full: bool) -> bool {
        if full { self.full_json.get().is_some() } else { self.hashes_json.get().is_some() }
    }

    /// All receipts.
    pub(crate) fn receipts_json(&self, spec: &ChainSpec) -> Result<Arc<RawValue>, RpcError> {
        serialised(&self.receipts_json, || {
            (0..self.receipts.len())
                .filter_map(|index| self.receipt(spec, index))
                .collect::<Vec<_>>()
        })
    }

    /// All receipts, if they were serialised before.
    pub(crate) fn receipts_text(&self) -> Option<Arc<RawValue>> {
        self.receipts_json.get().map(Arc::clone)
    }

    /// One receipt; `None` beyond the last.
    pub(crate) fn receipt(&self, spec: &ChainSpec, index: usize) -> Option<ReceiptJson<'_>> {
        let tx = self.block.body().transactions.get(index)?;
        let sender = *self.block.senders().get(index)?;
        let receipt = self.receipts.get(index)?;
        let gas_before = match index.checked_sub(1) {
            Some(before) => self.receipts.get(before)?.cumulative_gas_used(),
            None => 0,
        };
        let place = ReceiptPlace {
            block: self.place(),
            base_fee: self.block.base_fee_per_gas,
            index,
            gas_before,
            logs_before: self.logs_before(index),
        };
        let fees = self.fees(spec).filter(|_| !tx.is_deposit());
        let fees = fees.map(|fees| (fees, fees.of_transaction(&tx.encoded_2718())));
        Some(ReceiptJson::new(tx, sender, receipt, place, fees))
    }

    /// One transaction; `None` beyond the last.
    pub(crate) fn transaction(&self, index: usize) -> Option<TransactionJson<'_>> {
        let tx = self.block.body().transactions.get(index)?;
        let sender = *self.block.senders().get(index)?;
        let deposit = self.receipts.get(index).map(DepositExecution::from).unwrap_or_default();
        let base_fee = self.block.base_fee_per_gas;
        Some(TransactionJson::mined(tx, sender, self.place(), index, base_fee, deposit))
    }

    /// The logs that `wanted` selects, in order.
    pub(crate) fn logs(
        &self,
        removed: bool,
        mut wanted: impl FnMut(&alloy_primitives::Log) -> bool,
    ) -> impl Iterator<Item = LogJson<'_>> {
        let place = self.place();
        let receipts = self.receipts.iter().zip(&self.block.body().transactions).enumerate();
        let mut log_index = 0;
        receipts
            .flat_map(|(index, (receipt, tx))| {
                receipt.logs().iter().map(move |log| (index, tx, log))
            })
            .filter_map(move |(index, tx, log)| {
                let position = log_index;
                log_index += 1;
                wanted(log)
                    .then(|| LogJson::new(log, place, tx.tx_hash(), index, position, removed))
            })
    }

    /// Memory this takes, roughly.
    pub(crate) fn weight(&self) -> usize {
        let receipts = self.receipts.iter().map(|receipt| {
            let logs = receipt.logs().iter();
            128 + logs.map(|log| 128 + log.topics().len() * 32 + log.data.data.len()).sum::<usize>()
        });
        let texts = [&self.header_json, &self.hashes_json, &self.full_json, &self.receipts_json];
        let texts = texts.into_iter().filter_map(|text| text.get()).map(|text| text.get().len());
        self.block.size() + receipts.sum::<usize>() + texts.sum::<usize>()
    }

    fn fees(&self, spec: &ChainSpec) -> Option<&BlockFees> {
        self.fees.get_or_init(|| BlockFees::of_block(spec, &self.block)).as_ref()
    }

    fn logs_before(&self, index: usize) -> usize {
        let sums = self.logs_before.get_or_init(|| {
            let mut sum = 0;
            let before = |receipt: &Receipt| {
                let before = sum;
                sum += receipt.logs().len();
                before
            };
            self.receipts.iter().map(before).collect()
        });
        sums.get(index).copied().unwrap_or_default()
    }
}

/// Serialises once. Two callers at the same time may both do the work; one text is kept.
fn serialised<T: Serialize>(
    cell: &OnceLock<Arc<RawValue>>,
    value: impl FnOnce() -> T,
) -> Result<Arc<RawValue>, RpcError> {
    if let Some(text) = cell.get() {
        return Ok(Arc::clone(text));
    }
    let text: Arc<RawValue> = to_raw_value(&value()).map_err(RpcError::internal)?.into();
    Ok(Arc::clone(cell.get_or_init(|| text)))
}
