use std::{borrow::Cow, io, net::SocketAddr, time::Duration};

use alloy_primitives::{Address, B256, Bytes, hex};
use jsonrpsee::types::{
    ErrorObjectOwned,
    error::{
        INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, METHOD_NOT_FOUND_CODE, OVERSIZED_RESPONSE_CODE,
    },
};
use op_revm::OpHaltReason;
use phala_evm::InvalidReason;
use phala_txpool::PoolError;

use crate::AdminError;

/// A failed call, by the convention of Ethereum clients.
const CALL_FAILED_CODE: i32 = -32_000;
/// What was asked for does not exist (EIP-1474, EIP-1898).
const NOT_FOUND_CODE: i32 = -32_001;
/// A limit of this node (EIP-1474).
const LIMIT_CODE: i32 = -32_005;
/// Execution reverted; the data is what the contract returned.
const REVERTED_CODE: i32 = 3;
/// History this node no longer keeps.
const PRUNED_CODE: i32 = 4_444;

/// Why the servers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The listener could not be opened; the operator has to choose another address.
    #[error("{server} server cannot listen on {addr}: {source}")]
    Bind {
        /// Which server.
        server: &'static str,
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The operator named a namespace that does not exist.
    #[error(
        "unknown rpc namespace `{name}`: known are eth, net, web3, txpool, debug, phala, optimism, admin, miner and all"
    )]
    UnknownNamespace {
        /// The name.
        name: String,
    },
    /// A browser origin that is no origin.
    #[error("`{origin}` is no origin such as https://example.org")]
    InvalidOrigin {
        /// What was given.
        origin: String,
    },
    /// Two modules define the same method: an error in the program.
    #[error("rpc method {name} is defined twice")]
    DuplicateMethod {
        /// The method.
        name: String,
    },
    /// The same port for two servers that ask for different namespaces.
    #[error("http and ws share {addr} but serve different namespaces")]
    SharedPortDiffers {
        /// The address.
        addr: SocketAddr,
    },
}

/// What a caller is told when a call does not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    /// The parameters are no JSON array.
    #[error("non-array args")]
    NotAnArray,
    /// A parameter is missing.
    #[error("missing value for required argument {index}")]
    MissingArgument {
        /// Position, from zero.
        index: usize,
    },
    /// There are more parameters than the method takes.
    #[error("too many arguments, want at most {max}")]
    TooManyArguments {
        /// How many the method takes.
        max: usize,
    },
    /// A parameter is not what the method takes.
    #[error("invalid argument {index}: {reason}")]
    InvalidArgument {
        /// Position, from zero.
        index: usize,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// Parameters that make no sense together.
    #[error("{0}")]
    InvalidParams(Cow<'static, str>),
    /// No such block.
    #[error("block not found: {0}")]
    UnknownBlock(Cow<'static, str>),
    /// The block exists, on a side branch, and the caller wants canonical ones only.
    #[error("hash {0} is not currently canonical")]
    NotCanonical(B256),
    /// The block is older than what is kept.
    #[error("{what} of block {requested} is not kept: oldest is {oldest}")]
    Pruned {
        /// State, receipts or bodies.
        what: &'static str,
        /// Height asked for.
        requested: u64,
        /// Oldest height kept.
        oldest: u64,
    },
    /// A predeploy that this chain does not have at that block.
    #[error("this chain has no {name} at {address} in block {block}")]
    NoPredeploy {
        /// Which.
        name: &'static str,
        /// Where it would be.
        address: Address,
        /// Height of the block.
        block: u64,
    },
    /// The contract reverted.
    #[error("execution reverted{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Reverted {
        /// Decoded, if it is an `Error(string)` or `Panic(uint256)`.
        reason: Option<String>,
        /// What the contract returned.
        data: Bytes,
    },
    /// The execution ran out of gas.
    #[error("out of gas")]
    OutOfGas,
    /// The execution ended in another way.
    #[error("execution halted: {0:?}")]
    Halted(OpHaltReason),
    /// The call could not start.
    #[error("{0}")]
    InvalidCall(InvalidReason),
    /// No amount of gas within the limit makes it succeed.
    #[error("gas required exceeds allowance ({0})")]
    GasAllowance(u64),
    /// The pool refused the transaction.
    #[error("{0}")]
    Pool(PoolError),
    /// Subscriptions need a connection that stays.
    #[error("notifications not supported")]
    NoNotifications,
    /// No filter of this id, or it expired.
    #[error("filter not found")]
    UnknownFilter,
    /// More than one call may ask for.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// The answer is larger than what this server sends.
    #[error("response is too big: exceeded max limit of {0}")]
    ResponseTooBig(u32),
    /// Too many calls are waiting already.
    #[error("server is busy: {0} calls are waiting")]
    Busy(usize),
    /// The call took too long.
    #[error("execution aborted (timeout = {0:?})")]
    Timeout(Duration),
    /// The driver refused a command.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The driver stopped, as the node is about to.
    #[error("the driver has stopped")]
    DriverGone,
    /// There is no driver in this process.
    #[error("this node does not derive the chain itself: it was started without --l1")]
    NoDriver,
    /// The driver in this process decides about heads.
    #[error(
        "this node derives the chain from L1 itself (--l1) and takes no heads or blocks over the Engine API"
    )]
    DrivenInside,
    /// The Engine API has codes of its own.
    #[error("{message}")]
    Engine {
        /// Code of the Engine API.
        code: i32,
        /// What went wrong.
        message: String,
    },
    /// A layer below failed; the request may be fine.
    #[error("internal error: {0}")]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl RpcError {
    /// Wraps an error of a layer below, which is logged, because it is this node's own problem.
    pub(crate) fn internal(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(source))
    }

    /// JSON-RPC error code.
    pub(crate) const fn code(&self) -> i32 {
        match self {
            Self::NotAnArray
            | Self::MissingArgument { .. }
            | Self::TooManyArguments { .. }
            | Self::InvalidArgument { .. }
            | Self::InvalidParams(_) => INVALID_PARAMS_CODE,
            Self::UnknownBlock(_) => NOT_FOUND_CODE,
            Self::NotCanonical(_)
            | Self::OutOfGas
            | Self::Halted(_)
            | Self::InvalidCall(_)
            | Self::GasAllowance(_)
            | Self::Pool(_)
            | Self::Admin(_)
            | Self::DriverGone
            | Self::NoDriver
            | Self::DrivenInside
            | Self::NoPredeploy { .. }
            | Self::UnknownFilter => CALL_FAILED_CODE,
            Self::NoNotifications => METHOD_NOT_FOUND_CODE,
            Self::Pruned { .. } => PRUNED_CODE,
            Self::Reverted { .. } => REVERTED_CODE,
            Self::Limit { .. } | Self::Busy(_) | Self::Timeout(_) => LIMIT_CODE,
            Self::ResponseTooBig(_) => OVERSIZED_RESPONSE_CODE,
            Self::Engine { code, .. } => *code,
            Self::Internal(_) => INTERNAL_ERROR_CODE,
        }
    }

    fn data(&self) -> Option<String> {
        match self {
            Self::Reverted { data, .. } => Some(hex::encode_prefixed(data)),
            _ => None,
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        match &error {
            RpcError::Internal(source) => {
                tracing::warn!(%source, "rpc call failed for a reason of this node");
            }
            error if error.code() == LIMIT_CODE => {
                metrics::counter!("phala_rpc_limited_total").increment(1);
            }
            _ => {}
        }
        Self::owned(error.code(), error.to_string(), error.data())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn object(error: RpcError) -> serde_json::Value {
        serde_json::to_value(ErrorObjectOwned::from(error)).unwrap()
    }

    #[test]
    fn a_revert_carries_reason_and_data() {
        let data = Bytes::from_static(&[0xab]);
        assert_eq!(
            object(RpcError::Reverted { reason: Some("user error".to_owned()), data }),
            serde_json::json!({"code": 3, "message": "execution reverted: user error", "data": "0xab"})
        );
        assert_eq!(
            object(RpcError::Reverted { reason: None, data: Bytes::new() }),
            serde_json::json!({"code": 3, "message": "execution reverted", "data": "0x"})
        );
    }

    #[test]
    fn codes_are_the_standard_ones() {
        assert_eq!(RpcError::MissingArgument { index: 0 }.code(), -32602);
        assert_eq!(RpcError::Limit { what: "logs", limit: 1 }.code(), -32005);
        assert_eq!(RpcError::UnknownFilter.code(), -32000);
        assert_eq!(RpcError::internal(io::Error::other("disk")).code(), -32603);
    }
}
