//! From dumps to sorted pairs, and their proof against a header.

mod error;
mod format;
mod header;
mod input;
mod json;
mod json_file;
mod limits;
mod node_store;
mod open;
mod pairs;
mod phala_snap;
mod progress;
mod raw_spec;
mod record;
mod rpc_dump;
mod scale;
mod sorter;
mod store;
mod temporary;
mod trie;
mod trie_walk;
mod try_runtime;

pub use error::SnapshotError;
pub use format::Format;
pub use header::Header;
pub use open::{ChildTrie, OpenOptions, Snapshot, open};
pub use pairs::Pairs;
pub use phala_snap::write_phala_snap;
pub use progress::{Progress, Step};
pub use trie::{StateVersion, trie_root};
