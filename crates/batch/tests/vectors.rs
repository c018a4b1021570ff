//! The recorded channels, frames and blobs.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

use std::{io::Read, path::PathBuf};

use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::{Decodable2718, eip4844::Blob};
use alloy_primitives::{B256, Bytes, hex, keccak256};
use phala_batch::{
    BLOB_DATA_MAX, Batch, BatchContext, BatchError, BatchReader, BlobError, ChannelId, Frame,
    SingularBatch, SpanBatch, decode_blob, encode_blob, encode_frames, parse_frames,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

const OP_MAINNET: BatchContext =
    BatchContext { chain_id: 10, genesis_time: 1_686_068_903, block_time_secs: 2 };

/// The bytes of a vector, or nothing where there are no vectors at all.
fn vector(name: &str) -> Option<Vec<u8>> {
    let Some(root) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    let path = PathBuf::from(root).join("opstack").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(bytes)
}

fn json(name: &str) -> Option<Value> {
    vector(name).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn hash(value: &Value) -> B256 {
    value.as_str().unwrap().parse().unwrap()
}

/// All batches of a channel, which ends as it should or with the given error.
fn read_all(channel: Vec<u8>, end: Option<BatchError>) -> Vec<Batch> {
    let mut reader = BatchReader::new(channel.into(), OP_MAINNET);
    let batches = reader.by_ref().collect();
    assert_eq!(reader.error(), end.as_ref());
    assert_eq!(reader.next_batch(), None);
    batches
}

fn decompress(channel: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if channel[0] == 1 {
        brotli_reader(&channel[1..]).read_to_end(&mut plain).unwrap();
    } else {
        // One of the recorded streams was never closed, only flushed.
        let _ = flate2::read::ZlibDecoder::new(channel).read_to_end(&mut plain);
    }
    plain
}

fn brotli_reader(stream: &[u8]) -> impl Read {
    brotli::Decompressor::new(stream, 4_096)
}

/// What must be left of an RLP string around a batch.
fn without_rlp_header(plain: &[u8]) -> &[u8] {
    let mut buf = plain;
    let header = alloy_rlp::Header::decode(&mut buf).unwrap();
    assert!(!header.list && header.payload_length == buf.len());
    buf
}

fn assert_span(span: &SpanBatch, expected: &Value) {
    let prefix = &expected["prefix"];
    assert_eq!(hex::encode(span.parent_check), prefix["parent_check"].as_str().unwrap());
    assert_eq!(hex::encode(span.l1_origin_check), prefix["l1_origin_check"].as_str().unwrap());
    assert_eq!(span.l1_origin_num, prefix["l1_origin_num"].as_u64().unwrap());
    let rel_timestamp = prefix["rel_timestamp"].as_u64().unwrap();
    assert_eq!(span.start_timestamp, OP_MAINNET.genesis_time + rel_timestamp);
    assert_eq!(span.blocks.len() as u64, expected["block_count"].as_u64().unwrap());
    let expected_blocks = expected["blocks"].as_array().unwrap();
    assert_eq!(span.blocks.len(), expected_blocks.len());
    assert_eq!(span.start_epoch(), expected_blocks[0]["epoch_num"].as_u64().unwrap());
    for (block, expected) in span.blocks.iter().zip(expected_blocks) {
        assert_eq!(block.timestamp, expected["timestamp"].as_u64().unwrap());
        assert_eq!(block.epoch_number, expected["epoch_num"].as_u64().unwrap());
        let hashes: Vec<B256> = block.transactions.iter().map(keccak256).collect();
        let expected: Vec<B256> =
            expected["tx_hashes"].as_array().unwrap().iter().map(hash).collect();
        assert_eq!(hashes, expected);
    }
}

#[test]
fn a_recorded_span_channel_gives_every_block_of_it() {
    let Some(channel) = vector("derive/op-mainnet-span-channel.zlib.bin") else { return };
    let expected = json("derive/op-mainnet-span-channel.expected.json").unwrap();
    assert_eq!(channel.len() as u64, expected["compressed_len"].as_u64().unwrap());
    let plain = decompress(&channel);
    assert_eq!(plain.len() as u64, expected["decompressed_len"].as_u64().unwrap());
    assert_eq!(keccak256(&plain), hash(&expected["decompressed_keccak"]));

    let batches = read_all(channel, None);
    let [Batch::Span(span)] = &batches[..] else { panic!("one span batch expected") };
    assert_span(span, &expected);
    let transactions: Vec<&Bytes> = span.blocks.iter().flat_map(|b| &b.transactions).collect();
    let all: Vec<u8> = transactions.iter().flat_map(|tx| tx.iter().copied()).collect();
    assert_eq!(keccak256(all), hash(&expected["all_txs_keccak"]));
    let creations = transactions.iter().filter(|tx| decode_tx(tx).to().is_none()).count();
    assert_eq!(creations as u64, expected["contract_creations"].as_u64().unwrap());
    for ty in [0_u8, 1, 2, 4] {
        let count = transactions.iter().filter(|tx| type_of(tx) == ty).count() as u64;
        assert_eq!(count, expected["tx_type_counts"][ty.to_string()].as_u64().unwrap());
    }

    assert_eq!(batches[0].encode(&OP_MAINNET).unwrap(), without_rlp_header(&plain));
}

fn decode_tx(tx: &Bytes) -> TxEnvelope {
    TxEnvelope::decode_2718_exact(tx).unwrap()
}

fn type_of(tx: &Bytes) -> u8 {
    if tx[0] >= 0xc0 { 0 } else { tx[0] }
}

#[test]
fn a_recorded_batcher_transaction_gives_its_frame_and_batch() {
    let Some(raw) = vector("derive/op-mainnet-batcher-calldata-tx.bin") else { return };
    let expected = json("derive/op-mainnet-batcher-calldata-tx.expected.json").unwrap();
    let tx = TxEnvelope::decode_2718_exact(&raw).unwrap();
    assert_eq!(*tx.tx_hash(), hash(&expected["tx_hash"]));
    assert_eq!(tx.chain_id(), expected["l1_chain_id"].as_u64());
    assert_eq!(tx.recover_signer().unwrap().to_string().to_lowercase(), expected["sender"]);
    assert_eq!(tx.to().unwrap().to_string().to_lowercase(), expected["to"]);
    assert_eq!(tx.input().len() as u64, expected["calldata_len"].as_u64().unwrap());

    let frames = parse_frames(tx.input()).unwrap();
    assert_eq!(encode_frames(&frames), **tx.input());
    let expected_frames = expected["frames"].as_array().unwrap();
    assert_eq!(frames.len(), expected_frames.len());
    for (frame, expected) in frames.iter().zip(expected_frames) {
        assert_eq!(format!("0x{}", frame.id), expected["channel_id"]);
        assert_eq!(u64::from(frame.number), expected["frame_number"].as_u64().unwrap());
        assert_eq!(frame.data.len() as u64, expected["data_len"].as_u64().unwrap());
        assert_eq!(frame.is_last, expected["is_last"].as_bool().unwrap());
    }

    let plain = decompress(&frames[0].data);
    assert_eq!(plain.len() as u64, expected["decompressed_len"].as_u64().unwrap());
    let batches = read_all(frames[0].data.to_vec(), Some(BatchError::Truncated("compressed data")));
    let expected_batches = expected["batches"].as_array().unwrap();
    assert_eq!((batches.len(), expected_batches.len()), (1, 1));
    assert_eq!(expected["num_batches"], 1);
    let Batch::Span(span) = &batches[0] else { panic!("span expected") };
    assert_span(span, &expected_batches[0]);
    assert_eq!(batches[0].encode(&OP_MAINNET).unwrap(), without_rlp_header(&plain));
}

#[test]
fn a_random_span_batch_is_written_again_byte_for_byte() {
    let Some(content) = vector("derive/span-batch-random.bin") else { return };
    let expected = json("derive/span-batch-random.expected.json").unwrap();
    assert_eq!(content.len() as u64, expected["length"].as_u64().unwrap());
    let context = BatchContext { chain_id: 901, genesis_time: 0, block_time_secs: 2 };
    let span = SpanBatch::decode(&content, &context).unwrap();
    let prefix = &expected["prefix"];
    assert_eq!(span.start_timestamp, prefix["rel_timestamp"].as_u64().unwrap());
    assert_eq!(span.l1_origin_num, prefix["l1_origin_num"].as_u64().unwrap());
    assert_eq!(hex::encode(span.parent_check), prefix["parent_check"].as_str().unwrap());
    assert_eq!(hex::encode(span.l1_origin_check), prefix["l1_origin_check"].as_str().unwrap());
    assert_eq!(span.blocks.len() as u64, expected["block_count"].as_u64().unwrap());
    let counts: Vec<u64> = span.blocks.iter().map(|b| b.transactions.len() as u64).collect();
    let expected_counts: Vec<u64> = expected["block_tx_counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    assert_eq!(counts, expected_counts);
    // Bits 2 and 3 are set: the last two blocks begin epochs.
    assert_eq!(expected["origin_bits"], "0xc");
    let epochs: Vec<u64> =
        span.blocks.iter().map(|b| span.l1_origin_num - b.epoch_number).collect();
    assert_eq!((epochs, span.starts_epoch), (vec![2, 2, 1, 0], false));
    let transactions: Vec<&Bytes> = span.blocks.iter().flat_map(|b| &b.transactions).collect();
    for ty in [0_u8, 1, 2, 4] {
        let count = transactions.iter().filter(|tx| type_of(tx) == ty).count() as u64;
        assert_eq!(count, expected["tx_type_counts"][ty.to_string()].as_u64().unwrap());
    }
    assert_eq!(span.encode(&context).unwrap(), content);
}

#[test]
fn a_brotli_channel_gives_its_singular_batches() {
    let Some(expected) = json("derive/brotli-singular-channel.json") else { return };
    let channel = bytes(&expected["channel_data"]);
    assert_eq!(decompress(&channel), bytes(&expected["decompressed"]));
    let batches = read_all(channel, None);
    let expected_batches = expected["batches"].as_array().unwrap();
    assert_eq!(batches.len(), expected_batches.len());
    for (batch, expected) in batches.iter().zip(expected_batches) {
        let Batch::Singular(singular) = batch else { panic!("singular expected") };
        assert_eq!(expected["version"], 0);
        assert_singular(singular, expected);
        assert_eq!(singular.transactions.len() as u64, expected["tx_count"].as_u64().unwrap());
        let hashes: Vec<B256> = singular.transactions.iter().map(keccak256).collect();
        let expected: Vec<B256> =
            expected["tx_hashes"].as_array().unwrap().iter().map(hash).collect();
        assert_eq!(hashes, expected);
    }
}

fn assert_singular(batch: &SingularBatch, expected: &Value) {
    assert_eq!(batch.parent_hash, hash(&expected["parent_hash"]));
    assert_eq!(batch.epoch_number, expected["epoch_num"].as_u64().unwrap());
    assert_eq!(batch.epoch_hash, hash(&expected["epoch_hash"]));
    assert_eq!(batch.timestamp, expected["timestamp"].as_u64().unwrap());
}

#[test]
fn two_recorded_frames_join_to_a_batch() {
    let Some(expected) = json("derive/frames-brotli-example.json") else { return };
    let encoded: Vec<Vec<u8>> = expected["frames"].as_array().unwrap().iter().map(bytes).collect();
    let mut tx_data = vec![0];
    tx_data.extend(encoded.concat());
    let frames = parse_frames(&tx_data).unwrap();
    assert_eq!(encode_frames(&frames), tx_data);
    let id = ChannelId(bytes(&expected["channel_id"]).try_into().unwrap());
    let expected_frames: Vec<Frame> = (0..encoded.len())
        .map(|i| Frame {
            id,
            number: i as u16,
            data: bytes(&expected["frame_data"][i]).into(),
            is_last: expected["is_last"][i].as_bool().unwrap(),
        })
        .collect();
    assert_eq!(frames, expected_frames);

    let stream: Vec<u8> = frames.iter().flat_map(|frame| frame.data.to_vec()).collect();
    let mut plain = Vec::new();
    brotli_reader(&stream).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, bytes(&expected["decompressed"]));
    let batch = Batch::decode(&plain, &OP_MAINNET).unwrap();
    let Batch::Singular(singular) = &batch else { panic!("singular expected") };
    assert_singular(singular, &expected["batch"]);
    let transactions = expected["batch"]["transactions"].as_array().unwrap().iter();
    assert_eq!(
        singular.transactions,
        transactions.map(|tx| bytes(tx).into()).collect::<Vec<Bytes>>()
    );
    assert_eq!(batch.encode(&OP_MAINNET).unwrap(), plain);

    // As a channel it is none: there is no version byte in front of the brotli stream.
    let mut reader = BatchReader::new(stream.into(), OP_MAINNET);
    assert_eq!(reader.next_batch(), None);
    assert!(reader.error().is_some());
}

#[test]
fn blobs_are_encoded_as_the_specification_says() {
    let Some(vectors) = json("vectors/blob_codec.json") else { return };
    let cases = vectors["encode"].as_array().unwrap();
    assert_eq!(cases.len(), 11);
    for case in cases {
        let len = case["data_len"].as_u64().unwrap() as usize;
        let data = seeded(case["data_seed"].as_str().unwrap(), len);
        assert_eq!(hex::encode(Sha256::digest(&data)), case["data_sha256"].as_str().unwrap());
        let blob = encode_blob(&data).unwrap();
        assert_eq!(
            hex::encode(Sha256::digest(blob.as_slice())),
            case["blob_sha256"].as_str().unwrap()
        );
        assert_eq!(blob[..256], bytes(&case["blob_first_256_bytes"]));
        assert_eq!(decode_blob(&blob).unwrap(), data);
    }
    // The invalid ones are told in words; each is made here.
    assert_eq!(vectors["invalid"].as_array().unwrap().len(), 4);
    let data = seeded("invalid", 1_000);
    let good = encode_blob(&data).unwrap();
    let with = |index: usize, byte: u8| {
        let mut blob = good.clone();
        blob[index] = byte;
        decode_blob(&blob)
    };
    for element in 1..4_096 {
        let error = Err(BlobError::FieldElement(element));
        assert_eq!(with(32 * element, good[32 * element] | 0x40), error);
        assert_eq!(with(32 * element, good[32 * element] | 0x80), error);
    }
    assert_eq!(with(1, 1), Err(BlobError::Version(1)));
    assert_eq!(with(2, 0xff), Err(BlobError::Length(0xff_03e8)));
    let mut long = encode_blob(&vec![0; BLOB_DATA_MAX]).unwrap();
    long[4] += 1;
    assert_eq!(decode_blob(&long), Err(BlobError::Length(BLOB_DATA_MAX + 1)));
    assert_eq!(with(4_096 * 32 - 1, 1), Err(BlobError::Extraneous));
}

/// Data of the blob vectors: as many hashes of seed and counter as it takes.
fn seeded(seed: &str, len: usize) -> Vec<u8> {
    let mut data: Vec<u8> = (0_u32..)
        .flat_map(|i| Sha256::digest([seed.as_bytes(), &i.to_be_bytes()].concat()))
        .take(len)
        .collect();
    data.truncate(len);
    data
}

#[test]
fn blobs_of_other_rollups_are_no_batcher_data() {
    let Some(packed) = vector("beacon/goerli-blob-sidecars-slot-7422094.json.gz") else { return };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let sidecars: Value = serde_json::from_str(&text).unwrap();
    let expected = json("beacon/expected.json").unwrap();
    let sidecars = sidecars["data"].as_array().unwrap();
    assert_eq!(sidecars.len(), expected["sidecars"].as_array().unwrap().len());
    for sidecar in sidecars {
        let index: usize = sidecar["index"].as_str().unwrap().parse().unwrap();
        let blob = Box::new(Blob::from_slice(&bytes(&sidecar["blob"])));
        let expected = &expected["sidecars"][index];
        assert_eq!(format!("0x{}", hex::encode(Sha256::digest(blob.as_slice()))), {
            let sha = expected["blob_sha256"].as_str().unwrap();
            format!("0x{sha}")
        });
        assert!(
            expected["op_blob_decode"].as_str().unwrap().starts_with("invalid: version byte 0x16")
        );
        assert_eq!(decode_blob(&blob), Err(BlobError::Version(0x16)));
    }
}
