#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

pub mod entitlements;
pub mod ledger;
mod pair;
pub mod snapshot;
pub mod synth;

pub use pair::Pair;
