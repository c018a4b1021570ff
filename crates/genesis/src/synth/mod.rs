//! Made-up snapshots and what is owed in them.
//!
//! [`generate`] writes the state of a parachain that never was, as every dump format, together with
//! the report an importer must come to. The report is not computed from the state: each amount is
//! booked for its owner at the moment it is put somewhere. Nothing here uses the reader, the root
//! builder or the ledger, which this judges; encoders and trie are its own.
//!
//! The same seed and profile give the same bytes on every machine and for any number of threads.

mod account_id;
mod books;
mod break_case;
mod dev_key;
mod draw;
mod error;
mod expected;
mod files;
mod generate;
mod holders;
mod keyring;
mod pair_sorter;
mod pools;
mod profile;
mod settlement;
mod snap_file;
mod state;
mod storage_key;
mod trie_encoder;
mod workers;
mod world;

pub use break_case::BreakCase;
pub use error::SynthError;
pub use generate::{SynthOptions, SynthSummary, generate};
pub use profile::Profile;
