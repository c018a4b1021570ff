#![doc = include_str!("../README.md")]

mod store;
pub use store::Store;

mod config;
pub use config::{
    ChainIdentity, DiskLimits, Mode, StoreConfig, TAIL_BLOCKS_MAX, TAIL_BYTES_MAX,
    TAIL_ENTRIES_MAX, TAIL_REORG_BLOCKS, TailLimits, UNWIND_BLOCKS,
};

mod error;
pub use error::{GenesisError, StorageError};

mod genesis;
mod open;

mod record;
pub use record::{BlockDiff, Record};

mod read;
mod write;

mod view;
pub use view::View;

mod chain;
mod history;
mod layer;
mod stack;

mod advance;
mod slice;
mod trie_history;
mod unwind;
mod worker;

mod index;
mod log_entries;
mod logs;
pub use logs::{LogFilter, LogSearch};

mod digest;
mod stats;
mod verify;
pub use stats::Stats;
pub use verify::{VerifyProgress, VerifyReport, VerifyStage};

mod prune;

mod cache;
mod disk;

pub mod kv;

mod envelope;
mod keys;
mod meta;
mod state_value;
mod wire;
