use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use alloy_primitives::B256;
use phala_chainspec::ChainSpecError;
use phala_engine::{BlockError, EngineError};
use phala_evm::witness::WitnessError;
use phala_rpc::ServerError;
use phala_storage::{StorageError, kv::KvError};
use phala_trie::TrieError;
use phala_txpool::PoolError;

use crate::{block_stream::BlockStreamError, config::ConfigError, secret::SecretError};

/// Why a command of the node failed. Each ends the command; the exit code says whom it concerns.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration cannot be used: change it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A secret cannot be used: change its file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The log filter does not parse: change it.
    #[error("log filter `{filter}` is invalid: {reason}")]
    LogFilter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The metrics recorder cannot be installed: another one is there already.
    #[error("metrics cannot be recorded: {0}")]
    Metrics(String),
    /// The command line does not parse: change it. Help and version take this way too.
    #[error("{0}")]
    Usage(clap::Error),
    /// The chain file cannot be used: change it.
    #[error(transparent)]
    ChainSpec(#[from] ChainSpecError),
    /// A setting of the RPC servers cannot be used, or an address is taken: change it.
    #[error(transparent)]
    Rpc(#[from] ServerError),
    /// Blocks cannot come that fast: choose a longer time.
    #[error("dev.block-time {given:?} is shorter than {min:?}")]
    BlockTime {
        /// Time asked for.
        given: Duration,
        /// Shortest time.
        min: Duration,
    },
    /// The roots of a test cannot be used: change the file.
    #[cfg(debug_assertions)]
    #[error("{path} does not hold attestation roots: {reason}")]
    AttestationRoots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// A file holds no evidence: give another.
    #[error(transparent)]
    NotEvidence(#[from] phala_precompiles::published::NotEvidence),
    /// The evidence is not genuine, or not good at that time; what it says is printed.
    #[error("evidence of {refused} of {of} devices is refused: {reason}")]
    EvidenceRefused {
        /// How many are refused.
        refused: usize,
        /// Of how many.
        of: usize,
        /// Why the first of them is.
        reason: String,
    },
    /// A quote alone proves nothing: give the collateral of its platform.
    #[error("the quote is not judged: give --collateral")]
    EvidenceNotJudged,
    /// There is no place for data: name one.
    #[error("no data directory: give --datadir, or set HOME")]
    NoDataDir,
    /// There is nothing to work on: run `init`, or name another place.
    #[error("no database at {0}: run `phala-node init`, or give another --datadir")]
    NoDatabase(PathBuf),
    /// The range of blocks is empty or reaches beyond the head: choose another.
    #[error("no blocks {from} to {to}: the head is block {latest}")]
    BlockRange {
        /// First block asked for.
        from: u64,
        /// Last block asked for.
        to: u64,
        /// The head.
        latest: u64,
    },
    /// An old block is not kept in full mode: use an archive.
    #[error("block {number} is not kept here: an archive node has it")]
    BlockMissing {
        /// Its height.
        number: u64,
    },
    /// The store failed; the message says what an operator has to do.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The transaction pool could not be started.
    #[error("transaction pool: {0}")]
    Pool(#[from] PoolError),
    /// The block of a witness does not execute to its hash, or the file is not a witness.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The state root of a genesis cannot be computed.
    #[error("genesis state: {0}")]
    Trie(#[from] TrieError),
    /// A file of blocks cannot be read on: the blocks before are imported.
    #[error(transparent)]
    BlockStream(#[from] BlockStreamError),
    /// The file holds blocks of another chain.
    #[error("the file is of another chain: its block 0 is {found}, ours is {ours}")]
    ForeignBlocks {
        /// Its genesis.
        found: B256,
        /// Our genesis.
        ours: B256,
    },
    /// The file has a gap, or belongs to another chain.
    #[error("block {number} ({hash}) does not connect: its parent {parent} is not known")]
    UnknownParent {
        /// Height of the block.
        number: u64,
        /// Its hash.
        hash: B256,
        /// Its parent.
        parent: B256,
    },
    /// A block breaks a rule: the blocks before are imported.
    #[error("block {number} ({hash}) is invalid: {reason}")]
    InvalidBlock {
        /// Height of the block.
        number: u64,
        /// Its hash.
        hash: B256,
        /// The rule.
        reason: Arc<BlockError>,
    },
    /// The settings contradict each other: change one of them.
    #[error("{0}")]
    Conflict(&'static str),
    /// The L1 client could not be started.
    #[error(transparent)]
    L1(#[from] phala_l1::L1Error),
    /// Standard output, or the file being written, is gone.
    #[error("cannot write output: {0}")]
    Output(#[source] io::Error),
    /// No temporary directory can be made.
    #[error("cannot create a temporary data directory: {0}")]
    TemporaryDir(#[source] io::Error),
    /// The process may have no more threads.
    #[error("cannot start thread {name}: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The runtime cannot be started.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(#[source] io::Error),
    /// A part panicked while it was stopped.
    #[error("a part of the node failed to stop")]
    StopFailed,
    /// An address cannot be listened on: free it or choose another.
    #[error("{service} server cannot listen on {address}: {source}")]
    Listen {
        /// Whose address.
        service: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error("{action} {path}: {source}")]
    File {
        /// What was tried, such as `cannot open`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Exit code: something failed.
const EXIT_FAILURE: u8 = 1;
/// Exit code: the command line or the configuration is wrong; the same start fails again.
const EXIT_USAGE: u8 = 2;
/// Exit code: stored data is damaged; the same start fails again.
const EXIT_DAMAGED: u8 = 3;

impl NodeError {
    /// The exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            #[cfg(debug_assertions)]
            Self::AttestationRoots { .. } => EXIT_USAGE,
            Self::L1(error) if error.severity() == phala_l1::Severity::Operator => EXIT_USAGE,
            Self::Config(_)
            | Self::Secret(_)
            | Self::LogFilter { .. }
            | Self::ChainSpec(_)
            | Self::Rpc(
                ServerError::UnknownNamespace { .. }
                | ServerError::InvalidOrigin { .. }
                | ServerError::SharedPortDiffers { .. },
            )
            | Self::BlockTime { .. }
            | Self::Conflict(_)
            | Self::NotEvidence(_)
            | Self::NoDataDir
            | Self::NoDatabase(_)
            | Self::BlockRange { .. } => EXIT_USAGE,
            Self::Storage(
                StorageError::Damaged { .. }
                | StorageError::DamagedTail { .. }
                | StorageError::Missing { .. }
                | StorageError::MissingCode(_)
                | StorageError::RootMismatch { .. }
                | StorageError::Kv(KvError::Corruption(_)),
            ) => EXIT_DAMAGED,
            _ => EXIT_FAILURE,
        }
    }
}
