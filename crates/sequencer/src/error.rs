use alloy_primitives::B256;
use phala_primitives::BlockRef;

/// Why the sequencer refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequencerError {
    /// It runs already. Nothing has changed.
    #[error("sequencer already running")]
    AlreadyActive,
    /// It does not run. Nothing has changed.
    #[error("sequencer not running")]
    NotActive,
    /// The operator means another chain. The caller has to bring this node to that head first.
    #[error("block hash does not match: head is {head}, received {expected}")]
    HeadDiffers {
        /// The unsafe head.
        head: B256,
        /// What was named.
        expected: B256,
    },
    /// L1 has another block after the parent's origin than one that follows it: derivation has to be
    /// reset before anything can be built.
    #[error("l1 block {next:?} does not follow origin {origin:?}: its parent is {parent}")]
    OriginReorged {
        /// The parent's origin.
        origin: BlockRef,
        /// The block after it.
        next: BlockRef,
        /// Its parent.
        parent: B256,
    },
}
