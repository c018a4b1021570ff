//! What several test targets share: a node as a process, a client for its RPC, a wallet, random
//! chains, recorded vectors.

mod node_process;
mod rpc_client;
mod wallet;

pub use node_process::{Finished, NodeProcess, node_command, run_node};
pub use rpc_client::{RpcClient, http_get};
pub use wallet::Wallet;

pub mod asm;
mod predeploys;
mod random_chain;
mod random_code;
pub mod rollup;
mod seed;
mod soak;
mod temp_engine;
mod vectors;

pub use predeploys::with_predeploys;
pub use random_chain::RandomChain;
pub use seed::seeded_rng;
pub use soak::soak_or;
pub use temp_engine::{
    assert_verified, engine_in_folder, engine_in_memory, engine_on, restless_store,
};
pub use vectors::{Vectors, cases, field};
