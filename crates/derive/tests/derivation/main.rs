//! Derivation of a simulated chain: its L1, its sequencer and its batcher are next door.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod batcher;
mod follower;
mod l1;
mod sequencer;
mod world;

mod bounds;
mod deposits;
mod empty;
mod garbage;
mod honest;
mod invalid;
mod reorg;
mod restart;
mod undecided;
