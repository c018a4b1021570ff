use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek as _, Write},
};

use parity_scale_codec::{Compact, Encode as _};

use super::trie_encoder::TrieNode;

/// Key of a node: its path in packed nibbles, an odd one in the high half, and its hash. A child trie's
/// nodes are kept apart by its name.
pub(super) fn database_key(key_space: &[u8], path: &[u8], hash: &[u8; 32]) -> Vec<u8> {
    let mut key = key_space.to_vec();
    key.extend(path.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)));
    key.extend(hash);
    key
}

/// The nodes of a state in a temporary file, because snapshot files begin with their number.
pub(super) struct NodeSpool {
    file: BufWriter<File>,
    count: u32,
    /// The last entry, as it was written.
    last: Vec<u8>,
}

impl NodeSpool {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, tempfile::tempfile()?),
            count: 0,
            last: Vec::new(),
        })
    }

    pub(super) fn put(&mut self, key_space: &[u8], node: &TrieNode<'_>) -> io::Result<()> {
        let key = database_key(key_space, node.path, &node.hash);
        self.last.clear();
        write_bytes(&mut self.last, &key)?;
        write_bytes(&mut self.last, node.encoded)?;
        self.last.extend(1_i32.to_le_bytes());
        self.repeat_last()
    }

    /// Once more what was put last.
    pub(super) fn repeat_last(&mut self) -> io::Result<()> {
        self.count += 1;
        self.file.write_all(&self.last)
    }

    /// Writes a file as `frame-remote-externalities` does. `before` stands between state version and
    /// nodes (block hash of versions 2 and 3), `after` behind the root (header of version 4).
    pub(super) fn write_snap(
        &mut self,
        out: &mut impl Write,
        versions: (u16, u8),
        before: &[u8],
        storage_root: &[u8; 32],
        after: &[u8],
    ) -> io::Result<()> {
        let (snapshot_version, state_version) = versions;
        out.write_all(&Compact(snapshot_version).encode())?;
        out.write_all(&[state_version])?;
        out.write_all(before)?;
        out.write_all(&Compact(self.count).encode())?;
        self.file.flush()?;
        let file = self.file.get_mut();
        file.rewind()?;
        io::copy(&mut BufReader::with_capacity(1 << 20, file), out)?;
        out.write_all(storage_root)?;
        out.write_all(after)
    }
}

fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&Compact(length).encode())?;
    out.write_all(bytes)
}
