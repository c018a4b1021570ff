#![doc = include_str!("../README.md")]

mod error;
mod source;

mod memory_source;

mod state_trie;
mod version;
mod warm;

mod builder;
mod state_root;

mod proof;

mod assemble;
mod branch;
mod cache;
mod leaves;
mod load;
mod nibbles;
mod node_buffers;
mod node_diff;
mod node_rlp;
mod page;
mod page_draft;
mod parallel;
mod scratch;
mod update;

pub use error::{Defect, SourceError, TrieError};
pub use memory_source::MemorySource;
pub use proof::{AccountProof, SlotProof, account_proof};
pub use source::TrieSource;
pub use state_root::{StateRootBuilder, StoredNodeSink, root_from_sorted, state_root_from_sorted};
pub use state_trie::{StateTrie, TrieConfig, TrieStats, TrieUpdate};
pub use version::TrieVersion;
