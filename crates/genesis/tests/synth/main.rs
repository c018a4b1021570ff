//! Made-up snapshots: their promises, and the importer judged by them.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod generation;
mod judging;
mod reading;
