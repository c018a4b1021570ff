use alloy_consensus::{Eip658Value, Receipt as InnerReceipt, TxReceipt};
use alloy_primitives::Log;
use op_alloy_consensus::{OpDepositReceipt, OpTxType};
use phala_primitives::Receipt;
use reth_codecs::Compact;

use crate::wire::{Damaged, Reader, Wire, put_varint};

const TYPE_BITS: u8 = 3;
const SUCCESS: u8 = 4;
const DEPOSIT_NONCE: u8 = 8;
const DEPOSIT_VERSION: u8 = 16;

/// Count, then for each receipt flags, type if not one of the first three, cumulative gas, deposit
/// nonce and version if any, and the logs.
///
/// Type and logs are in the `Compact` form of reth. Its form of whole receipts compresses each by
/// itself; one frame around all receipts of a block is several times faster and smaller.
pub(crate) fn encode_receipts(receipts: &[Receipt]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + receipts.len() * 256);
    put_varint(&mut out, receipts.len() as u64);
    for receipt in receipts {
        let (nonce, version) = match receipt {
            Receipt::Deposit(deposit) => (deposit.deposit_nonce, deposit.deposit_receipt_version),
            _ => (None, None),
        };
        let flags_at = out.len();
        out.push(0);
        let mut flags = receipt.tx_type().to_compact(&mut out) as u8;
        if receipt.status() {
            flags |= SUCCESS;
        }
        put_varint(&mut out, receipt.cumulative_gas_used());
        for (value, flag) in [(nonce, DEPOSIT_NONCE), (version, DEPOSIT_VERSION)] {
            if let Some(value) = value {
                flags |= flag;
                put_varint(&mut out, value);
            }
        }
        out[flags_at] = flags;
        receipt.logs().to_compact(&mut out);
    }
    out
}

/// The reverse; the bytes have passed their checksum.
pub(crate) fn decode_receipts(bytes: &[u8]) -> Wire<Vec<Receipt>> {
    let mut reader = Reader(bytes);
    let count = reader.count(3)?;
    let mut receipts = Vec::with_capacity(count);
    for _ in 0..count {
        receipts.push(read_receipt(&mut reader)?);
    }
    reader.end()?;
    Ok(receipts)
}

fn read_receipt(reader: &mut Reader<'_>) -> Wire<Receipt> {
    let flags = reader.byte()?;
    let (tx_type, rest) = OpTxType::from_compact(reader.0, usize::from(flags & TYPE_BITS));
    reader.0 = rest;
    let cumulative_gas_used = reader.varint()?;
    let deposit_nonce = optional(reader, flags & DEPOSIT_NONCE)?;
    let deposit_receipt_version = optional(reader, flags & DEPOSIT_VERSION)?;
    let (logs, rest) = Vec::<Log>::from_compact(reader.0, reader.0.len());
    reader.0 = rest;
    let inner = InnerReceipt {
        status: Eip658Value::Eip658(flags & SUCCESS != 0),
        cumulative_gas_used,
        logs,
    };
    Ok(match tx_type {
        OpTxType::Legacy => Receipt::Legacy(inner),
        OpTxType::Eip2930 => Receipt::Eip2930(inner),
        OpTxType::Eip1559 => Receipt::Eip1559(inner),
        OpTxType::Eip7702 => Receipt::Eip7702(inner),
        OpTxType::Deposit => {
            Receipt::Deposit(OpDepositReceipt { inner, deposit_nonce, deposit_receipt_version })
        }
        OpTxType::PostExec => return Err(Damaged),
    })
}

fn optional(reader: &mut Reader<'_>, flag: u8) -> Wire<Option<u64>> {
    if flag == 0 { Ok(None) } else { reader.varint().map(Some) }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256, Bytes, hex};

    use super::*;

    fn inner(success: bool, gas: u64, logs: Vec<Log>) -> InnerReceipt {
        InnerReceipt { status: success.into(), cumulative_gas_used: gas, logs }
    }

    fn log(topics: usize, data: usize) -> Log {
        Log::new_unchecked(
            Address::repeat_byte(1),
            (0..topics).map(|topic| B256::repeat_byte(topic as u8)).collect(),
            Bytes::from(vec![0xdd; data]),
        )
    }

    fn receipts() -> Vec<Receipt> {
        let deposit = |nonce, version| {
            Receipt::Deposit(OpDepositReceipt {
                inner: inner(true, 1, vec![log(1, 3)]),
                deposit_nonce: nonce,
                deposit_receipt_version: version,
            })
        };
        vec![
            deposit(None, None),
            deposit(Some(0), Some(1)),
            deposit(Some(u64::MAX), None),
            Receipt::Legacy(inner(false, u64::MAX, vec![])),
            Receipt::Eip2930(inner(true, 0, vec![log(0, 0), log(4, 1_000)])),
            Receipt::Eip1559(inner(true, 70_000, vec![log(3, 32); 300])),
            Receipt::Eip7702(inner(false, 5, vec![log(2, 0)])),
        ]
    }

    #[test]
    fn receipts_of_every_type_round_trip() {
        assert_eq!(decode_receipts(&encode_receipts(&receipts())), Ok(receipts()));
        assert_eq!(decode_receipts(&encode_receipts(&[])), Ok(vec![]));
    }

    #[test]
    fn golden_bytes() {
        let receipt = Receipt::Eip1559(inner(true, 0x5208, vec![log(1, 2)]));
        let golden = format!("0106 88a401 01 37{}01{}dddd", "01".repeat(20), "00".repeat(32))
            .replace(' ', "");
        assert_eq!(hex::encode(encode_receipts(&[receipt])), golden);
    }
}
