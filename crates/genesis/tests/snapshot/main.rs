//! Snapshots of every format are read as the same pairs, proved against a header, or refused for a
//! reason of their own.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod damage;
mod files;
mod plain_trie;
mod proof;
mod readers;
mod refusals;
mod relay;
mod roots;
mod sorting;
mod speed;
mod vectors;
