//! The servers' promises, over real sockets, on a real engine.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)] // Tests: a panic is the failure.

mod client;
mod node;
mod websocket;

mod auth;
mod blocks;
mod calls;
mod cors;
mod execution_apis;
mod filters;
mod limits;
mod mutations;
mod pool;
mod proofs;
mod receipts;
mod rollup;
mod subscriptions;
mod witness;
