use alloy_primitives::{Address, B256, Bytes};
use phala_primitives::{BlockRef, Header, L1BlockRef};

/// An L1 block with everything derivation reads of it.
///
/// Whoever makes one has checked it: the header hashes to its hash, the logs come from receipts under
/// the header's receipts root, the senders are recovered from transactions under its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Block {
    /// The header.
    pub header: L1Header,
    /// Logs of the portal and of the `SystemConfig`, from receipts with status 1, in order.
    pub logs: Vec<L1Log>,
    /// Transactions to the batch inbox of types 0, 1, 2, 3 and 0x7E, in order, whoever sent them.
    pub inbox: Vec<InboxTransaction>,
}

/// What derivation reads of an L1 header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Header {
    /// Hash of all fields of the header, also of those this node does not know.
    pub hash: B256,
    /// Height.
    pub number: u64,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Time, in seconds.
    pub timestamp: u64,
    /// Randomness of the beacon chain.
    pub mix_hash: B256,
    /// Base fee, in wei; 0 before London.
    pub base_fee: u64,
    /// Excess blob gas, from Cancun on.
    pub excess_blob_gas: Option<u64>,
    /// Root of the parent beacon block, from Cancun on.
    pub parent_beacon_block_root: Option<B256>,
}

impl L1Header {
    /// Takes what is needed from a header of this hash.
    pub fn new(hash: B256, header: &Header) -> Self {
        Self {
            hash,
            number: header.number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            mix_hash: header.mix_hash,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            excess_blob_gas: header.excess_blob_gas,
            parent_beacon_block_root: header.parent_beacon_block_root,
        }
    }

    /// Number and hash.
    pub const fn id(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }

    /// The block as derivation names it.
    pub const fn block_ref(&self) -> L1BlockRef {
        L1BlockRef {
            hash: self.hash,
            number: self.number,
            parent_hash: self.parent_hash,
            timestamp: self.timestamp,
        }
    }
}

/// A log of an L1 receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Log {
    /// The contract that wrote it.
    pub address: Address,
    /// Topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
    /// Index of the log in the block, not in its receipt.
    pub log_index: u64,
}

impl L1Log {
    /// Bytes it holds in memory, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.topics.len() * 32 + self.data.len()
    }
}

/// A transaction to the batch inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxTransaction {
    /// Recovered sender.
    pub from: Address,
    /// Calldata; not looked at if `is_blob`.
    pub input: Bytes,
    /// Its blobs, in order; empty unless `is_blob`.
    pub blobs: Vec<BlobId>,
    /// Whether it has type 3.
    pub is_blob: bool,
}

/// Names a blob of one L1 block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BlobId {
    /// Index among all blobs of the block, whoever sent them.
    pub index: u64,
    /// Versioned hash.
    pub versioned_hash: B256,
}
