use std::{io, net::SocketAddr, path::PathBuf};

use crate::{config::ConfigError, secret::SecretError};

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
/// Exit code: the command line or the configuration is wrong.
const EXIT_USAGE: u8 = 2;

impl NodeError {
    /// The exit code for this error.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Secret(_) | Self::LogFilter { .. } => EXIT_USAGE,
            _ => EXIT_FAILURE,
        }
    }
}
