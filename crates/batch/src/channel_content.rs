use alloy_rlp::Header;

use crate::{
    Batch, BatchBlock, BatchContext, BatchType, BuildError, SingularBatch,
    compress::SizeMeter,
    span_columns::{SpanColumns, SpanMark},
};

/// What a channel holds before compression, as blocks are added.
#[derive(Debug)]
pub(crate) struct ChannelContent {
    encoding: Encoding,
    context: BatchContext,
    meter: SizeMeter,
}

#[derive(Debug)]
enum Encoding {
    Singular(Vec<u8>),
    /// Nothing before the first block. The check is of the last block's epoch.
    Span {
        columns: Option<Box<SpanColumns>>,
        l1_origin_check: [u8; 20],
    },
}

/// The content before a block was added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ContentMark {
    Singular(usize),
    /// `None`: before the first block.
    Span(Option<SpanMark>, [u8; 20]),
}

impl ChannelContent {
    pub(crate) fn new(batch_type: BatchType, context: BatchContext) -> Self {
        let encoding = match batch_type {
            BatchType::Singular => Encoding::Singular(Vec::new()),
            BatchType::Span => Encoding::Span { columns: None, l1_origin_check: [0; 20] },
        };
        Self { encoding, context, meter: SizeMeter::new() }
    }

    /// Remembers the content as it is.
    pub(crate) fn mark(&self) -> ContentMark {
        match &self.encoding {
            Encoding::Singular(plain) => ContentMark::Singular(plain.len()),
            Encoding::Span { columns, l1_origin_check } => {
                ContentMark::Span(columns.as_deref().map(SpanColumns::mark), *l1_origin_check)
            }
        }
    }

    /// Appends a block, or leaves the content as it is.
    pub(crate) fn push(&mut self, block: &BatchBlock) -> Result<(), BuildError> {
        match &mut self.encoding {
            Encoding::Singular(plain) => push_singular(plain, block, &self.context),
            Encoding::Span { columns, l1_origin_check } => {
                let mut first = None;
                let target = match columns {
                    Some(columns) => columns,
                    None => first.insert(Box::new(SpanColumns::new(
                        self.context,
                        block.timestamp,
                        hash_check(&block.parent_hash.0),
                    ))),
                };
                let starts_epoch = block.sequence_number == 0;
                target.push(
                    block.timestamp,
                    block.epoch.number,
                    starts_epoch,
                    &block.transactions,
                )?;
                *l1_origin_check = hash_check(&block.epoch.hash.0);
                if first.is_some() {
                    *columns = first;
                }
                Ok(())
            }
        }
    }

    /// Returns to an earlier state. What was measured in between stays measured.
    pub(crate) fn rewind(&mut self, mark: &ContentMark) {
        match (&mut self.encoding, mark) {
            (Encoding::Singular(plain), ContentMark::Singular(len)) => plain.truncate(*len),
            (Encoding::Span { columns, l1_origin_check }, ContentMark::Span(mark, check)) => {
                *l1_origin_check = *check;
                match (columns.as_mut(), mark) {
                    (Some(columns), Some(mark)) => columns.rewind(mark),
                    _ => *columns = None,
                }
            }
            _ => unreachable!("a mark is of the content it was taken from"),
        }
    }

    /// Shows the meter what was added since.
    pub(crate) fn measure_since(&mut self, mark: &ContentMark) -> Result<(), BuildError> {
        match (&self.encoding, mark) {
            (Encoding::Singular(plain), ContentMark::Singular(len)) => {
                self.meter.take(&plain[*len..])
            }
            (Encoding::Span { columns: Some(columns), .. }, ContentMark::Span(mark, _)) => columns
                .compressible_since(mark.as_ref())
                .into_iter()
                .try_for_each(|column| self.meter.take(column)),
            _ => Ok(()),
        }
    }

    /// What the channel compresses to by the meter's account: a little more than it really does.
    pub(crate) fn measured_len(&self) -> usize {
        self.meter.bytes() + self.incompressible_len()
    }

    /// Bytes no compressor makes less: signatures of span batches.
    pub(crate) fn incompressible_len(&self) -> usize {
        match &self.encoding {
            Encoding::Span { columns: Some(columns), .. } => columns.signatures_len(),
            _ => 0,
        }
    }

    /// Bytes before compression.
    pub(crate) fn plain_len(&self) -> usize {
        match &self.encoding {
            Encoding::Singular(plain) => plain.len(),
            Encoding::Span { columns: None, .. } => 0,
            Encoding::Span { columns: Some(columns), .. } => {
                string_header(1 + columns.encoded_len()).length_with_payload()
            }
        }
    }

    /// The content itself: RLP strings of batches.
    pub(crate) fn plain(&self) -> Vec<u8> {
        match &self.encoding {
            Encoding::Singular(plain) => plain.clone(),
            Encoding::Span { columns: None, .. } => Vec::new(),
            Encoding::Span { columns: Some(columns), l1_origin_check } => {
                let mut plain = Vec::with_capacity(self.plain_len());
                string_header(1 + columns.encoded_len()).encode(&mut plain);
                plain.push(BatchType::Span.version());
                columns.write(l1_origin_check, &mut plain);
                plain
            }
        }
    }
}

fn push_singular(
    plain: &mut Vec<u8>,
    block: &BatchBlock,
    context: &BatchContext,
) -> Result<(), BuildError> {
    let batch = Batch::Singular(SingularBatch {
        parent_hash: block.parent_hash,
        epoch_number: block.epoch.number,
        epoch_hash: block.epoch.hash,
        timestamp: block.timestamp,
        transactions: block.transactions.clone(),
    });
    let bytes = batch.encode(context)?;
    string_header(bytes.len()).encode(plain);
    plain.extend_from_slice(&bytes);
    Ok(())
}

/// Header of a string of more than one byte.
const fn string_header(payload_length: usize) -> Header {
    Header { list: false, payload_length }
}

fn hash_check(hash: &[u8; 32]) -> [u8; 20] {
    *hash.first_chunk().expect("20 of 32 bytes")
}
