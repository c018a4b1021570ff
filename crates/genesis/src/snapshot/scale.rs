use std::io::{self, Read};

use super::SnapshotError;

/// Reads SCALE from a stream, knows where it is, and never asks for more memory than the caller allows.
#[derive(Debug)]
pub(crate) struct ScaleReader<R> {
    input: R,
    offset: u64,
}

impl<R: Read> ScaleReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, offset: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn fill(&mut self, to: &mut [u8], what: &'static str) -> Result<(), SnapshotError> {
        self.input.read_exact(to).map_err(|error| stream_error(error, self.offset, what))?;
        self.offset += to.len() as u64;
        Ok(())
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], SnapshotError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, SnapshotError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, SnapshotError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, SnapshotError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A compact integer in its shortest form, which is the only one there is.
    pub(crate) fn compact(&mut self, what: &'static str) -> Result<u64, SnapshotError> {
        let at = self.offset;
        let first = self.u8(what)?;
        let (value, at_least) = match first & 3 {
            0 => (u64::from(first >> 2), 0),
            1 => {
                let [second] = self.array(what)?;
                (u64::from(u16::from_le_bytes([first, second]) >> 2), 1 << 6)
            }
            2 => {
                let [b, c, d] = self.array(what)?;
                (u64::from(u32::from_le_bytes([first, b, c, d]) >> 2), 1 << 14)
            }
            _ => {
                let len = usize::from(first >> 2) + 4;
                if len > 8 {
                    return Err(self.malformed(at, format!("{what}: integer of {len} bytes")));
                }
                let mut bytes = [0; 8];
                self.fill(&mut bytes[..len], what)?;
                let at_least = if len == 4 { 1 << 30 } else { 1 << (8 * (len - 1)) };
                (u64::from_le_bytes(bytes), at_least)
            }
        };
        if value < at_least {
            return Err(self.malformed(at, format!("{what}: {value} is not in its shortest form")));
        }
        Ok(value)
    }

    /// A compact integer that must fit into 32 bits.
    pub(crate) fn compact_u32(&mut self, what: &'static str) -> Result<u32, SnapshotError> {
        let at = self.offset;
        let value = self.compact(what)?;
        u32::try_from(value)
            .map_err(|_| self.malformed(at, format!("{what}: {value} does not fit into 32 bits")))
    }

    /// Bytes with their compact length before them, into a buffer that is used again.
    pub(crate) fn bytes_into(
        &mut self,
        buffer: &mut Vec<u8>,
        len_max: usize,
        what: &'static str,
    ) -> Result<(), SnapshotError> {
        let len = bounded(self.compact(what)?, len_max, what)?;
        self.exact_into(buffer, len, what)
    }

    pub(crate) fn exact_into(
        &mut self,
        buffer: &mut Vec<u8>,
        len: usize,
        what: &'static str,
    ) -> Result<(), SnapshotError> {
        buffer.clear();
        // A length in a damaged file must not reserve what the file does not have.
        let read = (&mut self.input)
            .take(len as u64)
            .read_to_end(buffer)
            .map_err(|error| stream_error(error, self.offset, what))?;
        self.offset += read as u64;
        if read < len {
            return Err(SnapshotError::Truncated { offset: self.offset, what });
        }
        Ok(())
    }

    /// Everything up to the end.
    pub(crate) fn rest(
        &mut self,
        len_max: usize,
        what: &'static str,
    ) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = Vec::new();
        let read = (&mut self.input)
            .take(len_max as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| stream_error(error, self.offset, what))?;
        self.offset += read as u64;
        bounded(read as u64, len_max, what)?;
        Ok(bytes)
    }

    /// Nothing may be left.
    pub(crate) fn end(&mut self, what: &'static str) -> Result<(), SnapshotError> {
        let mut more = [0];
        match self.input.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.malformed(self.offset, format!("more bytes after {what}"))),
            Err(error) => Err(stream_error(error, self.offset, what)),
        }
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.input
    }

    pub(crate) fn malformed(&self, offset: u64, reason: String) -> SnapshotError {
        SnapshotError::Malformed { offset, reason }
    }
}

/// A length or a count that must not be larger than allowed.
pub(crate) fn bounded(
    found: u64,
    limit: usize,
    what: &'static str,
) -> Result<usize, SnapshotError> {
    match usize::try_from(found) {
        Ok(value) if value <= limit => Ok(value),
        _ => Err(SnapshotError::Limit { what, found, limit: limit as u64 }),
    }
}

/// An early end is one thing, what a decoder or the disk complains about another.
pub(crate) fn stream_error(error: io::Error, offset: u64, what: &'static str) -> SnapshotError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        SnapshotError::Truncated { offset, what }
    } else {
        SnapshotError::Malformed { offset, reason: format!("{what}: {error}") }
    }
}

/// Appends an integer in compact form.
pub(crate) fn push_compact(value: u64, to: &mut Vec<u8>) {
    use parity_scale_codec::{Compact, Encode as _};
    Compact(value).encode_to(to);
}
