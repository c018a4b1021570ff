//! Damaged input: nothing panics, and what still decodes is written again as it was read.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use alloy_eips::eip4844::Blob;
use common::{CONTEXT, blocks, rng};
use phala_batch::{
    AddOutcome, Batch, BatchReader, BatchType, ChannelBuilder, ChannelConfig, ChannelId,
    Compression, Frame, SingularBatch, SpanBatch, SpanBlock, decode_blob, encode_blob,
    encode_frames, parse_frames,
};
use rand::{Rng, rngs::StdRng};

/// Changes some bytes, inserts some, removes some, or cuts the end off.
fn damage(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => {
                bytes[at] = [0, 1, 0x7f, 0x80, 0xb8, 0xbf, 0xc0, 0xf8, 0xff][rng.random_range(0..9)]
            }
            3 => bytes.insert(at, rng.random()),
            4 => drop(bytes.remove(at)),
            5 => bytes.truncate(at),
            _ => {
                let end = bytes.len().min(at + rng.random_range(1..80));
                let piece = bytes[at..end].to_vec();
                let to = rng.random_range(0..bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

fn random_span(rng: &mut StdRng) -> SpanBatch {
    let count = rng.random_range(1..12);
    let blocks = blocks(rng, count, 4);
    let last = blocks.last().unwrap();
    SpanBatch {
        start_timestamp: blocks[0].timestamp,
        l1_origin_num: last.epoch.number,
        parent_check: rng.random(),
        l1_origin_check: rng.random(),
        starts_epoch: rng.random(),
        blocks: blocks
            .iter()
            .map(|block| SpanBlock {
                timestamp: block.timestamp,
                epoch_number: block.epoch.number,
                transactions: block.transactions.clone(),
            })
            .collect(),
    }
}

#[test]
fn damaged_span_batches() {
    let mut rng = rng(0x59a);
    let mut decoded = 0;
    for _ in 0..2_000 {
        let original = random_span(&mut rng).encode(&CONTEXT).unwrap();
        for _ in 0..10 {
            let mut content = original.clone();
            damage(&mut content, &mut rng);
            let Ok(span) = SpanBatch::decode(&content, &CONTEXT) else { continue };
            decoded += 1;
            let encoded = span.encode(&CONTEXT).unwrap();
            assert_eq!(SpanBatch::decode(&encoded, &CONTEXT), Ok(span));
        }
    }
    assert!(decoded > 500, "only {decoded} decoded");
}

#[test]
fn damaged_singular_batches() {
    let mut rng = rng(0x516);
    let mut decoded = 0;
    for _ in 0..2_000 {
        let block = blocks(&mut rng, 1, 6).remove(0);
        let original = SingularBatch {
            parent_hash: block.parent_hash,
            epoch_number: block.epoch.number,
            epoch_hash: block.epoch.hash,
            timestamp: block.timestamp,
            transactions: block.transactions,
        }
        .encode();
        for _ in 0..10 {
            let mut content = original.clone();
            damage(&mut content, &mut rng);
            let Ok(batch) = SingularBatch::decode(&content) else { continue };
            decoded += 1;
            // One encoding only: the same bytes, but for what was ignored behind them.
            assert!(content.starts_with(&batch.encode()));
        }
    }
    assert!(decoded > 500, "only {decoded} decoded");
}

#[test]
fn damaged_frames() {
    let mut rng = rng(0xf4a);
    let mut parsed = 0;
    for _ in 0..10_000 {
        let frames: Vec<Frame> = (0..rng.random_range(1..5))
            .map(|_| Frame {
                id: ChannelId(rng.random()),
                number: rng.random(),
                data: (0..rng.random_range(0..40)).map(|_| rng.random::<u8>()).collect(),
                is_last: rng.random(),
            })
            .collect();
        let mut data = encode_frames(&frames);
        assert_eq!(parse_frames(&data).unwrap(), frames);
        damage(&mut data, &mut rng);
        let Ok(frames) = parse_frames(&data) else { continue };
        parsed += 1;
        assert_eq!(encode_frames(&frames), data);
    }
    assert!(parsed > 500, "only {parsed} parsed");
}

#[test]
fn damaged_blobs() {
    let mut rng = rng(0xb10b);
    let mut decoded = 0;
    for _ in 0..300 {
        let len = rng.random_range(0..=130_044);
        let data: Vec<u8> = (0..len).map(|_| rng.random::<u8>()).collect();
        let blob = encode_blob(&data).unwrap();
        assert_eq!(decode_blob(&blob).unwrap(), data);
        for _ in 0..5 {
            let mut blob = blob.clone();
            for _ in 0..rng.random_range(1..3) {
                let at = if rng.random() {
                    rng.random_range(0..40)
                } else {
                    rng.random_range(0..blob.len())
                };
                blob[at] ^= 1 << rng.random_range(0..8);
            }
            let Ok(data) = decode_blob(&blob) else { continue };
            decoded += 1;
            let mut again = encode_blob(&data).unwrap();
            // The one place where two blobs mean the same.
            again[0] |= blob[0] & 0xc0;
            assert_eq!(again, blob);
        }
    }
    assert!(decoded > 100, "only {decoded} decoded");
    for _ in 0..100 {
        let mut blob = Box::new(Blob::ZERO);
        rng.fill(&mut blob.0[..]);
        assert!(decode_blob(&blob).is_err());
    }
}

#[test]
fn damaged_channels() {
    let mut rng = rng(0xc4a);
    let mut read = 0;
    for round in 0..400 {
        let count = rng.random_range(1..20);
        let blocks = blocks(&mut rng, count, 4);
        let config = ChannelConfig {
            batch_type: if round % 2 == 0 { BatchType::Span } else { BatchType::Singular },
            compression: match round % 3 {
                0 => Compression::Zlib,
                _ => Compression::Brotli { quality: (round % 10) as u8 },
            },
            frame_data_max: 1_000_000,
            target_frames: 100,
            max_blocks: 1_000,
        };
        let mut builder = ChannelBuilder::new(ChannelId::default(), config, CONTEXT);
        for block in &blocks {
            assert_eq!(builder.add(block), Ok(AddOutcome::Added));
        }
        let original = builder.close().unwrap()[0].data.to_vec();
        for _ in 0..20 {
            let mut channel = original.clone();
            damage(&mut channel, &mut rng);
            for batch in BatchReader::new(channel.into(), CONTEXT) {
                read += 1;
                let encoded = batch.encode(&CONTEXT).unwrap();
                assert_eq!(Batch::decode(&encoded, &CONTEXT), Ok(batch));
            }
        }
    }
    assert!(read > 500, "only {read} batches read");
}
