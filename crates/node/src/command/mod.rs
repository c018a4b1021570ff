//! The commands: each from settings to a result.

mod attest;
mod chain;
mod config;
mod database;
mod dev;
mod execute;
mod export;
pub(crate) mod genesis_hash;
mod import;
mod init;
mod node;
mod progress;

pub(crate) use attest::{GpuFlags, TdxFlags, attest_gpu, attest_tdx};
pub(crate) use chain::{chain_genesis_json, chain_rollup_json, chain_show};
pub(crate) use config::{config_check, config_dump};
pub(crate) use database::{db_digest, db_stats, db_unwind, db_verify};
pub(crate) use dev::dev;
pub(crate) use execute::execute;
pub(crate) use export::export;
pub(crate) use genesis_hash::chain_genesis_hash;
pub(crate) use import::import;
pub(crate) use init::init;
pub(crate) use node::node;

/// The runtime of a long-running command, for sockets and timers.
fn runtime() -> Result<tokio::runtime::Runtime, crate::NodeError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("runtime")
        .build()
        .map_err(crate::NodeError::Runtime)
}
