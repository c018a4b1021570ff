use std::{io, path::PathBuf};

use alloy_primitives::{Address, B256};
use phala_chainspec::ChainSpecError;

/// Why a chain could not be deployed. Each says what an operator can do; what was sent to L1 so far is
/// continued by the next run.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The endpoint cannot be reached, or breaks off.
    #[error("l1 endpoint {url}: {reason}")]
    Transport {
        /// The endpoint.
        url: String,
        /// What went wrong, with its causes.
        reason: String,
    },
    /// The endpoint answers with an error.
    #[error("{method}: {message} (code {code})")]
    Rpc {
        /// The method called.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// Message of the endpoint, with the reason of a revert if there is one.
        message: String,
    },
    /// The endpoint answers with something else than the method promises.
    #[error("{method}: unexpected answer: {reason}")]
    Answer {
        /// The method called.
        method: String,
        /// What does not fit.
        reason: String,
    },
    /// A transaction was mined and failed.
    #[error("{step} failed in transaction {transaction}")]
    Reverted {
        /// The step of the plan.
        step: String,
        /// Its hash.
        transaction: B256,
    },
    /// Transactions are not mined.
    #[error(
        "{done} of {total} transactions were mined within {seconds} s; run the same command again"
    )]
    NotMined {
        /// Mined so far.
        done: u64,
        /// All of this part.
        total: u64,
        /// How long they were waited for.
        seconds: u64,
    },
    /// The deployer cannot pay.
    #[error("{deployer} has {balance} wei, the deployment may cost up to {needed}")]
    Balance {
        /// The deployer.
        deployer: Address,
        /// Its balance.
        balance: String,
        /// An upper bound.
        needed: String,
    },
    /// The folder holds another deployment, or the account was used otherwise in between.
    #[error("{path}: {reason}")]
    OtherDeployment {
        /// The file that remembers the deployment.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A contract does not answer as it must.
    #[error("{what} is {found}, expected {expected}")]
    ReadBack {
        /// What was read.
        what: String,
        /// What L1 says.
        found: String,
        /// What the plan says.
        expected: String,
    },
    /// The anchor left the canonical chain while it was waited for.
    #[error("l1 block {number} ({hash}) is no longer canonical; run the same command again")]
    AnchorReorged {
        /// Its height.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// A chain file, or what it would become, is not valid.
    #[error("{file}: {source}")]
    ChainFile {
        /// The file, or the template.
        file: String,
        /// What is wrong.
        source: ChainSpecError,
    },
    /// A template is not TOML, or lacks what a deployment starts from.
    #[error("{file}: {reason}")]
    Template {
        /// The template.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A key is not one.
    #[error("deployer key: {0}")]
    Key(String),
    /// A file cannot be read or written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
