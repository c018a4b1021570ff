#![doc = include_str!("../README.md")]

mod account_state;
mod best;
mod chain_state;
mod config;
mod content;
mod delegation;
mod error;
mod eviction;
mod head_state;
mod head_update;
mod journal;
mod journal_writer;
mod metrics;
mod pool;
mod pool_state;
mod pool_tx;
mod sender_queue;
mod validation;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use best::BestTransactions;
pub use config::{PoolConfig, SubPoolLimit};
pub use content::{PoolContent, PoolStatus, SenderContent, TransactionSummary};
pub use error::{Operation, PoolError};
pub use head_update::HeadUpdate;
pub use pool::Pool;
pub use pool_tx::Origin;
