//! Recorded receipts and their roots.

use alloy_consensus::TxReceipt as _;
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{B256, Bytes};
use op_alloy_consensus::{OpDepositReceiptWithBloom, OpReceiptEnvelope};
use phala_primitives::Receipt;
use phala_tests::{Vectors, cases, field};

/// The receipt as the node keeps it, from its encoding.
fn receipt(encoded: &Bytes) -> Receipt {
    let mut rest = encoded.as_ref();
    let envelope = OpReceiptEnvelope::decode_2718(&mut rest).unwrap();
    assert!(rest.is_empty());
    envelope.into()
}

#[test]
fn receipts_encode_to_themselves_and_to_their_root() {
    let Some(vectors) = Vectors::open() else { return };
    let file = vectors.json("vectors/receipts.json");
    for case in cases(&file["roots"]) {
        let encoded: Vec<Bytes> = field(case, "receipts");
        let receipts: Vec<Receipt> = encoded.iter().map(receipt).collect();
        for (receipt, encoded) in receipts.iter().zip(&encoded) {
            assert_eq!(receipt.with_bloom_ref().encoded_2718(), **encoded, "{}", case["name"]);
        }
        // What the header commits to is the encoding.
        let root = alloy_consensus::proofs::ordered_trie_root_encoded(&encoded);
        assert_eq!(root, field::<B256>(case, "root"), "{}", case["name"]);
    }
    for case in cases(&file["deposit_receipt_rlp"]) {
        let rlp: Bytes = field(case, "rlp");
        let decoded: OpDepositReceiptWithBloom = alloy_rlp::decode_exact(&rlp).unwrap();
        let receipt = &decoded.receipt;
        assert_eq!(receipt.inner.cumulative_gas_used, field::<u64>(case, "cumulative_gas_used"));
        assert_eq!(receipt.inner.status.coerce_status(), field::<u8>(case, "status") == 1);
        assert_eq!(receipt.inner.logs.len(), field::<usize>(case, "logs"));
        assert_eq!(receipt.deposit_nonce, field::<Option<u64>>(case, "deposit_nonce"));
        let version = field::<Option<u64>>(case, "deposit_receipt_version");
        assert_eq!(receipt.deposit_receipt_version, version);
        let kept = Receipt::Deposit(receipt.clone());
        assert_eq!(kept.with_bloom_ref().encoded_2718(), [&[0x7e], &rlp[..]].concat());
    }
}
