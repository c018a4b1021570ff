//! What batchers put on L1.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes};
use phala_batch::{Batch, BatchContext, BatchReader, Frame, parse_frames};
use phala_tests::rollup::{Testnet, number_of};

use crate::blocks::bytes;

/// A transaction to the batch inbox.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) l1_number: u64,
    pub(crate) from: Address,
    pub(crate) is_blob: bool,
    pub(crate) input: Bytes,
}

/// Everything in the inbox since an L1 block.
pub(crate) async fn since(net: &Testnet, l1_number: u64) -> Vec<Posted> {
    let (l1, inbox) = (net.l1(), net.batch_inbox());
    let mut found = Vec::new();
    for number in l1_number..=l1.block_number().await {
        let block = l1.block(number).await;
        for tx in block["transactions"].as_array().expect("transactions") {
            if serde_json::from_value::<Address>(tx["to"].clone()).ok() == Some(inbox) {
                let blobs = tx["blobVersionedHashes"].as_array().map_or(0, Vec::len);
                let is_blob = number_of(&tx["type"]) == 3;
                assert_eq!(is_blob, blobs > 0);
                let from = serde_json::from_value(tx["from"].clone()).expect("an address");
                found.push(Posted { l1_number: number, from, is_blob, input: bytes(&tx["input"]) });
            }
        }
    }
    found
}

/// A channel as it was on L1.
pub(crate) struct Channel {
    pub(crate) data: Bytes,
    pub(crate) batches: Vec<Batch>,
}

/// The channels that are complete in calldata.
pub(crate) fn channels(net: &Testnet, posted: &[Posted]) -> Vec<Channel> {
    let spec = &net.devnet.files.spec;
    let context = BatchContext {
        chain_id: spec.chain_id,
        genesis_time: spec.genesis.timestamp,
        block_time_secs: spec.block_time_secs,
    };
    let mut frames: BTreeMap<_, Vec<Frame>> = BTreeMap::new();
    for tx in posted.iter().filter(|tx| !tx.is_blob) {
        for frame in parse_frames(&tx.input).expect("frames") {
            frames.entry(frame.id.0).or_default().push(frame);
        }
    }
    let is_complete = |frames: &&Vec<Frame>| frames.last().is_some_and(|frame| frame.is_last);
    let read = |frames: &Vec<Frame>| {
        let data: Bytes =
            frames.iter().flat_map(|frame| frame.data.iter().copied()).collect::<Vec<u8>>().into();
        let mut reader = BatchReader::new(data.clone(), context);
        let batches: Vec<_> = std::iter::from_fn(|| reader.next_batch()).collect();
        assert!(reader.error().is_none(), "{:?}", reader.error());
        Channel { data, batches }
    };
    frames.values().filter(is_complete).map(read).collect()
}
