//! The key-value store under everything: families, batches, snapshots, cursors.

mod batch;
mod family;
mod memory;
mod rocks;
mod rocks_options;

use std::sync::Arc;

pub use batch::{Batch, Op};
pub use family::Family;
pub use memory::{Fault, MemoryKv, Survival};
pub use rocks::{RocksConfig, RocksKv};

/// Why the key-value store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The write would have waited for compaction; the caller pauses and repeats.
    #[error("database is stalled by compaction")]
    Stalled,
    /// The disk has no room; nothing of the write is visible.
    #[error("disk is full: {0}")]
    NoSpace(String),
    /// Reading or writing failed; what was written before stays valid.
    #[error("input/output error: {0}")]
    Io(String),
    /// Stored bytes do not match their checksum.
    #[error("database is damaged: {0}")]
    Corruption(String),
    /// Another process holds the database.
    #[error("database at {0} is in use by another process")]
    Locked(String),
    /// The simulated machine has stopped (memory store only).
    #[error("database is closed")]
    Closed,
}

/// How durable a write is when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// In the log, and the log is on the disk.
    Synced,
    /// In the log; survives a killed process, not a lost machine.
    Logged,
    /// In memory only until its family is flushed; refused with [`KvError::Stalled`] instead of waiting.
    Unlogged,
}

/// Which keys a cursor may visit.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// First key, inclusive.
    pub lower: Option<Vec<u8>>,
    /// End, exclusive.
    pub upper: Option<Vec<u8>>,
    /// The cursor never leaves the prefix of its first seek, so prefix filters may answer for it.
    pub within_prefix: bool,
}

impl Bounds {
    /// Keys that start with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { lower: Some(prefix.to_vec()), upper: end_of_prefix(prefix), within_prefix: false }
    }

    /// Keys from `lower` to before `upper`.
    pub fn range(lower: impl Into<Vec<u8>>, upper: impl Into<Vec<u8>>) -> Self {
        Self { lower: Some(lower.into()), upper: Some(upper.into()), within_prefix: false }
    }
}

/// First key behind all keys that start with `prefix`; `None` if there is no such key.
pub(crate) fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// How far compaction is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Most level-0 files of any derived family.
    pub level0_files: u64,
    /// Most memtables of any derived family that wait for a flush.
    pub immutable_memtables: u64,
}

/// Size of one family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilySize {
    /// Bytes on disk, blob files included.
    pub disk_bytes: u64,
    /// Estimated number of keys.
    pub keys: u64,
}

/// An ordered key-value store with families, atomic batches and snapshots.
///
/// Two implementations: [`RocksKv`] and, for tests of what a crash leaves behind, [`MemoryKv`].
pub trait KvStore: Send + Sync + 'static {
    /// Applies a batch: all of it or nothing.
    fn write(&self, batch: &Batch, mode: WriteMode) -> Result<(), KvError>;

    /// Makes everything written to these families durable.
    fn flush(&self, families: &[Family]) -> Result<(), KvError>;

    /// An immutable view of all families.
    fn snapshot(&self) -> Arc<dyn KvSnapshot>;

    /// Calls `read` with the value of `key`, if it exists now.
    fn get(&self, family: Family, key: &[u8], read: &mut dyn FnMut(&[u8]))
    -> Result<bool, KvError>;

    /// Lets compaction drop history entries at or below this block number.
    fn set_history_floor(&self, number: u64);

    /// Gives the disk space of deleted keys in `from..to` back.
    fn reclaim(&self, family: Family, from: &[u8], to: &[u8]) -> Result<(), KvError>;

    /// Rewrites a whole family, which runs its compaction filter on every entry.
    fn compact(&self, family: Family) -> Result<(), KvError>;

    /// How far compaction is behind.
    fn pressure(&self) -> Pressure;

    /// Size of a family.
    fn size(&self, family: Family) -> FamilySize;

    /// Bytes in the write-ahead log, for statistics.
    fn log_bytes(&self) -> u64;
}

/// An immutable view of all families.
pub trait KvSnapshot: Send + Sync {
    /// Calls `read` with the value of `key`, if it exists.
    fn get(&self, family: Family, key: &[u8], read: &mut dyn FnMut(&[u8]))
    -> Result<bool, KvError>;

    /// A cursor that is nowhere until its first seek.
    fn cursor(&self, family: Family, bounds: Bounds) -> Box<dyn KvCursor + '_>;
}

impl dyn KvSnapshot + '_ {
    /// A copy of the value of `key`.
    pub fn get_vec(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        let mut value = None;
        self.get(family, key, &mut |bytes| value = Some(bytes.to_vec()))?;
        Ok(value)
    }
}

impl dyn KvStore + '_ {
    /// A copy of the value `key` has now.
    pub fn get_vec(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        let mut value = None;
        self.get(family, key, &mut |bytes| value = Some(bytes.to_vec()))?;
        Ok(value)
    }
}

/// A position in one family of a snapshot. Each move says whether the cursor stands on a key.
pub trait KvCursor {
    /// To the first key at or behind `key`.
    fn seek(&mut self, key: &[u8]) -> Result<bool, KvError>;

    /// To the last key at or before `key`.
    fn seek_back(&mut self, key: &[u8]) -> Result<bool, KvError>;

    /// To the next key.
    fn next(&mut self) -> Result<bool, KvError>;

    /// To the key before.
    fn prev(&mut self) -> Result<bool, KvError>;

    /// Key and value here; empty slices when the last move found nothing.
    fn item(&self) -> (&[u8], &[u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_prefix_skips_bytes_that_cannot_grow() {
        assert_eq!(end_of_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(end_of_prefix(&[1, 0xff]), Some(vec![2]));
        assert_eq!(end_of_prefix(&[0xff, 0xff]), None);
        assert_eq!(end_of_prefix(&[]), None);
    }
}
