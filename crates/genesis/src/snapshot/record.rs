use super::{
    SnapshotError,
    temporary::{TemporaryReader, TemporaryWriter},
};

/// Writes one pair: both lengths (u32 little-endian), the key, the value.
pub(crate) fn write_record(
    to: &mut TemporaryWriter,
    key: &[u8],
    value: &[u8],
) -> Result<(), SnapshotError> {
    to.write(&record_lengths(key, value))?;
    to.write(key)?;
    to.write(value)
}

/// The bytes before a pair, here and in a phala-snap. Keys and values are bounded far below 4 GiB.
pub(crate) fn record_lengths(key: &[u8], value: &[u8]) -> [u8; 8] {
    let mut lengths = [0; 8];
    lengths[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
    lengths[4..].copy_from_slice(&(value.len() as u32).to_le_bytes());
    lengths
}

pub(crate) fn split_lengths([a, b, c, d, e, f, g, h]: [u8; 8]) -> (u32, u32) {
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// Reads pairs one after the other into buffers that are used again.
#[derive(Debug)]
pub(crate) struct RecordReader {
    input: TemporaryReader,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl RecordReader {
    pub(crate) fn new(input: TemporaryReader) -> Self {
        Self { input, key: Vec::new(), value: Vec::new() }
    }

    /// Reads the next pair into `key` and `value`; false after the last.
    pub(crate) fn advance(&mut self) -> Result<bool, SnapshotError> {
        if self.input.is_at_end() {
            return Ok(false);
        }
        let (key_len, value_len) = split_lengths(self.input.array()?);
        self.input.read(&mut self.key, key_len as usize)?;
        self.input.read(&mut self.value, value_len as usize)?;
        Ok(true)
    }
}
