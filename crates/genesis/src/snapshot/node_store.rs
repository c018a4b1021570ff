use alloy_primitives::B256;
use rayon::slice::ParallelSliceMut as _;

use super::{
    SnapshotError,
    temporary::{TemporaryFile, TemporaryFolder, TemporaryWriter},
};

/// Hash and length before each node.
const HEADER_LEN: usize = 36;
/// Read at first: nearly every node is shorter.
const FIRST_READ_LEN: usize = 512;

/// Trie nodes by hash: the nodes in a temporary file, 16 bytes of index for each in memory.
#[derive(Debug)]
pub(crate) struct NodeStore {
    file: TemporaryFile,
    /// Sorted by the first eight bytes of the hash.
    index: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash_start: u64,
    at: u64,
}

/// A store that is being filled.
#[derive(Debug)]
pub(crate) struct NodeStoreWriter {
    file: TemporaryWriter,
    index: Vec<Entry>,
}

impl NodeStoreWriter {
    pub(crate) fn new(folder: &TemporaryFolder) -> Result<Self, SnapshotError> {
        Ok(Self { file: folder.writer()?, index: Vec::new() })
    }

    pub(crate) fn push(&mut self, hash: B256, node: &[u8]) -> Result<(), SnapshotError> {
        self.index.push(Entry { hash_start: hash_start(hash), at: self.file.len() });
        self.file.write(hash.as_slice())?;
        // Nodes are bounded far below 4 GiB.
        self.file.write(&(node.len() as u32).to_le_bytes())?;
        self.file.write(node)
    }

    pub(crate) fn finish(self) -> Result<NodeStore, SnapshotError> {
        let mut index = self.index;
        index.par_sort_unstable_by_key(|entry| entry.hash_start);
        Ok(NodeStore { file: self.file.finish()?, index })
    }
}

impl NodeStore {
    /// Reads the node with a hash; false if there is none.
    pub(crate) fn read(&self, hash: B256, to: &mut Vec<u8>) -> Result<bool, SnapshotError> {
        let wanted = hash_start(hash);
        let first = self.index.partition_point(|entry| entry.hash_start < wanted);
        for entry in self.index[first..].iter().take_while(|entry| entry.hash_start == wanted) {
            if self.read_at(entry.at, hash, to)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_at(&self, at: u64, hash: B256, to: &mut Vec<u8>) -> Result<bool, SnapshotError> {
        let left = usize::try_from(self.file.len() - at).unwrap_or(usize::MAX);
        to.resize(left.min(FIRST_READ_LEN), 0);
        self.file.read_at(to, at)?;
        let (header, node) = to.split_at(HEADER_LEN);
        if header[..32] != hash[..] {
            return Ok(false);
        }
        let len = u32::from_le_bytes([header[32], header[33], header[34], header[35]]) as usize;
        if len <= node.len() {
            to.copy_within(HEADER_LEN..HEADER_LEN + len, 0);
            to.truncate(len);
        } else {
            to.resize(len, 0);
            self.file.read_at(to, at + HEADER_LEN as u64)?;
        }
        Ok(true)
    }
}

fn hash_start(hash: B256) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
