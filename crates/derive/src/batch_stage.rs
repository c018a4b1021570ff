use std::collections::VecDeque;

use alloy_primitives::Bytes;
use phala_batch::{Batch, SingularBatch, SpanBatch, SpanBlock};
use phala_primitives::{L1BlockRef, L2BlockRef};
use tracing::{debug, warn};

use crate::{
    BlobId, Cursor, DeriveError, L1Header, L1Log, SafeBlock,
    cursor::Position,
    empty_batch::{EmptyBatch, next_empty_batch},
    l1_blocks::L1Blocks,
    pipeline::{Pipeline, Pulled},
    rollup::Rollup,
    singular_validity::{Candidate, Validity, check_singular},
    span_overlap::SpanOverlap,
    span_validity::{SpanPrefix, check_span_prefix, overlapped_blocks},
};

/// Decides which batch is the next block.
///
/// A batch that is judged stays here until it is decided: no answer that is missing loses it.
#[derive(Debug)]
pub(crate) struct BatchStage {
    l1_blocks: L1Blocks,
    /// The batch that is being judged.
    pending: Option<(Position, Pending)>,
    /// What is left of the span batch that was accepted last; not empty.
    span: Option<(Position, VecDeque<SpanBlock>)>,
    /// After a restart: up to here batches have been judged already.
    replay: Option<Cursor>,
}

#[derive(Debug)]
enum Pending {
    Singular(SingularBatch),
    Span(SpanBatch, SpanOverlap),
}

/// What the stage has next.
#[derive(Debug)]
pub(crate) enum Next {
    /// The next block.
    Block(NextBlock),
    /// Nothing yet; ask again.
    Progress,
    /// The next L1 block.
    NeedOrigin,
    /// An L1 block must be given again.
    NeedBlock(u64),
    /// Blobs must be given.
    NeedBlobs(L1BlockRef, Vec<BlobId>),
    /// A block of the safe chain must be given.
    NeedL2(u64),
}

/// The next block, before deposits are added.
#[derive(Debug)]
pub(crate) struct NextBlock {
    /// Its epoch.
    pub(crate) epoch_number: u64,
    pub(crate) transactions: Vec<Bytes>,
    pub(crate) position: Position,
    /// Whether its batch ends with it.
    pub(crate) concluding: bool,
}

/// What judging depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) rollup: &'a Rollup,
    pub(crate) safe: &'a L2BlockRef,
    /// The newest L1 block that has been read.
    pub(crate) origin: &'a L1BlockRef,
}

impl BatchStage {
    pub(crate) fn new(replay: Option<Cursor>) -> Self {
        Self { l1_blocks: L1Blocks::default(), pending: None, span: None, replay }
    }

    /// Adds the next L1 block; `logs` is left out where its epoch has begun already.
    pub(crate) fn push_l1(&mut self, header: L1Header, logs: Option<Vec<L1Log>>) {
        self.l1_blocks.push(header, logs);
    }

    /// Gives the logs of an L1 block again.
    pub(crate) fn supply_logs(&mut self, block: L1BlockRef, logs: Vec<L1Log>) {
        self.l1_blocks.supply(block, logs);
    }

    /// The L1 blocks that can be origins.
    pub(crate) const fn l1_blocks(&self) -> &L1Blocks {
        &self.l1_blocks
    }

    /// Gives a block of the safe chain.
    pub(crate) fn push_l2(
        &mut self,
        block: SafeBlock,
        safe: &L2BlockRef,
    ) -> Result<(), DeriveError> {
        match &mut self.pending {
            Some((_, Pending::Span(span, overlap))) => overlap.push(block, &span.blocks, safe),
            _ => Ok(()),
        }
    }

    /// Drops what is left of the current batch and of its channel.
    pub(crate) fn flush(&mut self, pipeline: &mut Pipeline) {
        self.pending = None;
        self.span = None;
        pipeline.flush();
    }

    /// Does one thing: reads, judges or expands a batch.
    pub(crate) fn next(
        &mut self,
        pipeline: &mut Pipeline,
        context: Context<'_>,
    ) -> Result<Next, DeriveError> {
        let Context { safe, origin, .. } = context;
        self.l1_blocks.prune_below(safe.l1_origin.number);
        if let Some(cursor) = self.replay {
            return Ok(self.replay(pipeline, &cursor, origin));
        }
        if origin.number <= safe.l1_origin.number {
            return Ok(self.drain(pipeline));
        }
        let (Some(epoch), Some(_)) = (self.l1_blocks.first(), self.l1_blocks.second()) else {
            return Ok(Next::NeedOrigin);
        };
        check_epoch(safe, epoch)?;
        if let Some((position, blocks)) = self.span.take() {
            return Ok(self.next_of_span(pipeline, context, position, blocks));
        }
        if self.pending.is_none() {
            match pipeline.next_batch() {
                Pulled::Batch(position, batch) => self.pending = Some((position, batch.into())),
                Pulled::End => return Ok(self.next_without_batch(context)),
                pulled => return Ok(pulled.into()),
            }
        }
        Ok(match self.pending.take() {
            Some((position, Pending::Singular(batch))) => {
                self.judge_singular(pipeline, context, position, batch)
            }
            Some((position, Pending::Span(span, overlap))) => {
                self.judge_span(pipeline, context, position, span, overlap)
            }
            None => Next::Progress,
        })
    }

    /// Passes over the batches that were judged before the restart, and waits with the one the safe
    /// head is from until L1 is read as far as it was then.
    fn replay(&mut self, pipeline: &mut Pipeline, cursor: &Cursor, origin: &L1BlockRef) -> Next {
        let is_behind = origin.number < cursor.origin.number;
        if self.pending.is_none() {
            match pipeline.next_batch() {
                Pulled::Batch(position, _) if position < cursor.position => return Next::Progress,
                Pulled::Batch(position, batch) => self.pending = Some((position, batch.into())),
                Pulled::End => {}
                pulled => return pulled.into(),
            }
        }
        if is_behind {
            return Next::NeedOrigin;
        }
        self.replay = None;
        Next::Progress
    }

    /// Reads on without judging: L1 up to the safe head's origin can only hold what is safe already.
    fn drain(&self, pipeline: &mut Pipeline) -> Next {
        if self.pending.is_some() || self.span.is_some() {
            return Next::NeedOrigin;
        }
        pipeline.next_batch().into()
    }

    fn next_without_batch(&mut self, context: Context<'_>) -> Next {
        let Context { rollup, safe, origin } = context;
        match next_empty_batch(rollup, &self.l1_blocks, safe, origin) {
            EmptyBatch::Wait => Next::NeedOrigin,
            EmptyBatch::NextEpoch => {
                self.l1_blocks.pop_first();
                Next::Progress
            }
            EmptyBatch::Derive(epoch_number) if self.lacks_logs(safe, epoch_number) => {
                Next::NeedBlock(epoch_number)
            }
            EmptyBatch::Derive(epoch_number) => Next::Block(NextBlock {
                epoch_number,
                transactions: Vec::new(),
                position: Position::end_of(origin.number),
                concluding: true,
            }),
        }
    }

    fn judge_singular(
        &mut self,
        pipeline: &mut Pipeline,
        context: Context<'_>,
        position: Position,
        batch: SingularBatch,
    ) -> Next {
        let candidate = Candidate {
            parent_hash: batch.parent_hash,
            epoch_number: batch.epoch_number,
            epoch_hash: batch.epoch_hash,
            timestamp: batch.timestamp,
            transactions: &batch.transactions,
        };
        let Context { rollup, safe, origin } = context;
        match check_singular(rollup, &self.l1_blocks, safe, &candidate, origin.number) {
            Validity::Accept if self.lacks_logs(safe, batch.epoch_number) => {
                let epoch_number = batch.epoch_number;
                self.pending = Some((position, Pending::Singular(batch)));
                Next::NeedBlock(epoch_number)
            }
            Validity::Accept => Next::Block(NextBlock {
                epoch_number: batch.epoch_number,
                transactions: batch.transactions,
                position,
                concluding: true,
            }),
            Validity::Past => self.pass(position),
            Validity::Drop(reason) => self.drop(pipeline, context, position, reason),
            Validity::Undecided => {
                self.pending = Some((position, Pending::Singular(batch)));
                Next::NeedOrigin
            }
        }
    }

    fn judge_span(
        &mut self,
        pipeline: &mut Pipeline,
        context: Context<'_>,
        position: Position,
        mut span: SpanBatch,
        overlap: SpanOverlap,
    ) -> Next {
        let Context { rollup, safe, origin } = context;
        if overlap.differs() {
            return self.drop(pipeline, context, position, "an overlapped block differs");
        }
        let parent = overlap.parent();
        let checked =
            check_span_prefix(rollup, &self.l1_blocks, safe, &span, origin.number, parent);
        let overlapped = overlapped_blocks(rollup, safe, &span);
        let need = match checked {
            SpanPrefix::NeedParent(number) => Next::NeedL2(number),
            SpanPrefix::Checked(Validity::Undecided) => Next::NeedOrigin,
            SpanPrefix::Checked(Validity::Past) => return self.pass(position),
            SpanPrefix::Checked(Validity::Drop(reason)) => {
                return self.drop(pipeline, context, position, reason);
            }
            SpanPrefix::Checked(Validity::Accept) => match overlap.next(overlapped) {
                Some(number) => Next::NeedL2(number),
                None => {
                    span.blocks.drain(..overlapped);
                    self.keep_span(position, span.blocks.into());
                    return Next::Progress;
                }
            },
        };
        self.pending = Some((position, Pending::Span(span, overlap)));
        need
    }

    fn next_of_span(
        &mut self,
        pipeline: &mut Pipeline,
        context: Context<'_>,
        position: Position,
        mut blocks: VecDeque<SpanBlock>,
    ) -> Next {
        let Context { rollup, safe, origin } = context;
        let Some(block) = blocks.pop_front() else { return Next::Progress };
        let Some(epoch) = self.l1_blocks.get(block.epoch_number) else {
            // The last epoch of the span is known, so this one can only be older than those at hand.
            return self.drop(pipeline, context, position, "epoch of a span's block is over");
        };
        let candidate = Candidate {
            parent_hash: safe.hash,
            epoch_number: epoch.number,
            epoch_hash: epoch.hash,
            timestamp: block.timestamp,
            transactions: &block.transactions,
        };
        let validity = check_singular(rollup, &self.l1_blocks, safe, &candidate, origin.number);
        let wait = match validity {
            Validity::Accept if self.lacks_logs(safe, block.epoch_number) => {
                Next::NeedBlock(block.epoch_number)
            }
            Validity::Accept => {
                let concluding = blocks.is_empty();
                self.keep_span(position, blocks);
                return Next::Block(NextBlock {
                    epoch_number: block.epoch_number,
                    transactions: block.transactions,
                    position,
                    concluding,
                });
            }
            Validity::Past => {
                self.keep_span(position, blocks);
                return Next::Progress;
            }
            Validity::Drop(reason) => return self.drop(pipeline, context, position, reason),
            Validity::Undecided => Next::NeedOrigin,
        };
        blocks.push_front(block);
        self.keep_span(position, blocks);
        wait
    }

    fn keep_span(&mut self, position: Position, blocks: VecDeque<SpanBlock>) {
        self.span = (!blocks.is_empty()).then_some((position, blocks));
    }

    /// A batch about safe blocks is no fault: the rest of its channel is read.
    fn pass(&self, position: Position) -> Next {
        let Position { l1_block, channel, batch } = position;
        debug!(l1_block, channel, batch, "passed over a batch of safe blocks");
        Next::Progress
    }

    /// An invalid batch takes the rest of its channel with it.
    fn drop(
        &mut self,
        pipeline: &mut Pipeline,
        context: Context<'_>,
        position: Position,
        reason: &'static str,
    ) -> Next {
        let Position { l1_block, channel, batch } = position;
        let (safe, origin) = (context.safe.number, context.origin.number);
        warn!(l1_block, channel, batch, safe, origin, reason, "dropped a batch and its channel");
        self.flush(pipeline);
        Next::Progress
    }

    /// Whether a block would start the epoch of an L1 block whose logs were not kept.
    fn lacks_logs(&self, safe: &L2BlockRef, epoch_number: u64) -> bool {
        epoch_number > safe.l1_origin.number && self.l1_blocks.logs(epoch_number).is_none()
    }
}

/// The safe head must be in the current epoch, or in the one before where that ended already.
fn check_epoch(safe: &L2BlockRef, epoch: &L1Header) -> Result<(), DeriveError> {
    let is_current = safe.l1_origin == epoch.id();
    let is_before = safe.l1_origin.number.checked_add(1) == Some(epoch.number);
    if is_current || is_before {
        return Ok(());
    }
    Err(DeriveError::Origin { origin: safe.l1_origin, first: epoch.id() })
}

impl From<Batch> for Pending {
    fn from(batch: Batch) -> Self {
        match batch {
            Batch::Singular(batch) => Self::Singular(batch),
            Batch::Span(span) => Self::Span(span, SpanOverlap::default()),
        }
    }
}

/// What is pulled while batches are not judged.
impl From<Pulled> for Next {
    fn from(pulled: Pulled) -> Self {
        match pulled {
            Pulled::Batch(..) | Pulled::Progress => Self::Progress,
            Pulled::End => Self::NeedOrigin,
            Pulled::NeedBlock(block) => Self::NeedBlock(block.number),
            Pulled::NeedBlobs(block, blobs) => Self::NeedBlobs(block, blobs),
        }
    }
}
