use std::io;

use alloy_primitives::{Address, B256, U256};

use phala_primitives::TransactionError;

/// What the pool was doing when a layer below it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading accounts, code or fee parameters.
    ReadState,
    /// Reading blocks, or what they changed.
    ReadBlock,
    /// Computing what the next block asks for.
    ReadHeader,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ReadState => "reading state",
            Self::ReadBlock => "reading a block",
            Self::ReadHeader => "preparing for the next block",
        })
    }
}

/// Why a transaction was not taken, in the words RPC users know, or why the pool could not tell.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    // The transaction can never be valid here.
    /// Bytes that are no transaction of this chain.
    #[error("{0}")]
    Undecodable(TransactionError),
    /// Blob transactions, deposits and unknown types do not enter by the pool.
    #[error("transaction type not supported: {ty:#04x}")]
    UnsupportedType {
        /// EIP-2718 type byte.
        ty: u8,
    },
    /// Larger than this node takes.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    OversizedData {
        /// Encoded bytes.
        size: usize,
        /// Bytes this node takes.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id: have {have}, want {want}")]
    InvalidChainId {
        /// Of the transaction.
        have: u64,
        /// Of this chain.
        want: u64,
    },
    /// The signature recovers to no address.
    #[error("invalid sender: {0}")]
    InvalidSender(TransactionError),
    /// EIP-1559.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas {tip}, maxFeePerGas {fee}"
    )]
    TipAboveFeeCap {
        /// Max priority fee per gas.
        tip: u128,
        /// Max fee per gas.
        fee: u128,
    },
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeTooLarge {
        /// Bytes of init code.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Less gas than the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGasTooLow {
        /// Gas limit.
        gas: u64,
        /// Gas needed.
        needed: u64,
    },
    /// EIP-7623.
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorGasTooLow {
        /// Gas limit.
        gas: u64,
        /// Gas needed.
        needed: u64,
    },
    /// EIP-7825, from Karst on.
    #[error("transaction gas limit too high (cap {cap}): {gas}")]
    GasLimitTooHigh {
        /// Gas limit.
        gas: u64,
        /// Cap of the protocol.
        cap: u64,
    },
    /// EIP-7702.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizationList,
    /// More signatures than this node recovers for one transaction.
    #[error("too many authorizations: have {have}, limit {limit}")]
    TooManyAuthorizations {
        /// In the transaction.
        have: usize,
        /// This node takes.
        limit: usize,
    },
    /// EIP-2681.
    #[error("nonce has max value: address {sender}, nonce {nonce}")]
    NonceMax {
        /// Sender.
        sender: Address,
        /// Nonce.
        nonce: u64,
    },

    // The transaction is not valid, or not wanted, at the current head.
    /// No block at the head's gas limit can hold it.
    #[error("exceeds block gas limit: gas {gas}, limit {limit}")]
    ExceedsBlockGasLimit {
        /// Gas limit of the transaction.
        gas: u64,
        /// Gas limit of a block.
        limit: u64,
    },
    /// Its data alone exceeds what a block may post to L1 (Jovian).
    #[error("exceeds block gas limit: data availability footprint {footprint}, limit {limit}")]
    ExceedsDaFootprint {
        /// Footprint of the transaction.
        footprint: u64,
        /// Gas limit of a block, which bounds footprints as well.
        limit: u64,
    },
    /// Below this node's minimum.
    #[error("transaction gas price below minimum: gas tip cap {tip}, minimum needed {minimum}")]
    TipBelowMinimum {
        /// Max priority fee per gas.
        tip: u128,
        /// This node asks for.
        minimum: u128,
    },
    /// EIP-3607: contracts do not send transactions.
    #[error("sender not an eoa: address {sender}, codehash: {code_hash}")]
    SenderNotEoa {
        /// Sender.
        sender: Address,
        /// Hash of its code.
        code_hash: B256,
    },
    /// Already used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// Of the transaction.
        nonce: u64,
        /// Of the account.
        next: u64,
    },
    /// Includes the L1 fee and the operator fee.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {overshot}"
    )]
    InsufficientFunds {
        /// Of the sender.
        balance: U256,
        /// What the transaction may cost at most, everything included.
        cost: U256,
        /// What is missing.
        overshot: U256,
    },

    // The transaction conflicts with what the pool holds.
    /// The very same transaction.
    #[error("already known")]
    AlreadyKnown,
    /// The pool has one of the same nonce that pays as much.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The sender has as many as it may.
    #[error("account limit exceeded: address {sender}, limit {limit}")]
    AccountLimitExceeded {
        /// Sender.
        sender: Address,
        /// Transactions it may have.
        limit: usize,
    },
    /// No place for a transaction of this fee.
    #[error("txpool is full")]
    Full,
    /// EIP-7702: one transaction at a time for accounts with a delegation.
    #[error("in-flight transaction limit reached for delegated accounts")]
    InflightLimitReached,
    /// EIP-7702: no nonce gaps for accounts with a delegation.
    #[error("gapped-nonce tx from delegated accounts")]
    GappedFromDelegated,
    /// EIP-7702: an authority has several transactions of its own in the pool.
    #[error("authority already reserved")]
    AuthorityReserved,

    // The pool could not do its work; the transaction may be fine.
    /// A layer below failed.
    #[error("{operation}: {source}")]
    Chain {
        /// What was being done.
        operation: Operation,
        /// What the layer said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The head moved under the check again and again; try later.
    #[error("head moved {0} times during validation")]
    HeadMoved(usize),
    /// The state of the block is not there.
    #[error("no state for block {0}")]
    UnknownState(B256),
    /// The journal file.
    #[error("journal {path}: {source}")]
    Journal {
        /// File.
        path: std::path::PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PoolError {
    /// Whether the transaction was judged and refused, as opposed to the pool failing.
    pub const fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Chain { .. } | Self::HeadMoved(_) | Self::UnknownState(_) | Self::Journal { .. }
        )
    }

    /// Wraps an error of a layer below.
    pub(crate) fn chain(
        operation: Operation,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Chain { operation, source: Box::new(source) }
    }

    /// Name for the rejection counter; a fixed small set.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Undecodable(_) => "undecodable",
            Self::UnsupportedType { .. } => "type",
            Self::OversizedData { .. } => "oversized",
            Self::InvalidChainId { .. } => "chain_id",
            Self::InvalidSender(_) => "sender",
            Self::TipAboveFeeCap { .. } => "tip_above_fee",
            Self::InitCodeTooLarge { .. } => "init_code",
            Self::IntrinsicGasTooLow { .. } | Self::FloorGasTooLow { .. } => "intrinsic_gas",
            Self::GasLimitTooHigh { .. }
            | Self::ExceedsBlockGasLimit { .. }
            | Self::ExceedsDaFootprint { .. } => "gas_limit",
            Self::EmptyAuthorizationList | Self::TooManyAuthorizations { .. } => "authorizations",
            Self::NonceMax { .. } | Self::NonceTooLow { .. } => "nonce",
            Self::TipBelowMinimum { .. } => "tip_minimum",
            Self::SenderNotEoa { .. } => "not_eoa",
            Self::InsufficientFunds { .. } => "funds",
            Self::AlreadyKnown => "known",
            Self::ReplacementUnderpriced => "replacement",
            Self::AccountLimitExceeded { .. } => "account_limit",
            Self::Full => "full",
            Self::InflightLimitReached | Self::GappedFromDelegated | Self::AuthorityReserved => {
                "delegated"
            }
            Self::Chain { .. }
            | Self::HeadMoved(_)
            | Self::UnknownState(_)
            | Self::Journal { .. } => "internal",
        }
    }
}
