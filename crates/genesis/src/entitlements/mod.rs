//! What is owed, as accounts of the L2 genesis.
//!
//! [`Entitlements`] turns a [`Ledger`](crate::ledger::Ledger) into records with 18 decimals, cuts
//! them into data accounts and computes the Merkle root over them.

mod data_account;
mod merkle;
mod records;

pub use data_account::{DataAccount, Table};
pub use merkle::{MerkleTree, verify};
pub use records::{EntitlementError, Entitlements, to_csv};
