use alloy_primitives::Bytes;
use phala_batch::{Batch, BatchContext, BatchReader};
use tracing::warn;

use crate::cursor::Position;

/// Reads the batches of one channel, one at a time and no further than asked for.
#[derive(Debug)]
pub(crate) struct ChannelReader {
    context: BatchContext,
    /// The channel, with the place of its next batch.
    channel: Option<(Position, BatchReader)>,
}

impl ChannelReader {
    pub(crate) const fn new(context: BatchContext) -> Self {
        Self { context, channel: None }
    }

    /// Goes on with this channel.
    pub(crate) fn open(&mut self, position: Position, data: Bytes) {
        debug_assert!(self.channel.is_none(), "a channel is read through before the next");
        self.channel = Some((position, BatchReader::new(data, self.context)));
    }

    /// The next batch and its place; `None` if there is no channel, or no more in it.
    ///
    /// Batches before a broken one stand; with it the channel ends.
    pub(crate) fn next_batch(&mut self) -> Option<(Position, Batch)> {
        let (position, reader) = self.channel.as_mut()?;
        let Some(batch) = reader.next_batch() else {
            let Position { l1_block, channel, batch } = *position;
            if let Some(error) = reader.error() {
                warn!(l1_block, channel, batch, %error, "channel ends early");
            }
            self.channel = None;
            return None;
        };
        let at = *position;
        position.batch = position.batch.saturating_add(1);
        Some((at, batch))
    }

    /// Drops the rest of the channel.
    pub(crate) fn flush(&mut self) {
        self.channel = None;
    }
}
