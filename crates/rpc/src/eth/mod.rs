//! The `eth` namespace, one file for each group of methods.

mod account;
mod block;
mod call;
mod call_object;
mod chain;
mod fee;
mod fee_history;
mod filter;
mod log;
mod log_filter;
mod proof;
mod receipt;
mod revert;
mod submit;
mod subscription;
mod transaction;

use crate::method::Method;

use block::block_of;
pub(crate) use call::{call_failure, execution_error};
pub(crate) use fee::FeeOracle;
pub(crate) use filter::Filters;
pub(crate) use proof::proof_error;
pub(crate) use subscription::{
    METHODS as SUBSCRIPTION_METHODS, register as register_subscriptions,
};
pub(crate) use transaction::raw_transaction;

/// Every method but subscriptions.
pub(crate) fn methods() -> impl Iterator<Item = Method> {
    [
        chain::METHODS,
        block::METHODS,
        transaction::METHODS,
        receipt::METHODS,
        account::METHODS,
        proof::METHODS,
        call::METHODS,
        fee::METHODS,
        fee_history::METHODS,
        log::METHODS,
        filter::METHODS,
        submit::METHODS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// What a consensus client reads beside the Engine API.
pub(crate) const FOR_CONSENSUS_CLIENTS: [&str; 12] = [
    "eth_chainId",
    "eth_blockNumber",
    "eth_syncing",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockReceipts",
    "eth_getProof",
    "eth_getCode",
    "eth_getLogs",
    "eth_call",
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
];
