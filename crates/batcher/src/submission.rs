use std::ops::Range;

use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;
use phala_batch::{BlobError, ChannelId, Frame, encode_blob, encode_frames};
use serde::Serialize;

use crate::{BlockRange, DaType};

/// Names what one nonce is used for. Ids only grow, also over restarts, so that news about an old
/// submission never meet a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SubmissionId(pub u64);

/// The frames one transaction carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRange {
    /// Their channel.
    pub channel: ChannelId,
    /// Their numbers.
    pub frames: Range<u16>,
    /// Whether the last one ends the channel.
    pub closes_channel: bool,
    /// L2 blocks of the whole channel.
    pub blocks: BlockRange,
}

/// What a transaction posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxData {
    /// Where the bytes go.
    pub da: DaType,
    /// What they are; `None` for a transaction that only uses up its nonce.
    pub carries: Option<FrameRange>,
    /// One item of input, or one per blob.
    pub items: Vec<Bytes>,
}

impl TxData {
    /// The data of these frames, which are neighbours in one channel.
    pub fn new(da: DaType, blocks: BlockRange, frames: &[Frame]) -> Option<Self> {
        let (first, last) = (frames.first()?, frames.last()?);
        let items = match da {
            DaType::Calldata => vec![encode_frames(frames).into()],
            DaType::Blobs => frames
                .iter()
                .map(|frame| encode_frames(std::slice::from_ref(frame)).into())
                .collect(),
        };
        let carries = Some(FrameRange {
            channel: first.id,
            frames: first.number..last.number.checked_add(1)?,
            closes_channel: last.is_last,
            blocks,
        });
        Some(Self { da, carries, items })
    }

    /// A transaction of a type that only uses up a nonce. A blob transaction must have a blob.
    pub fn empty(da: DaType) -> Self {
        let items = match da {
            DaType::Calldata => Vec::new(),
            DaType::Blobs => vec![Bytes::new()],
        };
        Self { da, carries: None, items }
    }

    /// The transaction's input.
    pub fn input(&self) -> Bytes {
        match self.da {
            DaType::Calldata => self.items.first().cloned().unwrap_or_default(),
            DaType::Blobs => Bytes::new(),
        }
    }

    /// The transaction's blobs.
    pub fn blobs(&self) -> Result<Vec<Box<Blob>>, BlobError> {
        match self.da {
            DaType::Calldata => Ok(Vec::new()),
            DaType::Blobs => self.items.iter().map(|item| encode_blob(item)).collect(),
        }
    }

    /// Number of blobs.
    pub const fn blob_count(&self) -> usize {
        match self.da {
            DaType::Calldata => 0,
            DaType::Blobs => self.items.len(),
        }
    }

    /// Bytes of batcher data.
    pub fn data_bytes(&self) -> usize {
        self.items.iter().map(|item| item.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use phala_batch::parse_frames;

    use super::*;

    fn frames() -> Vec<Frame> {
        let frame = |number, is_last| Frame {
            id: ChannelId([7; 16]),
            number,
            data: Bytes::from(vec![1; 10]),
            is_last,
        };
        vec![frame(3, false), frame(4, true)]
    }

    #[test]
    fn calldata_holds_all_frames_and_each_blob_one() {
        let blocks = BlockRange { first: 1, last: 2 };
        let calldata = TxData::new(DaType::Calldata, blocks, &frames()).expect("frames");
        assert_eq!(parse_frames(&calldata.input()).expect("parses"), frames());
        assert_eq!((calldata.blob_count(), calldata.data_bytes()), (0, 1 + 2 * 33));
        let blobs = TxData::new(DaType::Blobs, blocks, &frames()).expect("frames");
        assert!(blobs.input().is_empty());
        assert_eq!((blobs.blob_count(), blobs.data_bytes()), (2, 2 * 34));
        for (item, frame) in blobs.items.iter().zip(frames()) {
            assert_eq!(parse_frames(item).expect("parses"), [frame]);
        }
        let carries = blobs.carries.expect("frames");
        assert_eq!((carries.frames, carries.closes_channel), (3..5, true));
        assert_eq!(TxData::new(DaType::Blobs, blocks, &[]), None);
    }

    #[test]
    fn an_empty_transaction_keeps_its_type() {
        assert_eq!(TxData::empty(DaType::Calldata).blob_count(), 0);
        assert!(TxData::empty(DaType::Calldata).input().is_empty());
        assert_eq!(TxData::empty(DaType::Blobs).blob_count(), 1);
        assert_eq!(TxData::empty(DaType::Blobs).data_bytes(), 0);
    }
}
