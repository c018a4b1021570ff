//! The crate's promises through its public names, on the recorded evidence.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod der_builder;
mod documented;
mod gpu;
mod gpu_chains;
mod mutate;
mod mutations;
mod settle;
mod substrate;
mod tdx;
mod vectors;
