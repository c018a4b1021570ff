use std::time::Duration;

use crate::{L1Error, Unverified};

/// What was wrong with one endpoint's answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("connection: {0}")]
    Connection(String),
    #[error("http status {status}")]
    Status { status: u16, retry_after: Option<Duration> },
    #[error("answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("answer is not understood: {0}")]
    Garbage(String),
    #[error("error {code}: {message}")]
    Rpc { code: i64, message: String },
    /// The endpoint does not have what was asked for. No failure if it cannot have it yet.
    #[error("not known")]
    Null,
    /// The endpoint does not have what it showed to have.
    #[error("not known, though its head is {head}")]
    Withheld { head: u64 },
    #[error(transparent)]
    Unverified(#[from] Unverified),
    #[error("serves chain {got}, not {expected}")]
    WrongChain { expected: u64, got: u64 },
    /// Nothing was asked: the caller gets this error.
    #[error(transparent)]
    Stop(Box<L1Error>),
}

/// Error code of a method that does not exist.
const METHOD_NOT_FOUND: i64 = -32601;

/// Error code of a call that was reverted.
const REVERTED: i64 = 3;

/// Characters of a message from an endpoint that are kept.
const MESSAGE_CHARS_MAX: usize = 200;

impl Fault {
    /// Label of the metric.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Connection(_) => "connection",
            Self::Status { .. } => "status",
            Self::TooLarge(_) => "too_large",
            Self::Garbage(_) => "garbage",
            Self::Rpc { .. } => "rpc",
            Self::Null => "null",
            Self::Withheld { .. } => "withheld",
            Self::Unverified(_) => "unverified",
            Self::WrongChain { .. } => "wrong_chain",
            Self::Stop(_) => "stop",
        }
    }

    /// Whether the endpoint did something wrong.
    pub(crate) const fn is_failure(&self) -> bool {
        !matches!(self, Self::Null | Self::Stop(_))
    }

    /// Whether the endpoint does not offer the method.
    pub(crate) fn is_method_missing(&self) -> bool {
        match self {
            Self::Rpc { code, message } => {
                let message = message.to_lowercase();
                *code == METHOD_NOT_FOUND
                    || message.contains("method not found")
                    || message.contains("method is not available")
                    || message.contains("unsupported method")
                    || (message.contains("method") && message.contains("does not exist"))
            }
            _ => false,
        }
    }

    /// Whether the call was made and reverted, which says nothing about the endpoint.
    pub(crate) fn is_revert(&self) -> bool {
        match self {
            Self::Rpc { code, message } => {
                *code == REVERTED || message.to_lowercase().contains("revert")
            }
            _ => false,
        }
    }

    /// How long the endpoint wants to be left alone.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A text from an endpoint, short enough for a log line.
pub(crate) fn shortened(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}
