use alloy_primitives::B256;
use phala_primitives::{Receipt, RecoveredBlock};
use serde::Serialize;

use super::{BlockPlace, DepositExecution, HeaderJson, Quantity, TransactionJson, quantity_of};

/// A block as `eth_getBlockByHash` shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockJson<'a, T> {
    #[serde(flatten)]
    header: HeaderJson<'a>,
    size: Quantity,
    transactions: Vec<T>,
    /// There are none since the merge.
    uncles: [B256; 0],
    /// There are none on a rollup.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<[B256; 0]>,
}

impl<'a> BlockJson<'a, B256> {
    /// The block with the hashes of its transactions.
    pub(crate) fn with_hashes(block: &'a RecoveredBlock) -> Self {
        Self::new(block, block.body().transactions.iter().map(|tx| tx.tx_hash()).collect())
    }
}

impl<'a> BlockJson<'a, TransactionJson<'a>> {
    /// The block with its transactions; the receipts tell what deposits did.
    pub(crate) fn with_transactions(block: &'a RecoveredBlock, receipts: &[Receipt]) -> Self {
        let place = BlockPlace::from(block.sealed_header());
        let transactions = block.body().transactions.iter().zip(block.senders()).enumerate();
        let transactions = transactions.map(|(index, (tx, sender))| {
            let deposit = receipts.get(index).map(DepositExecution::from).unwrap_or_default();
            TransactionJson::mined(tx, *sender, place, index, block.base_fee_per_gas, deposit)
        });
        Self::new(block, transactions.collect())
    }
}

impl<'a, T> BlockJson<'a, T> {
    fn new(block: &'a RecoveredBlock, transactions: Vec<T>) -> Self {
        Self {
            header: HeaderJson::from(block.sealed_header()),
            size: quantity_of(block.rlp_length()),
            transactions,
            uncles: [],
            withdrawals: block.body().withdrawals.as_ref().map(|_| []),
        }
    }
}
