#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

mod client;
mod config;
mod error;

mod block;
mod block_range;
mod blocks;
mod body;
mod header;
mod receipts;
mod unverified;

mod beacon;
mod beacon_endpoint;
mod kzg;

mod fees;
mod inclusion;
mod state;
mod submission;

mod endpoint;
mod execution;
mod fault;
mod heads;
mod health;
mod json_rpc;
mod redacted;
mod status;
mod transport;

mod budget;
mod cache;
mod disk_cache;
mod memory_cache;

pub use block::{BlockLog, L1Block, L1Receipt, L1Transaction, l1_block_ref};
pub use block_range::BlockRange;
pub use client::L1Client;
pub use config::L1Config;
pub use error::{BlockName, ConfigError, Failures, L1Error, Severity, SlotName};
pub use fees::SuggestedFees;
pub use inclusion::Inclusion;
pub use kzg::versioned_hash;
pub use status::{EndpointStatus, L1Status};
pub use submission::SendOutcome;
pub use unverified::Unverified;

#[cfg(test)]
mod vectors;
