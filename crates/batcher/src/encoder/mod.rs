use std::collections::VecDeque;

use alloy_primitives::B256;
use phala_batch::{
    AddOutcome, BatchBlock, BatchContext, BatchType, BuildError, ChannelBuilder, ChannelId,
};
use phala_primitives::BlockRef;
use rand::{RngCore as _, rngs::StdRng};

use crate::{
    BlockRange, ChannelPolicy, CloseReason, DaType, EncoderError, ResetReason, SubmissionId,
    SyncView, TxData, channel::Channel,
};

/// Channels closed and not sent. More are not made until these are on their way: what type of data
/// costs less is decided as late as possible, and memory stays bounded.
const UNSENT_CHANNELS_MAX: usize = 4;

/// Bytes of transactions held. Beyond it no more blocks are taken; the sequencer is throttled long
/// before.
const HELD_BYTES_MAX: u64 = 128 << 20;

/// Compressed size of a byte, in thousandths, before the first channel has told.
const RATIO_START: u64 = 600;

/// Weight of what was measured before against a new channel.
const RATIO_MEMORY: u64 = 3;

/// Turns L2 blocks into the data of transactions. No I/O, no clock.
///
/// Blocks go in with [`Self::add_block`], channels are filled and closed by [`Self::advance`], data
/// comes out of [`Self::next_tx`], and what became of it is told with [`Self::mined`],
/// [`Self::unmined`] and [`Self::failed`].
#[derive(Debug)]
pub struct Encoder {
    policy: ChannelPolicy,
    context: BatchContext,
    names: StdRng,
    blocks: VecDeque<HeldBlock>,
    /// Blocks before this one are in a channel.
    cursor: usize,
    open: Option<OpenChannel>,
    channels: VecDeque<Channel>,
    held_bytes: u64,
    /// Newest block forgotten because it was safe.
    forgotten: Option<u64>,
    /// Compressed size of a byte, in thousandths.
    ratio: u64,
    flush: bool,
}

#[derive(Debug)]
struct HeldBlock {
    block: BatchBlock,
    bytes: u64,
}

#[derive(Debug)]
struct OpenChannel {
    builder: ChannelBuilder,
    da: DaType,
    batch_type: BatchType,
    opened_at: u64,
    first_block: u64,
    first_epoch: u64,
    last_block: u64,
    bytes: u64,
}

/// A channel that was closed, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedChannel {
    /// Its name.
    pub id: ChannelId,
    /// Where it will be posted.
    pub da: DaType,
    /// Why it was closed.
    pub reason: CloseReason,
    /// Its first L2 block.
    pub first_block: u64,
    /// Its last L2 block.
    pub last_block: u64,
    /// Its frames.
    pub frames: usize,
    /// Bytes of the transactions in it.
    pub input_bytes: u64,
    /// Bytes of its frames.
    pub output_bytes: u64,
}

impl Encoder {
    /// An encoder without blocks. `names` makes the names of channels, which must differ from those
    /// of any batcher before.
    pub fn new(policy: ChannelPolicy, context: BatchContext, names: StdRng) -> Self {
        Self {
            policy,
            context,
            names,
            blocks: VecDeque::new(),
            cursor: 0,
            open: None,
            channels: VecDeque::new(),
            held_bytes: 0,
            forgotten: None,
            ratio: RATIO_START,
            flush: false,
        }
    }

    /// How it packs.
    pub const fn policy(&self) -> &ChannelPolicy {
        &self.policy
    }

    /// Takes the next block; one that does not build on the newest held is another chain's.
    pub fn add_block(&mut self, block: BatchBlock) -> Result<(), ResetReason> {
        if let Some(newest) = self.blocks.back()
            && (block.parent_hash != newest.block.hash || block.number != newest.block.number + 1)
        {
            return Err(ResetReason::L2Reorg { number: block.number });
        }
        let bytes = block.transactions.iter().map(|tx| tx.len() as u64).sum();
        self.held_bytes += bytes;
        self.blocks.push_back(HeldBlock { block, bytes });
        Ok(())
    }

    /// Whether no more blocks should be added for now.
    pub const fn is_saturated(&self) -> bool {
        self.held_bytes >= HELD_BYTES_MAX
    }

    /// Fills channels with the blocks held and closes those whose time has come.
    pub fn advance(
        &mut self,
        l1_head: u64,
        da: DaType,
    ) -> Result<Vec<ClosedChannel>, EncoderError> {
        let mut closed = Vec::new();
        while self.cursor < self.blocks.len() && self.unsent_channels() < UNSENT_CHANNELS_MAX {
            closed.extend(self.add_to_channel(l1_head, da)?);
        }
        if let Some(reason) = self.open_channel_ends(l1_head) {
            closed.extend(self.close(reason)?);
        }
        Ok(closed)
    }

    fn open_channel_ends(&mut self, l1_head: u64) -> Option<CloseReason> {
        let reached_end = self.cursor == self.blocks.len();
        let flushed = self.flush && reached_end;
        self.flush &= !reached_end;
        let open = self.open.as_ref()?;
        if flushed {
            return Some(CloseReason::Flushed);
        }
        self.policy.close_reason(open.opened_at, open.first_epoch, l1_head)
    }

    /// Puts the block at the cursor into the open channel, or closes that channel if it has no
    /// place for it.
    fn add_to_channel(
        &mut self,
        l1_head: u64,
        da: DaType,
    ) -> Result<Option<ClosedChannel>, EncoderError> {
        let batch_type = self.policy.batch_type;
        let index = self.cursor;
        if self.open.is_none() {
            self.open = Some(self.new_channel(index, l1_head, da, batch_type));
        }
        let HeldBlock { block, bytes } = &self.blocks[index];
        let open = self.open.as_mut().expect("opened above");
        match open.builder.add(block) {
            Ok(AddOutcome::Added) => {
                open.last_block = block.number;
                open.bytes += bytes;
                self.cursor += 1;
                // Other blocks go back to the kind of batch the operator wants.
                let exception = open.batch_type != batch_type;
                if exception { self.close(CloseReason::BatchType) } else { Ok(None) }
            }
            Ok(AddOutcome::Full) if !open.builder.is_empty() => self.close(CloseReason::Full),
            Ok(AddOutcome::Full) => Err(EncoderError::BlockTooLarge { number: block.number }),
            Err(BuildError::Transaction { index: tx, reason })
                if open.batch_type == BatchType::Span =>
            {
                tracing::warn!(
                    number = block.number, tx, %reason,
                    "block goes into a singular batch"
                );
                let closed = if open.builder.is_empty() {
                    None
                } else {
                    self.close(CloseReason::BatchType)?
                };
                self.open = Some(self.new_channel(index, l1_head, da, BatchType::Singular));
                Ok(closed)
            }
            Err(source) => Err(EncoderError::Build { number: block.number, source }),
        }
    }

    fn new_channel(
        &mut self,
        index: usize,
        l1_head: u64,
        da: DaType,
        batch_type: BatchType,
    ) -> OpenChannel {
        let mut id = ChannelId::default();
        self.names.fill_bytes(&mut id.0);
        let first = &self.blocks[index].block;
        let config = self.policy.channel_config(da, batch_type);
        OpenChannel {
            builder: ChannelBuilder::new(id, config, self.context),
            da,
            batch_type,
            opened_at: l1_head,
            first_block: first.number,
            first_epoch: first.epoch.number,
            last_block: first.number,
            bytes: 0,
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<Option<ClosedChannel>, EncoderError> {
        let Some(open) = self.open.take() else { return Ok(None) };
        let frames = open
            .builder
            .close()
            .map_err(|source| EncoderError::Build { number: open.first_block, source })?;
        let output_bytes = frames.iter().map(|frame| frame.encoded_len() as u64).sum::<u64>();
        self.learn_ratio(open.bytes, output_bytes);
        let blocks = BlockRange { first: open.first_block, last: open.last_block };
        let channel = Channel::new(open.da, blocks, frames);
        let closed = ClosedChannel {
            id: channel.id,
            da: open.da,
            reason,
            first_block: open.first_block,
            last_block: open.last_block,
            frames: channel.frame_count(),
            input_bytes: open.bytes,
            output_bytes,
        };
        self.channels.push_back(channel);
        Ok(Some(closed))
    }

    fn learn_ratio(&mut self, input_bytes: u64, output_bytes: u64) {
        // A channel of almost nothing is all overhead and teaches nothing.
        const TEACHES_BYTES_MIN: u64 = 10_000;
        if input_bytes >= TEACHES_BYTES_MIN {
            let measured = (output_bytes.saturating_mul(1_000) / input_bytes).min(1_000);
            self.ratio = (self.ratio * RATIO_MEMORY + measured) / (RATIO_MEMORY + 1);
        }
    }

    fn unsent_channels(&self) -> usize {
        self.channels.iter().filter(|channel| channel.has_unsent()).count()
    }

    /// Type of the data that [`Self::next_tx`] would give.
    pub fn next_da(&self) -> Option<DaType> {
        self.channels.iter().find(|channel| channel.has_unsent()).map(|channel| channel.da)
    }

    /// The next data to send, under this id. Frames come out in their order on L1.
    pub fn next_tx(&mut self, id: SubmissionId) -> Option<TxData> {
        let channel = self.channels.iter_mut().find(|channel| channel.has_unsent())?;
        let frames_max = self.policy.frames_per_tx(channel.da);
        channel.take(id, frames_max)
    }

    /// A transaction is in this L1 block.
    pub fn mined(&mut self, id: SubmissionId, l1_block: u64) {
        self.set_mined(id, Some(l1_block));
    }

    /// A transaction that was in an L1 block is not any more.
    pub fn unmined(&mut self, id: SubmissionId) {
        self.set_mined(id, None);
    }

    fn set_mined(&mut self, id: SubmissionId, l1_block: Option<u64>) {
        if let Some(channel) = self.channels.iter_mut().find(|channel| channel.holds(id)) {
            channel.set_mined(id, l1_block);
        }
    }

    /// A transaction was never published: its frames, and all behind them, are sent again.
    pub fn failed(&mut self, id: SubmissionId) {
        let Some(first) = self.channels.iter().position(|channel| channel.holds(id)) else {
            return;
        };
        self.channels[first].rewind(id);
        for channel in self.channels.iter_mut().skip(first + 1) {
            channel.rewind_all();
        }
    }

    /// The oldest channel that cannot be completed in time any more.
    pub fn timed_out(&self, l1_head: u64) -> Option<ResetReason> {
        let timeout = self.policy.channel_timeout;
        let channel =
            self.channels.iter().find(|channel| channel.is_timed_out(timeout, l1_head + 1))?;
        Some(ResetReason::ChannelTimedOut { last_l2_block: channel.blocks.last })
    }

    /// Closes the open channel with the blocks held now, at the next [`Self::advance`].
    pub const fn flush(&mut self) {
        self.flush = true;
    }

    /// Forgets blocks and channels that are safe.
    pub fn prune(&mut self, safe: u64) {
        while let Some(oldest) = self.blocks.front()
            && oldest.block.number <= safe
        {
            self.held_bytes -= oldest.bytes;
            self.forgotten = Some(oldest.block.number);
            self.blocks.pop_front();
            self.cursor = self.cursor.saturating_sub(1);
        }
        self.channels.retain(|channel| channel.blocks.last > safe);
        if self
            .open
            .as_ref()
            .is_some_and(|open| !open.builder.is_empty() && open.last_block <= safe)
        {
            self.open = None;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.channels.clear();
        self.open = None;
        self.cursor = 0;
        self.held_bytes = 0;
        self.forgotten = None;
        self.flush = false;
    }

    /// What it holds, for the decision what to load.
    pub fn view(&self, l1_head: u64) -> SyncView {
        let timeout = self.policy.channel_timeout;
        let block_ref =
            |held: &HeldBlock| BlockRef { number: held.block.number, hash: held.block.hash };
        SyncView {
            blocks: self.blocks.iter().map(block_ref).collect(),
            parent_hash: self.blocks.front().map_or(B256::ZERO, |held| held.block.parent_hash),
            forgotten: self.forgotten,
            channels: self
                .channels
                .iter()
                .map(|channel| channel.view(timeout, l1_head + 1))
                .collect(),
        }
    }

    /// Bytes that L1 has not taken yet, as they will be when compressed.
    pub fn pending_bytes(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |open| open.bytes);
        let waiting: u64 = self.blocks.iter().skip(self.cursor).map(|held| held.bytes).sum();
        let closed: u64 = self.channels.iter().map(Channel::unmined_bytes).sum();
        (open + waiting).saturating_mul(self.ratio) / 1_000 + closed
    }

    /// Blocks held.
    pub fn blocks_len(&self) -> usize {
        self.blocks.len()
    }

    /// Channels held, the open one included.
    pub fn channels_len(&self) -> usize {
        self.channels.len() + usize::from(self.open.is_some())
    }
}

#[cfg(test)]
mod tests;
