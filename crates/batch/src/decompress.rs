//! The two compressions of channels, as streams that give what they have before they fail.

use alloy_primitives::Bytes;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, enc::StandardAlloc};

use crate::{
    BatchError, MAX_RLP_BYTES_PER_CHANNEL,
    inflate::{Inflate, WINDOW_LEN},
};

/// Bytes decompressed at a time: few enough not to do much in vain, enough to do it fast.
const STEP_LEN: usize = 1 << 16;

/// First byte of a channel compressed with brotli. Zlib streams carry their own mark.
pub(crate) const BROTLI_VERSION: u8 = 1;

/// The plain content of a channel, decompressed as it is asked for.
#[derive(Debug)]
pub(crate) struct Decompressor {
    codec: Codec,
    /// What was decompressed and not yet forgotten.
    plain: Vec<u8>,
    /// Where in it the reader is.
    position: usize,
    /// Bytes that may still be decompressed.
    budget: usize,
    end: Option<Result<(), BatchError>>,
}

#[derive(Debug)]
enum Codec {
    Zlib(Box<Inflate>),
    Brotli(Box<Brotli>),
}

impl Decompressor {
    /// Picks the codec by the first byte of the channel.
    pub(crate) fn new(data: Bytes) -> Result<Self, BatchError> {
        let codec = match data.first() {
            None => return Err(BatchError::Truncated("channel")),
            Some(&BROTLI_VERSION) => Codec::Brotli(Box::new(Brotli::new(data.slice(1..)))),
            Some(first) if matches!(first & 0x0f, 8 | 15) => {
                Codec::Zlib(Box::new(Inflate::new(data)))
            }
            Some(&first) => return Err(BatchError::Compression(first)),
        };
        let budget = MAX_RLP_BYTES_PER_CHANNEL;
        Ok(Self { codec, plain: Vec::new(), position: 0, budget, end: None })
    }

    /// What is decompressed and not yet read.
    pub(crate) fn available(&self) -> &[u8] {
        &self.plain[self.position..]
    }

    /// Bytes that [`available`](Self::available) could at most grow to.
    pub(crate) fn available_max(&self) -> usize {
        self.available().len() + if self.end.is_none() { self.budget } else { 0 }
    }

    /// Decompresses until `len` bytes are available; false when there are not that many.
    pub(crate) fn require(&mut self, len: usize) -> bool {
        while self.available().len() < len {
            if self.end.is_some() {
                return false;
            }
            self.fill();
        }
        true
    }

    /// Moves on.
    pub(crate) fn consume(&mut self, len: usize) {
        self.position += len;
        debug_assert!(self.position <= self.plain.len(), "read beyond what is available");
    }

    /// What ended the stream too early, once its last byte was decompressed.
    pub(crate) fn error(&self) -> Option<BatchError> {
        self.end.and_then(Result::err)
    }

    fn fill(&mut self) {
        // Forget what was read, but for the window that zlib may still copy from.
        let forget = self.position.saturating_sub(WINDOW_LEN);
        if forget >= STEP_LEN {
            self.plain.drain(..forget);
            self.position -= forget;
        }
        let before = self.plain.len();
        let len = before + self.budget.min(STEP_LEN);
        let more = match &mut self.codec {
            Codec::Zlib(inflate) => inflate.fill(&mut self.plain, len),
            Codec::Brotli(brotli) => brotli.fill(&mut self.plain, len),
        };
        // A copy may go on for some bytes; those beyond the budget are cut off.
        self.plain.truncate(before + self.budget);
        self.budget -= self.plain.len() - before;
        self.end = match more {
            Ok(true) if self.budget > 0 => None,
            Ok(_) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        };
    }
}

/// Bytes of a channel the reference implementation hands its decoder first: what the buffer had
/// read to see the first byte, without that byte.
const BROTLI_INPUT_FIRST: usize = 4_096 - 1;
/// And after that.
const BROTLI_INPUT_NEXT: usize = 32 * 1_024;

/// Brotli decodes into a window and gives it away when it is full or the input it was handed is
/// used up, but not when it fails. To get as much out of a corrupt stream as the reference
/// implementation does, it is handed the same pieces.
struct Brotli {
    input: Bytes,
    position: usize,
    /// Where the piece being decoded ends.
    piece_end: usize,
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
}

impl std::fmt::Debug for Brotli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brotli").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Brotli {
    fn new(input: Bytes) -> Self {
        // Strict: without the "large window" extension, that would let a few bytes ask for a
        // window of a gigabyte.
        let alloc = StandardAlloc::default;
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        let piece_end = input.len().min(BROTLI_INPUT_FIRST);
        Self { input, position: 0, piece_end, state }
    }

    /// Appends to the output until it has `len` bytes. False at the end of the stream.
    fn fill(&mut self, out: &mut Vec<u8>, len: usize) -> Result<bool, BatchError> {
        let mut written = out.len();
        out.resize(len, 0);
        let result = self.decode(out, &mut written);
        out.truncate(written);
        result
    }

    fn decode(&mut self, out: &mut [u8], written: &mut usize) -> Result<bool, BatchError> {
        while *written < out.len() {
            let mut available_in = self.piece_end - self.position;
            let mut available_out = out.len() - *written;
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut self.position,
                &self.input[..self.piece_end],
                &mut available_out,
                written,
                out,
                &mut 0,
                &mut self.state,
            );
            match result {
                BrotliResult::ResultSuccess => return Ok(false),
                BrotliResult::ResultFailure => return Err(BatchError::Corrupt),
                // With a full output there may be more to give without more input.
                _ if available_out == 0 => {}
                BrotliResult::NeedsMoreOutput => return Err(BatchError::Corrupt),
                BrotliResult::NeedsMoreInput if self.piece_end == self.input.len() => {
                    return Err(BatchError::Truncated("compressed data"));
                }
                BrotliResult::NeedsMoreInput => {
                    self.piece_end = self.input.len().min(self.piece_end + BROTLI_INPUT_NEXT);
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::Compression;

    fn drain(channel: Vec<u8>, step: usize) -> (Vec<u8>, Option<BatchError>) {
        let mut plain = Decompressor::new(channel.into()).unwrap();
        let mut out = Vec::new();
        while plain.require(step) {
            out.extend_from_slice(&plain.available()[..step]);
            plain.consume(step);
        }
        out.extend_from_slice(plain.available());
        (out, plain.error())
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| (i * i / 7 % 251) as u8 ^ (i >> 9) as u8).collect()
    }

    #[test]
    fn both_codecs_give_back_what_went_in() {
        let data = noise(700_000);
        for compression in [Compression::Zlib, Compression::Brotli { quality: 5 }] {
            let channel = compression.compress(&data).unwrap();
            for step in [1, 100, 65_536, 300_001, 700_000, 700_001] {
                let (out, error) = drain(channel.clone(), step);
                assert!(out == data && error.is_none(), "{compression:?} by {step}");
            }
        }
    }

    #[test]
    fn the_first_byte_names_the_codec() {
        for first in 0..=255_u8 {
            let is_known = first == 1 || matches!(first & 15, 8 | 15);
            let opened = Decompressor::new(vec![first, 0].into());
            assert_eq!(opened.is_ok(), is_known, "{first:#x}");
        }
        let empty = Decompressor::new(Bytes::new()).map(|_| ());
        assert_eq!(empty, Err(BatchError::Truncated("channel")));
    }

    #[test]
    fn what_exceeds_the_limit_is_cut_off() {
        let data = vec![0x80; MAX_RLP_BYTES_PER_CHANNEL + 70_000];
        for compression in [Compression::Zlib, Compression::Brotli { quality: 1 }] {
            let channel = compression.compress(&data).unwrap();
            let mut plain = Decompressor::new(channel.into()).unwrap();
            let mut len = 0;
            while plain.require(1) {
                let available = plain.available().len();
                assert!(available <= STEP_LEN + 300, "decompressed ahead");
                assert!(plain.available().iter().all(|&byte| byte == 0x80));
                assert!(plain.available_max() >= available);
                len += available;
                plain.consume(available);
            }
            assert_eq!((len, plain.error()), (MAX_RLP_BYTES_PER_CHANNEL, None), "{compression:?}");
        }
    }

    #[test]
    fn large_windows_are_no_brotli() {
        // The header of the "large window" extension, with a window of 2^30.
        assert_eq!(drain(vec![1, 0x11, 0x1e, 0x03], 1), (Vec::new(), Some(BatchError::Corrupt)));
    }

    /// A brotli stream of two parts, the first of which is given away by a flush.
    fn flushed(first: &[u8], second: &[u8]) -> (Vec<u8>, usize) {
        let mut writer = brotli::CompressorWriter::new(Vec::new(), 4_096, 5, 22);
        writer.write_all(first).unwrap();
        writer.flush().unwrap();
        let joint = 1 + writer.get_ref().len();
        writer.write_all(second).unwrap();
        let mut channel = vec![BROTLI_VERSION];
        channel.extend(writer.into_inner());
        (channel, joint)
    }

    #[test]
    fn a_cut_brotli_stream_gives_all_that_is_whole() {
        let data = noise(3_000);
        let (channel, joint) = flushed(&data[..1_000], &data[1_000..]);
        let (out, error) = drain(channel[..joint].to_vec(), 1);
        assert_eq!(out, data[..1_000]);
        assert_eq!(error, Some(BatchError::Truncated("compressed data")));
        let mut given = 0;
        for cut in 1..channel.len() {
            let (out, error) = drain(channel[..cut].to_vec(), 64);
            assert!(data.starts_with(&out) && out.len() >= given, "cut at {cut}");
            assert!(error.is_some());
            given = out.len();
        }
    }

    #[test]
    fn a_corrupt_brotli_stream_gives_the_pieces_before() {
        // Incompressible, so that pieces of input are about pieces of output.
        let data: Vec<u8> = (0..60_000_u32)
            .flat_map(|i| alloy_primitives::keccak256(i.to_be_bytes()).0)
            .take(120_000)
            .collect();
        let (mut channel, joint) = flushed(&data[..80_000], &data[80_000..]);
        // A meta-block header that is none: reserved bit, size in too many nibbles.
        channel.truncate(joint);
        channel.extend([0xff; 8]);
        let (out, error) = drain(channel, 1);
        assert_eq!(error, Some(BatchError::Corrupt));
        let pieces = BROTLI_INPUT_FIRST + 2 * BROTLI_INPUT_NEXT;
        assert!(data.starts_with(&out));
        assert!((pieces - 200..=pieces).contains(&out.len()), "{} bytes", out.len());
    }
}
