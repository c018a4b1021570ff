use std::error::Error;

use alloy_primitives::{Address, B256};
use op_revm::OpTransactionError;

use crate::TX_GAS_LIMIT_CAP;

/// Why a block or a transaction could not be executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The rules refuse the transaction. The state is as before it: a builder may skip it and go on,
    /// a verifier has an invalid block.
    #[error("transaction {hash} is invalid: {reason}")]
    Invalid {
        /// Hash of the transaction; zero for a simulated call.
        hash: B256,
        /// The rule.
        reason: InvalidReason,
    },
    /// Ecotone needs the root of the parent's beacon block. The block is invalid.
    #[error("block {number} has no parent beacon block root")]
    MissingParentBeaconBlockRoot {
        /// Height of the block.
        number: u64,
    },
    /// The state cannot be read. This says nothing about the block; it can be executed again.
    #[error("state cannot be read: {0}")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The EVM met something it says cannot happen; a bug of ours, and nothing about the block.
    #[error("evm failed: {0}")]
    Bug(#[source] Box<dyn Error + Send + Sync>),
}

impl ExecutionError {
    /// Whether trying the transaction in a later, emptier block makes sense.
    pub const fn is_block_full(&self) -> bool {
        matches!(
            self,
            Self::Invalid {
                reason: InvalidReason::BlockGas { .. } | InvalidReason::BlockDaFootprint { .. },
                ..
            }
        )
    }

    pub(crate) fn database(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Database(Box::new(error))
    }
}

/// The rule a transaction breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// This chain does not have the type.
    #[error("type {0:#04x} is not supported")]
    UnsupportedType(u8),
    /// The gas limit does not fit into what is left of the block.
    #[error("gas limit {gas_limit} is above the {available} left in the block")]
    BlockGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas left.
        available: u64,
    },
    /// EIP-7825: one transaction may not ask for so much.
    #[error("gas limit {0} is above the cap of {TX_GAS_LIMIT_CAP}")]
    GasCap(u64),
    /// The data does not fit into what is left of the block.
    #[error("da footprint {footprint} is above the {available} left in the block")]
    BlockDaFootprint {
        /// Footprint of the transaction.
        footprint: u64,
        /// Footprint left.
        available: u64,
    },
    /// A simulation puts something into an account that no account can have as its code.
    #[error("code for account {0} is malformed")]
    MalformedCode(Address),
    /// A rule of the EVM: nonce, balance, fees, intrinsic gas, and so on.
    #[error("{0}")]
    Rule(OpTransactionError),
}
