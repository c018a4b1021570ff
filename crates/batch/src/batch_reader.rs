use alloy_primitives::Bytes;

use crate::{Batch, BatchContext, BatchError};

/// Reads the batches out of the data of a whole channel, decompressing no more than asked for.
///
/// Ends at the first thing wrong; batches given before stand.
#[derive(Debug)]
pub struct BatchReader {
    _data: Bytes,
    context: BatchContext,
    error: Option<BatchError>,
}

impl BatchReader {
    /// A reader over the concatenated data of the channel's frames.
    pub fn new(channel_data: Bytes, context: BatchContext) -> Self {
        Self { _data: channel_data, context, error: None }
    }

    /// The next batch; `None` at the end, and from the first error on.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let _ = &self.context;
        todo!()
    }

    /// What ended the channel early, if anything did.
    pub const fn error(&self) -> Option<&BatchError> {
        self.error.as_ref()
    }
}
