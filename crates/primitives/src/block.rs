use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::Transaction;

pub use alloy_consensus::Header;

/// A header with its hash.
pub type SealedHeader = reth_primitives_traits::SealedHeader<Header>;

/// A block: header and body.
pub type Block = alloy_consensus::Block<Transaction>;

/// Transactions of a block; ommers and withdrawals are always empty on this chain.
pub type BlockBody = alloy_consensus::BlockBody<Transaction>;

/// A block with its hash.
pub type SealedBlock = reth_primitives_traits::SealedBlock<Block>;

/// A block with its hash and the sender of each transaction.
pub type RecoveredBlock = reth_primitives_traits::RecoveredBlock<Block>;

/// Names one block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// Header hash.
    pub hash: B256,
}

/// The three heads of the canonical chain: `finalized <= safe <= latest` by number.
///
/// Safe and finalized start at genesis, which needs no proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// The unsafe head: newest canonical block.
    pub latest: BlockRef,
    /// Newest block derived from L1.
    pub safe: BlockRef,
    /// Newest block derived from finalized L1 data.
    pub finalized: BlockRef,
}
