//! Bounds the OP specification puts on what L1 may make a node do.

/// Bytes a channel may decompress to; more is cut off (Fjord).
pub const MAX_RLP_BYTES_PER_CHANNEL: usize = 100_000_000;

/// Blocks, and transactions, a span batch may hold; more makes it malformed.
pub const MAX_SPAN_BATCH_ELEMENT_COUNT: u64 = 10_000_000;

/// Bytes of data in one frame; more makes the whole batcher transaction void.
pub const MAX_FRAME_DATA: usize = 1_000_000;
