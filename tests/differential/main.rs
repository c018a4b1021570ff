//! Same input, same output as recorded vectors and as other implementations.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod attestation;
mod channels;
mod derivation;
#[path = "../../crates/precompiles/tests/precompiles/vectors.rs"]
#[allow(dead_code)] // Some of it only the tests of `phala-precompiles` use.
mod evidence;
mod executor;
mod genesis;
mod hand_chain;
mod hand_computed;
mod l1_world;
mod manifest;
#[path = "../../crates/precompiles/tests/precompiles/mutate.rs"]
mod mutate;
mod oracle;
mod plain_execution;
mod plain_state;
mod predeploys;
mod random_blocks;
mod receipts;
mod reorgs;
mod rpc_witness;
mod witness_file;
