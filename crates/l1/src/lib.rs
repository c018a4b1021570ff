#![doc = include_str!("../README.md")]

mod block;
mod client;
mod config;
mod error;
mod fees;
mod inclusion;
mod redacted;
mod status;
mod submission;

pub use block::{BlockLog, L1Block, L1Receipt, L1Transaction, l1_block_ref};
pub use client::{BlockRange, L1Client};
pub use config::L1Config;
pub use error::{BlockName, ConfigError, Failures, L1Error, Severity, SlotName};
pub use fees::SuggestedFees;
pub use inclusion::Inclusion;
pub use status::{EndpointStatus, L1Status};
pub use submission::SendOutcome;
