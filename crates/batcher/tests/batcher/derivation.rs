//! What a verifier makes of L1: the rules of derivation that matter here, and nothing else.

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes};
use phala_batch::{Batch, BatchContext, BatchReader, ChannelId, Frame, decode_blob, parse_frames};
use serde_json::{Value, json};

use crate::{
    anvil::{Anvil, number},
    chain::{BLOCK_TIME, GENESIS_TIME, L2_CHAIN_ID, L2Block},
};

/// L1 blocks a channel may be open.
pub(crate) const CHANNEL_TIMEOUT: u64 = 50;

/// What was found on L1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Derived {
    /// L1 block everything was read up to.
    pub(crate) l1_head: u64,
    /// Its hash.
    pub(crate) l1_head_hash: B256,
    /// Newest L2 block that follows.
    pub(crate) safe: u64,
    /// Heights of blocks in batches that count, in order.
    pub(crate) posted: Vec<u64>,
    /// Nonces of transactions with and without frames, in order.
    pub(crate) nonces: Vec<u64>,
    /// Transactions that carry frames.
    pub(crate) with_frames: usize,
    /// Blobs with frames.
    pub(crate) blobs: usize,
    /// Frames that belong to no channel that was completed.
    pub(crate) dropped_frames: usize,
    /// Batches of each kind.
    pub(crate) singular: usize,
    pub(crate) span: usize,
}

impl Derived {
    /// Every block was posted once, every frame counts, and no nonce is missing.
    pub(crate) fn assert_exactly_once(&self, head: u64) {
        assert_eq!(self.safe, head, "{self:?}");
        assert_eq!(self.posted, (1..=head).collect::<Vec<_>>());
        assert_eq!(self.dropped_frames, 0);
        self.assert_no_gap();
    }

    pub(crate) fn assert_no_gap(&self) {
        assert_eq!(self.nonces, (0..self.nonces.len() as u64).collect::<Vec<_>>());
    }
}

/// Reads all of L1, as if transactions with nonces below a bound held nothing that counts. `None` while it changes under the reader.
pub(crate) async fn derive(
    anvil: &Anvil,
    chain: &[L2Block],
    inbox: Address,
    batcher: Address,
    ignored_below: u64,
) -> Option<Derived> {
    let head = number(&anvil.ask("eth_blockNumber", json!([])).await?);
    let mut derived = Derived { l1_head: head, ..Derived::default() };
    let mut open: Option<(ChannelId, u64, Vec<Frame>)> = None;
    for height in 1..=head {
        let params = json!([format!("{height:#x}"), true]);
        let block = anvil.ask("eth_getBlockByNumber", params).await?;
        let parent: B256 = block["parentHash"].as_str()?.parse().ok()?;
        if height > 1 && parent != derived.l1_head_hash {
            // Reorganized while it was read.
            return None;
        }
        derived.l1_head_hash = block["hash"].as_str()?.parse().ok()?;
        let senders = (inbox, batcher, ignored_below);
        for item in inbox_data(anvil, &block, senders, &mut derived).await? {
            let Ok(frames) = parse_frames(&item) else { continue };
            for frame in frames {
                if open.as_ref().is_some_and(|(_, at, _)| height > at + CHANNEL_TIMEOUT) {
                    derived.dropped_frames += open.take().map_or(0, |(_, _, frames)| frames.len());
                }
                if frame.number == 0 {
                    let replaced = open.replace((frame.id, height, vec![frame]));
                    derived.dropped_frames += replaced.map_or(0, |(_, _, frames)| frames.len());
                } else {
                    match &mut open {
                        Some((id, _, frames))
                            if *id == frame.id && frames.len() == usize::from(frame.number) =>
                        {
                            frames.push(frame);
                        }
                        _ => derived.dropped_frames += 1,
                    }
                }
                if open
                    .as_ref()
                    .is_some_and(|(_, _, frames)| frames.last().is_some_and(|f| f.is_last))
                {
                    let (_, _, frames) = open.take().expect("open");
                    read_channel(&frames, chain, &mut derived);
                }
            }
        }
    }
    Some(derived)
}

async fn inbox_data(
    anvil: &Anvil,
    block: &Value,
    (inbox, batcher, ignored_below): (Address, Address, u64),
    derived: &mut Derived,
) -> Option<Vec<Bytes>> {
    let mut items = Vec::new();
    let mut blob_at = 0;
    let mut blobs: Option<Vec<Value>> = None;
    for tx in block["transactions"].as_array()? {
        let blob_count = tx["blobVersionedHashes"].as_array().map_or(0, Vec::len);
        let first_blob = blob_at;
        blob_at += blob_count;
        let address = |key: &str| tx[key].as_str().and_then(|text| text.parse::<Address>().ok());
        if address("from") != Some(batcher) {
            continue;
        }
        let nonce = number(&tx["nonce"]);
        derived.nonces.push(nonce);
        if address("to") != Some(inbox) || nonce < ignored_below {
            continue;
        }
        let before = items.len();
        if blob_count == 0 {
            let input: Bytes = tx["input"].as_str()?.parse().ok()?;
            items.extend((!input.is_empty()).then_some(input));
        } else {
            if blobs.is_none() {
                let height = number(&block["number"]);
                let answer = anvil.get(&format!("/eth/v1/beacon/blobs/{height}")).await?;
                blobs = Some(answer["data"].as_array()?.clone());
            }
            for blob in blobs.as_ref()?.get(first_blob..blob_at)? {
                let blob: Box<Blob> = Box::new(blob.as_str()?.parse().ok()?);
                let data = decode_blob(&blob).expect("our blobs decode");
                items.extend((!data.is_empty()).then_some(data));
            }
        }
        derived.with_frames += usize::from(items.len() > before);
        derived.blobs += if blob_count > 0 { items.len() - before } else { 0 };
    }
    Some(items)
}

fn read_channel(frames: &[Frame], chain: &[L2Block], derived: &mut Derived) {
    let data: Vec<u8> = frames.iter().flat_map(|frame| frame.data.iter().copied()).collect();
    let context = BatchContext {
        chain_id: L2_CHAIN_ID,
        genesis_time: GENESIS_TIME,
        block_time_secs: BLOCK_TIME,
    };
    let mut reader = BatchReader::new(data.into(), context);
    while let Some(batch) = reader.next_batch() {
        match batch {
            Batch::Singular(batch) => {
                derived.singular += 1;
                let parent = &chain[derived.safe as usize].reference;
                if batch.parent_hash == parent.hash {
                    accept(
                        batch.timestamp,
                        batch.epoch_number,
                        &batch.transactions,
                        chain,
                        derived,
                    );
                }
            }
            Batch::Span(batch) => {
                derived.span += 1;
                let first = (batch.start_timestamp - GENESIS_TIME) / BLOCK_TIME;
                let parent = chain.get(usize::try_from(first).expect("small") - 1);
                let fits = parent.is_some_and(|parent| {
                    parent.reference.hash[..20] == batch.parent_check
                        && parent.reference.number <= derived.safe
                });
                if fits {
                    for block in &batch.blocks {
                        let (epoch, txs) = (block.epoch_number, &block.transactions);
                        accept(block.timestamp, epoch, txs, chain, derived);
                    }
                }
            }
        }
    }
    assert_eq!(reader.error(), None);
}

fn accept(timestamp: u64, epoch: u64, txs: &[Bytes], chain: &[L2Block], derived: &mut Derived) {
    let height = (timestamp - GENESIS_TIME) / BLOCK_TIME;
    derived.posted.push(height);
    if height != derived.safe + 1 {
        return;
    }
    let Some(block) = chain.get(usize::try_from(height).expect("small")) else { return };
    assert_eq!(block.reference.l1_origin.number, epoch, "epoch of block {height}");
    assert_eq!(block.user_txs, txs, "transactions of block {height}");
    derived.safe = height;
}
