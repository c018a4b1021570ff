use alloy_primitives::{B64, B256, Bloom, Bytes, U256};
use phala_chainspec::HeaderError;
use phala_evm::InvalidReason;
use phala_primitives::TransactionError;

/// Why a block is invalid. Only rules of consensus are here: an error of the disk or of this
/// program never makes a block invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The header does not have the hash it was announced with.
    #[error("block hash {expected} was announced but the header hashes to {got}")]
    Hash {
        /// Hash of the header.
        got: B256,
        /// Hash that was announced.
        expected: B256,
    },
    /// A field is absent although a later one is there. Such a header has the hash of another one,
    /// in which the values stand one field earlier.
    #[error("header has no {0} but a field after it")]
    MissingField(&'static str),
    /// The header does not commit to the transactions it came with.
    #[error("transactions root is {got} but the header says {expected}")]
    TransactionsRoot {
        /// Root of the transactions.
        got: B256,
        /// Root in the header.
        expected: B256,
    },
    /// An ancestor is invalid.
    #[error("ancestor {0} is invalid")]
    InvalidAncestor(B256),
    /// The height does not follow the parent's.
    #[error("block number is {got}, expected {expected}")]
    Number {
        /// Number in the header.
        got: u64,
        /// Parent's number plus one.
        expected: u64,
    },
    /// Time does not advance.
    #[error("timestamp {got} is not after the parent's {parent}")]
    Timestamp {
        /// Time in the header.
        got: u64,
        /// Time of the parent.
        parent: u64,
    },
    /// There are no ommers on this chain.
    #[error("ommers hash is {0}, expected that of an empty list")]
    OmmersHash(B256),
    /// There is no work on this chain.
    #[error("difficulty is {0}, expected 0")]
    Difficulty(U256),
    /// There is no work on this chain.
    #[error("nonce is {0}, expected 0")]
    Nonce(B64),
    /// The gas limit is zero or not representable.
    #[error("gas limit {0} is not between 1 and 2^63-1")]
    GasLimit(u64),
    /// More gas used than allowed.
    #[error("gas used {used} is above the gas limit {limit}")]
    GasUsedAboveLimit {
        /// Gas used according to the header.
        used: u64,
        /// Gas limit of the header.
        limit: u64,
    },
    /// `extraData` does not hold the fee parameters in the form of its fork.
    #[error("extra data {data} is invalid: {reason}")]
    ExtraData {
        /// The field.
        data: Bytes,
        /// Which rule it breaks.
        reason: HeaderError,
    },
    /// `extraData` longer than it may be before Holocene.
    #[error("extra data has {0} bytes, at most 32 are allowed")]
    ExtraDataTooLong(usize),
    /// The base fee does not follow from the parent.
    #[error("base fee is {got:?}, expected {expected}")]
    BaseFee {
        /// Base fee in the header.
        got: Option<u64>,
        /// Base fee the parent asks for.
        expected: u64,
    },
    /// The base fee of a payload does not fit a header.
    #[error("base fee {0} does not fit 64 bits")]
    BaseFeeRange(U256),
    /// The base fee cannot be computed from the parent's header.
    #[error("parent has no usable fee parameters: {0}")]
    ParentFeeParameters(HeaderError),
    /// There are no blobs on this chain.
    #[error("excess blob gas is {got:?}, expected {expected:?}")]
    ExcessBlobGas {
        /// Field in the header.
        got: Option<u64>,
        /// Zero since Ecotone, absent before.
        expected: Option<u64>,
    },
    /// `blobGasUsed` is not what the fork asks for, or not the data footprint of the transactions.
    #[error("blob gas used is {got:?}, expected {expected:?}")]
    BlobGasUsed {
        /// Field in the header.
        got: Option<u64>,
        /// Data footprint since Jovian, zero since Ecotone, absent before.
        expected: Option<u64>,
    },
    /// The data footprint does not fit into the block.
    #[error("blob gas used {used} is above the gas limit {limit}")]
    BlobGasUsedAboveLimit {
        /// Footprint according to the header.
        used: u64,
        /// Gas limit of the header.
        limit: u64,
    },
    /// Body and header disagree about withdrawals, of which there are none.
    #[error("withdrawals are {0}, expected an empty list")]
    Withdrawals(&'static str),
    /// `withdrawalsRoot` is not the storage root of the message passer (Isthmus) or of nothing.
    #[error("withdrawals root is {got:?}, expected {expected:?}")]
    WithdrawalsRoot {
        /// Field in the header.
        got: Option<B256>,
        /// What the state says; `None` before Canyon.
        expected: Option<B256>,
    },
    /// The beacon root is missing, or present before Ecotone.
    #[error("parent beacon block root is {0:?}")]
    ParentBeaconBlockRoot(Option<B256>),
    /// `requestsHash` is not that of an empty list (Isthmus), or present before.
    #[error("requests hash is {got:?}, expected {expected:?}")]
    RequestsHash {
        /// Field in the header.
        got: Option<B256>,
        /// Hash of an empty list, `None` before Isthmus.
        expected: Option<B256>,
    },
    /// Payload came with execution requests, of which there are none.
    #[error("payload has execution requests, expected none")]
    ExecutionRequests,
    /// Payload came with blob hashes, of which there are none.
    #[error("{0} versioned hashes, expected none")]
    VersionedHashes(usize),
    /// A field of a fork this chain does not have.
    #[error("header has {0}, which no fork of this chain has")]
    UnknownField(&'static str),
    /// The body lists ommers.
    #[error("{0} ommers, expected none")]
    Ommers(usize),
    /// A transaction does not decode, or is of a type this chain does not have.
    #[error("transaction {index} is malformed: {reason}")]
    MalformedTransaction {
        /// Place in the block.
        index: usize,
        /// What is wrong with it.
        reason: TransactionError,
    },
    /// Bytes that decode to a transaction with another encoding.
    #[error("transaction {index} is not in its canonical encoding")]
    NonCanonicalTransaction {
        /// Place in the block.
        index: usize,
    },
    /// A signature that recovers to nobody.
    #[error("transaction {index} ({hash}) has an invalid signature")]
    Signature {
        /// Place in the block.
        index: usize,
        /// Hash of the transaction.
        hash: B256,
    },
    /// A transaction the rules of execution refuse.
    #[error("transaction {index} ({hash}) is invalid: {reason}")]
    InvalidTransaction {
        /// Place in the block.
        index: usize,
        /// Hash of the transaction.
        hash: B256,
        /// Why the rules refuse it.
        reason: Box<InvalidReason>,
    },
    /// Gas used by the transactions.
    #[error("gas used is {got} but the header says {expected}")]
    GasUsed {
        /// Gas the transactions used.
        got: u64,
        /// Gas in the header.
        expected: u64,
    },
    /// Root of the receipts.
    #[error("receipts root is {got} but the header says {expected}")]
    ReceiptsRoot {
        /// Root of the receipts.
        got: B256,
        /// Root in the header.
        expected: B256,
    },
    /// Bloom filter over the logs.
    #[error("logs bloom is not that of the logs")]
    LogsBloom {
        /// Bloom of the logs.
        got: Box<Bloom>,
        /// Bloom in the header.
        expected: Box<Bloom>,
    },
    /// Root of the state.
    #[error("state root is {got} but the header says {expected}")]
    StateRoot {
        /// Root after the block.
        got: B256,
        /// Root in the header.
        expected: B256,
    },
}

impl BlockError {
    /// Whether the error is one of the block with this hash. The others are about what was
    /// delivered under the hash, and the block itself may be valid.
    pub(crate) const fn is_about_block(&self) -> bool {
        !matches!(
            self,
            Self::Hash { .. }
                | Self::MissingField(_)
                | Self::TransactionsRoot { .. }
                | Self::Ommers(_)
                | Self::Withdrawals(_)
                | Self::ExecutionRequests
                | Self::VersionedHashes(_)
                | Self::BaseFeeRange(_)
        )
    }
}
