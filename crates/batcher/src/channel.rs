use std::collections::BTreeMap;

use phala_batch::{ChannelId, Frame};
use serde::Serialize;

use crate::{BlockRange, ChannelView, DaType, SubmissionId, TxData};

/// Why a channel takes no more blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseReason {
    /// It has as many bytes or blocks as it should have.
    Full,
    /// It was open as long as the operator allows.
    Duration,
    /// Its frames would come too late after the first one.
    ChannelTimeout,
    /// Its first block would leave the sequencing window.
    SequencerWindow,
    /// The next block cannot go into the same kind of batch.
    BatchType,
    /// The operator flushed it.
    Flushed,
}

impl CloseReason {
    /// The word of logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Duration => "duration",
            Self::ChannelTimeout => "channel-timeout",
            Self::SequencerWindow => "sequencer-window",
            Self::BatchType => "batch-type",
            Self::Flushed => "flushed",
        }
    }
}

/// A channel whose frames are known: some sent, some not.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) da: DaType,
    pub(crate) blocks: BlockRange,
    frames: Vec<Frame>,
    /// Next frame to send.
    cursor: usize,
    sent: BTreeMap<SubmissionId, Sent>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    first: usize,
    end: usize,
    mined_in: Option<u64>,
}

impl Channel {
    pub(crate) fn new(da: DaType, blocks: BlockRange, frames: Vec<Frame>) -> Self {
        Self {
            id: frames.first().map_or_else(ChannelId::default, |frame| frame.id),
            da,
            blocks,
            frames,
            cursor: 0,
            sent: BTreeMap::new(),
        }
    }

    /// Whether frames wait to be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        self.cursor < self.frames.len()
    }

    /// Takes up to `frames_max` frames; the caller owes a word about what became of them.
    pub(crate) fn take(&mut self, id: SubmissionId, frames_max: usize) -> Option<TxData> {
        let end = self.frames.len().min(self.cursor + frames_max.max(1));
        let data = TxData::new(self.da, self.blocks, self.frames.get(self.cursor..end)?)?;
        self.sent.insert(id, Sent { first: self.cursor, end, mined_in: None });
        self.cursor = end;
        Some(data)
    }

    pub(crate) fn holds(&self, id: SubmissionId) -> bool {
        self.sent.contains_key(&id)
    }

    /// Notes where a transaction is mined, or that it is not any more.
    pub(crate) fn set_mined(&mut self, id: SubmissionId, mined_in: Option<u64>) {
        if let Some(sent) = self.sent.get_mut(&id) {
            sent.mined_in = mined_in;
        }
    }

    /// Goes back to the frames of a transaction that was never published, and of those behind it.
    pub(crate) fn rewind(&mut self, id: SubmissionId) {
        let Some(failed) = self.sent.remove(&id) else { return };
        self.sent.retain(|_, sent| sent.first < failed.first);
        self.cursor = self.cursor.min(failed.first);
    }

    /// Goes back to the first frame.
    pub(crate) fn rewind_all(&mut self) {
        self.sent.clear();
        self.cursor = 0;
    }

    pub(crate) const fn frame_count(&self) -> usize {
        self.frames.len()
    }

    fn inclusions(&self) -> impl Iterator<Item = u64> {
        self.sent.values().filter_map(|sent| sent.mined_in)
    }

    /// Whether its mined frames lie as far apart as no channel may, or will when the rest is mined.
    pub(crate) fn is_timed_out(&self, timeout: u64, next_l1_block: u64) -> bool {
        let Some(first) = self.inclusions().min() else { return false };
        let last = if self.is_fully_submitted() {
            self.inclusions().max().unwrap_or(first)
        } else {
            next_l1_block
        };
        last.saturating_sub(first) >= timeout
    }

    pub(crate) fn is_fully_submitted(&self) -> bool {
        !self.has_unsent() && self.sent.values().all(|sent| sent.mined_in.is_some())
    }

    /// Bytes of its frames that are not mined.
    pub(crate) fn unmined_bytes(&self) -> u64 {
        let mined = |index: usize| {
            self.sent
                .values()
                .any(|sent| sent.mined_in.is_some() && (sent.first..sent.end).contains(&index))
        };
        let unmined = self.frames.iter().enumerate().filter(|(index, _)| !mined(*index));
        unmined.map(|(_, frame)| frame.encoded_len() as u64).sum()
    }

    pub(crate) fn view(&self, timeout: u64, next_l1_block: u64) -> ChannelView {
        ChannelView {
            last_l2_block: self.blocks.last,
            fully_submitted: self.is_fully_submitted(),
            timed_out: self.is_timed_out(timeout, next_l1_block),
            inclusion_max: self.inclusions().max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;

    fn channel(frames: u16) -> Channel {
        let frame = |number| Frame {
            id: ChannelId([7; 16]),
            number,
            data: Bytes::from(vec![1; 77]),
            is_last: number + 1 == frames,
        };
        let blocks = BlockRange { first: 5, last: 9 };
        Channel::new(DaType::Blobs, blocks, (0..frames).map(frame).collect())
    }

    fn numbers(data: TxData) -> std::ops::Range<u16> {
        data.carries.expect("frames").frames
    }

    #[test]
    fn frames_leave_in_order_a_few_at_a_time() {
        let mut channel = channel(5);
        assert_eq!(numbers(channel.take(SubmissionId(1), 2).expect("frames")), 0..2);
        assert_eq!(numbers(channel.take(SubmissionId(2), 2).expect("frames")), 2..4);
        let last = channel.take(SubmissionId(3), 2).expect("frames");
        assert!(last.carries.as_ref().expect("frames").closes_channel);
        assert_eq!(numbers(last), 4..5);
        assert_eq!(channel.take(SubmissionId(4), 2), None);
        assert!(!channel.has_unsent() && !channel.is_fully_submitted());
        for (id, block) in [(1, 10), (2, 11), (3, 12)] {
            assert_eq!(channel.unmined_bytes(), 500 - 200 * (id - 1));
            channel.set_mined(SubmissionId(id), Some(block));
        }
        assert!(channel.is_fully_submitted());
        assert_eq!(channel.unmined_bytes(), 0);
        let view = channel.view(50, 100);
        assert_eq!((view.inclusion_max, view.timed_out, view.last_l2_block), (Some(12), false, 9));
    }

    #[test]
    fn a_failed_transaction_takes_those_behind_it_back() {
        let mut channel = channel(5);
        for id in 1..=3 {
            channel.take(SubmissionId(id), 2);
        }
        channel.set_mined(SubmissionId(1), Some(10));
        channel.rewind(SubmissionId(2));
        assert!(channel.holds(SubmissionId(1)) && !channel.holds(SubmissionId(3)));
        assert_eq!(numbers(channel.take(SubmissionId(4), 6).expect("frames")), 2..5);
        channel.rewind(SubmissionId(99));
        assert!(!channel.has_unsent());
        channel.rewind(SubmissionId(1));
        assert_eq!(numbers(channel.take(SubmissionId(5), 6).expect("frames")), 0..5);
    }

    #[test]
    fn a_reorg_takes_a_mined_transaction_back() {
        let mut channel = channel(1);
        channel.take(SubmissionId(1), 6);
        channel.set_mined(SubmissionId(1), Some(10));
        assert!(channel.is_fully_submitted());
        channel.set_mined(SubmissionId(1), None);
        assert!(!channel.is_fully_submitted());
        assert_eq!(channel.view(50, 100).inclusion_max, None);
        channel.set_mined(SubmissionId(2), Some(11));
        assert!(!channel.is_fully_submitted(), "a transaction of another channel");
    }

    #[test]
    fn frames_fifty_blocks_apart_time_the_channel_out() {
        let mut channel = channel(2);
        channel.take(SubmissionId(1), 1);
        assert!(!channel.is_timed_out(50, 1_000), "nothing is mined");
        channel.take(SubmissionId(2), 1);
        channel.set_mined(SubmissionId(1), Some(10));
        assert!(!channel.is_timed_out(50, 59), "the rest can be mined in block 59");
        assert!(channel.is_timed_out(50, 60));
        channel.set_mined(SubmissionId(2), Some(59));
        assert!(!channel.is_timed_out(50, 1_000), "all of it came in time");
        channel.set_mined(SubmissionId(2), Some(60));
        assert!(channel.is_timed_out(50, 61));
    }
}
