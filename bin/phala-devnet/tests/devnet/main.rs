//! The whole devnet: programs, chain and an end without leftovers.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod program;
mod rollup;
