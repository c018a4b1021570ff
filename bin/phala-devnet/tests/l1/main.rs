//! Deploying to a real anvil, and the beacon API beside it.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod beacon;
mod deployment;
mod deposits;
mod system_config;
mod test_l1;
