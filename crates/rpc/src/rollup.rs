use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpExecutionData;
use phala_primitives::{L1BlockRef, L2BlockRef};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// How far the node is, as `optimism_syncStatus` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncStatus {
    /// L1 block derivation has reached.
    pub current_l1: L1BlockRef,
    /// Older name of the finalized L1 block, kept for tools that ask for it.
    pub current_l1_finalized: L1BlockRef,
    /// Newest L1 block.
    pub head_l1: L1BlockRef,
    /// Newest safe L1 block.
    pub safe_l1: L1BlockRef,
    /// Newest finalized L1 block.
    pub finalized_l1: L1BlockRef,
    /// Newest L2 block.
    pub unsafe_l2: L2BlockRef,
    /// Newest L2 block derived from L1.
    pub safe_l2: L2BlockRef,
    /// Newest L2 block derived from finalized L1 blocks.
    pub finalized_l2: L2BlockRef,
    /// Equals the safe head: a derived block is valid by itself.
    pub pending_safe_l2: L2BlockRef,
    /// Equals the unsafe head: there are no messages between chains.
    pub cross_unsafe_l2: L2BlockRef,
    /// Equals the safe head: there are no messages between chains.
    pub local_safe_l2: L2BlockRef,
    /// Zero: blocks that do not connect are not kept.
    pub queued_unsafe_l2: L2BlockRef,
}

/// How far a node that catches up is, as `eth_syncing` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncProgress {
    /// Height it started at.
    pub starting_block: u64,
    /// Height it has reached.
    pub current_block: u64,
    /// Height the chain probably has, by its block time.
    pub highest_block: u64,
}

/// The L2 block that was safe once an L1 block had been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SafeHeadAtL1 {
    /// The L1 block.
    pub l1_block: phala_primitives::BlockRef,
    /// The L2 block.
    pub safe_head: phala_primitives::BlockRef,
}

/// The part of the node that derives and sequences, as its methods reach it.
#[derive(Clone, Debug)]
pub struct RollupHandle {
    /// What `optimism_syncStatus` answers.
    pub status: watch::Receiver<SyncStatus>,
    /// What `eth_syncing` answers; `None` once the node keeps up.
    pub progress: watch::Receiver<Option<SyncProgress>>,
    /// What operators ask for. Bounded; a caller waits while it is full.
    pub commands: mpsc::Sender<AdminCommand>,
    /// What `optimism_rollupConfig` answers.
    pub rollup_config: Arc<RawValue>,
}

/// Where the answer to a command goes.
pub type Reply<T> = oneshot::Sender<Result<T, AdminError>>;

/// What an operator asks of the driver.
#[derive(Debug)]
pub enum AdminCommand {
    /// Start making blocks, if the unsafe head is the one named.
    StartSequencer {
        /// Hash the operator expects; zero for whatever it is.
        unsafe_head: B256,
        /// Answer.
        reply: Reply<()>,
    },
    /// Stop making blocks; answers with the unsafe head.
    StopSequencer {
        /// Answer.
        reply: Reply<B256>,
    },
    /// Whether blocks are being made.
    SequencerActive {
        /// Answer.
        reply: Reply<bool>,
    },
    /// Adopt next origins as soon as possible, without transactions of the pool.
    SetRecoverMode {
        /// On or off.
        on: bool,
        /// Answer.
        reply: Reply<()>,
    },
    /// Import a block that L1 does not know yet, and make it the unsafe head.
    PostUnsafePayload {
        /// The block.
        payload: Box<OpExecutionData>,
        /// Answer.
        reply: Reply<()>,
    },
    /// Find the start of derivation again.
    ResetDerivation {
        /// Answer.
        reply: Reply<()>,
    },
    /// Log more or less.
    SetLogLevel {
        /// A level.
        level: String,
        /// Answer.
        reply: Reply<()>,
    },
    /// Which L2 block was safe at an L1 height.
    SafeHeadAtL1 {
        /// Height on L1.
        number: u64,
        /// Answer.
        reply: Reply<SafeHeadAtL1>,
    },
}

/// Why the driver did not do what it was asked. The caller has to change the request, except where
/// the message says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// This node was not started with `--sequencer`.
    #[error("this node is no sequencer: it was started without --sequencer")]
    NotASequencer,
    /// Blocks are being made already.
    #[error("sequencer already running")]
    AlreadyActive,
    /// Blocks are not being made.
    #[error("sequencer not running")]
    NotActive,
    /// The operator means another chain than this node has; starting would split it.
    #[error("block hash does not match: head is {head}, received {expected}")]
    HeadDiffers {
        /// The unsafe head here.
        head: B256,
        /// What was named.
        expected: B256,
    },
    /// The block breaks a rule.
    #[error("payload is invalid: {0}")]
    InvalidPayload(String),
    /// The block's parent is not here; deliver that first.
    #[error("payload {hash} does not connect: its parent {parent} is unknown")]
    UnknownParent {
        /// Hash of the block.
        hash: B256,
        /// Hash of its parent.
        parent: B256,
    },
    /// The block would replace blocks that are known already.
    #[error("payload {hash} does not extend the unsafe head {head}")]
    NotOnHead {
        /// Hash of the block.
        hash: B256,
        /// The unsafe head.
        head: B256,
    },
    /// Not a log level.
    #[error("`{0}` is no log level: known are trace, debug, info, warn and error")]
    LogLevel(String),
    /// The L1 height is older than what is remembered, or not reached yet.
    #[error("no safe head is known for l1 block {number}: known are {oldest} to {newest}")]
    SafeHeadUnknown {
        /// Height asked for.
        number: u64,
        /// Oldest that is remembered.
        oldest: u64,
        /// Newest that was read.
        newest: u64,
    },
    /// There is no conductor beside this node.
    #[error("no conductor is configured")]
    NoConductor,
    /// A layer below failed; ask again later.
    #[error("{0}")]
    Failed(String),
}
