use thiserror::Error;

/// Why the data of a batcher transaction is void. Derivation goes on with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not a single frame.
    #[error("no frame")]
    Empty,
    /// The first byte is none we know.
    #[error("unknown derivation version {0}")]
    Version(u8),
    /// Ends within a frame.
    #[error("data ends within a frame")]
    Truncated,
    /// More data than a frame may have.
    #[error("frame data of {0} bytes")]
    DataTooLong(u32),
    /// The last byte of a frame is neither 0 nor 1.
    #[error("is_last byte {0}")]
    IsLast(u8),
}

/// Why a blob holds no batcher data, or data no blob. A blob that does not decode is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlobError {
    /// A field element uses one of its two highest bits.
    #[error("field element {0} uses its high bits")]
    FieldElement(usize),
    /// An encoding we do not know.
    #[error("unknown blob encoding version {0}")]
    Version(u8),
    /// Claims, or has, more than a blob can hold.
    #[error("{0} bytes do not fit a blob")]
    Length(usize),
    /// A byte that is not zero after the data.
    #[error("bytes after the data are not zero")]
    Extraneous,
}

/// What ended a channel before its last byte. Batches read before it stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The first byte of the channel names no compression we know.
    #[error("unknown compression {0:#04x}")]
    Compression(u8),
    /// The compressed data is corrupt.
    #[error("corrupt compressed data")]
    Corrupt,
    /// Ends within something.
    #[error("data ends within {0}")]
    Truncated(&'static str),
    /// Not the RLP it should be.
    #[error("bad rlp of {0}")]
    Rlp(&'static str),
    /// A batch without a byte.
    #[error("batch without a version")]
    Empty,
    /// A batch version we do not know.
    #[error("unknown batch version {0}")]
    Version(u8),
    /// A span batch that has no block.
    #[error("span batch without blocks")]
    NoBlocks,
    /// More blocks or transactions than a span batch may have.
    #[error("span batch of {0} elements")]
    TooManyElements(u64),
    /// A number that does not fit 64 bits.
    #[error("{0} does not fit 64 bits")]
    Uvarint(&'static str),
    /// A list of bits has more of them set than it has elements.
    #[error("bits beyond the end of {0}")]
    Bits(&'static str),
    /// A transaction type that span batches cannot tell.
    #[error("transaction type {0:#04x} in a span batch")]
    TransactionType(u8),
    /// A transaction signed for another chain than the batch's.
    #[error("transaction of another chain")]
    ChainId,
    /// A transaction that must have a recipient has none.
    #[error("transaction type {0:#04x} cannot create a contract")]
    Creation(u8),
}

/// Why a block cannot go into a channel or a channel not into frames. The channel stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// The block does not follow the one added before.
    #[error("block {number} does not follow the channel's last block")]
    NotNext {
        /// Height of the block.
        number: u64,
    },
    /// The L1 origins of two adjacent blocks are neither equal nor one apart.
    #[error("l1 origin {to} after {from}")]
    Origin {
        /// Of the block before.
        from: u64,
        /// Of the block.
        to: u64,
    },
    /// A block's time is not a whole number of block times after the first.
    #[error("block time {0} is off the span's grid")]
    Timestamp(u64),
    /// A transaction that is not canonical EIP-2718 of a type span batches can tell, or belongs to
    /// another chain. Singular batches take it.
    #[error("transaction {index} has no place in a span batch: {reason}")]
    Transaction {
        /// Place among the block's transactions.
        index: usize,
        /// What is wrong with it.
        reason: BatchError,
    },
    /// The channel, or a single block, would decompress to more than derivation reads.
    #[error("{0} bytes exceed what a channel may decompress to")]
    TooLong(usize),
    /// More blocks or transactions than a span batch may have.
    #[error("span batch of {0} elements")]
    TooManyElements(usize),
    /// More frames than numbers.
    #[error("channel of {0} frames")]
    TooManyFrames(usize),
    /// No blocks to write.
    #[error("no blocks")]
    Empty,
    /// The compressor failed.
    #[error("compression failed")]
    Compression,
}
