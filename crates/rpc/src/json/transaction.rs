use alloy_consensus::{Transaction as _, Typed2718 as _};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use phala_primitives::{Receipt, Transaction};
use serde::Serialize;

use super::{BlockPlace, Quantity, quantity_of};

/// A transaction as `eth_getTransactionByHash` and full blocks show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionJson<'a> {
    block_hash: Option<B256>,
    block_number: Option<Quantity>,
    block_timestamp: Option<Quantity>,
    transaction_index: Option<Quantity>,
    hash: B256,
    r#type: Quantity,
    from: Address,
    to: Option<Address>,
    nonce: Quantity,
    value: U256,
    gas: Quantity,
    gas_price: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<Quantity>,
    input: &'a Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<&'a AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<&'a [SignedAuthorization]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_hash: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mint: Option<Quantity>,
    /// Only if true, like other clients: some readers do not take `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_system_tx: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit_receipt_version: Option<Quantity>,
    v: Quantity,
    r: U256,
    s: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<Quantity>,
}

/// What only the receipt knows about a deposit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DepositExecution {
    /// Nonce of the sender before the deposit.
    pub(crate) nonce: Option<u64>,
    /// Version of the receipt format.
    pub(crate) receipt_version: Option<u64>,
}

impl From<&Receipt> for DepositExecution {
    fn from(receipt: &Receipt) -> Self {
        match receipt {
            Receipt::Deposit(receipt) => Self {
                nonce: receipt.deposit_nonce,
                receipt_version: receipt.deposit_receipt_version,
            },
            _ => Self::default(),
        }
    }
}

impl<'a> TransactionJson<'a> {
    /// A transaction of a block.
    pub(crate) fn mined(
        tx: &'a Transaction,
        sender: Address,
        block: BlockPlace,
        index: usize,
        base_fee: Option<u64>,
        deposit: DepositExecution,
    ) -> Self {
        let mut json = Self::new(tx, sender, tx.effective_gas_price(base_fee));
        json.block_hash = Some(block.hash);
        json.block_number = Some(block.number.into());
        json.block_timestamp = Some(block.timestamp.into());
        json.transaction_index = Some(quantity_of(index));
        if tx.is_deposit() {
            json.gas_price = 0u64.into();
            json.nonce = deposit.nonce.unwrap_or_default().into();
            json.deposit_receipt_version = deposit.receipt_version.map(Into::into);
        }
        json
    }

    /// A transaction that waits in the pool.
    pub(crate) fn pending(tx: &'a Transaction, sender: Address) -> Self {
        Self::new(tx, sender, tx.max_fee_per_gas())
    }

    fn new(tx: &'a Transaction, sender: Address, gas_price: u128) -> Self {
        let signed = SignatureFields::of(tx);
        let deposit = tx.as_deposit();
        Self {
            block_hash: None,
            block_number: None,
            block_timestamp: None,
            transaction_index: None,
            hash: tx.tx_hash(),
            r#type: tx.ty().into(),
            from: sender,
            to: tx.to(),
            nonce: tx.nonce().into(),
            value: tx.value(),
            gas: tx.gas_limit().into(),
            gas_price: gas_price.into(),
            max_fee_per_gas: tx.is_dynamic_fee().then(|| tx.max_fee_per_gas().into()),
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas().map(Into::into),
            input: tx.input(),
            chain_id: tx.chain_id().map(Into::into),
            access_list: tx.access_list(),
            authorization_list: tx.authorization_list(),
            source_hash: deposit.map(|tx| tx.source_hash),
            mint: deposit.map(|tx| tx.mint.into()),
            is_system_tx: deposit.and_then(|tx| tx.is_system_transaction.then_some(true)),
            deposit_receipt_version: None,
            v: signed.v.into(),
            r: signed.r,
            s: signed.s,
            y_parity: signed.y_parity.map(Into::into),
        }
    }
}

/// The signature as JSON shows it; deposits have none and show zeros.
struct SignatureFields {
    v: u128,
    r: U256,
    s: U256,
    /// Absent in legacy transactions.
    y_parity: Option<u8>,
}

impl SignatureFields {
    fn of(tx: &Transaction) -> Self {
        match tx {
            Transaction::Legacy(tx) => {
                let parity = u128::from(tx.signature().v());
                let v = match tx.tx().chain_id {
                    Some(chain_id) => u128::from(chain_id) * 2 + 35 + parity,
                    None => 27 + parity,
                };
                Self { v, r: tx.signature().r(), s: tx.signature().s(), y_parity: None }
            }
            Transaction::Eip2930(tx) => Self::typed(tx.signature()),
            Transaction::Eip1559(tx) => Self::typed(tx.signature()),
            Transaction::Eip7702(tx) => Self::typed(tx.signature()),
            Transaction::Deposit(_) | Transaction::PostExec(_) => {
                Self { v: 0, r: U256::ZERO, s: U256::ZERO, y_parity: Some(0) }
            }
        }
    }

    fn typed(signature: &Signature) -> Self {
        let parity = u8::from(signature.v());
        Self { v: parity.into(), r: signature.r(), s: signature.s(), y_parity: Some(parity) }
    }
}
