//! Prints how fast channels are read and built, and how small they get:
//! `cargo test --profile ci -p phala-batch --test throughput -- --ignored --nocapture`.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use std::{hint::black_box, time::Instant};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Bytes, Signature, TxKind, U256};
use common::{CONTEXT, rng};
use phala_batch::{
    AddOutcome, Batch, BatchBlock, BatchContext, BatchReader, BatchType, ChannelBuilder,
    ChannelConfig, ChannelId, Compression, Frame, SpanBatch, decode_blob, encode_blob,
    encode_frames, parse_frames,
};
use phala_primitives::BlockRef;
use rand::{Rng, rngs::StdRng};

/// The blocks of the recorded channel of OP Mainnet.
fn recorded() -> Option<(BatchContext, Vec<BatchBlock>)> {
    let dir = std::env::var_os("PHALA_VECTORS")?;
    let path =
        std::path::PathBuf::from(dir).join("opstack/derive/op-mainnet-span-channel.zlib.bin");
    let context = BatchContext { chain_id: 10, genesis_time: 1_686_068_903, block_time_secs: 2 };
    let channel = std::fs::read(path).unwrap();
    let Some(Batch::Span(span)) = BatchReader::new(channel.into(), context).next_batch() else {
        panic!("span expected")
    };
    let hash = |number: u64| alloy_primitives::keccak256(number.to_be_bytes());
    let blocks = span.blocks.into_iter().zip(1_u64..).map(|(block, number)| BatchBlock {
        hash: hash(number),
        parent_hash: hash(number - 1),
        number,
        timestamp: block.timestamp,
        epoch: BlockRef { number: block.epoch_number, hash: hash(block.epoch_number) },
        sequence_number: 1,
        transactions: block.transactions,
    });
    Some((context, blocks.collect()))
}

/// Blocks of transfers, token transfers and swaps among some thousand accounts.
fn mixed(rng: &mut StdRng, count: u64, txs: usize) -> Vec<BatchBlock> {
    let accounts: Vec<[u8; 20]> = (0..2_000).map(|_| rng.random()).collect();
    let hash = |number: u64| alloy_primitives::keccak256(number.to_be_bytes());
    (1..=count)
        .map(|number| BatchBlock {
            hash: hash(number),
            parent_hash: hash(number - 1),
            number,
            timestamp: CONTEXT.genesis_time + 2 * number,
            epoch: BlockRef { number: number / 6, hash: hash(number / 6) },
            sequence_number: number % 6,
            transactions: (0..txs).map(|_| mixed_transaction(rng, &accounts)).collect(),
        })
        .collect()
}

fn mixed_transaction(rng: &mut StdRng, accounts: &[[u8; 20]]) -> Bytes {
    let account = |rng: &mut StdRng| accounts[rng.random_range(0..accounts.len())];
    let call = |rng: &mut StdRng, selector: [u8; 4], words: usize| {
        let mut data = selector.to_vec();
        for _ in 0..words {
            data.extend([0; 12]);
            data.extend(account(rng));
            data.extend([0; 24]);
            data.extend(rng.random_range(1..u64::MAX >> 8).to_be_bytes());
        }
        Bytes::from(data)
    };
    let (to, input, gas_limit) = match rng.random_range(0..10) {
        0..6 => (account(rng), Bytes::new(), 21_000),
        6..9 => (accounts[0], call(rng, [0xa9, 0x05, 0x9c, 0xbb], 1), 52_000),
        _ => (accounts[1], call(rng, [0x38, 0xed, 0x17, 0x39], 3), 180_000),
    };
    let tx = TxEip1559 {
        chain_id: CONTEXT.chain_id,
        nonce: rng.random_range(0..500),
        gas_limit,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(to.into()),
        value: U256::from(rng.random_range(1..u64::MAX >> 10)),
        access_list: Default::default(),
        input,
    };
    let word = |rng: &mut StdRng| U256::from_be_bytes(rng.random::<[u8; 32]>());
    let signature = Signature::new(word(rng), word(rng), rng.random());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

fn build(
    blocks: &[BatchBlock],
    context: BatchContext,
    batch_type: BatchType,
    compression: Compression,
    target_frames: u16,
) -> (usize, usize, Vec<Frame>) {
    let config = ChannelConfig {
        batch_type,
        compression,
        frame_data_max: 130_020,
        target_frames,
        max_blocks: u64::MAX,
    };
    let mut builder = ChannelBuilder::new(ChannelId::default(), config, context);
    let added =
        blocks.iter().take_while(|block| builder.add(block).unwrap() == AddOutcome::Added).count();
    let estimated = builder.estimated_bytes();
    (added, estimated, builder.close().unwrap())
}

fn best_secs(mut run: impl FnMut()) -> f64 {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min)
}

fn report(name: &str, context: BatchContext, blocks: &[BatchBlock]) {
    let txs: usize = blocks.iter().map(|block| block.transactions.len()).sum();
    let plain: usize = blocks.iter().flat_map(|block| &block.transactions).map(|tx| tx.len()).sum();
    println!("== {name}: {} blocks, {txs} transactions of {plain} bytes", blocks.len());

    let mut compressions = vec![Compression::Zlib];
    compressions.extend([1, 3, 5, 7, 9, 10, 11].map(|quality| Compression::Brotli { quality }));
    for batch_type in [BatchType::Singular, BatchType::Span] {
        for &compression in &compressions {
            let start = Instant::now();
            let (added, estimated, frames) =
                build(blocks, context, batch_type, compression, u16::MAX);
            let secs = start.elapsed().as_secs_f64();
            assert_eq!(added, blocks.len());
            let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
            let channel: Bytes = frames.iter().flat_map(|frame| frame.data.to_vec()).collect();
            let read_secs = best_secs(|| {
                black_box(BatchReader::new(channel.clone(), context).count());
            });
            println!(
                "{batch_type:?} {compression:?}: {bytes} bytes (estimated {estimated}), built in \
                 {:.0} ms ({:.1} MB/s), read in {:.2} ms ({:.0} blocks/s, {:.0} txs/s)",
                secs * 1e3,
                plain as f64 / secs / 1e6,
                read_secs * 1e3,
                blocks.len() as f64 / read_secs,
                txs as f64 / read_secs,
            );
        }
    }
    let start = Instant::now();
    let (added, _, frames) = build(blocks, context, BatchType::Span, Compression::default(), 4);
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    println!(
        "filling 4 blobs: {added} blocks, {} frames, {bytes} bytes ({:.2}% of room) in {:.0} ms",
        frames.len(),
        bytes as f64 / (4.0 * 1_300.20),
        start.elapsed().as_secs_f64() * 1e3,
    );
}

fn report_codecs(context: BatchContext, blocks: &[BatchBlock]) {
    let (_, _, frames) = build(blocks, context, BatchType::Span, Compression::default(), u16::MAX);
    let channel: Bytes = frames.iter().flat_map(|frame| frame.data.to_vec()).collect();
    let Some(Batch::Span(span)) = BatchReader::new(channel, context).next_batch() else {
        panic!("span expected")
    };
    let content = span.encode(&context).unwrap();
    let secs = best_secs(|| drop(black_box(SpanBatch::decode(&content, &context))));
    println!(
        "span decode alone: {:.2} ms, {:.0} MB/s",
        secs * 1e3,
        content.len() as f64 / secs / 1e6
    );
    let secs = best_secs(|| drop(black_box(span.encode(&context))));
    println!(
        "span encode alone: {:.2} ms, {:.0} MB/s",
        secs * 1e3,
        content.len() as f64 / secs / 1e6
    );
    let data = encode_frames(&frames[..1]);
    let secs = best_secs(|| drop(black_box(encode_blob(&data))));
    println!("blob encode: {:.0} us", secs * 1e6);
    let blob = encode_blob(&data).unwrap();
    let secs = best_secs(|| drop(black_box(decode_blob(&blob))));
    println!("blob decode: {:.0} us", secs * 1e6);
    let secs = best_secs(|| drop(black_box(parse_frames(&data))));
    println!("frame parse: {:.0} us", secs * 1e6);
}

#[test]
#[ignore = "a measurement, not a test"]
fn throughput() {
    match recorded() {
        Some((context, blocks)) => {
            report("op mainnet", context, &blocks);
            report_codecs(context, &blocks);
        }
        None => println!("SKIPPED: no vectors"),
    }
    let mut rng = rng(0x7490);
    report("mixed, large blocks", CONTEXT, &mixed(&mut rng, 20, 500));
    report("mixed, small blocks", CONTEXT, &mixed(&mut rng, 20_000, 1));
    report("empty blocks", CONTEXT, &mixed(&mut rng, 20_000, 0));
}
