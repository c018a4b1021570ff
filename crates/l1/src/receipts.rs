use alloy_consensus::{TxReceipt, TxType, proofs::calculate_receipt_root};
use alloy_primitives::{Address, B256, Bytes, Log, U64};
use phala_primitives::SealedHeader;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{L1Receipt, Unverified};

/// What is read of a receipt. Indices and bloom filters are computed, not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonReceipt {
    #[serde(default, rename = "type")]
    kind: Option<U64>,
    status: U64,
    cumulative_gas_used: U64,
    logs: Vec<JsonLog>,
}

#[derive(Deserialize)]
struct JsonLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

/// Reads the receipts of a block, in order of its transactions, and proves them.
pub(crate) fn decode_receipts(
    header: &SealedHeader,
    transactions: usize,
    json: &[&RawValue],
) -> Result<Vec<L1Receipt>, Unverified> {
    let block = header.hash();
    if json.len() != transactions {
        return Err(Unverified::ReceiptCount { block, transactions, receipts: json.len() });
    }
    let receipts =
        json.iter().map(|json| decode(block, json)).collect::<Result<Vec<L1Receipt>, _>>()?;
    let with_bloom: Vec<_> = receipts.iter().map(TxReceipt::with_bloom_ref).collect();
    let computed = calculate_receipt_root(&with_bloom);
    if computed != header.receipts_root {
        return Err(Unverified::ReceiptsRoot { block, computed, header: header.receipts_root });
    }
    Ok(receipts)
}

fn decode(block: B256, json: &RawValue) -> Result<L1Receipt, Unverified> {
    let receipt: JsonReceipt = serde_json::from_str(json.get())
        .map_err(|error| Unverified::malformed("receipt", &error))?;
    let kind: u64 = receipt.kind.unwrap_or_default().to();
    let unknown_type = || Unverified::UnknownTransactionType { block, kind };
    let tx_type = u8::try_from(kind).ok().and_then(|kind| TxType::try_from(kind).ok());
    let malformed =
        |message: &str| Unverified::Malformed { what: "receipt", message: message.into() };
    let success = match receipt.status.to::<u64>() {
        0 => false,
        1 => true,
        _ => return Err(malformed("status is neither 0 nor 1")),
    };
    let logs = receipt.logs.into_iter().map(|log| Log::new(log.address, log.topics, log.data));
    Ok(L1Receipt {
        tx_type: tx_type.ok_or_else(unknown_type)?,
        success,
        cumulative_gas_used: receipt.cumulative_gas_used.to(),
        logs: logs
            .collect::<Option<_>>()
            .ok_or_else(|| malformed("log has more than four topics"))?,
    })
}
