//! The driver against a real L1: anvil. Sequencing, derivation, finality, reorgs and restarts.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)] // Tests: a panic is the failure.

mod anvil;
mod batches;
mod derive;
mod hard_times;
mod http;
mod killed;
mod l1_reorg;
mod operator;
mod world;
