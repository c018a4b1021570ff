use alloy_primitives::B256;
use phala_derive::DeriveError;
use phala_engine::{EngineError, Severity};
use phala_primitives::BlockRef;
use phala_sequencer::SequencerError;
use phala_storage::StorageError;

/// Why the driver could not take a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    /// The engine failed; its error says what to do.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Derivation failed; its error says what to do.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The sequencer cannot build on this L1.
    #[error(transparent)]
    Sequencer(#[from] SequencerError),
    /// A block of the canonical chain has no body here. Only a node that keeps more has it.
    #[error("l2 block {0} is not kept here: derivation needs it to find its start")]
    MissingBlock(B256),
    /// The chain does not start from this L1: the operator gave another one, or the chain file of
    /// another chain.
    #[error(
        "l1 block {number} is {found}, but this chain starts after {expected}: wrong --l1 or --chain"
    )]
    WrongL1 {
        /// Height of the anchor.
        number: u64,
        /// Hash in the chain file.
        expected: B256,
        /// Hash on L1.
        found: B256,
    },
    /// What was final is no longer on L1. Somebody has to find out which of the two is right.
    #[error("l1 block {origin:?}, origin of finalized l2 block {number}, is not on l1")]
    FinalizedReorged {
        /// Height of the finalized L2 block.
        number: u64,
        /// Its origin.
        origin: BlockRef,
    },
    /// The import of a block refused what its build made; the build is tried again.
    #[error("derived block {hash} was refused by its own import: {reason}")]
    OwnBlockRefused {
        /// Hash of the block.
        hash: B256,
        /// What the import said.
        reason: String,
    },
    /// The payload in work is not known to the engine any more; the next attempt starts anew.
    #[error("the payload in work is gone")]
    PayloadGone,
}

impl DriverError {
    /// What to do about it.
    pub(crate) fn severity(&self) -> Severity {
        match self {
            // The attributes come from L1; their refusal is handled where it happens.
            Self::Engine(error) => error.severity(),
            Self::Derive(error) => match error.severity() {
                phala_derive::Severity::Reset => Severity::Reset,
                phala_derive::Severity::Operator => Severity::Operator,
                phala_derive::Severity::Bug => Severity::Bug,
            },
            Self::Storage(error) => {
                if error.is_transient() {
                    Severity::Transient { retry_after: super::retry::PAUSE_MIN }
                } else {
                    Severity::Operator
                }
            }
            Self::Sequencer(_) => Severity::Reset,
            Self::OwnBlockRefused { .. } | Self::PayloadGone => {
                Severity::Transient { retry_after: super::retry::PAUSE_MIN }
            }
            Self::MissingBlock(_) | Self::WrongL1 { .. } | Self::FinalizedReorged { .. } => {
                Severity::Operator
            }
        }
    }
}
