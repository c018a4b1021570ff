#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

mod error;
mod limits;

mod frame;

mod blob;

mod bitlist;
mod rlp;
mod uvarint;

mod batch;
mod singular_batch;
mod span_batch;
mod span_columns;
mod span_transactions;

mod batch_reader;
mod decompress;
mod inflate;

mod channel_builder;
mod channel_content;
mod compress;

pub use batch::{Batch, BatchContext, BatchType};
pub use batch_reader::BatchReader;
pub use blob::{BLOB_DATA_MAX, decode_blob, encode_blob};
pub use channel_builder::{AddOutcome, BatchBlock, ChannelBuilder, ChannelConfig};
pub use compress::Compression;
pub use error::{BatchError, BlobError, BuildError, FrameError};
pub use frame::{ChannelId, FRAME_OVERHEAD, Frame, encode_frames, parse_frames};
pub use limits::{MAX_FRAME_DATA, MAX_RLP_BYTES_PER_CHANNEL, MAX_SPAN_BATCH_ELEMENT_COUNT};
pub use singular_batch::SingularBatch;
pub use span_batch::{SpanBatch, SpanBlock};
