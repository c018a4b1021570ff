//! Genesis files as geth, op-geth and op-reth read them.

mod config;
mod read;
mod write;

pub use read::read_genesis_json;
pub(crate) use read::{AccountFields, read_alloc_json};
pub(crate) use write::to_value;
pub use write::write_genesis_json;

#[cfg(test)]
mod tests;
