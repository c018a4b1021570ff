//! What is in the batch inbox on L1 now, read without any node of ours.

use std::collections::{BTreeMap, BTreeSet};

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes};
use phala_batch::{Batch, BatchContext, BatchReader, Frame, decode_blob, parse_frames};
use phala_tests::{
    http_get,
    rollup::{Testnet, eventually, number_of},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The frames in the inbox, by channel, in the order of L1.
pub(crate) struct Inbox {
    channels: BTreeMap<[u8; 16], Vec<Frame>>,
    context: BatchContext,
}

#[derive(Deserialize)]
struct Blobs {
    data: Vec<Bytes>,
}

impl Inbox {
    /// Reads all of L1.
    pub(crate) async fn read(net: &Testnet) -> Self {
        let (l1, inbox) = (net.l1(), net.batch_inbox());
        let spec = &net.devnet.files.spec;
        let context = BatchContext {
            chain_id: spec.chain_id,
            genesis_time: spec.genesis.timestamp,
            block_time_secs: spec.block_time_secs,
        };
        let mut channels: BTreeMap<[u8; 16], Vec<Frame>> = BTreeMap::new();
        for number in 0..=l1.block_number().await {
            let block = l1.block(number).await;
            let transactions = block["transactions"].as_array().expect("transactions");
            // Of all transactions with blobs, those in other places too.
            let blobs_in = |tx: &Value| tx["blobVersionedHashes"].as_array().map_or(0, Vec::len);
            let blobs = match transactions.iter().map(blobs_in).sum() {
                0_usize => Vec::new(),
                count => blobs_of(net, number, count),
            };
            let mut blobs = blobs.into_iter();
            for tx in transactions {
                let own: Vec<Bytes> = blobs.by_ref().take(blobs_in(tx)).collect();
                if address(&tx["to"]) != Some(inbox) {
                    continue;
                }
                let input = || serde_json::from_value(tx["input"].clone()).expect("bytes");
                let data = if own.is_empty() { vec![input()] } else { own };
                // Without data a transaction only takes the place of one that was given up.
                let data = data.iter().filter(|data| !data.is_empty());
                for frame in data.flat_map(|data| parse_frames(data).expect("frames")) {
                    channels.entry(frame.id.0).or_default().push(frame);
                }
            }
        }
        Self { channels, context }
    }

    /// Asserts that no frame is there twice, and none without those before it.
    pub(crate) fn assert_frames_once_and_in_order(&self) {
        assert!(!self.channels.is_empty(), "nothing was posted");
        for (id, frames) in &self.channels {
            for (expected, frame) in (0..).zip(frames) {
                assert_eq!(frame.number, expected, "channel {id:x?}");
                let is_newest = usize::from(expected) + 1 == frames.len();
                assert!(is_newest || !frame.is_last, "channel {id:x?} goes on behind its end");
            }
        }
    }

    /// Timestamps of the L2 blocks in complete channels, each as often as it is there.
    pub(crate) fn timestamps(&self) -> Vec<u64> {
        let is_complete = |frames: &&Vec<Frame>| frames.iter().any(|frame| frame.is_last);
        self.channels
            .values()
            .filter(is_complete)
            .flat_map(|frames| self.read_channel(frames))
            .collect()
    }

    fn read_channel(&self, frames: &[Frame]) -> Vec<u64> {
        let data = frames.iter().flat_map(|frame| frame.data.iter().copied()).collect::<Vec<u8>>();
        let mut reader = BatchReader::new(data.into(), self.context);
        let mut found = Vec::new();
        while let Some(batch) = reader.next_batch() {
            match batch {
                Batch::Singular(batch) => found.push(batch.timestamp),
                Batch::Span(span) => found.extend(span.blocks.iter().map(|block| block.timestamp)),
            }
        }
        assert!(reader.error().is_none(), "{:?}", reader.error());
        found
    }

    /// Asserts that batches with every L2 block up to a height are on L1.
    pub(crate) fn assert_covers(&self, upto: u64) {
        let posted: BTreeSet<u64> = self.timestamps().into_iter().collect();
        let BatchContext { genesis_time, block_time_secs, .. } = self.context;
        for number in 1..=upto {
            let timestamp = genesis_time + number * block_time_secs;
            assert!(posted.contains(&timestamp), "no batch on L1 has block {number}");
        }
    }
}

fn blobs_of(net: &Testnet, number: u64, count: usize) -> Vec<Bytes> {
    let path = format!("/eth/v1/beacon/blobs/{number}");
    let (status, body) = http_get(net.devnet.anvil.url().authority(), &path);
    assert_eq!(status, 200, "{body}");
    let Blobs { data } = serde_json::from_str(&body).expect("blobs");
    assert_eq!(data.len(), count, "blobs of L1 block {number}");
    let blob = |data: &Bytes| decode_blob(&Blob::try_from(data.as_ref()).expect("its size"));
    data.iter().map(|data| blob(data).expect("packed by our batcher")).collect()
}

fn address(value: &Value) -> Option<Address> {
    serde_json::from_value(value.clone()).ok()
}

/// Asserts that a batcher that has stopped left nothing behind: all it sent is mined, without a gap.
pub(crate) async fn assert_nothing_in_flight(net: &Testnet) {
    let (l1, batcher) = (net.l1(), net.account("batcher").address());
    eventually("all transactions of the batcher are mined", async || {
        let mined = l1.quantity("eth_getTransactionCount", json!([batcher, "latest"])).await;
        (mined == l1.quantity("eth_getTransactionCount", json!([batcher, "pending"])).await)
            .then_some(())
    })
    .await;
    let pool = l1.call("txpool_status", json!([])).await;
    assert_eq!((number_of(&pool["pending"]), number_of(&pool["queued"])), (0, 0), "{pool}");
}
