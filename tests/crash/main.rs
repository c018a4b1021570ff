//! Killed anywhere, started again, compared.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod child;
mod killed;
mod lost_writes;
mod script;
