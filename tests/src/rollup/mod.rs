//! A whole rollup on anvil: started, asked, paid, compared.

mod account;
mod chain_rpc;
mod deposit;
mod patience;
mod testnet;

pub use account::{Account, Call};
pub use chain_rpc::{ChainRpc, number_of};
pub use deposit::Deposit;
pub use patience::{PATIENCE, eventually};
pub use testnet::{Testnet, fast_devnet, stop_gently};
