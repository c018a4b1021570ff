use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use phala_derive::L1Block;
use phala_primitives::L1BlockRef;

use super::{DriverError, checkpoints::Checkpoint, sync_start::StartPlan};

/// Events that wait for the driver. L1 tasks that find the queue full wait themselves, which is how
/// a slow driver slows down reading.
pub(crate) const EVENTS_MAX: usize = 64;

/// What reaches the driver from elsewhere.
#[derive(Debug)]
pub(crate) enum Event {
    /// L1 was asked for its heads.
    L1Heads(Box<L1Heads>),
    /// An L1 block was read.
    L1Block { feed: FeedId, generation: u64, block: Box<L1Block> },
    /// Blobs were read, or their block has left L1 and nobody has them any more.
    Blobs { generation: u64, block: B256, blobs: Option<Vec<Box<Blob>>> },
    /// A start was found, or there is none.
    SyncStart { generation: u64, result: Box<Result<StartPlan, DriverError>> },
    /// A checkpoint was compared with L1.
    Finality { generation: u64, checkpoint: Box<Checkpoint>, l1_finalized: u64, found: B256 },
    /// The node stops.
    Stop,
}

/// Who asked for an L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedId {
    /// Derivation.
    Derivation,
    /// The sequencer, for the next origins.
    Origins,
}

/// The heads of L1; a field is `None` if it was not asked for or cannot be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct L1Heads {
    pub(crate) head: Option<L1BlockRef>,
    pub(crate) safe: Option<L1BlockRef>,
    pub(crate) finalized: Option<L1BlockRef>,
}
