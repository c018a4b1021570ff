//! How much a file may ask for. What a real state has is far below each of these.

/// Bytes of a storage key. The longest in the parachain has about 200; a trie allows 32 KiB.
pub(crate) const KEY_LEN_MAX: usize = 4 << 10;
/// Bytes of a value. A runtime may have 50 MiB uncompressed, and nothing is larger.
pub(crate) const VALUE_LEN_MAX: usize = 64 << 20;
/// Pairs of a snapshot: five times the largest the importer is built for.
pub(crate) const PAIRS_MAX: u64 = 50_000_000;
/// Bytes of all keys and values: such a snapshot at 300 bytes a pair has 15 GB.
pub(crate) const PAIR_BYTES_MAX: u64 = 64 << 30;
/// Nodes of a trie database. Each takes 16 bytes of memory while it is read.
pub(crate) const NODES_MAX: u64 = 64 << 20;
/// Child tries: their names and roots are kept in memory.
pub(crate) const CHILD_TRIES_MAX: usize = 100_000;
/// Bytes of a header. A relay chain's has some hundred, a few KiB when authorities change.
pub(crate) const HEADER_LEN_MAX: usize = 1 << 20;
/// Entries of a header's digest.
pub(crate) const DIGEST_ITEMS_MAX: u64 = 1_000;
/// Objects and arrays in each other. A chain spec has six.
pub(crate) const JSON_DEPTH_MAX: usize = 64;
/// Bytes of the name of a member of a JSON object whose names have a meaning.
pub(crate) const JSON_NAME_LEN_MAX: usize = 256;
