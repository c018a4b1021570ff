use alloy_primitives::Bytes;
use phala_batch::{ChannelId, Frame};
use tracing::{debug, warn};

use crate::cursor::Position;

/// Bytes of frames, with [`FRAME_ACCOUNTING_OVERHEAD`] each, that a channel may have.
const MAX_CHANNEL_BYTES: usize = 100_000_000;

/// What the specification adds for each frame to the bytes of a channel.
const FRAME_ACCOUNTING_OVERHEAD: usize = 200;

/// Puts the frames of one channel together. There is one staging channel at a time, and frames only
/// come in order.
#[derive(Debug)]
pub(crate) struct ChannelAssembler {
    timeout: u64,
    staging: Option<StagingChannel>,
    /// The L1 block in which a channel was completed last, and how many were in it.
    completed: (u64, u32),
}

#[derive(Debug)]
struct StagingChannel {
    id: ChannelId,
    /// The L1 block with its first frame.
    open_block: u64,
    /// Number of the next frame.
    next_number: u32,
    size_bytes: usize,
    data: Vec<Bytes>,
}

impl ChannelAssembler {
    pub(crate) const fn new(timeout: u64) -> Self {
        Self { timeout, staging: None, completed: (0, 0) }
    }

    /// Drops the staging channel. While a batch is judged there is none, since its own channel has
    /// left this stage and no frame is read before the batch is done with; so what this stage does
    /// follows from L1 alone.
    pub(crate) fn flush(&mut self) {
        self.staging = None;
    }

    /// Drops a channel that can no longer be completed.
    pub(crate) fn advance(&mut self, l1_block: u64) {
        let is_late = |channel: &mut StagingChannel| {
            l1_block > channel.open_block.saturating_add(self.timeout)
        };
        if let Some(StagingChannel { id, open_block, .. }) = self.staging.take_if(is_late) {
            warn!(channel = %id, open_block, l1_block, "channel timed out");
        }
    }

    /// Takes the next frame, from the L1 block of this height. Gives the place of the first batch and
    /// the data of the channel if that completes it.
    pub(crate) fn push(&mut self, l1_block: u64, frame: Frame) -> Option<(Position, Bytes)> {
        self.advance(l1_block);
        if frame.number == 0 {
            if let Some(StagingChannel { id, next_number, .. }) = &self.staging {
                debug!(channel = %id, frames = next_number, "channel replaced before its end");
            }
            self.staging = Some(StagingChannel {
                id: frame.id,
                open_block: l1_block,
                next_number: 0,
                size_bytes: 0,
                data: Vec::new(),
            });
        }
        let (id, number) = (frame.id, frame.number);
        let fits = |channel: &&mut StagingChannel| {
            channel.id == id && channel.next_number == u32::from(number)
        };
        let Some(channel) = self.staging.as_mut().filter(fits) else {
            debug!(channel = %id, number, l1_block, "dropped a frame");
            return None;
        };
        channel.next_number += 1;
        channel.size_bytes += frame.data.len() + FRAME_ACCOUNTING_OVERHEAD;
        channel.data.push(frame.data);
        if channel.size_bytes > MAX_CHANNEL_BYTES {
            warn!(channel = %id, size_bytes = channel.size_bytes, "channel is too long");
            self.staging = None;
            return None;
        }
        if !frame.is_last {
            return None;
        }
        let data = self.staging.take().map(|channel| concat(channel.data))?;
        let channel = self.count_completed(l1_block);
        Some((Position { l1_block, channel, batch: 0 }, data))
    }

    fn count_completed(&mut self, l1_block: u64) -> u32 {
        if self.completed.0 != l1_block {
            self.completed = (l1_block, 0);
        }
        let index = self.completed.1;
        self.completed.1 += 1;
        index
    }
}

fn concat(mut data: Vec<Bytes>) -> Bytes {
    match data.pop() {
        Some(only) if data.is_empty() => only,
        Some(last) => {
            data.push(last);
            data.concat().into()
        }
        None => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: u64 = 50;

    fn frame(id: u8, number: u16, data: &[u8], is_last: bool) -> Frame {
        let data = Bytes::copy_from_slice(data);
        Frame { id: ChannelId([id; 16]), number, data, is_last }
    }

    fn assembler() -> ChannelAssembler {
        ChannelAssembler::new(TIMEOUT)
    }

    fn at(l1_block: u64, channel: u32) -> Position {
        Position { l1_block, channel, batch: 0 }
    }

    #[test]
    fn frames_in_order_make_a_channel() {
        let mut assembler = assembler();
        assert_eq!(assembler.push(1, frame(1, 0, b"ab", false)), None);
        assert_eq!(assembler.push(1, frame(1, 1, b"", false)), None);
        let whole = Some((at(2, 0), Bytes::from_static(b"abc")));
        assert_eq!(assembler.push(2, frame(1, 2, b"c", true)), whole);
        assert!(assembler.staging.is_none());
        let single = Some((at(2, 1), Bytes::from_static(b"d")));
        assert_eq!(assembler.push(2, frame(2, 0, b"d", true)), single);
        assert_eq!(assembler.push(3, frame(3, 0, b"", true)), Some((at(3, 0), Bytes::new())));
    }

    #[test]
    fn frames_out_of_place_are_dropped_and_do_no_harm() {
        let mut assembler = assembler();
        assert_eq!(assembler.push(1, frame(1, 1, b"x", true)), None);
        assert_eq!(assembler.push(1, frame(1, 0, b"a", false)), None);
        // A number too far, one seen before, and another channel's.
        assert_eq!(assembler.push(1, frame(1, 2, b"x", true)), None);
        assert_eq!(assembler.push(1, frame(2, 1, b"x", true)), None);
        let whole = Some((at(1, 0), Bytes::from_static(b"ab")));
        assert_eq!(assembler.push(1, frame(1, 1, b"b", true)), whole);
        // It is closed now.
        assert_eq!(assembler.push(1, frame(1, 2, b"x", true)), None);
    }

    #[test]
    fn a_first_frame_replaces_what_is_open() {
        let mut assembler = assembler();
        assert_eq!(assembler.push(1, frame(1, 0, b"a", false)), None);
        assert_eq!(assembler.push(1, frame(2, 0, b"b", false)), None);
        assert_eq!(assembler.push(1, frame(1, 1, b"x", true)), None);
        assert_eq!(assembler.push(1, frame(2, 0, b"c", false)), None);
        let whole = Some((at(1, 0), Bytes::from_static(b"cd")));
        assert_eq!(assembler.push(1, frame(2, 1, b"d", true)), whole);
    }

    #[test]
    fn a_channel_may_be_completed_at_its_timeout_and_not_after() {
        for (late, completes) in [(TIMEOUT, true), (TIMEOUT + 1, false)] {
            let mut assembler = assembler();
            assert_eq!(assembler.push(10, frame(1, 0, b"a", false)), None);
            let whole = assembler.push(10 + late, frame(1, 1, b"b", true));
            assert_eq!(whole.is_some(), completes);
        }
        let mut assembler = assembler();
        assert_eq!(assembler.push(10, frame(1, 0, b"a", false)), None);
        assembler.advance(10 + TIMEOUT);
        assert!(assembler.staging.is_some());
        assembler.advance(11 + TIMEOUT);
        assert!(assembler.staging.is_none());
    }

    #[test]
    fn a_channel_is_bounded_with_its_overhead() {
        let megabyte = Bytes::from(vec![0; 1_000_000 - FRAME_ACCOUNTING_OVERHEAD]);
        for (extra, completes) in [(0, true), (1, false)] {
            let mut assembler = assembler();
            for number in 0..99 {
                let data = megabyte.clone();
                let id = ChannelId([1; 16]);
                let frame = Frame { id, number, data, is_last: false };
                assert_eq!(assembler.push(1, frame), None);
            }
            let last = vec![0; megabyte.len() + extra];
            let whole = assembler.push(1, frame(1, 99, &last, true));
            assert_eq!(whole.is_some(), completes);
            assert!(assembler.staging.is_none());
        }
    }

    #[test]
    fn the_highest_frame_number_has_no_successor() {
        let mut assembler = assembler();
        for number in 0..=u16::MAX {
            assert_eq!(assembler.push(1, frame(1, number, b"", false)), None);
        }
        // Frame 0 starts anew instead of going on.
        assert!(assembler.push(1, frame(1, 0, b"a", true)).is_some());
    }
}
