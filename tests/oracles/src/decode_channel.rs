//! Decodes channel data with kona-protocol.
//!
//! Usage: `decode-channel FILE CHAIN_ID GENESIS_TIME BLOCK_TIME`; the file holds the data of all frames
//! of one channel. Prints a line of JSON: for every batch its type, and of every block in it the time, the number
//! of the L1 origin and the transactions.

use alloy_primitives::Bytes;
use eyre::{WrapErr, ensure};
use kona_genesis::{ChainGenesis, HardForkConfig, RollupConfig};
use kona_protocol::{Batch, BatchReader};
use serde_json::{Value, json};

/// Bytes a channel may have when decompressed.
const DECOMPRESSED_BYTES_MAX: usize = 100_000_000;

fn main() -> eyre::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, numbers @ ..] = args.as_slice() else {
        eyre::bail!("usage: decode-channel FILE CHAIN_ID GENESIS_TIME BLOCK_TIME");
    };
    ensure!(numbers.len() == 3, "three numbers follow the file");
    let numbers: Vec<u64> = numbers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let always = Some(0);
    let config = RollupConfig {
        l2_chain_id: numbers[0].into(),
        genesis: ChainGenesis { l2_time: numbers[1], ..ChainGenesis::default() },
        block_time: numbers[2],
        hardforks: HardForkConfig {
            delta_time: always,
            ecotone_time: always,
            fjord_time: always,
            granite_time: always,
            holocene_time: always,
            isthmus_time: always,
            ..HardForkConfig::default()
        },
        ..RollupConfig::default()
    };
    let data = std::fs::read(file).wrap_err_with(|| file.clone())?;
    let mut reader = BatchReader::new(data, DECOMPRESSED_BYTES_MAX);
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch(&config) {
        batches.push(describe(batch));
    }
    println!("{}", serde_json::to_string(&batches)?);
    Ok(())
}

fn describe(batch: Batch) -> Value {
    match batch {
        Batch::Single(batch) => json!({
            "type": "singular",
            "parent_hash": batch.parent_hash,
            "epoch_hash": batch.epoch_hash,
            "blocks": [block(batch.timestamp, batch.epoch_num, &batch.transactions)],
        }),
        Batch::Span(batch) => json!({
            "type": "span",
            "parent_check": batch.parent_check,
            "l1_origin_check": batch.l1_origin_check,
            "blocks": batch
                .batches
                .iter()
                .map(|element| block(element.timestamp, element.epoch_num, &element.transactions))
                .collect::<Vec<_>>(),
        }),
    }
}

fn block(timestamp: u64, epoch: u64, transactions: &[Bytes]) -> Value {
    json!({ "timestamp": timestamp, "epoch": epoch, "transactions": transactions })
}
