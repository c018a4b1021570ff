use alloy_primitives::{B256, Bytes};
use phala_primitives::BlockRef;

use crate::{
    BatchContext, BatchType, BuildError, ChannelId, Compression, Frame, MAX_FRAME_DATA,
    MAX_RLP_BYTES_PER_CHANNEL, channel_content::ChannelContent, compress::mul_div,
};

/// An L2 block for the batcher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchBlock {
    /// Hash of the block.
    pub hash: B256,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Height of the block.
    pub number: u64,
    /// Time of the block, in seconds.
    pub timestamp: u64,
    /// Its L1 origin.
    pub epoch: BlockRef,
    /// L2 blocks since the first one of the epoch.
    pub sequence_number: u64,
    /// Transactions of users (EIP-2718): everything but deposits.
    pub transactions: Vec<Bytes>,
}

/// How a channel is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Encoding of blocks.
    pub batch_type: BatchType,
    /// Compression of the whole channel.
    pub compression: Compression,
    /// Bytes of data in one frame: 130,020 for one frame a blob. At least 1 and at most
    /// [`MAX_FRAME_DATA`] count.
    pub frame_data_max: usize,
    /// Frames a channel should fill and not exceed; at least 1.
    pub target_frames: u16,
    /// Blocks in one channel; at least 1.
    pub max_blocks: u64,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOutcome {
    /// It is in the channel.
    Added,
    /// It is not: the channel has no room for it and should be closed.
    Full,
}

/// Times a channel is compressed before it is closed, to see how large it really is. Each time
/// leaves a fifth of the room that was uncertain before, so that three fill 99%; and as their
/// number does not depend on that of the blocks, neither does the work for each of them.
const PROBES_MAX: u32 = 3;

/// Part of what was only estimated that an estimate may be wrong by.
const UNCERTAINTY_DIVISOR: usize = 5;

/// Frame numbers there are.
const FRAMES_MAX: usize = 1 << 16;

/// Packs consecutive blocks into one channel.
///
/// What the channel compresses to is followed with a fast compressor. Only when that says that
/// the frames are nearly full is the channel compressed for real, which tells how much room there
/// is indeed.
#[derive(Debug)]
pub struct ChannelBuilder {
    id: ChannelId,
    config: ChannelConfig,
    content: ChannelContent,
    blocks: u64,
    last: BlockRef,
    is_full: bool,
    probes_left: u32,
    probe: Option<Probe>,
}

/// The channel compressed at some time.
#[derive(Debug)]
struct Probe {
    data: Vec<u8>,
    blocks: u64,
    measured_len: usize,
    incompressible_len: usize,
}

impl ChannelBuilder {
    /// An empty channel.
    pub fn new(id: ChannelId, config: ChannelConfig, context: BatchContext) -> Self {
        let config = ChannelConfig {
            frame_data_max: config.frame_data_max.clamp(1, MAX_FRAME_DATA),
            target_frames: config.target_frames.max(1),
            max_blocks: config.max_blocks.max(1),
            ..config
        };
        Self {
            id,
            config,
            content: ChannelContent::new(config.batch_type, context),
            blocks: 0,
            last: BlockRef::default(),
            is_full: false,
            probes_left: PROBES_MAX,
            probe: None,
        }
    }

    /// Name of the channel.
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Appends a block. After an error or `Full` the channel holds what it held before the call;
    /// once full it stays full.
    ///
    /// The first block always has room, even when it fills more frames than a channel should, as
    /// long as derivation can read it.
    pub fn add(&mut self, block: &BatchBlock) -> Result<AddOutcome, BuildError> {
        if self.is_full || self.blocks >= self.config.max_blocks {
            return Ok(AddOutcome::Full);
        }
        let is_next = block.parent_hash == self.last.hash
            && self.last.number.checked_add(1) == Some(block.number);
        if !self.is_empty() && !is_next {
            return Err(BuildError::NotNext { number: block.number });
        }
        let mark = self.content.mark();
        self.content.push(block)?;
        let plain_len = self.content.plain_len();
        if plain_len > MAX_RLP_BYTES_PER_CHANNEL {
            self.content.rewind(&mark);
            if self.is_empty() {
                return Err(BuildError::TooLong(plain_len));
            }
            return Ok(self.fill_up());
        }
        let is_beyond = self.content.measure_since(&mark).and_then(|()| self.is_beyond_capacity());
        match is_beyond {
            Ok(false) => {}
            Ok(true) if self.is_empty() => self.is_full = true,
            Ok(true) => {
                self.content.rewind(&mark);
                return Ok(self.fill_up());
            }
            Err(error) => {
                self.content.rewind(&mark);
                return Err(error);
            }
        }
        self.blocks += 1;
        self.last = BlockRef { number: block.number, hash: block.hash };
        Ok(AddOutcome::Added)
    }

    const fn fill_up(&mut self) -> AddOutcome {
        self.is_full = true;
        AddOutcome::Full
    }

    /// Whether the content, with a block that is not counted yet, is more than the frames take.
    fn is_beyond_capacity(&mut self) -> Result<bool, BuildError> {
        let capacity = self.capacity();
        let estimated = self.estimated_bytes();
        let known = self.probe.as_ref().map_or(0, |probe| probe.data.len());
        if estimated + estimated.saturating_sub(known) / UNCERTAINTY_DIVISOR <= capacity {
            return Ok(false);
        }
        if self.probes_left == 0 {
            return Ok(true);
        }
        self.probes_left -= 1;
        let data = self.config.compression.compress(&self.content.plain())?;
        let is_beyond = data.len() > capacity;
        if !is_beyond || self.is_empty() {
            self.probe = Some(Probe {
                data,
                blocks: self.blocks + 1,
                measured_len: self.content.measured_len(),
                incompressible_len: self.content.incompressible_len(),
            });
        }
        Ok(is_beyond)
    }

    /// Compresses harder when it is a little too much: some milliseconds cost less than a frame.
    fn compress_to_fit(&self) -> Result<Vec<u8>, BuildError> {
        let plain = self.content.plain();
        let data = self.config.compression.compress(&plain)?;
        let is_brotli = matches!(self.config.compression, Compression::Brotli { .. });
        if data.len() <= self.capacity() || !is_brotli {
            return Ok(data);
        }
        let harder = Compression::Brotli { quality: 11 }.compress(&plain)?;
        Ok(if harder.len() < data.len() { harder } else { data })
    }

    fn capacity(&self) -> usize {
        self.config.frame_data_max * usize::from(self.config.target_frames)
    }

    /// Whether no block was added.
    pub const fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// Blocks added.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Whether another block would find no room.
    pub const fn is_full(&self) -> bool {
        self.is_full || self.blocks >= self.config.max_blocks
    }

    /// Bytes the channel has before compression.
    pub fn plain_bytes(&self) -> usize {
        self.content.plain_len()
    }

    /// About how many bytes of frame data the channel would have if it were closed now.
    pub fn estimated_bytes(&self) -> usize {
        let measured = self.content.measured_len();
        let Some(probe) = &self.probe else { return measured };
        // Of what was added since, the compressible part will shrink as it did before.
        let incompressible =
            self.content.incompressible_len().saturating_sub(probe.incompressible_len);
        let added = measured.saturating_sub(probe.measured_len).saturating_sub(incompressible);
        let shrunk = mul_div(
            added,
            probe.data.len().saturating_sub(probe.incompressible_len),
            probe.measured_len.saturating_sub(probe.incompressible_len),
        );
        probe.data.len() + incompressible + shrunk
    }

    /// Compresses and cuts the channel into frames; the last one says so.
    ///
    /// When the estimates were wrong by more than harder compression makes good, there is a frame
    /// more than asked for.
    pub fn close(self) -> Result<Vec<Frame>, BuildError> {
        if self.is_empty() {
            return Err(BuildError::Empty);
        }
        let data: Bytes = match self.probe {
            Some(probe) if probe.blocks == self.blocks => probe.data,
            _ => self.compress_to_fit()?,
        }
        .into();
        let count = data.len().div_ceil(self.config.frame_data_max);
        if count > FRAMES_MAX {
            return Err(BuildError::TooManyFrames(count));
        }
        let frames = (0..count).map(|index| {
            let start = index * self.config.frame_data_max;
            let end = data.len().min(start + self.config.frame_data_max);
            Frame {
                id: self.id,
                number: u16::try_from(index).expect("counted just above"),
                data: data.slice(start..end),
                is_last: index + 1 == count,
            }
        });
        Ok(frames.collect())
    }
}
