#![doc = include_str!("../README.md")]

mod config;
mod error;
mod jwt;

mod server;

mod context;
mod lanes;
mod method;
mod namespaces;
mod params;

mod admin;
mod debug;
mod engine;
mod eth;
mod miner;
mod net;
mod optimism;
mod phala;
mod rollup;
mod txpool;
mod web3;

mod block_cache;
mod cached_block;
mod json;
mod l1_fees;
mod transaction_places;

pub use config::{AuthConfig, HttpConfig, Namespace, NamespaceSet, RpcConfig, RpcLimits, WsConfig};
pub use context::RpcHandles;
pub use error::ServerError;
pub use jwt::{JwtError, JwtSecret};
pub use phala::{
    DeviceReading, Explanation, GpuReading, GuestReading, PlatformReading, TdxReading, explain_gpu,
    explain_tdx,
};
pub use rollup::{
    AdminCommand, AdminError, Reply, RollupHandle, SafeHeadAtL1, SyncProgress, SyncStatus,
};
pub use server::{RpcHandle, RpcServer};

pub(crate) use cached_block::CachedBlock;
pub(crate) use context::Context;
pub(crate) use error::RpcError;
