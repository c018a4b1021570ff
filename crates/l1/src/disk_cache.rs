use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use parking_lot::Mutex;
use tracing::{debug, warn};

/// First bytes of each file; the digit is the version of the contents.
const MAGIC: &[u8; 8] = b"phalaL11";

/// Bytes before the content: magic and CRC-32 of the name and content.
const HEADER_BYTES: usize = 12;

/// Files of verified data with a checksum each, bounded in total. Least recently used files leave
/// first. Nothing is lost that could not be fetched again, so nothing is synced.
pub(crate) struct DiskCache {
    dir: PathBuf,
    bytes_max: u64,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    entries: BTreeMap<String, Entry>,
    by_use: BTreeSet<(u64, String)>,
    bytes: u64,
    clock: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl DiskCache {
    /// Opens the directory, creating it if needed, and drops what exceeds the bound.
    pub(crate) fn open(dir: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut found: Vec<(SystemTime, String, u64)> = Vec::new();
        for file in fs::read_dir(&dir)? {
            let file = file?;
            let Ok(name) = file.file_name().into_string() else { continue };
            let metadata = file.metadata()?;
            if name.ends_with(".tmp") {
                // A process was killed while it wrote.
                let _ = fs::remove_file(file.path());
            } else if metadata.is_file() {
                found.push((metadata.modified()?, name, metadata.len()));
            }
        }
        found.sort_unstable();
        let cache = Self { dir, bytes_max, index: Mutex::default() };
        for (_, name, bytes) in found {
            cache.index.lock().insert(name, bytes);
        }
        cache.evict();
        Ok(cache)
    }

    /// The content of an entry. A damaged one is dropped and not returned.
    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        if !self.index.lock().touch(name) {
            return None;
        }
        let content = fs::read(self.path(name)).ok().and_then(|file| unseal(name, file));
        if content.is_none() {
            warn!(name, "dropping a damaged entry of the l1 cache");
            self.remove(name);
        }
        content
    }

    /// Whether an entry with this start of the name exists.
    pub(crate) fn has_prefix(&self, prefix: &str) -> bool {
        let index = self.index.lock();
        let mut rest = index.entries.range(prefix.to_owned()..);
        rest.next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The name of the entry that ends so. Looks at all names: some thousands at most.
    pub(crate) fn find_suffix(&self, suffix: &str) -> Option<String> {
        self.index.lock().entries.keys().find(|name| name.ends_with(suffix)).cloned()
    }

    /// Keeps an entry. A disk that is full or gone costs only the caching.
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let sealed = seal(name, content);
        if let Err(error) = self.write_file(name, &sealed) {
            debug!(name, %error, "could not write to the l1 cache");
            return;
        }
        self.index.lock().insert(name.to_owned(), sealed.len() as u64);
        self.evict();
    }

    fn write_file(&self, name: &str, sealed: &[u8]) -> io::Result<()> {
        // Two tasks may write the same entry; the number keeps their halves apart.
        let temporary = self.dir.join(format!("{name}.{:016x}.tmp", rand::random::<u64>()));
        let written =
            fs::write(&temporary, sealed).and_then(|()| fs::rename(&temporary, self.path(name)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Drops an entry.
    pub(crate) fn remove(&self, name: &str) {
        self.index.lock().remove(name);
        let _ = fs::remove_file(self.path(name));
    }

    fn evict(&self) {
        loop {
            let name = {
                let mut index = self.index.lock();
                if index.bytes <= self.bytes_max {
                    return;
                }
                let Some((_, name)) = index.by_use.first().cloned() else { return };
                index.remove(&name);
                name
            };
            let _ = fs::remove_file(self.path(&name));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.dir).join(name)
    }
}

impl Index {
    fn insert(&mut self, name: String, bytes: u64) {
        self.remove(&name);
        self.clock += 1;
        self.bytes += bytes;
        self.by_use.insert((self.clock, name.clone()));
        self.entries.insert(name, Entry { bytes, used: self.clock });
    }

    fn touch(&mut self, name: &str) -> bool {
        let Some(bytes) = self.entries.get(name).map(|entry| entry.bytes) else { return false };
        self.insert(name.to_owned(), bytes);
        true
    }

    fn remove(&mut self, name: &str) {
        if let Some(entry) = self.entries.remove(name) {
            self.bytes -= entry.bytes;
            self.by_use.remove(&(entry.used, name.to_owned()));
        }
    }
}

fn checksum(name: &str, content: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(content);
    hasher.finalize().to_le_bytes()
}

fn seal(name: &str, content: &[u8]) -> Vec<u8> {
    [MAGIC, &checksum(name, content)[..], content].concat()
}

fn unseal(name: &str, mut file: Vec<u8>) -> Option<Vec<u8>> {
    let (header, content) = file.split_at_checked(HEADER_BYTES)?;
    if header[..8] != MAGIC[..] || header[8..] != checksum(name, content) {
        return None;
    }
    file.drain(..HEADER_BYTES);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_restart_and_drops_what_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let open = || DiskCache::open(dir.path().to_owned(), 1 << 20).unwrap();
        let content = b"some verified content".to_vec();
        open().write("block-1", &content);
        assert_eq!(open().read("block-1").as_ref(), Some(&content));
        let path = dir.path().join("block-1");
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).unwrap();
            assert_eq!(open().read("block-1"), None, "bit {bit}");
            assert!(!path.exists(), "a damaged entry is removed");
        }
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(open().read("block-1"), None, "cut at {len}");
        }
        fs::write(dir.path().join("block-2"), &whole).unwrap();
        assert_eq!(open().read("block-2"), None, "content under another name");
    }

    #[test]
    fn stays_within_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = |count: u64| count * (100 + HEADER_BYTES as u64);
        let cache = DiskCache::open(dir.path().to_owned(), bytes(3)).unwrap();
        for name in ["a", "b", "c"] {
            cache.write(name, &[7; 100]);
        }
        cache.read("a").unwrap();
        cache.write("d", &[8; 100]);
        assert!(cache.read("b").is_none() && cache.read("a").is_some());
        assert_eq!(cache.index.lock().bytes, bytes(3));
        assert!(cache.has_prefix("c") && !cache.has_prefix("b"));
        fs::write(dir.path().join("e.0.tmp"), b"half").unwrap();
        let smaller = DiskCache::open(dir.path().to_owned(), bytes(1)).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(smaller.index.lock().bytes, bytes(1));
        smaller.write("larger than all", &[0; 1000]);
        assert_eq!(smaller.index.lock().bytes, 0);
    }
}
