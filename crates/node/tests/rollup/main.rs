//! The driver against a real L1: anvil. Sequencing, derivation, finality, reorgs and restarts.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod anvil;
mod batches;
mod derive;
mod http;
mod l1_reorg;
mod operator;
mod world;
