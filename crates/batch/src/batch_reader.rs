use alloy_primitives::Bytes;

use crate::{Batch, BatchContext, BatchError, decompress::Decompressor};

/// Reads the batches out of the data of a whole channel, decompressing no more than asked for.
///
/// Ends at the first thing wrong; batches given before stand. A compressed stream that is corrupt
/// from somewhere on is used up to there.
#[derive(Debug)]
pub struct BatchReader {
    /// Gone once the channel is at its end.
    plain: Option<Decompressor>,
    context: BatchContext,
    error: Option<BatchError>,
}

impl BatchReader {
    /// A reader over the concatenated data of the channel's frames.
    pub fn new(channel_data: Bytes, context: BatchContext) -> Self {
        match Decompressor::new(channel_data) {
            Ok(plain) => Self { plain: Some(plain), context, error: None },
            Err(error) => Self { plain: None, context, error: Some(error) },
        }
    }

    /// The next batch; `None` at the end, and from the first error on.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let plain = self.plain.as_mut()?;
        match read_batch(plain, &self.context) {
            Ok(Some(batch)) => return Some(batch),
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
        self.plain = None;
        None
    }

    /// What ended the channel early, if anything did.
    pub const fn error(&self) -> Option<&BatchError> {
        self.error.as_ref()
    }
}

impl Iterator for BatchReader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.next_batch()
    }
}

fn read_batch(
    plain: &mut Decompressor,
    context: &BatchContext,
) -> Result<Option<Batch>, BatchError> {
    if !plain.require(1) {
        return plain.error().map_or(Ok(None), Err);
    }
    let (header_len, len) = read_string_header(plain)?;
    // Not worth decompressing for when it cannot come out whole.
    let len_max = plain.available_max() - header_len;
    if len > len_max || !plain.require(header_len + len) {
        return Err(plain.error().unwrap_or(BatchError::Truncated("batch")));
    }
    let bytes = &plain.available()[header_len..header_len + len];
    if header_len == 1 && len == 1 && bytes[0] < 0x80 {
        return Err(BatchError::Rlp("batch"));
    }
    let batch = Batch::decode(bytes, context)?;
    plain.consume(header_len + len);
    Ok(Some(batch))
}

/// Lengths of the header and of the RLP string that comes next.
fn read_string_header(plain: &mut Decompressor) -> Result<(usize, usize), BatchError> {
    let first = plain.available()[0];
    match first {
        0..0x80 => Ok((0, 1)),
        0x80..=0xb7 => Ok((1, usize::from(first - 0x80))),
        0xb8..=0xbf => {
            let header_len = 1 + usize::from(first - 0xb7);
            if !plain.require(header_len) {
                return Err(plain.error().unwrap_or(BatchError::Truncated("batch")));
            }
            let len = &plain.available()[1..header_len];
            if len[0] == 0 {
                return Err(BatchError::Rlp("batch"));
            }
            let len = len.iter().fold(0_u64, |len, &byte| (len << 8) | u64::from(byte));
            if len < 56 {
                return Err(BatchError::Rlp("batch"));
            }
            Ok((header_len, usize::try_from(len).unwrap_or(usize::MAX)))
        }
        // A list is no batch.
        0xc0.. => Err(BatchError::Rlp("batch")),
    }
}
