//! The engine's promises, on a real store in a temporary folder.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)] // Tests: a panic is the failure.

mod build;
mod driver;
mod engine_api;
mod extend_safe;
mod faults;
mod harness;
mod header_fields;
mod import;
mod random_branches;
mod reorg;
