use alloy_primitives::B256;
use phala_chainspec::{DepositError, HeaderError};
use phala_primitives::BlockRef;

/// What whoever drives derivation has to do about an error.
///
/// Nothing here is worth trying again as it is: derivation does no I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// L1 or L2 is no longer the chain that was derived from: go back to a safe point.
    Reset,
    /// A human has to change something: the configuration, or a contract on L1.
    Operator,
    /// An invariant of the caller or of this crate is broken: stop rather than derive wrongly.
    Bug,
}

/// Why derivation cannot go on.
///
/// Errors of [`crate::Deriver::step`] stay until the next reset: the same call gives the same error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// The chain file lacks what derivation needs, or asks for what it cannot do.
    #[error("chain cannot be derived: {0}")]
    Configuration(&'static str),
    /// Reading cannot start there: the position does not belong to the safe head.
    #[error("safe point of l2 block {safe} is unusable: {reason}")]
    SafePoint {
        /// Height of the safe head.
        safe: u64,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The next L1 block does not follow the last one.
    #[error("l1 reorg: block {number} has parent {parent}, expected {expected}")]
    L1Reorg {
        /// Height of the block that was pushed.
        number: u64,
        /// Its parent.
        parent: B256,
        /// The block that was read before it.
        expected: B256,
    },
    /// An L1 block that is known by hash came with another one.
    #[error("l1 reorg: block {number} is {actual}, expected {expected}")]
    L1Block {
        /// Height.
        number: u64,
        /// Hash of the block that was pushed.
        actual: B256,
        /// Hash it was known by.
        expected: B256,
    },
    /// The safe head's L1 origin is not on the L1 chain that is being read.
    #[error("l1 origin {origin:?} of the safe head is not in the epochs from {first:?}")]
    Origin {
        /// Origin of the safe head.
        origin: BlockRef,
        /// The oldest epoch that can still get blocks.
        first: BlockRef,
    },
    /// A derived block would stand before its L1 origin.
    #[error("l2 time {timestamp} is before that of its l1 origin {origin}, {origin_timestamp}")]
    TimeBeforeOrigin {
        /// Time of the L2 block.
        timestamp: u64,
        /// Height of the L1 origin.
        origin: u64,
        /// Time of the L1 origin.
        origin_timestamp: u64,
    },
    /// The last possible timestamp or height has been reached.
    #[error("nothing can follow l2 block {number} at time {timestamp}")]
    EndOfTime {
        /// Height of the parent.
        number: u64,
        /// Time of the parent.
        timestamp: u64,
    },
    /// The L2 blocks that were pushed are not those below the safe head.
    #[error(
        "l2 block {number} ({actual}) is not an ancestor of the safe head: expected {expected}"
    )]
    L2Block {
        /// Height.
        number: u64,
        /// Hash, or parent hash, of what was pushed.
        actual: B256,
        /// Hash that links to what is known.
        expected: B256,
    },
    /// The portal wrote a log that is no deposit. A correct contract cannot.
    #[error("deposits cannot be derived: {0}")]
    Deposit(DepositError),
    /// A block of deposits only was refused, which nothing can replace.
    #[error("block {number} of deposits only was rejected, derived from l1 block {derived_from}")]
    DepositsOnlyRejected {
        /// Height of the L2 block.
        number: u64,
        /// Height of the L1 block it was derived from.
        derived_from: u64,
    },
    /// Something was pushed that was not asked for.
    #[error("{what} pushed, but derivation waits for {awaited}")]
    Unexpected {
        /// What came.
        what: &'static str,
        /// What [`crate::Step`] asked for.
        awaited: &'static str,
    },
    /// Data of the wrong height or number was pushed.
    #[error("{what} pushed: {actual}, asked for: {expected}")]
    WrongData {
        /// What came, and how it is counted.
        what: &'static str,
        /// The number that came.
        actual: u64,
        /// The number that was asked for.
        expected: u64,
    },
    /// A block was accepted that the attributes given last cannot have become.
    #[error("accepted block {number} does not come from the derived attributes: {field} differs")]
    NotDerived {
        /// Height of the block.
        number: u64,
        /// What differs.
        field: &'static str,
    },
    /// An L2 block without a usable L1-attributes transaction.
    #[error("l2 block {number}: {reason}")]
    L1Attributes {
        /// Height of the block.
        number: u64,
        /// What is wrong with its first transaction.
        reason: L1AttributesProblem,
    },
    /// An L2 header without usable fee parameters.
    #[error("l2 block {number} has unusable extra data: {source}")]
    ExtraData {
        /// Height of the block.
        number: u64,
        /// What is wrong with it.
        source: HeaderError,
    },
}

/// What is wrong with the first transaction of an L2 block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L1AttributesProblem {
    /// The block has no transactions.
    #[error("it has no l1 attributes")]
    Missing,
    /// The first transaction is not a deposit to the `L1Block` contract.
    #[error("its first transaction is not the l1-attributes deposit")]
    NotL1Attributes,
    /// Its calldata does not decode.
    #[error(transparent)]
    Malformed(DepositError),
    /// The batcher hash is not an address.
    #[error("batcher hash {0} is not an address")]
    BatcherHash(B256),
}

impl DeriveError {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::L1Reorg { .. }
            | Self::L1Block { .. }
            | Self::Origin { .. }
            | Self::TimeBeforeOrigin { .. }
            | Self::L2Block { .. } => Severity::Reset,
            Self::Configuration(_)
            | Self::EndOfTime { .. }
            | Self::Deposit(_)
            | Self::DepositsOnlyRejected { .. } => Severity::Operator,
            Self::SafePoint { .. }
            | Self::Unexpected { .. }
            | Self::WrongData { .. }
            | Self::NotDerived { .. }
            | Self::L1Attributes { .. }
            | Self::ExtraData { .. } => Severity::Bug,
        }
    }
}
