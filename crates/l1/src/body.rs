use alloy_consensus::{
    SignableTransaction, TxEip4844, TxEnvelope,
    proofs::{calculate_withdrawals_root, ordered_trie_root_with_encoder},
};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip4895::Withdrawal,
};
use alloy_primitives::{B256, Bytes};
use phala_primitives::SealedHeader;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    L1Transaction, Unverified,
    header::{Fields, fields, header_of},
};

/// Highest type of a transaction that is known.
const TRANSACTION_TYPE_MAX: u64 = 4;

/// Reads a block with whole transactions and proves all of it.
pub(crate) fn decode_block(
    json: &RawValue,
) -> Result<(SealedHeader, Vec<L1Transaction>), Unverified> {
    let fields = fields(json)?;
    let header = header_of(json, &fields)?;
    let transactions = transactions(&header, &fields)?;
    check_withdrawals(&header, &fields)?;
    Ok((header, transactions))
}

fn list<'a>(fields: &Fields<'a>, name: &'static str) -> Result<Vec<&'a RawValue>, Unverified> {
    let json = fields.get(name).map_or("null", |json| json.get());
    serde_json::from_str(json).map_err(|error| Unverified::malformed(name, &error))
}

fn transactions(
    header: &SealedHeader,
    fields: &Fields<'_>,
) -> Result<Vec<L1Transaction>, Unverified> {
    let block = header.hash();
    let json = list(fields, "transactions")?;
    let encoded = json.iter().map(|json| encoded(block, json)).collect::<Result<Vec<_>, _>>()?;
    let computed = root(&encoded);
    if computed == header.transactions_root {
        return encoded.iter().map(decode_transaction).collect();
    }
    pooled_transactions(header.transactions_root, &json).ok_or(Unverified::TransactionsRoot {
        block,
        computed,
        header: header.transactions_root,
    })
}

fn root(encoded: &[Bytes]) -> B256 {
    ordered_trie_root_with_encoder(encoded, |tx, out| out.extend_from_slice(tx))
}

/// The transactions of a block whose root was computed with the blobs in it, as anvil did until July
/// 2026 (foundry issue 15132): it gives the blobs in the block too. The root proves the transactions as
/// well as one without blobs does.
fn pooled_transactions(header_root: B256, json: &[&RawValue]) -> Option<Vec<L1Transaction>> {
    let read = |json: &&RawValue| serde_json::from_str::<TxEnvelope>(json.get()).ok();
    let pooled: Vec<TxEnvelope> = json.iter().map(read).collect::<Option<_>>()?;
    let encoded: Vec<Bytes> = pooled.iter().map(|tx| tx.encoded_2718().into()).collect();
    if root(&encoded) != header_root {
        return None;
    }
    let without_blobs = pooled.into_iter().zip(&encoded).map(|(pooled, encoded)| match pooled {
        TxEnvelope::Eip4844(signed) => {
            let (transaction, signature, _) = signed.into_parts();
            Some(TxEip4844::from(transaction).into_signed(signature).into())
        }
        _ => decode_transaction(encoded).ok(),
    });
    without_blobs.collect()
}

/// Reads what was proved; the hash a JSON transaction brings along is nothing we computed, so
/// transactions are made from the bytes under the root.
pub(crate) fn decode_transaction(encoded: &Bytes) -> Result<L1Transaction, Unverified> {
    L1Transaction::decode_2718_exact(encoded)
        .map_err(|error| Unverified::Malformed { what: "transaction", message: error.to_string() })
}

fn encoded(block: B256, json: &RawValue) -> Result<Bytes, Unverified> {
    let error = match serde_json::from_str::<L1Transaction>(json.get()) {
        Ok(transaction) => return Ok(transaction.encoded_2718().into()),
        Err(error) => error,
    };
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: alloy_primitives::U64,
    }
    match serde_json::from_str::<Typed>(json.get()) {
        Ok(Typed { kind }) if kind.to::<u64>() > TRANSACTION_TYPE_MAX => {
            Err(Unverified::UnknownTransactionType { block, kind: kind.to() })
        }
        _ => Err(Unverified::malformed("transaction", &error)),
    }
}

fn check_withdrawals(header: &SealedHeader, fields: &Fields<'_>) -> Result<(), Unverified> {
    let Some(root) = header.withdrawals_root else { return Ok(()) };
    let withdrawals: Vec<Withdrawal> = list(fields, "withdrawals")?
        .into_iter()
        .map(|json| serde_json::from_str(json.get()))
        .collect::<Result<_, _>>()
        .map_err(|error| Unverified::malformed("withdrawals", &error))?;
    if calculate_withdrawals_root(&withdrawals) == root {
        Ok(())
    } else {
        Err(Unverified::WithdrawalsRoot(header.hash()))
    }
}
