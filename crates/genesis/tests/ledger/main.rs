//! The ledger against states made by hand and figures of the real chain.

mod balances;
mod derivations;
mod mini;
mod mini_state;
mod other_chains;
mod records;
mod refusals;
