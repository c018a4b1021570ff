use alloy_primitives::{B256, hex};
use phala_chainspec::{ChainSpecError, HeaderError};
use phala_primitives::TransactionError;
use revm::database_interface::DBErrorMarker;

use crate::ExecutionError;

/// Why a block cannot be executed from a witness, or is not the expected one.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The file is not a witness.
    #[error("witness file: {0}")]
    Json(#[from] serde_json::Error),
    /// The file's fork times are out of order.
    #[error("witness file: {0}")]
    Forks(#[from] ChainSpecError),
    /// The execution needs something that the witness does not hold, or holds damaged.
    #[error("no preimage of {0} in the witness")]
    MissingPreimage(B256),
    /// A preimage is something else than its place in the state says.
    #[error("preimage of {hash} is not {expected}")]
    Malformed {
        /// Hash of the preimage.
        hash: B256,
        /// What it should be.
        expected: &'static str,
    },
    /// A node embedded in another one is malformed.
    #[error("trie node at path {} is malformed", hex::encode(.0))]
    MalformedNode(Vec<u8>),
    /// A transaction is not one of this chain.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Place in the block.
        index: usize,
        /// What is wrong with it.
        error: TransactionError,
    },
    /// Parent and attributes do not make a header.
    #[error("header: {0}")]
    Header(#[from] HeaderError),
    /// The block is invalid, or the witness incomplete.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The block is not the expected one.
    #[error("block hash is {got}, expected {expected}")]
    Hash {
        /// Hash of the executed block.
        got: B256,
        /// Hash in the witness.
        expected: B256,
    },
}

impl DBErrorMarker for WitnessError {}
