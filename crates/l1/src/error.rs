use std::time::Duration;

use alloy_primitives::B256;

/// How serious an error is, and with that what the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Try again after a pause; the pause grows and the number of tries ends.
    Transient {
        /// First pause.
        retry_after: Duration,
    },
    /// State no longer matches the world; go back to a known point.
    Reset,
    /// A human has to change something; the message says what.
    Operator,
    /// An invariant of this program broke; stop rather than continue wrong.
    Bug,
}

/// Pause after an answer that is only missing yet: a fraction of the time of an L1 slot.
const RETRY_MISSING: Duration = Duration::from_secs(1);

/// Pause after endpoints contradicted each other: they agree again after a reorg has spread.
const RETRY_DISAGREEMENT: Duration = Duration::from_secs(3);

/// Longest pause asked of a caller, so that a budget that was raised is noticed.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// Why L1 could not be read or written. Nothing unverified is ever returned instead.
#[derive(Clone, Debug, thiserror::Error)]
pub enum L1Error {
    /// No endpoint answered with something that could be verified. They may heal.
    #[error("no l1 endpoint answered {request}: {failures}")]
    NoEndpoint {
        /// What was asked.
        request: String,
        /// What was wrong with the answer of each endpoint.
        failures: Failures,
        /// When the first endpoint may be asked again.
        retry_after: Duration,
    },
    /// The block does not exist, or not yet, as far as the endpoints know.
    #[error("l1 block {0} is not known to any endpoint")]
    BlockNotFound(BlockName),
    /// Endpoints name different blocks at one height and no two agree. Heals when a reorg has
    /// spread, or when the endpoint that is wrong is removed.
    #[error("l1 endpoints disagree about block {name}: {first} and {second}")]
    Disagreement {
        /// The height or tag.
        name: BlockName,
        /// What one says.
        first: B256,
        /// What another says.
        second: B256,
    },
    /// Blocks of a range do not link: L1 was reorganised while it was read.
    #[error("l1 block {number} has parent {found}, not {expected}: l1 was reorganised")]
    ParentMismatch {
        /// Height of the child.
        number: u64,
        /// The block before it.
        expected: B256,
        /// Parent the child names.
        found: B256,
    },
    /// No beacon endpoint has the blobs. They may be delayed; if they are pruned, an archive has to
    /// be configured.
    #[error(
        "{} of {wanted} blobs of l1 block {block} (slot {slot}) are not at any beacon endpoint, \
         first {}: {failures}", missing.len(), missing.first().copied().unwrap_or_default()
    )]
    BlobsMissing {
        /// Height of the block.
        block: u64,
        /// Its slot, where an endpoint tells how to compute it.
        slot: SlotName,
        /// How many were asked for.
        wanted: usize,
        /// Versioned hashes that were not found.
        missing: Vec<B256>,
        /// What was wrong with the answer of each endpoint.
        failures: Failures,
    },
    /// Blobs are needed and no beacon endpoint is configured.
    #[error(
        "blobs of l1 block {block} are needed but no beacon endpoint is configured: set --l1.beacon"
    )]
    NoBeacon {
        /// Height of the block.
        block: u64,
    },
    /// The requests of the day are used up.
    #[error(
        "the budget of {max} l1 requests a day is used up ({used}), next day starts in {} s", 
        resets_in.as_secs()
    )]
    BudgetExhausted {
        /// Requests made today.
        used: u64,
        /// Requests allowed.
        max: u64,
        /// Time until midnight UTC.
        resets_in: Duration,
    },
    /// Every endpoint serves another chain. The URLs or the chain file have to change.
    #[error("l1 endpoint {endpoint} serves chain {got}, not {expected}")]
    WrongChain {
        /// The endpoint.
        endpoint: String,
        /// Chain id that is configured.
        expected: u64,
        /// Chain id it serves.
        got: u64,
    },
    /// L1 has rules this version does not know. The program has to be upgraded.
    #[error("l1 block {block} has {what} this version does not know: upgrade this program")]
    UnknownFork {
        /// The block.
        block: B256,
        /// What is new.
        what: String,
    },
    /// L1 refused the request for a reason every endpoint would give.
    #[error("l1 refused {request}: {message} (code {code})")]
    Refused {
        /// What was asked.
        request: String,
        /// Code of the error.
        code: i64,
        /// Message of the endpoint.
        message: String,
    },
    /// The configuration cannot be used.
    #[error("l1 configuration: {0}")]
    Config(ConfigError),
    /// A task of this program ended before its work was done.
    #[error("task of the l1 client ended: {0}")]
    Task(&'static str),
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing to read from.
    #[error("no execution endpoint is given: set --l1")]
    NoEndpoint,
    /// Only HTTP is spoken.
    #[error("{endpoint} has scheme `{scheme}`; http or https is needed")]
    Scheme {
        /// The endpoint.
        endpoint: String,
        /// Its scheme.
        scheme: String,
    },
    /// The HTTP client could not be made, for instance without root certificates.
    #[error("http client: {0}")]
    Http(String),
    /// The cache directory cannot be used.
    #[error("cache directory {path}: {message}")]
    CacheDir {
        /// The directory.
        path: String,
        /// Why.
        message: String,
    },
}

impl L1Error {
    /// What the caller should do.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NoEndpoint { retry_after, .. } => {
                Severity::Transient { retry_after: (*retry_after).min(RETRY_MAX) }
            }
            Self::BlockNotFound(_) => Severity::Transient { retry_after: RETRY_MISSING },
            Self::BlobsMissing { .. } | Self::Disagreement { .. } => {
                Severity::Transient { retry_after: RETRY_DISAGREEMENT }
            }
            Self::BudgetExhausted { resets_in, .. } => {
                Severity::Transient { retry_after: (*resets_in).min(RETRY_MAX) }
            }
            Self::ParentMismatch { .. } => Severity::Reset,
            Self::NoBeacon { .. }
            | Self::WrongChain { .. }
            | Self::UnknownFork { .. }
            | Self::Refused { .. }
            | Self::Config(_) => Severity::Operator,
            Self::Task(_) => Severity::Bug,
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self.severity(), Severity::Transient { .. })
    }
}

/// How a block was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockName {
    /// The newest.
    Latest,
    /// The newest that is safe.
    Safe,
    /// The newest that is final.
    Finalized,
    /// By height.
    Number(u64),
    /// By hash.
    Hash(B256),
}

impl std::fmt::Display for BlockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Safe => f.write_str("safe"),
            Self::Finalized => f.write_str("finalized"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Hash(hash) => write!(f, "{hash}"),
        }
    }
}

/// A slot, if known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotName(pub Option<u64>);

impl std::fmt::Display for SlotName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(slot) => write!(f, "{slot}"),
            None => f.write_str("unknown"),
        }
    }
}

/// What each endpoint did wrong.
#[derive(Clone, Debug, Default)]
pub struct Failures(pub Vec<(String, String)>);

impl std::fmt::Display for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("every endpoint is resting after failures");
        }
        for (index, (endpoint, failure)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{endpoint}: {failure}")?;
        }
        Ok(())
    }
}
