//! The ledger against states made by hand and figures of the real chain.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod balances;
mod derivations;
mod mini;
mod mini_state;
mod other_chains;
mod records;
mod refusals;
