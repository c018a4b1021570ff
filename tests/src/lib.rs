//! What several test targets share: a node as a process, a client for its RPC, a wallet.

mod node_process;
mod rpc_client;
mod wallet;

pub use node_process::{Finished, NodeProcess, node_command, run_node};
pub use rpc_client::{RpcClient, http_get};
pub use wallet::Wallet;
