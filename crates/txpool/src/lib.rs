#![doc = include_str!("../README.md")]

mod config;
mod error;
pub use config::{PoolConfig, SubPoolLimit};
pub use error::{Operation, PoolError};

mod pool;
pub use pool::Pool;

mod pool_tx;
mod validation;
pub use pool_tx::Origin;

mod pool_state;
mod sender_queue;

mod delegation;
mod eviction;

mod account_state;
mod chain_state;
mod head_state;
mod store_state;

mod head_update;
pub use head_update::HeadUpdate;

mod best;
pub use best::BestTransactions;

mod content;
pub use content::{PoolContent, PoolStatus, SenderContent, TransactionSummary};

mod journal;
mod journal_writer;

mod metrics;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
