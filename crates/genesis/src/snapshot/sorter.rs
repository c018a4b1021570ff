use std::{
    cmp::Ordering,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use rayon::slice::ParallelSliceMut as _;

use super::{
    Progress, SnapshotError, Step,
    limits::{KEY_LEN_MAX, PAIR_BYTES_MAX, PAIRS_MAX, VALUE_LEN_MAX},
    record::{RecordReader, write_record},
    store::{FullKey, Store, StoreWriter},
    temporary::{TemporaryFile, TemporaryFolder},
};

/// Sorted parts that are merged at once; each has an open file and a buffer.
const MERGED_AT_ONCE: usize = 64;

/// Takes pairs in any order and writes them sorted. More than the memory it may use goes to temporary
/// files in sorted parts, which are merged at the end.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: TemporaryFolder,
    memory_bytes: usize,
    progress: Progress,
    data: Vec<u8>,
    entries: Vec<Entry>,
    /// Sorted parts on disk: those of `levels[n]` are merged from parts of `levels[n - 1]`.
    levels: Vec<Vec<TemporaryFile>>,
    full_key: FullKey,
    pairs: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    key_len: u32,
    value_len: u32,
}

impl Entry {
    fn key(self, data: &[u8]) -> &[u8] {
        &data[self.start..self.start + self.key_len as usize]
    }

    fn value(self, data: &[u8]) -> &[u8] {
        let start = self.start + self.key_len as usize;
        &data[start..start + self.value_len as usize]
    }
}

impl Sorter {
    pub(crate) fn new(folder: TemporaryFolder, memory_bytes: usize, progress: Progress) -> Self {
        Self {
            folder,
            memory_bytes,
            progress,
            data: Vec::new(),
            entries: Vec::new(),
            levels: Vec::new(),
            full_key: FullKey::default(),
            pairs: 0,
            bytes: 0,
        }
    }

    /// Takes a pair of the top trie or of the child trie with that name.
    pub(crate) fn push(
        &mut self,
        child: Option<&[u8]>,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), SnapshotError> {
        within("bytes of a key", key.len() as u64, KEY_LEN_MAX as u64)?;
        within("bytes of a value", value.len() as u64, VALUE_LEN_MAX as u64)?;
        self.pairs += 1;
        within("pairs", self.pairs, PAIRS_MAX)?;
        self.bytes += (key.len() + value.len()) as u64;
        within("bytes of all pairs", self.bytes, PAIR_BYTES_MAX)?;
        let full_key = match child {
            None => self.full_key.set_top(key),
            Some(name) => {
                within("bytes of a child trie's name", name.len() as u64, KEY_LEN_MAX as u64)?;
                self.full_key.set_child(name, key)
            }
        };
        let start = self.data.len();
        self.data.extend_from_slice(full_key);
        self.data.extend_from_slice(value);
        let (key_len, value_len) = (full_key.len() as u32, value.len() as u32);
        self.entries.push(Entry { start, key_len, value_len });
        if self.data.len() + self.entries.len() * size_of::<Entry>() >= self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes what is in memory as a sorted part.
    fn spill(&mut self) -> Result<(), SnapshotError> {
        let mut part = self.folder.writer()?;
        self.sort();
        for entry in &self.entries {
            write_record(&mut part, entry.key(&self.data), entry.value(&self.data))?;
        }
        self.entries.clear();
        self.data.clear();
        self.add_part(0, part.finish()?)
    }

    fn add_part(&mut self, level: usize, part: TemporaryFile) -> Result<(), SnapshotError> {
        if self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(part);
        if self.levels[level].len() < MERGED_AT_ONCE {
            return Ok(());
        }
        let parts = std::mem::take(&mut self.levels[level]);
        let mut merged = self.folder.writer()?;
        merge(&parts, |key, value| write_record(&mut merged, key, value))?;
        self.add_part(level + 1, merged.finish()?)
    }

    fn sort(&mut self) {
        let data = &self.data;
        self.entries.par_sort_unstable_by(|a, b| a.key(data).cmp(b.key(data)));
    }

    pub(crate) fn finish(mut self) -> Result<Store, SnapshotError> {
        let mut store = StoreWriter::new(&self.folder)?;
        if self.levels.is_empty() {
            self.sort();
            for entry in &self.entries {
                store.push(entry.key(&self.data), entry.value(&self.data))?;
            }
            return store.finish();
        }
        if !self.entries.is_empty() {
            self.spill()?;
        }
        // The memory is of more use to the disk's cache now.
        self.data = Vec::new();
        self.entries = Vec::new();
        // At most one part less than is merged at once in each level, and few levels.
        let parts: Vec<_> = std::mem::take(&mut self.levels).into_iter().flatten().collect();
        let (progress, total) = (&self.progress, Some(self.pairs));
        let mut done = 0;
        merge(&parts, |key, value| {
            done += 1;
            progress.report_pair(Step::Merge, done, total);
            store.push(key, value)
        })?;
        progress.report(Step::Merge, done, total);
        store.finish()
    }
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), SnapshotError> {
    if found <= limit { Ok(()) } else { Err(SnapshotError::Limit { what, found, limit }) }
}

/// A part with its next pair.
struct Head(RecordReader);

impl Ord for Head {
    /// The smallest key is the greatest head, as the heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.key.cmp(&self.0.key)
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Head {}

fn merge(
    parts: &[TemporaryFile],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError> {
    let mut heads = BinaryHeap::with_capacity(parts.len());
    for part in parts {
        let mut reader = RecordReader::new(part.section(0, part.len()));
        if reader.advance()? {
            heads.push(Head(reader));
        }
    }
    while let Some(mut head) = heads.peek_mut() {
        each(&head.0.key, &head.0.value)?;
        if !head.0.advance()? {
            PeekMut::pop(head);
        }
    }
    Ok(())
}
