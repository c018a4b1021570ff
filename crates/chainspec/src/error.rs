use std::path::PathBuf;

use alloy_primitives::{Address, B256};

/// Why a chain file or genesis JSON is not a chain this node can run. An operator has to change it.
#[derive(Debug, thiserror::Error)]
pub enum ChainSpecError {
    /// Neither a built-in network nor a file.
    #[error("chain {0:?} is neither dev, testnet, mainnet nor the path of a chain file")]
    UnknownChain(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The consumer of a streamed alloc gave up.
    #[error("account consumer failed: {0}")]
    Consumer(#[source] std::io::Error),
    /// Not TOML, or a value of the wrong kind.
    #[error("{location}: {message}")]
    Toml {
        /// The key, or the line where no key is known.
        location: String,
        /// What is wrong with it.
        message: String,
    },
    /// A key the chain file does not have.
    #[error("unknown key {key}{}", suggestion(.nearest.as_deref()))]
    UnknownKey {
        /// Path of the key.
        key: String,
        /// The known key most like it, if one is close.
        nearest: Option<String>,
    },
    /// Not JSON, or a field of the wrong kind.
    #[error("genesis json: {0}")]
    Json(#[from] serde_json::Error),
    /// A key that is needed is absent.
    #[error("required key {0} is missing")]
    MissingKey(&'static str),
    /// A public network whose chain file is not complete yet.
    #[error("chain {name} cannot start, its chain file lacks {}", keys.join(", "))]
    NotReady {
        /// Name of the chain.
        name: String,
        /// Paths of the keys.
        keys: Vec<&'static str>,
    },
    /// A value that parses but cannot be right.
    #[error("{key}: {reason}")]
    Invalid {
        /// Path of the key.
        key: String,
        /// Why the value cannot stand.
        reason: String,
    },
    /// An alloc names the same account twice.
    #[error("alloc names account {0} more than once")]
    DuplicateAccount(Address),
}

impl ChainSpecError {
    pub(crate) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), reason: reason.into() }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(", did you mean {nearest}?"))
}

/// Why a header or payload attributes break the fee rules. The block is invalid; trying again
/// cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Extra data of another length than the fork's.
    #[error("extra data has {actual} bytes, expected {expected}")]
    ExtraDataLength {
        /// Length found.
        actual: usize,
        /// Length of the active fork's format.
        expected: usize,
    },
    /// Extra data of another version than the fork's.
    #[error("extra data has version {actual}, expected {expected}")]
    ExtraDataVersion {
        /// Version found.
        actual: u8,
        /// Version of the active fork's format.
        expected: u8,
    },
    /// A denominator of zero would divide by zero in the next block.
    #[error("eip-1559 denominator is zero (elasticity {elasticity})")]
    ZeroDenominator {
        /// The elasticity beside it.
        elasticity: u32,
    },
    /// An elasticity of zero would divide by zero in the next block.
    #[error("eip-1559 elasticity is zero (denominator {denominator})")]
    ZeroElasticity {
        /// The denominator beside it.
        denominator: u32,
    },
    /// A field the fork requires is absent.
    #[error("{field} is missing at timestamp {timestamp}")]
    Missing {
        /// Name of the field as the Engine API spells it.
        field: &'static str,
        /// Timestamp of the block.
        timestamp: u64,
    },
    /// A field that the active fork does not know yet.
    #[error("{field} is set at timestamp {timestamp}, before its fork")]
    Premature {
        /// Name of the field as the Engine API spells it.
        field: &'static str,
        /// Timestamp of the block.
        timestamp: u64,
    },
    /// The next base fee does not fit 64 bits.
    #[error("base fee after block {parent} exceeds 64 bits")]
    BaseFeeOverflow {
        /// Number of the parent block.
        parent: u64,
    },
}

/// Why bytes from L1, or the first transaction of a block, do not say what they must.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepositError {
    /// Calldata starts with no selector of an L1-attributes format.
    #[error("l1 attributes have unknown selector {0:02x?}")]
    UnknownSelector(Vec<u8>),
    /// Calldata of another length than its format's.
    #[error("l1 attributes have {actual} bytes, expected {expected}")]
    AttributesLength {
        /// Length found.
        actual: usize,
        /// Length of the format.
        expected: usize,
    },
    /// An ABI word holds more than its field can.
    #[error("l1 attributes field {0} is out of range")]
    AttributesRange(&'static str),
    /// The event is not `TransactionDeposited` with three indexed fields.
    #[error("log {log_index} of l1 block {l1_block}: not a deposit event ({topics} topics)")]
    NotADeposit {
        /// Hash of the L1 block.
        l1_block: B256,
        /// Index of the log in the block.
        log_index: u64,
        /// Number of topics.
        topics: usize,
    },
    /// A deposit version this node does not know.
    #[error("log {log_index} of l1 block {l1_block}: deposit version {version} is not 0")]
    Version {
        /// Hash of the L1 block.
        l1_block: B256,
        /// Index of the log in the block.
        log_index: u64,
        /// The version topic.
        version: B256,
    },
    /// A deposit log whose bytes do not parse.
    #[error("log {log_index} of l1 block {l1_block}: malformed deposit: {reason}")]
    Malformed {
        /// Hash of the L1 block.
        l1_block: B256,
        /// Index of the log in the block.
        log_index: u64,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A fee scalar word of an unknown version, or with bytes set that its version leaves zero.
    #[error("fee scalar {0} has an unknown version or layout")]
    Scalar(B256),
}
