use crate::EngineError;

/// What the Engine API answers instead of a result.
#[derive(Debug, thiserror::Error)]
pub enum EngineApiError {
    /// No payload with this id was started, or it is forgotten.
    #[error("unknown payload")]
    UnknownPayload,
    /// Head, safe and finalized block do not lie on one chain.
    #[error("invalid forkchoice state: {0}")]
    InvalidForkchoiceState(EngineError),
    /// The payload attributes cannot become a block.
    #[error("invalid payload attributes: {0}")]
    InvalidPayloadAttributes(EngineError),
    /// More was asked for at once than is answered.
    #[error("too large request: {requested} bodies, at most {max} are answered")]
    TooLargeRequest {
        /// Bodies asked for.
        requested: u64,
        /// Bodies answered at most.
        max: u64,
    },
    /// The bodies asked for are too large together; fewer at a time are answered.
    #[error("too large request: the bodies exceed {max_bytes} bytes together, ask for fewer")]
    TooLargeBodies {
        /// Bytes of transactions answered at most.
        max_bytes: usize,
    },
    /// The method is not the one of the fork at this time.
    #[error("unsupported fork: {method} at timestamp {timestamp}")]
    UnsupportedFork {
        /// The method called.
        method: &'static str,
        /// Time of the payload or of the attributes.
        timestamp: u64,
    },
    /// A parameter is missing, or there although its fork is not active.
    #[error("invalid params: {0}")]
    InvalidParams(&'static str),
    /// The node failed; nothing is known about the payload.
    #[error(transparent)]
    Internal(EngineError),
}

impl EngineApiError {
    /// The JSON-RPC error code.
    pub const fn code(&self) -> i32 {
        match self {
            Self::UnknownPayload => -38001,
            Self::InvalidForkchoiceState(_) => -38002,
            Self::InvalidPayloadAttributes(_) => -38003,
            Self::TooLargeRequest { .. } | Self::TooLargeBodies { .. } => -38004,
            Self::UnsupportedFork { .. } => -38005,
            Self::InvalidParams(_) => -32602,
            Self::Internal(_) => -32603,
        }
    }
}

impl From<EngineError> for EngineApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::InconsistentHeads { .. } => Self::InvalidForkchoiceState(error),
            EngineError::Attributes(_) => Self::InvalidPayloadAttributes(error),
            _ => Self::Internal(error),
        }
    }
}
