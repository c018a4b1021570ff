//! Recorded channels, decoded by us and by kona-protocol.

use alloy_primitives::{Bytes, hex};
use phala_batch::{Batch, BatchContext, BatchReader};
use phala_tests::Vectors;
use serde_json::{Value, json};

use crate::oracle;

/// OP Mainnet.
const OP_MAINNET: BatchContext =
    BatchContext { chain_id: 10, genesis_time: 1_686_068_903, block_time_secs: 2 };

fn describe(batch: Batch) -> Value {
    let block = |timestamp: u64, epoch: u64, transactions: &[Bytes]| json!({ "timestamp": timestamp, "epoch": epoch, "transactions": transactions });
    match batch {
        Batch::Singular(batch) => json!({
            "type": "singular",
            "parent_hash": batch.parent_hash,
            "epoch_hash": batch.epoch_hash,
            "blocks": [block(batch.timestamp, batch.epoch_number, &batch.transactions)],
        }),
        Batch::Span(batch) => json!({
            "type": "span",
            "parent_check": hex::encode_prefixed(batch.parent_check),
            "l1_origin_check": hex::encode_prefixed(batch.l1_origin_check),
            "blocks": batch
                .blocks
                .iter()
                .map(|inner| block(inner.timestamp, inner.epoch_number, &inner.transactions))
                .collect::<Vec<_>>(),
        }),
    }
}

fn compare(data: Vec<u8>, context: BatchContext) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("channel.bin");
    std::fs::write(&file, &data).unwrap();
    let numbers = [context.chain_id, context.genesis_time, context.block_time_secs];
    let theirs = oracle::decode_channel(&file, numbers);
    let ours: Vec<Value> = BatchReader::new(data.into(), context).map(describe).collect();
    assert_eq!(ours.len(), theirs.len(), "number of batches");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    ours.iter().map(|batch| batch["blocks"].as_array().unwrap().len()).sum()
}

#[test]
fn kona_reads_the_same_from_a_recorded_span_channel() {
    let Some(vectors) = Vectors::open() else { return };
    let data = std::fs::read(vectors.path("derive/op-mainnet-span-channel.zlib.bin")).unwrap();
    assert_eq!(compare(data, OP_MAINNET), 143, "blocks");
}

#[test]
fn kona_reads_the_same_from_a_recorded_brotli_channel() {
    let Some(vectors) = Vectors::open() else { return };
    let file: Value =
        serde_json::from_str(&vectors.text("derive/brotli-singular-channel.json")).unwrap();
    let data = hex::decode(file["channel_data"].as_str().unwrap()).unwrap();
    assert!(compare(data, OP_MAINNET) > 0);
}
