use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::BlockRef;

/// An L1 block as derivation names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1BlockRef {
    /// Hash of the block.
    pub hash: B256,
    /// Height of the block.
    pub number: u64,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Time of the block, in seconds.
    pub timestamp: u64,
}

impl L1BlockRef {
    /// Number and hash.
    pub const fn id(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}

/// An L2 block with its place in the epochs of L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L2BlockRef {
    /// Hash of the block.
    pub hash: B256,
    /// Height of the block.
    pub number: u64,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Time of the block, in seconds.
    pub timestamp: u64,
    /// The L1 block whose epoch it belongs to.
    #[serde(rename = "l1origin")]
    pub l1_origin: BlockRef,
    /// L2 blocks since the first one of the epoch.
    pub sequence_number: u64,
}

impl L2BlockRef {
    /// Number and hash.
    pub const fn id(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}
