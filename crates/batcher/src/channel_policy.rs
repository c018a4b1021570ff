use phala_batch::{BLOB_DATA_MAX, BatchType, ChannelConfig, Compression, FRAME_OVERHEAD};

use crate::{CloseReason, DaType};

/// Bytes in front of the frames of a transaction: the derivation version.
const VERSION_BYTES: usize = 1;

/// Blobs of one transaction since Osaka (EIP-7594).
pub const BLOBS_PER_TX_MAX: u16 = 6;

/// Input of one transaction that every node's pool takes (128 KiB less the envelope).
pub const CALLDATA_BYTES_MAX: usize = 120_000;

/// How blocks are put into channels and channels into transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelPolicy {
    /// Encoding of blocks.
    pub batch_type: BatchType,
    /// Compression of channels.
    pub compression: Compression,
    /// Frames of a channel posted as blobs, and blobs of one transaction.
    pub target_frames: u16,
    /// Input of one transaction posted as calldata, which holds one frame.
    pub calldata_bytes_max: usize,
    /// Blocks of one channel.
    pub blocks_max: u64,
    /// L1 blocks a channel stays open at most; 0 for no such limit.
    pub duration_max: u64,
    /// L1 blocks left for mining when a channel is closed because of a timeout or the window.
    pub safety_margin: u64,
    /// L1 blocks between the first and the last frame of a channel.
    pub channel_timeout: u64,
    /// L1 blocks between an epoch and its batches.
    pub sequencing_window: u64,
}

impl ChannelPolicy {
    /// What the channel builder is told.
    pub const fn channel_config(&self, da: DaType, batch_type: BatchType) -> ChannelConfig {
        let (tx_bytes, target_frames) = match da {
            DaType::Calldata => (self.calldata_bytes_max, 1),
            DaType::Blobs => (BLOB_DATA_MAX, self.target_frames),
        };
        ChannelConfig {
            batch_type,
            compression: self.compression,
            frame_data_max: tx_bytes - VERSION_BYTES - FRAME_OVERHEAD,
            target_frames,
            max_blocks: self.blocks_max,
        }
    }

    /// Frames of one transaction.
    pub const fn frames_per_tx(&self, da: DaType) -> usize {
        match da {
            DaType::Calldata => 1,
            DaType::Blobs => {
                let frames = if self.target_frames < BLOBS_PER_TX_MAX {
                    self.target_frames
                } else {
                    BLOBS_PER_TX_MAX
                };
                frames as usize
            }
        }
    }

    /// Why a channel opened at L1 block `opened_at`, whose first block is of `first_epoch`, must be
    /// closed when L1 is at `l1_head`.
    pub const fn close_reason(
        &self,
        opened_at: u64,
        first_epoch: u64,
        l1_head: u64,
    ) -> Option<CloseReason> {
        if self.duration_max > 0 && l1_head >= opened_at.saturating_add(self.duration_max) {
            return Some(CloseReason::Duration);
        }
        let limit = self.channel_timeout.saturating_sub(self.safety_margin);
        if l1_head >= opened_at.saturating_add(limit) {
            return Some(CloseReason::ChannelTimeout);
        }
        let limit = self.sequencing_window.saturating_sub(self.safety_margin);
        if l1_head >= first_epoch.saturating_add(limit) {
            return Some(CloseReason::SequencerWindow);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: ChannelPolicy = ChannelPolicy {
        batch_type: BatchType::Span,
        compression: Compression::Brotli { quality: 10 },
        target_frames: 6,
        calldata_bytes_max: CALLDATA_BYTES_MAX,
        blocks_max: 1_000,
        duration_max: 20,
        safety_margin: 10,
        channel_timeout: 50,
        sequencing_window: 3_600,
    };

    #[test]
    fn frames_fit_their_transaction() {
        let blobs = POLICY.channel_config(DaType::Blobs, BatchType::Span);
        assert_eq!((blobs.frame_data_max, blobs.target_frames), (130_020, 6));
        let calldata = POLICY.channel_config(DaType::Calldata, BatchType::Singular);
        assert_eq!((calldata.frame_data_max, calldata.target_frames), (119_976, 1));
        assert_eq!(calldata.batch_type, BatchType::Singular);
        assert_eq!(POLICY.frames_per_tx(DaType::Calldata), 1);
        assert_eq!(POLICY.frames_per_tx(DaType::Blobs), 6);
        let many = ChannelPolicy { target_frames: 20, ..POLICY };
        assert_eq!(many.frames_per_tx(DaType::Blobs), 6);
    }

    #[test]
    fn a_channel_closes_after_its_duration() {
        assert_eq!(POLICY.close_reason(100, 95, 119), None);
        assert_eq!(POLICY.close_reason(100, 95, 120), Some(CloseReason::Duration));
        let unlimited = ChannelPolicy { duration_max: 0, ..POLICY };
        assert_eq!(unlimited.close_reason(100, 95, 139), None);
    }

    #[test]
    fn a_channel_closes_a_margin_before_its_timeout() {
        let unlimited = ChannelPolicy { duration_max: 0, ..POLICY };
        assert_eq!(unlimited.close_reason(100, 95, 139), None);
        assert_eq!(unlimited.close_reason(100, 95, 140), Some(CloseReason::ChannelTimeout));
        let wide = ChannelPolicy { safety_margin: 60, ..unlimited };
        assert_eq!(wide.close_reason(100, 95, 100), Some(CloseReason::ChannelTimeout));
    }

    #[test]
    fn a_channel_closes_a_margin_before_the_sequencing_window_ends() {
        assert_eq!(POLICY.close_reason(3_690, 100, 3_689), None);
        assert_eq!(POLICY.close_reason(3_690, 100, 3_690), Some(CloseReason::SequencerWindow));
        assert_eq!(POLICY.close_reason(3_690, 101, 3_690), None);
        let narrow = ChannelPolicy { sequencing_window: 4, ..POLICY };
        assert_eq!(narrow.close_reason(100, 99, 100), Some(CloseReason::SequencerWindow));
        assert_eq!(POLICY.close_reason(u64::MAX, u64::MAX, u64::MAX - 1), None);
    }
}
