use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use alloy_primitives::{Address, B256};
use phala_batch::{BlobError, BuildError};

use crate::{FeeLimit, JournalIdentity};

/// Pause after a failure that may heal.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Try again after a pause.
    Transient {
        /// The pause.
        retry_after: Duration,
    },
    /// State no longer matches the world: start again from the safe head.
    Reset,
    /// Somebody has to change something.
    Operator,
    /// Our own invariant broke.
    Bug,
}

const TRANSIENT: Severity = Severity::Transient { retry_after: RETRY_AFTER };

/// Why the batcher, or one of its steps, failed.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// The L2 node failed.
    #[error(transparent)]
    L2(#[from] L2Error),
    /// L1 failed.
    #[error(transparent)]
    L1(#[from] phala_l1::L1Error),
    /// Another request failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The journal failed: without it nothing is sent.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A transaction cannot be built or read.
    #[error(transparent)]
    Tx(#[from] TxError),
    /// Blocks cannot be packed.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The configuration does not fit the chain.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// L1 does not take a transaction; it is tried again.
    #[error("l1 refused transaction {hash} with nonce {nonce}: {reason}")]
    Refused {
        /// Its hash.
        hash: B256,
        /// Its nonce.
        nonce: u64,
        /// What L1 said.
        reason: String,
        /// Whether somebody has to do something, as when there is no money.
        operator: bool,
    },
    /// A transaction stays at its fees until the market follows or somebody raises the limit.
    #[error("transaction with nonce {nonce} waits: {limit}")]
    FeeLimit {
        /// Its nonce.
        nonce: u64,
        /// The limit.
        limit: FeeLimit,
    },
    /// A server could not be started: choose another address.
    #[error("{service} server cannot listen on {address}: {source}")]
    Listen {
        /// Which server.
        service: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The metrics recorder cannot be installed: another one is there already.
    #[error("metrics cannot be recorded: {0}")]
    Metrics(String),
    /// Two methods have one name: an error in the program.
    #[error("rpc method {0} is defined twice")]
    DuplicateMethod(String),
    /// The system refuses to tell about signals.
    #[error("signals cannot be watched: {0}")]
    Signals(io::Error),
}

impl BatcherError {
    /// What to do about it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::L1(error) => match error.severity() {
                phala_l1::Severity::Transient { retry_after } => {
                    Severity::Transient { retry_after }
                }
                phala_l1::Severity::Reset => Severity::Reset,
                phala_l1::Severity::Operator => Severity::Operator,
                phala_l1::Severity::Bug => Severity::Bug,
            },
            Self::L2(L2Error::Rpc(error)) | Self::Rpc(error) => error.severity(),
            Self::L2(L2Error::NoBlock { .. }) => Severity::Reset,
            Self::L2(_) => Severity::Operator,
            Self::Journal(error) => error.severity(),
            Self::Signer(error) => error.severity(),
            Self::Tx(_) | Self::DuplicateMethod(_) => Severity::Bug,
            Self::Encoder(_) => Severity::Operator,
            Self::Refused { operator: false, .. } | Self::FeeLimit { .. } => TRANSIENT,
            Self::Startup(_)
            | Self::Refused { .. }
            | Self::Listen { .. }
            | Self::Metrics(_)
            | Self::Signals(_) => Severity::Operator,
        }
    }
}

impl BatcherError {
    /// Whether going on would be wrong or pointless.
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Journal(JournalError::Unusable { .. })
                | Self::Startup(_)
                | Self::Tx(TxError::NoSidecar)
        )
    }
}

/// Why a JSON-RPC request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No answer; the endpoint may come back.
    #[error("{endpoint} does not answer {method}: {reason}")]
    Unreachable {
        /// The endpoint, without secrets.
        endpoint: String,
        /// What it was asked.
        method: &'static str,
        /// Why not.
        reason: String,
    },
    /// The endpoint does not know the method: it is the wrong one, or does not offer the namespace.
    #[error(
        "{endpoint} has no method {method}: enable its namespace there, or give another endpoint"
    )]
    MethodNotFound {
        /// The endpoint, without secrets.
        endpoint: String,
        /// What it was asked.
        method: &'static str,
    },
    /// The endpoint answered with an error; a later request may be answered.
    #[error("{endpoint} refused {method}: {message} (code {code})")]
    Refused {
        /// The endpoint, without secrets.
        endpoint: String,
        /// What it was asked.
        method: &'static str,
        /// The code of the error.
        code: i64,
        /// What it said.
        message: String,
    },
    /// The answer is not what the method returns: the endpoint is something else.
    #[error("{endpoint} answered {method} with something else: {reason}")]
    Unexpected {
        /// The endpoint, without secrets.
        endpoint: String,
        /// What it was asked.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client cannot be set up.
    #[error("http client cannot be set up: {0}")]
    Client(String),
}

impl RpcError {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Unreachable { .. } | Self::Refused { .. } => TRANSIENT,
            Self::MethodNotFound { .. } | Self::Unexpected { .. } | Self::Client(_) => {
                Severity::Operator
            }
        }
    }
}

/// Why a block of L2 cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum L2Error {
    /// The request failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The node announced a block it does not have: its chain was reorganized.
    #[error("l2 block {number} does not exist any more")]
    NoBlock {
        /// Its height.
        number: u64,
    },
    /// The node lies, or the transport damages data.
    #[error("l2 block {number} was sent with a hash that does not match its {what}")]
    Inconsistent {
        /// Its height.
        number: u64,
        /// What does not match.
        what: &'static str,
    },
    /// The block is none of an OP-stack chain.
    #[error("l2 block {number} has no l1 attributes: {reason}")]
    Attributes {
        /// Its height.
        number: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Why the journal cannot be used. Nothing is sent without it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk failed or is full; nothing was written.
    #[error("journal {path} cannot be read or written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The disk failed, and what it holds is not known any more: start again.
    #[error("journal {path} could not be restored after a failed write: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another batcher is running.
    #[error("journal in {folder} is in use by another process: stop it, or give another --journal")]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Not written by this program, or its first bytes are damaged.
    #[error(
        "{path} is no batcher journal or its header is damaged: move it away; transactions that are \
         still pending will be waited for"
    )]
    BadHeader {
        /// The file.
        path: PathBuf,
    },
    /// The journal of another batcher.
    #[error("{path} is the journal of {found}, not of {wanted}: give another --journal")]
    OtherIdentity {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: Box<JournalIdentity>,
        /// Whose it should be.
        wanted: Box<JournalIdentity>,
    },
    /// Far larger than a journal ever is.
    #[error("{path} has {bytes} bytes, a journal at most {max}: move it away")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
}

impl JournalError {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            // A full disk may get room again.
            Self::Io { .. } => TRANSIENT,
            _ => Severity::Operator,
        }
    }
}

/// Why there is no signature. No secret is in any message.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Other users can get at the file.
    #[error("{path} is open to other users (mode {mode:04o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is no key.
    #[error("{path} must hold 64 hex digits, it holds {found}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it holds, without showing it.
        found: String,
    },
    /// The keystore cannot be opened with this password.
    #[error("keystore {path} cannot be opened: {reason}")]
    Keystore {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The local key does not sign.
    #[error("key does not sign: {0}")]
    Local(String),
    /// The remote signer failed.
    #[error(transparent)]
    Remote(#[from] RpcError),
    /// The remote signer returned no transaction.
    #[error("signer returned no transaction: {0}")]
    BadAnswer(String),
    /// The remote signer changed the transaction.
    #[error("signer returned another transaction than it was asked to sign")]
    OtherTransaction,
    /// The signature belongs to nobody.
    #[error("signer returned an invalid signature")]
    BadSignature,
    /// The remote signer has another key.
    #[error("signer signed as {signer}, not as {expected}: check --signer.address")]
    OtherSigner {
        /// Who signed.
        signer: Address,
        /// Who should have.
        expected: Address,
    },
}

impl SignerError {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Remote(error) => error.severity(),
            _ => Severity::Operator,
        }
    }
}

/// Why a transaction cannot be built or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// Not a transaction of ours.
    #[error("transaction does not decode: {0}")]
    Decode(String),
    /// The signature recovers to no address.
    #[error("transaction has an invalid signature")]
    Signature,
    /// A blob transaction without its blobs.
    #[error("blob transaction without a sidecar")]
    NoSidecar,
    /// Commitments or proofs could not be computed.
    #[error("kzg: {0}")]
    Kzg(String),
    /// More data than a blob holds.
    #[error("data does not fit a blob: {0}")]
    Blob(#[from] BlobError),
}

/// Why blocks cannot be packed. It does not heal by itself: the batcher says so and keeps trying.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncoderError {
    /// One block fills more than a channel.
    #[error("l2 block {number} does not fit an empty channel")]
    BlockTooLarge {
        /// Its height.
        number: u64,
    },
    /// The channel builder refused.
    #[error("channel from l2 block {number} cannot be built: {source}")]
    Build {
        /// Height of the block.
        number: u64,
        /// Why not.
        source: BuildError,
    },
}

/// What does not fit together at the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartupError {
    /// The L1 endpoint is of another chain.
    #[error("l1 endpoint is of chain {found}, the rollup node wants chain {expected}: check --l1")]
    L1Chain {
        /// Chain id of the endpoint.
        found: u64,
        /// Chain id in the rollup configuration.
        expected: u64,
    },
    /// The L2 endpoint is of another chain than its own rollup configuration says.
    #[error(
        "l2 endpoint is of chain {found}, its rollup configuration says {expected}: check --l2"
    )]
    L2Chain {
        /// Chain id of the endpoint.
        found: u64,
        /// Chain id in the rollup configuration.
        expected: u64,
    },
    /// Our batches would be ignored.
    #[error(
        "our address is {ours}, but the chain takes batches of {chain}: give that address's key, or \
         let the owner of SystemConfig {system_config} call setBatcherHash for ours"
    )]
    NotTheBatcher {
        /// Address of our key.
        ours: Address,
        /// Address in the system configuration.
        chain: Address,
        /// The contract that names the batcher.
        system_config: Address,
    },
    /// The rollup configuration is senseless.
    #[error("rollup configuration: {0}")]
    RollupConfig(&'static str),
    /// Settings contradict each other.
    #[error("{0}")]
    Setting(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_heal_is_transient_and_what_cannot_is_not() {
        let endpoint = || "http://node".to_owned();
        let unreachable = RpcError::Unreachable {
            endpoint: endpoint(),
            method: "m",
            reason: "refused".to_owned(),
        };
        assert_eq!(BatcherError::from(unreachable).severity(), TRANSIENT);
        let missing = RpcError::MethodNotFound { endpoint: endpoint(), method: "m" };
        assert_eq!(BatcherError::from(missing).severity(), Severity::Operator);
        let gone = BatcherError::from(L2Error::NoBlock { number: 1 });
        assert_eq!(gone.severity(), Severity::Reset);
        let broke = BatcherError::Refused {
            hash: B256::ZERO,
            nonce: 1,
            reason: "insufficient funds".to_owned(),
            operator: true,
        };
        assert_eq!(broke.severity(), Severity::Operator);
    }
}
