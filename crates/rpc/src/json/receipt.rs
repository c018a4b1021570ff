use alloy_consensus::{Transaction as _, TxReceipt as _, Typed2718 as _};
use alloy_primitives::{Address, B256, Bloom, U256};
use phala_primitives::{Receipt, Transaction};
use serde::Serialize;

use super::{BlockPlace, LogJson, Quantity, quantity_of};
use crate::l1_fees::{BlockFees, TransactionFees};

/// A receipt as `eth_getTransactionReceipt` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptJson<'a> {
    transaction_hash: B256,
    transaction_index: Quantity,
    block_hash: B256,
    block_number: Quantity,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
    r#type: Quantity,
    status: Quantity,
    cumulative_gas_used: Quantity,
    gas_used: Quantity,
    effective_gas_price: Quantity,
    logs: Vec<LogJson<'a>>,
    logs_bloom: Bloom,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit_nonce: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit_receipt_version: Option<Quantity>,
    #[serde(flatten)]
    l1: Option<L1FieldsJson>,
}

/// What a transaction paid for its data, and for the operator.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct L1FieldsJson {
    l1_gas_price: U256,
    l1_gas_used: U256,
    l1_fee: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    l1_base_fee_scalar: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l1_blob_base_fee: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l1_blob_base_fee_scalar: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_fee_scalar: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_fee_constant: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    da_footprint_gas_scalar: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Quantity>,
}

impl L1FieldsJson {
    fn new(block: &BlockFees, fees: TransactionFees) -> Self {
        let operator = block.operator_fee();
        Self {
            l1_gas_price: block.l1_gas_price(),
            l1_gas_used: fees.l1_gas_used,
            l1_fee: fees.l1_fee,
            l1_base_fee_scalar: block.l1_base_fee_scalar(),
            l1_blob_base_fee: block.l1_blob_base_fee(),
            l1_blob_base_fee_scalar: block.l1_blob_base_fee_scalar(),
            operator_fee_scalar: operator.map(|(scalar, _)| scalar),
            operator_fee_constant: operator.map(|(_, constant)| constant),
            da_footprint_gas_scalar: block.da_footprint_gas_scalar(),
            blob_gas_used: fees.da_footprint.map(Into::into),
        }
    }
}

/// Where a receipt stands in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptPlace {
    pub(crate) block: BlockPlace,
    pub(crate) base_fee: Option<u64>,
    pub(crate) index: usize,
    /// Gas used by the transactions before this one.
    pub(crate) gas_before: u64,
    /// Logs of the transactions before this one.
    pub(crate) logs_before: usize,
}

impl<'a> ReceiptJson<'a> {
    /// `fees` is what the block's L1 attributes and the encoded transaction say; deposits pay none.
    pub(crate) fn new(
        tx: &Transaction,
        sender: Address,
        receipt: &'a Receipt,
        place: ReceiptPlace,
        fees: Option<(&BlockFees, TransactionFees)>,
    ) -> Self {
        let hash = tx.tx_hash();
        let inner = receipt.as_receipt();
        let deposit = match receipt {
            Receipt::Deposit(deposit) => Some(deposit),
            _ => None,
        };
        let nonce = deposit.and_then(|receipt| receipt.deposit_nonce).unwrap_or_else(|| tx.nonce());
        let logs = inner.logs.iter().enumerate().map(|(position, log)| {
            LogJson::new(log, place.block, hash, place.index, place.logs_before + position, false)
        });
        Self {
            transaction_hash: hash,
            transaction_index: quantity_of(place.index),
            block_hash: place.block.hash,
            block_number: place.block.number.into(),
            from: sender,
            to: tx.to(),
            contract_address: tx.is_create().then(|| sender.create(nonce)),
            r#type: tx.ty().into(),
            status: u8::from(receipt.status()).into(),
            cumulative_gas_used: inner.cumulative_gas_used.into(),
            gas_used: inner.cumulative_gas_used.saturating_sub(place.gas_before).into(),
            effective_gas_price: tx.effective_gas_price(place.base_fee).into(),
            logs: logs.collect(),
            logs_bloom: receipt.bloom(),
            deposit_nonce: deposit.and_then(|receipt| receipt.deposit_nonce).map(Into::into),
            deposit_receipt_version: deposit
                .and_then(|receipt| receipt.deposit_receipt_version)
                .map(Into::into),
            l1: fees.map(|(block, fees)| L1FieldsJson::new(block, fees)),
        }
    }
}
