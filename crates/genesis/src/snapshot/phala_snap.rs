use std::io::{Read, Write};

use alloy_primitives::B256;
use blake2b_simd::State;

use super::{
    Format, Header, Snapshot, SnapshotError,
    input::Stream,
    limits::{HEADER_LEN_MAX, KEY_LEN_MAX, PAIR_BYTES_MAX, PAIRS_MAX, VALUE_LEN_MAX},
    open::Contents,
    record::{record_lengths, split_lengths},
    scale::{ScaleReader, bounded},
    store::{FullKey, StoreWriter},
    temporary::TemporaryFolder,
    trie::PairSource as _,
};

/// First bytes of a phala-snap of version 1. After them: length of the header (u32), the header in SCALE
/// (nothing if unknown), number of pairs (u64), the pairs sorted by key (lengths of key and value as u32,
/// key, value), blake2b-256 of everything before. Integers are little-endian.
pub(crate) const MAGIC: &[u8; 8] = b"PHASNAP1";

pub(crate) fn read(stream: Stream, folder: &TemporaryFolder) -> Result<Contents, SnapshotError> {
    let mut input = ScaleReader::new(Hashing { inner: stream, state: hash_state() });
    input.array::<8>("the magic bytes")?;
    let header_len = bounded(input.u32("a length")?.into(), HEADER_LEN_MAX, "bytes of a header")?;
    let mut header = Vec::new();
    input.exact_into(&mut header, header_len, "the header")?;
    let header = match header_len {
        0 => None,
        _ => Some(Header::decode(&header, "the header in the snapshot")?),
    };
    let count = input.u64("the number of pairs")?;
    if count > PAIRS_MAX {
        return Err(SnapshotError::Limit { what: "pairs", found: count, limit: PAIRS_MAX });
    }
    let mut store = StoreWriter::new(folder)?;
    let (mut key, mut last, mut value) = (Vec::new(), Vec::new(), Vec::new());
    let mut full_key = FullKey::default();
    for index in 0..count {
        let at = input.offset();
        let (key_len, value_len) = split_lengths(input.array("the lengths of a pair")?);
        let key_len = bounded(key_len.into(), KEY_LEN_MAX, "bytes of a key")?;
        let value_len = bounded(value_len.into(), VALUE_LEN_MAX, "bytes of a value")?;
        input.exact_into(&mut key, key_len, "a key")?;
        input.exact_into(&mut value, value_len, "a value")?;
        if input.offset() > PAIR_BYTES_MAX {
            return Err(SnapshotError::Limit {
                what: "bytes of all pairs",
                found: input.offset(),
                limit: PAIR_BYTES_MAX,
            });
        }
        if index > 0 && key < last {
            return Err(input.malformed(at, "a key that is smaller than the one before".to_owned()));
        }
        store.push(full_key.set_top(&key), &value)?;
        std::mem::swap(&mut key, &mut last);
    }
    let computed = input.get_ref().digest();
    let found = B256::new(input.array("the checksum")?);
    input.end("the checksum")?;
    if found != computed {
        return Err(SnapshotError::Checksum { found, computed });
    }
    let store = store.finish()?;
    Ok(Contents { format: Format::PhalaSnap, store, header, block_hash: None, trie: None })
}

/// Writes a snapshot as phala-snap, with the header if there is one. Two snapshots of the same state give
/// the same bytes, whatever they were read from.
pub fn write_phala_snap(
    snapshot: &Snapshot,
    header: Option<&Header>,
    to: impl Write,
) -> Result<(), SnapshotError> {
    if let Some(child) = snapshot.child_tries().next() {
        let reason = format!(
            "child trie 0x{} has no place in a phala-snap",
            alloy_primitives::hex::encode(child.name)
        );
        return Err(SnapshotError::Write { reason });
    }
    let mut output = HashingWriter { inner: to, state: hash_state() };
    let header = header.map_or(&[][..], Header::encoded);
    output.write(MAGIC)?;
    output.write(&(header.len() as u32).to_le_bytes())?;
    output.write(header)?;
    output.write(&snapshot.pair_count().to_le_bytes())?;
    let mut pairs = snapshot.pairs();
    while let Some((key, value)) = pairs.next_pair()? {
        output.write(&record_lengths(key, value))?;
        output.write(key)?;
        output.write(value)?;
    }
    let hash = digest(&output.state);
    output.write(hash.as_slice())?;
    output.inner.flush().map_err(write_error)
}

fn hash_state() -> State {
    blake2b_simd::Params::new().hash_length(32).to_state()
}

fn digest(state: &State) -> B256 {
    B256::from_slice(state.finalize().as_bytes())
}

/// Hashes what is read through it.
struct Hashing {
    inner: Stream,
    state: State,
}

impl Hashing {
    fn digest(&self) -> B256 {
        digest(&self.state)
    }
}

impl Read for Hashing {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let len = self.inner.read(to)?;
        self.state.update(&to[..len]);
        Ok(len)
    }
}

struct HashingWriter<W> {
    inner: W,
    state: State,
}

impl<W: Write> HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.state.update(bytes);
        self.inner.write_all(bytes).map_err(write_error)
    }
}

fn write_error(error: std::io::Error) -> SnapshotError {
    SnapshotError::Write { reason: error.to_string() }
}
