//! What each account is owed.
//!
//! [`reconcile`] reads the sorted pairs of a state, puts every account into one [`Class`] and every
//! unit of the issuance into one [`Bucket`], and refuses a state that leaves a doubt.

mod account;
mod books;
mod class;
mod error;
mod holdings;
mod location;
mod pools;
mod reconcile;
mod report;
mod state;
mod values;

pub use account::AccountId;
pub use class::{Bucket, Class, Override};
pub use error::LedgerError;
pub use holdings::{Carry, Funding, Holder, Ledger, PoolCarry, QueuePayout, Request};
pub use reconcile::{Known, Options, Reconciliation, reconcile};
pub use report::Report;
