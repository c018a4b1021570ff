use std::{
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_rlp::{Decodable as _, Encodable as _};
use phala_primitives::Block;

/// Largest encoded block read from a stream. Gas and DA limits keep blocks two orders below.
const BLOCK_BYTES_MAX: usize = 64 << 20;

/// Why a stream of blocks cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum BlockStreamError {
    /// The stream cannot be read.
    #[error("block stream cannot be read at byte {offset}: {source}")]
    Read {
        /// Where the block begins, in uncompressed bytes.
        offset: u64,
        /// Why not.
        source: io::Error,
    },
    /// The stream ends within a block.
    #[error("block stream is truncated: the block at byte {offset} is not complete")]
    Truncated {
        /// Where the block begins.
        offset: u64,
    },
    /// What stands there is no RLP list.
    #[error(
        "no block at byte {offset} of the block stream: found byte {found:#04x}, not an RLP list"
    )]
    NotAList {
        /// Where the block should begin.
        offset: u64,
        /// What stands there.
        found: u8,
    },
    /// A block longer than any this chain can have.
    #[error("block at byte {offset} claims {len} bytes, more than {BLOCK_BYTES_MAX}")]
    TooLong {
        /// Where the block begins.
        offset: u64,
        /// The length it claims.
        len: u64,
    },
    /// The list is not a block.
    #[error("block at byte {offset} does not decode: {source}")]
    Decode {
        /// Where the block begins.
        offset: u64,
        /// What is wrong with it.
        source: alloy_rlp::Error,
    },
}

/// Reads blocks from a stream of their RLP, one after the other, as geth and reth export them.
#[derive(Debug)]
pub struct BlockReader<R> {
    inner: R,
    offset: u64,
    buffer: Vec<u8>,
}

impl<R: Read> BlockReader<R> {
    /// Reads from `inner`, which should be buffered.
    pub const fn new(inner: R) -> Self {
        Self { inner, offset: 0, buffer: Vec::new() }
    }

    /// The next block, or `None` at the end of the stream.
    pub fn next_block(&mut self) -> Result<Option<Block>, BlockStreamError> {
        let offset = self.offset;
        let mut first = [0];
        if self.read_up_to(&mut first)? == 0 {
            return Ok(None);
        }
        self.buffer.clear();
        self.buffer.push(first[0]);
        let len = match first[0] {
            byte @ 0xc0..=0xf7 => u64::from(byte - 0xc0),
            byte @ 0xf8..=0xff => self.read_length(usize::from(byte - 0xf7))?,
            found => return Err(BlockStreamError::NotAList { offset, found }),
        };
        let payload = usize::try_from(len)
            .ok()
            .filter(|len| *len <= BLOCK_BYTES_MAX)
            .ok_or(BlockStreamError::TooLong { offset, len })?;
        self.read_into_buffer(payload)?;
        let mut rest = self.buffer.as_slice();
        let block = Block::decode(&mut rest)
            .map_err(|source| BlockStreamError::Decode { offset, source })?;
        self.offset = offset + self.buffer.len() as u64;
        Ok(Some(block))
    }

    fn read_length(&mut self, bytes: usize) -> Result<u64, BlockStreamError> {
        self.read_into_buffer(bytes)?;
        let mut padded = [0; 8];
        padded[8 - bytes..].copy_from_slice(&self.buffer[1..]);
        Ok(u64::from_be_bytes(padded))
    }

    /// Reads `len` more bytes; memory grows with what arrives, not with what is claimed.
    fn read_into_buffer(&mut self, len: usize) -> Result<(), BlockStreamError> {
        let before = self.buffer.len();
        let offset = self.offset;
        self.inner
            .by_ref()
            .take(len as u64)
            .read_to_end(&mut self.buffer)
            .map_err(|source| BlockStreamError::Read { offset, source })?;
        if self.buffer.len() - before == len {
            Ok(())
        } else {
            Err(BlockStreamError::Truncated { offset })
        }
    }

    fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, BlockStreamError> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => {
                    return other
                        .map_err(|source| BlockStreamError::Read { offset: self.offset, source });
                }
            }
        }
    }
}

/// Writes one block to a stream.
pub fn write_block(out: &mut impl Write, block: &Block) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(block.length());
    block.encode(&mut bytes);
    out.write_all(&bytes)
}

/// Counts the bytes that pass, for progress reports.
#[derive(Debug)]
pub(crate) struct CountingReader<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R> CountingReader<R> {
    pub(crate) fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Self { inner, count: Arc::clone(&count) }, count)
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use phala_primitives::{BlockBody, Header};

    use super::*;

    fn blocks() -> Vec<Block> {
        (0..3u64)
            .map(|number| {
                let extra_data = vec![7; number as usize * 100].into();
                Block {
                    header: Header { number, extra_data, ..Default::default() },
                    body: BlockBody::default(),
                }
            })
            .collect()
    }

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        for block in blocks() {
            write_block(&mut bytes, &block).expect("memory");
        }
        bytes
    }

    #[test]
    fn reads_back_what_was_written() {
        let stream = stream();
        let mut reader = BlockReader::new(stream.as_slice());
        for block in blocks() {
            assert_eq!(reader.next_block().expect("valid"), Some(block));
        }
        assert_eq!(reader.next_block().expect("end"), None);
        assert_eq!(reader.offset, stream.len() as u64);
    }

    #[test]
    fn every_truncation_is_noticed() {
        let stream = stream();
        let mut ends = vec![0];
        for block in blocks() {
            ends.push(ends[ends.len() - 1] + block.length());
        }
        for len in 0..stream.len() {
            let mut reader = BlockReader::new(&stream[..len]);
            let result = loop {
                match reader.next_block() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            match result {
                Ok(()) => assert!(ends.contains(&len), "{len}"),
                Err(BlockStreamError::Truncated { offset }) => {
                    assert!(ends.contains(&(offset as usize)))
                }
                Err(error) => panic!("{len}: {error}"),
            }
        }
    }

    #[test]
    fn refuses_what_is_no_block() {
        let read = |bytes: &[u8]| BlockReader::new(bytes).next_block();
        assert!(matches!(read(b"{}"), Err(BlockStreamError::NotAList { found: b'{', .. })));
        assert!(matches!(read(&[0xc1, 0x80]), Err(BlockStreamError::Decode { .. })));
        let huge = [0xff; 9];
        assert!(matches!(read(&huge), Err(BlockStreamError::TooLong { .. })));
        let mut claims_a_lot = vec![0xfb, 0x03, 0xff, 0xff, 0xff];
        claims_a_lot.extend([0; 100]);
        assert!(matches!(read(&claims_a_lot), Err(BlockStreamError::Truncated { .. })));
    }
}
