use alloy_consensus::{
    Eip658Value, Eip2718DecodableReceipt, RlpDecodableReceipt, TxReceipt,
    proofs::ordered_trie_root_with_encoder,
};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, hex};
use op_alloy_consensus::OpDepositReceipt;
use phala_primitives::{Receipt, decode_transaction};
use serde_json::Value;

use crate::world::vector;

fn json(path: &str) -> Option<Value> {
    vector(path).map(|bytes| serde_json::from_slice(&bytes).expect("json"))
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex string")).expect("hex")
}

#[test]
fn receipts_have_the_recorded_roots() {
    let Some(file) = json("vectors/receipts.json") else { return };
    for case in file["roots"].as_array().expect("array") {
        let encoded: Vec<_> =
            case["receipts"].as_array().expect("array").iter().map(bytes).collect();
        let receipts: Vec<_> = encoded
            .iter()
            .map(|bytes| {
                let mut rest = bytes.as_slice();
                let ty = rest[0];
                let receipt = Receipt::typed_decode_with_bloom(ty, &mut &rest[1..]).expect("type");
                rest = &[];
                assert!(rest.is_empty());
                receipt
            })
            .collect();
        for (receipt, bytes) in receipts.iter().zip(&encoded) {
            assert_eq!(receipt.receipt.bloom(), receipt.logs_bloom);
            assert_eq!(&receipt.encoded_2718(), bytes);
        }
        let root: B256 = case["root"].as_str().expect("hash").parse().expect("hash");
        let got = ordered_trie_root_with_encoder(&receipts, |receipt, out| {
            receipt.receipt.with_bloom_ref().encode_2718(out);
        });
        assert_eq!(got, root, "{}", case["name"]);
    }
    for case in file["deposit_receipt_rlp"].as_array().expect("array") {
        let encoded = bytes(&case["rlp"]);
        let receipt: alloy_consensus::ReceiptWithBloom<OpDepositReceipt> =
            OpDepositReceipt::rlp_decode_with_bloom(&mut encoded.as_slice()).expect("receipt");
        let receipt = receipt.receipt;
        assert_eq!(receipt.inner.status, Eip658Value::Eip658(case["status"] == 1));
        assert_eq!(receipt.inner.cumulative_gas_used, case["cumulative_gas_used"]);
        assert_eq!(receipt.inner.logs.len() as u64, case["logs"]);
        assert_eq!(receipt.deposit_nonce, case["deposit_nonce"].as_u64());
        assert_eq!(receipt.deposit_receipt_version, case["deposit_receipt_version"].as_u64());
    }
}

#[test]
fn deposit_transactions_decode_to_what_is_executed() {
    let Some(file) = json("vectors/deposits.json") else { return };
    for case in file["deposit_txs"].as_array().expect("array") {
        let encoded = bytes(&case["tx"]);
        let tx = decode_transaction(&encoded).expect("deposit");
        let decoded = &case["decoded"];
        assert_eq!(tx.encoded_2718(), encoded);
        assert_eq!(tx.tx_hash().to_string(), decoded["tx_hash"].as_str().expect("hash"));
        let deposit = tx.as_deposit().expect("deposit");
        assert_eq!(deposit.gas_limit, decoded["gas"]);
        assert_eq!(deposit.is_system_transaction, decoded["is_system_tx"]);
        assert_eq!(deposit.mint.to_string(), decoded["mint"].as_str().expect("number"));
        assert_eq!(deposit.input.as_ref(), bytes(&decoded["data"]));
    }
}
