#![doc = include_str!("../README.md")]

pub mod entitlements;
pub mod ledger;
mod pair;
pub mod snapshot;
pub mod synth;

pub use pair::Pair;
