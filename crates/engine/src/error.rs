use std::{sync::Arc, time::Duration};

use alloy_primitives::B256;
use phala_evm::ExecutionError;
use phala_storage::StorageError;
use phala_trie::TrieError;

use crate::{AttributesError, BlockError};

/// How serious an error is, and with that what the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Try again after a pause; the pause grows and the number of tries ends.
    Transient {
        /// First pause.
        retry_after: Duration,
    },
    /// State no longer matches the world; go back to a known point.
    Reset,
    /// A human has to change something; the message says what.
    Operator,
    /// An invariant of this program broke; stop rather than continue wrong.
    Bug,
}

/// Why the engine could not do what it was asked. An invalid block is not an error but an answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database failed. Says nothing about the block; it can be imported later.
    #[error("database failed: {0}")]
    Storage(#[source] Box<StorageError>),
    /// The state trie could not be updated. Says nothing about the block.
    #[error("state trie failed: {0}")]
    Trie(#[source] Box<TrieError>),
    /// The EVM could not read the state, or failed in a way no block can cause. Says nothing about
    /// the block.
    #[error(transparent)]
    Execution(Box<ExecutionError>),
    /// The block is not known. The caller has to deliver it first.
    #[error("block {0} is unknown")]
    UnknownBlock(B256),
    /// The state to execute on is no longer there. The caller has to move the head closer first.
    #[error("state of block {number} ({hash}) is not available")]
    StateUnavailable {
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
    },
    /// The heads do not lie on one chain. The caller has to choose others.
    #[error("{role} block {hash} is not on the chain of head {head}")]
    InconsistentHeads {
        /// Which of the heads.
        role: &'static str,
        /// Block it should name.
        hash: B256,
        /// Head of the chain.
        head: B256,
    },
    /// The payload attributes break a rule. The caller has to change them.
    #[error(transparent)]
    Attributes(Box<AttributesError>),
    /// A block this node built was refused by its own import. It has been dropped.
    #[error("own block {hash} was refused: {reason}")]
    OwnBlockRefused {
        /// Hash of the block.
        hash: B256,
        /// Why import refused it.
        reason: Arc<BlockError>,
    },
    /// An invariant broke; nothing was written.
    #[error("bug: {0}")]
    Bug(#[from] BugError),
}

/// An invariant of this program that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BugError {
    /// EIP-6780 and the genesis rules make this impossible, and the store cannot undo it.
    #[error("block {block} wiped account {account}, which has storage")]
    StorageWiped {
        /// Hash of the account's address.
        account: B256,
        /// The block.
        block: B256,
    },
    /// The EVM and the store do not agree on the state before a block.
    #[error("block {block} changed account {account} from a value it did not have")]
    WrongBefore {
        /// Hash of the account's address.
        account: B256,
        /// The block.
        block: B256,
    },
    /// A block of the canonical chain has no header or body.
    #[error("canonical block {0} is not in the database")]
    MissingBlock(B256),
}

impl EngineError {
    /// What the caller should do about it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Storage(error) if error.is_transient() => {
                Severity::Transient { retry_after: Duration::from_millis(100) }
            }
            Self::Storage(_) | Self::Trie(_) => Severity::Operator,
            Self::UnknownBlock(_) | Self::StateUnavailable { .. } => {
                Severity::Transient { retry_after: Duration::from_secs(1) }
            }
            Self::OwnBlockRefused { .. } => {
                Severity::Transient { retry_after: Duration::from_millis(50) }
            }
            Self::InconsistentHeads { .. } | Self::Attributes(_) => Severity::Reset,
            Self::Execution(error) if matches!(**error, ExecutionError::Database(_)) => {
                Severity::Operator
            }
            Self::Execution(_) | Self::Bug(_) => Severity::Bug,
        }
    }
}

impl From<StorageError> for EngineError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl From<TrieError> for EngineError {
    fn from(error: TrieError) -> Self {
        Self::Trie(Box::new(error))
    }
}

impl From<ExecutionError> for EngineError {
    fn from(error: ExecutionError) -> Self {
        Self::Execution(Box::new(error))
    }
}

impl From<AttributesError> for EngineError {
    fn from(error: AttributesError) -> Self {
        Self::Attributes(Box::new(error))
    }
}
