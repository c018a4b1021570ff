use alloy_primitives::hex;

use super::{
    SnapshotError,
    limits::{CHILD_TRIES_MAX, KEY_LEN_MAX},
    record::{RecordReader, write_record},
    temporary::{TemporaryFile, TemporaryFolder, TemporaryWriter},
};

/// Keys of the top trie that hold the root of a child trie begin with this.
pub(crate) const CHILD_ROOT_PREFIX: &[u8] = b":child_storage:default:";

/// Key of a pair together with the trie it is in. Child tries come before the top trie, because their
/// roots are in it.
#[derive(Debug, Default)]
pub(crate) struct FullKey {
    bytes: Vec<u8>,
}

const CHILD: u8 = 0;
const TOP: u8 = 1;
/// Kind and, for a child trie, the length of its name.
const CHILD_PREFIX_LEN: usize = 5;

impl FullKey {
    pub(crate) fn set_top(&mut self, key: &[u8]) -> &[u8] {
        self.bytes.clear();
        self.bytes.push(TOP);
        self.bytes.extend_from_slice(key);
        &self.bytes
    }

    pub(crate) fn set_child(&mut self, name: &[u8], key: &[u8]) -> &[u8] {
        self.bytes.clear();
        self.bytes.push(CHILD);
        self.bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(key);
        &self.bytes
    }
}

/// Name of the child trie, if it is in one, and the key in its trie.
fn split_full_key(full: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if full[0] == TOP {
        return (None, &full[1..]);
    }
    let len = u32::from_be_bytes([full[1], full[2], full[3], full[4]]) as usize;
    let (name, key) = full[CHILD_PREFIX_LEN..].split_at(len);
    (Some(name), key)
}

/// Part of the store that holds one trie.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Section {
    start: u64,
    end: u64,
    /// Number of its pairs.
    pub(crate) pairs: u64,
}

/// All pairs of a snapshot, sorted, each once, in a temporary file.
#[derive(Debug)]
pub(crate) struct Store {
    file: TemporaryFile,
    pub(crate) top: Section,
    /// By name.
    pub(crate) children: Vec<(Vec<u8>, Section)>,
}

impl Store {
    pub(crate) fn read(&self, section: Section) -> RecordReader {
        RecordReader::new(self.file.section(section.start, section.end))
    }
}

/// Writes a store from pairs that come sorted, and refuses a second of the same key.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    file: TemporaryWriter,
    last: Option<Vec<u8>>,
    top: Section,
    children: Vec<(Vec<u8>, Section)>,
}

impl StoreWriter {
    pub(crate) fn new(folder: &TemporaryFolder) -> Result<Self, SnapshotError> {
        let file = folder.writer()?;
        Ok(Self { file, last: None, top: Section::default(), children: Vec::new() })
    }

    /// Takes the next pair, by its full key.
    pub(crate) fn push(&mut self, full_key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
        let (child, key) = split_full_key(full_key);
        match &mut self.last {
            Some(last) if last.as_slice() == full_key => return Err(duplicate(child, key)),
            Some(last) => {
                debug_assert!(last.as_slice() < full_key, "pairs come sorted");
                last.clear();
                last.extend_from_slice(full_key);
            }
            None => self.last = Some(full_key.to_vec()),
        }
        let start = self.file.len();
        write_record(&mut self.file, key, value)?;
        let section = self.section(child, start)?;
        section.pairs += 1;
        let end = start + 8 + (key.len() + value.len()) as u64;
        section.end = end;
        Ok(())
    }

    fn section(&mut self, child: Option<&[u8]>, start: u64) -> Result<&mut Section, SnapshotError> {
        let new = Section { start, end: start, pairs: 0 };
        let Some(name) = child else {
            if self.top.pairs == 0 {
                self.top = new;
            }
            return Ok(&mut self.top);
        };
        if self.children.last().is_none_or(|(last, _)| last != name) {
            if self.children.len() == CHILD_TRIES_MAX {
                return Err(SnapshotError::Limit {
                    what: "child tries",
                    found: CHILD_TRIES_MAX as u64 + 1,
                    limit: CHILD_TRIES_MAX as u64,
                });
            }
            self.children.push((name.to_vec(), new));
        }
        let last = self.children.last_mut().expect("one was pushed if there was none");
        Ok(&mut last.1)
    }

    pub(crate) fn finish(self) -> Result<Store, SnapshotError> {
        let mut children = self.children;
        children.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(Store { file: self.file.finish()?, top: self.top, children })
    }
}

fn duplicate(child: Option<&[u8]>, key: &[u8]) -> SnapshotError {
    let trie = child.map_or_else(
        || "the top trie".to_owned(),
        |name| format!("child trie 0x{}", hex::encode(&name[..name.len().min(KEY_LEN_MAX)])),
    );
    SnapshotError::DuplicateKey { key: key.to_vec(), trie }
}
