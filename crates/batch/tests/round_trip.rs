//! What the batcher packs, derivation reads.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use alloy_primitives::{B256, Bytes};
use common::{CONTEXT, blocks, rng, transaction};
use phala_batch::{
    AddOutcome, Batch, BatchBlock, BatchReader, BatchType, BuildError, ChannelBuilder,
    ChannelConfig, ChannelId, Compression, Frame, SpanBatch, decode_blob, encode_blob,
    encode_frames, parse_frames,
};
use phala_primitives::BlockRef;
use rand::Rng;

const ID: ChannelId = ChannelId([0x1d; 16]);

fn config(batch_type: BatchType, compression: Compression) -> ChannelConfig {
    ChannelConfig {
        batch_type,
        compression,
        frame_data_max: 130_020,
        target_frames: 6,
        max_blocks: 100_000,
    }
}

fn fast() -> ChannelConfig {
    config(BatchType::Span, Compression::Brotli { quality: 4 })
}

/// Frames of a channel, sent through blobs.
fn through_blobs(frames: &[Frame]) -> Vec<Frame> {
    frames
        .iter()
        .flat_map(|frame| {
            let blob = encode_blob(&encode_frames(std::slice::from_ref(frame))).unwrap();
            parse_frames(&decode_blob(&blob).unwrap()).unwrap()
        })
        .collect()
}

fn join(frames: &[Frame]) -> Bytes {
    for (index, frame) in frames.iter().enumerate() {
        assert_eq!(frame.id, ID);
        assert_eq!(usize::from(frame.number), index);
        assert_eq!(frame.is_last, index + 1 == frames.len());
    }
    frames.iter().flat_map(|frame| frame.data.iter().copied()).collect()
}

/// Parts of a block that a batch tells: time, epoch, transactions.
type Told = (u64, u64, Vec<Bytes>);

fn told(blocks: &[BatchBlock]) -> Vec<Told> {
    blocks.iter().map(|b| (b.timestamp, b.epoch.number, b.transactions.clone())).collect()
}

fn read(channel: Bytes) -> Vec<Told> {
    let mut reader = BatchReader::new(channel, CONTEXT);
    let told = reader
        .by_ref()
        .flat_map(|batch| match batch {
            Batch::Singular(b) => vec![(b.timestamp, b.epoch_number, b.transactions)],
            Batch::Span(span) => {
                let blocks = span.blocks.into_iter();
                blocks.map(|b| (b.timestamp, b.epoch_number, b.transactions)).collect()
            }
        })
        .collect();
    assert_eq!(reader.error(), None);
    told
}

#[test]
fn random_blocks_come_back_whatever_the_encoding() {
    let mut rng = rng(1);
    for round in 0..60 {
        let count = rng.random_range(1..40);
        let blocks = blocks(&mut rng, count, 8);
        for batch_type in [BatchType::Singular, BatchType::Span] {
            let compression = match round % 3 {
                0 => Compression::Zlib,
                1 => Compression::Brotli { quality: 1 },
                _ => Compression::Brotli { quality: 6 },
            };
            let mut builder = ChannelBuilder::new(ID, config(batch_type, compression), CONTEXT);
            for block in &blocks {
                assert_eq!(builder.add(block), Ok(AddOutcome::Added));
            }
            assert_eq!(builder.blocks(), blocks.len() as u64);
            let frames = builder.close().unwrap();
            assert_eq!(through_blobs(&frames), frames);
            assert_eq!(read(join(&frames)), told(&blocks), "round {round}, {batch_type:?}");
        }
    }
}

#[test]
fn span_tells_what_its_blocks_are_checked_against() {
    let mut rng = rng(2);
    for starts_epoch in [false, true] {
        let mut blocks = blocks(&mut rng, 20, 3);
        blocks[0].sequence_number = u64::from(!starts_epoch);
        let mut builder = ChannelBuilder::new(ID, fast(), CONTEXT);
        blocks.iter().for_each(|block| assert_eq!(builder.add(block), Ok(AddOutcome::Added)));
        let mut reader = BatchReader::new(join(&builder.close().unwrap()), CONTEXT);
        let Some(Batch::Span(span)) = reader.next_batch() else { panic!("span expected") };
        let last = blocks.last().unwrap();
        assert_eq!(span.parent_check, blocks[0].parent_hash[..20]);
        assert_eq!(span.l1_origin_check, last.epoch.hash[..20]);
        assert_eq!(span.l1_origin_num, last.epoch.number);
        assert_eq!(span.start_epoch(), blocks[0].epoch.number);
        assert_eq!(span.end_timestamp(), last.timestamp);
        assert_eq!(span.starts_epoch, starts_epoch);
        assert_eq!(SpanBatch::decode(&span.encode(&CONTEXT).unwrap(), &CONTEXT), Ok(span));
    }
}

#[test]
fn singular_batches_tell_hashes() {
    let mut rng = rng(3);
    let blocks = blocks(&mut rng, 5, 3);
    let config = config(BatchType::Singular, Compression::Zlib);
    let mut builder = ChannelBuilder::new(ID, config, CONTEXT);
    blocks.iter().for_each(|block| assert_eq!(builder.add(block), Ok(AddOutcome::Added)));
    let batches: Vec<Batch> = BatchReader::new(join(&builder.close().unwrap()), CONTEXT).collect();
    assert_eq!(batches.len(), blocks.len());
    for (batch, block) in batches.iter().zip(&blocks) {
        let Batch::Singular(batch) = batch else { panic!("singular expected") };
        assert_eq!(batch.parent_hash, block.parent_hash);
        assert_eq!(batch.epoch_hash, block.epoch.hash);
    }
}

#[test]
fn a_full_channel_fills_its_frames_and_no_more() {
    let mut rng = rng(4);
    for (batch_type, compression, target_frames, frame_data_max) in [
        (BatchType::Span, Compression::default(), 1, 119_976),
        (BatchType::Span, Compression::default(), 6, 130_020),
        (BatchType::Span, Compression::Zlib, 2, 50_000),
        (BatchType::Singular, Compression::default(), 3, 100_000),
        (BatchType::Singular, Compression::Zlib, 1, 119_976),
    ] {
        let config = ChannelConfig {
            batch_type,
            compression,
            frame_data_max,
            target_frames,
            max_blocks: 100_000,
        };
        let blocks = blocks(&mut rng, 900, 10);
        let mut builder = ChannelBuilder::new(ID, config, CONTEXT);
        let mut added = 0;
        while builder.add(&blocks[added]).unwrap() == AddOutcome::Added {
            added += 1;
        }
        assert!(builder.is_full());
        assert_eq!(builder.add(&blocks[added]), Ok(AddOutcome::Full));
        let estimated = builder.estimated_bytes();
        let frames = builder.close().unwrap();
        let channel = join(&frames);
        println!("{config:?}: estimated {estimated}, is {}", channel.len());
        // Noise in singular batches is the hardest to foresee.
        let spare = usize::from(batch_type == BatchType::Singular);
        assert!(frames.len() <= usize::from(target_frames) + spare, "{} frames", frames.len());
        assert!(frames.iter().all(|frame| frame.data.len() <= frame_data_max));
        let capacity = frame_data_max * usize::from(target_frames);
        assert!(channel.len() > capacity * 97 / 100, "{} of {capacity}", channel.len());
        assert!(
            estimated.abs_diff(channel.len()) < capacity / 30,
            "{estimated}: {}",
            channel.len()
        );
        assert_eq!(read(channel), told(&blocks[..added]));
    }
}

#[test]
fn a_channel_stays_as_it_was_after_a_block_it_does_not_take() {
    let mut rng = rng(5);
    let blocks = blocks(&mut rng, 12, 4);
    let mut builder = ChannelBuilder::new(ID, fast(), CONTEXT);
    assert_eq!(builder.add(&blocks[0]), Ok(AddOutcome::Added));
    let estimated = builder.estimated_bytes();
    let plain = builder.plain_bytes();

    let refused = |builder: &mut ChannelBuilder, block: BatchBlock| {
        let error = builder.add(&block).unwrap_err();
        assert_eq!((builder.blocks(), builder.plain_bytes()), (1, plain), "{error}");
        assert_eq!(builder.estimated_bytes(), estimated);
        error
    };
    let number = blocks[2].number;
    assert_eq!(refused(&mut builder, blocks[2].clone()), BuildError::NotNext { number });
    let foreign = BatchBlock { parent_hash: B256::ZERO, ..blocks[1].clone() };
    let number = foreign.number;
    assert_eq!(refused(&mut builder, foreign), BuildError::NotNext { number });
    let timestamp = blocks[1].timestamp + 1;
    let late = BatchBlock { timestamp, ..blocks[1].clone() };
    assert_eq!(refused(&mut builder, late), BuildError::Timestamp(timestamp));
    let from = blocks[0].epoch.number;
    for to in [from - 1, from + 2] {
        let epoch = BlockRef { number: to, ..blocks[1].epoch };
        let jump = BatchBlock { epoch, ..blocks[1].clone() };
        assert_eq!(refused(&mut builder, jump), BuildError::Origin { from, to });
    }
    for bad in [&[][..], &[0x05, 0xc0], &[0x7e, 0xc0], &[0xc0], &[0x02, 0xc0, 0x00]] {
        let mut block = blocks[1].clone();
        block.transactions =
            vec![transaction(&mut rng), transaction(&mut rng), Bytes::copy_from_slice(bad)];
        let error = refused(&mut builder, block);
        assert!(matches!(error, BuildError::Transaction { index: 2, .. }), "{error}");
    }

    for block in &blocks[1..] {
        assert_eq!(builder.add(block), Ok(AddOutcome::Added));
    }
    assert_eq!(read(join(&builder.close().unwrap())), told(&blocks));
}

#[test]
fn transactions_of_other_chains_have_no_place_in_a_span() {
    let mut rng = rng(6);
    let elsewhere = phala_batch::BatchContext { chain_id: 1, ..CONTEXT };
    let mut taken = 0;
    for _ in 0..200 {
        let mut block = blocks(&mut rng, 1, 0).remove(0);
        block.transactions = vec![transaction(&mut rng)];
        let mut builder = ChannelBuilder::new(ID, fast(), elsewhere);
        // Only legacy ones without a chain id belong everywhere.
        let is_unprotected = block.transactions[0][0] >= 0xc0 && {
            let mut fields = alloy_rlp::Header::decode_bytes(&mut &block.transactions[0][..], true);
            let fields = fields.as_mut().unwrap();
            let items = std::iter::from_fn(|| {
                let item = alloy_rlp::Header::decode(fields).ok()?;
                let (payload, rest) = fields.split_at(item.payload_length);
                *fields = rest;
                Some(payload)
            });
            matches!(items.take(7).last(), Some([27 | 28]))
        };
        assert_eq!(builder.add(&block).is_ok(), is_unprotected);
        taken += usize::from(is_unprotected);
        // A singular batch takes whatever a block holds.
        let config = config(BatchType::Singular, Compression::Zlib);
        let mut builder = ChannelBuilder::new(ID, config, elsewhere);
        block.transactions.push(Bytes::from_static(&[0x55, 1, 2, 3]));
        assert_eq!(builder.add(&block), Ok(AddOutcome::Added));
        let frames = builder.close().unwrap();
        assert_eq!(read(join(&frames)), told(&[block]));
    }
    assert!(taken > 10);
}

#[test]
fn limits_of_a_channel_hold() {
    let mut rng = rng(7);
    let blocks = blocks(&mut rng, 4, 2);
    let mut builder = ChannelBuilder::new(ID, ChannelConfig { max_blocks: 3, ..fast() }, CONTEXT);
    assert!(builder.is_empty());
    blocks[..3].iter().for_each(|block| assert_eq!(builder.add(block), Ok(AddOutcome::Added)));
    assert!(builder.is_full());
    assert_eq!(builder.add(&blocks[3]), Ok(AddOutcome::Full));
    assert_eq!(read(join(&builder.close().unwrap())), told(&blocks[..3]));

    let empty = ChannelBuilder::new(ID, fast(), CONTEXT);
    assert_eq!(empty.close(), Err(BuildError::Empty));

    // The first block goes in whatever its size, and then nothing more does.
    let tiny = ChannelConfig { frame_data_max: 1, target_frames: 1, ..fast() };
    let mut builder = ChannelBuilder::new(ID, tiny, CONTEXT);
    assert_eq!(builder.add(&blocks[0]), Ok(AddOutcome::Added));
    assert_eq!(builder.add(&blocks[1]), Ok(AddOutcome::Full));
    let frames = builder.close().unwrap();
    assert!(frames.iter().all(|frame| frame.data.len() == 1));
    assert_eq!(read(join(&frames)), told(&blocks[..1]));
}

#[test]
fn frames_are_not_more_than_their_numbers() {
    let mut rng = rng(8);
    let mut block = blocks(&mut rng, 1, 0).remove(0);
    let tiny =
        ChannelConfig { frame_data_max: 1, ..config(BatchType::Singular, Compression::Zlib) };
    for (noise, fits) in [(65_000, true), (66_000, false)] {
        block.transactions = vec![(0..noise).map(|_| rng.random::<u8>()).collect()];
        let mut builder = ChannelBuilder::new(ID, tiny, CONTEXT);
        assert_eq!(builder.add(&block), Ok(AddOutcome::Added));
        match builder.close() {
            Ok(frames) => assert!(fits && frames.len() <= 65_536, "{}", frames.len()),
            Err(error) => assert!(!fits && matches!(error, BuildError::TooManyFrames(_))),
        }
    }
}

#[test]
fn no_channel_decompresses_to_more_than_is_read() {
    let mut rng = rng(9);
    let mut blocks = blocks(&mut rng, 4, 0);
    for block in &mut blocks {
        block.transactions = vec![Bytes::from(vec![7; 40_000_000])];
    }
    let config = config(BatchType::Singular, Compression::Brotli { quality: 1 });
    let mut builder = ChannelBuilder::new(ID, config, CONTEXT);
    assert_eq!(builder.add(&blocks[0]), Ok(AddOutcome::Added));
    assert_eq!(builder.add(&blocks[1]), Ok(AddOutcome::Added));
    assert_eq!(builder.add(&blocks[2]), Ok(AddOutcome::Full));
    assert_eq!(read(join(&builder.close().unwrap())), told(&blocks[..2]));

    blocks[0].transactions = vec![Bytes::from(vec![7; 100_000_000])];
    let mut builder = ChannelBuilder::new(ID, config, CONTEXT);
    assert!(matches!(builder.add(&blocks[0]), Err(BuildError::TooLong(_))));
    assert!(builder.is_empty());
}
