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
    Zlib(Inflate),
    Brotli(Box<Brotli>),
}

impl Decompressor {
    /// Picks the codec by the first byte of the channel.
    pub(crate) fn new(data: Bytes) -> Result<Self, BatchError> {
        let codec = match data.first() {
            None => return Err(BatchError::Truncated("channel")),
            Some(&BROTLI_VERSION) => Codec::Brotli(Box::new(Brotli::new(data.slice(1..)))),
            Some(first) if matches!(first & 0x0f, 8 | 15) => Codec::Zlib(Inflate::new(data)),
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
