use crate::{BatchError, BuildError, SingularBatch, SpanBatch};

/// What a chain must tell for its batches to be read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchContext {
    /// The L2 chain id, which span batches leave out of their transactions.
    pub chain_id: u64,
    /// Time of the L2 genesis block, from which span batches count.
    pub genesis_time: u64,
    /// Seconds between L2 blocks.
    pub block_time_secs: u64,
}

/// The two encodings of L2 blocks on L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchType {
    /// One block a batch; any kind of transaction.
    Singular,
    /// A run of blocks in columns, which compress better.
    #[default]
    Span,
}

impl BatchType {
    /// The byte in front of a batch.
    pub const fn version(self) -> u8 {
        match self {
            Self::Singular => 0,
            Self::Span => 1,
        }
    }
}

/// One batch out of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// One block.
    Singular(SingularBatch),
    /// A run of blocks.
    Span(SpanBatch),
}

impl Batch {
    /// Reads a batch: version byte and content, without the RLP string around them.
    pub fn decode(bytes: &[u8], context: &BatchContext) -> Result<Self, BatchError> {
        match bytes.split_first() {
            None => Err(BatchError::Empty),
            Some((0, content)) => SingularBatch::decode(content).map(Self::Singular),
            Some((1, content)) => SpanBatch::decode(content, context).map(Self::Span),
            Some((&version, _)) => Err(BatchError::Version(version)),
        }
    }

    /// Writes version byte and content, without an RLP string around them.
    pub fn encode(&self, context: &BatchContext) -> Result<Vec<u8>, BuildError> {
        let (version, content) = match self {
            Self::Singular(batch) => (BatchType::Singular, batch.encode()),
            Self::Span(batch) => (BatchType::Span, batch.encode(context)?),
        };
        let mut out = Vec::with_capacity(1 + content.len());
        out.push(version.version());
        out.extend_from_slice(&content);
        Ok(out)
    }
}
