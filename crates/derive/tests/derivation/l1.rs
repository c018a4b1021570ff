//! L1: blocks whose hashes follow from their height, so that the future can be known.

use std::collections::HashMap;

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes, U256, b256, keccak256};
use phala_batch::encode_blob;
use phala_chainspec::DEPOSIT_EVENT;
use phala_derive::{BlobId, InboxTransaction, L1Block, L1Header, L1Log};
use phala_primitives::L1BlockRef;

pub(crate) const ANCHOR: u64 = 100;
pub(crate) const L1_BLOCK_TIME_SECS: u64 = 12;
pub(crate) const PORTAL: Address = Address::repeat_byte(0xd0);
pub(crate) const SYSTEM_CONFIG: Address = Address::repeat_byte(0xc0);

pub(crate) const CONFIG_UPDATE_EVENT: B256 =
    b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

#[derive(Clone, Debug)]
pub(crate) struct L1 {
    pub(crate) blocks: Vec<L1Block>,
    blobs: HashMap<B256, Box<Blob>>,
    fork: u64,
}

impl L1 {
    pub(crate) fn new(timestamp: u64) -> Self {
        let mut l1 = Self { blocks: Vec::new(), blobs: HashMap::new(), fork: 0 };
        let header = l1.header(ANCHOR, B256::ZERO, timestamp);
        l1.blocks.push(L1Block { header, ..L1Block::default() });
        l1
    }

    fn header(&self, number: u64, parent_hash: B256, timestamp: u64) -> L1Header {
        let word = |what: &str| keccak256(format!("{what} {number} {}", self.fork));
        L1Header {
            hash: word("hash"),
            number,
            parent_hash,
            timestamp,
            mix_hash: word("mix"),
            base_fee: 1_000_000_000 + number,
            excess_blob_gas: Some(number << 17),
            parent_beacon_block_root: (!number.is_multiple_of(7)).then(|| word("beacon")),
        }
    }

    /// Mines a block after the usual time.
    pub(crate) fn mine(&mut self, inbox: Vec<InboxTransaction>) -> L1BlockRef {
        self.mine_with(L1_BLOCK_TIME_SECS, Vec::new(), inbox)
    }

    /// Mines a block.
    pub(crate) fn mine_with(
        &mut self,
        after_secs: u64,
        mut logs: Vec<L1Log>,
        mut inbox: Vec<InboxTransaction>,
    ) -> L1BlockRef {
        let tip = self.tip();
        let header = self.header(tip.number + 1, tip.hash, tip.timestamp + after_secs);
        for (index, log) in logs.iter_mut().enumerate() {
            log.log_index = 3 * index as u64 + 1;
        }
        // Two blobs of others come first.
        for (index, blob) in (2..).zip(inbox.iter_mut().flat_map(|tx| &mut tx.blobs)) {
            blob.index = index;
        }
        self.blocks.push(L1Block { header, logs, inbox });
        header.block_ref()
    }

    pub(crate) fn mine_empty(&mut self, count: u64) {
        for _ in 0..count {
            self.mine(Vec::new());
        }
    }

    /// Drops the blocks from this height on; those mined instead have other hashes.
    pub(crate) fn reorg(&mut self, number: u64) {
        self.blocks.truncate(usize::try_from(number - ANCHOR).unwrap());
        self.fork += 1;
    }

    pub(crate) fn tip(&self) -> L1BlockRef {
        self.blocks.last().unwrap().header.block_ref()
    }

    pub(crate) fn block(&self, number: u64) -> Option<&L1Block> {
        self.blocks.get(usize::try_from(number.checked_sub(ANCHOR)?).ok()?)
    }

    /// Stores a blob and names it; its index is known when it is mined.
    pub(crate) fn add_blob(&mut self, data: &[u8]) -> BlobId {
        let versioned_hash = keccak256(data);
        self.blobs.insert(versioned_hash, encode_blob(data).unwrap());
        BlobId { index: 0, versioned_hash }
    }

    pub(crate) fn blob(&self, id: &BlobId) -> Box<Blob> {
        self.blobs[&id.versioned_hash].clone()
    }
}

fn abi_bytes(content: &[u8]) -> Bytes {
    let mut data = U256::from(32).to_be_bytes_vec();
    data.extend(U256::from(content.len()).to_be_bytes_vec());
    data.extend(content);
    data.resize(data.len().next_multiple_of(32), 0);
    data.into()
}

/// A log of the portal that mints `value` to `from`.
pub(crate) fn deposit(from: Address, value: u64, input: &[u8]) -> L1Log {
    let mut payload = U256::from(value).to_be_bytes_vec();
    payload.extend(U256::from(value).to_be_bytes_vec());
    payload.extend(100_000_u64.to_be_bytes());
    payload.push(0);
    payload.extend(input);
    L1Log {
        address: PORTAL,
        topics: vec![DEPOSIT_EVENT, from.into_word(), from.into_word(), B256::ZERO],
        data: abi_bytes(&payload),
        log_index: 0,
    }
}

/// A log of the `SystemConfig`.
pub(crate) fn config_update(update_type: u8, words: &[U256]) -> L1Log {
    let content: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
    L1Log {
        address: SYSTEM_CONFIG,
        topics: vec![CONFIG_UPDATE_EVENT, B256::ZERO, B256::with_last_byte(update_type)],
        data: abi_bytes(&content),
        log_index: 0,
    }
}

pub(crate) fn batcher_update(batcher: Address) -> L1Log {
    config_update(0, &[U256::from_be_slice(batcher.as_slice())])
}
