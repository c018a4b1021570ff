use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use phala_chainspec::{ChainSpec, SystemConfig};
use phala_primitives::{BlockRef, L1BlockRef, L2BlockRef};
use tracing::{info, warn};

use crate::{
    DeriveError, DerivedAttributes, L1Block, SafeBlock, SafePoint, Step,
    attributes::Builder,
    batch_stage::{BatchStage, Context, Next, NextBlock},
    l2_block_ref::as_in_block,
    pipeline::Pipeline,
    rollup::Rollup,
    system_config_update::apply_updates,
};

/// Turns L1 blocks into payload attributes. No I/O, no clock.
///
/// The caller repeats [`Deriver::step`] and does what each [`Step`] asks for. A step does a bounded
/// piece of work: it moves one frame, or judges one batch. A step may be repeated instead of being
/// answered; it then says the same again.
#[derive(Debug)]
pub struct Deriver {
    spec: Arc<ChainSpec>,
    rollup: Rollup,
    safe: L2BlockRef,
    safe_config: SystemConfig,
    /// The newest L1 block that has been read, or the first one to read.
    origin: L1BlockRef,
    /// The system configuration after that block: it says who the batcher is.
    origin_config: SystemConfig,
    is_origin_read: bool,
    /// The L1 block the safe head was derived from, which must still be there.
    derived_from: Option<BlockRef>,
    pipeline: Pipeline,
    stage: BatchStage,
    /// Attributes that were given and not answered.
    given: Option<Box<DerivedAttributes>>,
    awaited: Awaited,
    failed: Option<DeriveError>,
}

/// What the last step asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Step,
    Origin(u64),
    BlockAgain(u64),
    Blobs,
    L2(u64),
    Answer,
}

impl Awaited {
    const fn name(self) -> &'static str {
        match self {
            Self::Step => "the next step",
            Self::Origin(_) | Self::BlockAgain(_) => "an l1 block",
            Self::Blobs => "blobs",
            Self::L2(_) => "an l2 block",
            Self::Answer => "acceptance or rejection of attributes",
        }
    }
}

impl Deriver {
    /// Starts after a safe head.
    pub fn new(spec: Arc<ChainSpec>, start: SafePoint) -> Result<Self, DeriveError> {
        let rollup = Rollup::new(&spec)?;
        start.check(&rollup)?;
        Ok(Self {
            pipeline: Pipeline::new(&rollup),
            stage: BatchStage::new(start.cursor),
            spec,
            rollup,
            safe: start.safe,
            safe_config: start.safe_config,
            origin: start.origin,
            origin_config: start.origin_config,
            is_origin_read: false,
            derived_from: start.cursor.map(|cursor| cursor.origin),
            given: None,
            awaited: Awaited::Step,
            failed: None,
        })
    }

    /// Does some work.
    pub fn step(&mut self) -> Result<Step, DeriveError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let step = self.advance().inspect_err(|error| self.failed = Some(error.clone()))?;
        self.awaited = match &step {
            Step::NeedL1 { number } if self.is_read(*number) => Awaited::BlockAgain(*number),
            Step::NeedL1 { number } => Awaited::Origin(*number),
            Step::NeedBlobs { .. } => Awaited::Blobs,
            Step::NeedL2 { number } => Awaited::L2(*number),
            Step::Attributes(_) => Awaited::Answer,
            Step::Progress => Awaited::Step,
        };
        Ok(step)
    }

    fn advance(&mut self) -> Result<Step, DeriveError> {
        if let Some(attributes) = &self.given {
            return Ok(Step::Attributes(attributes.clone()));
        }
        if !self.is_origin_read {
            return Ok(Step::NeedL1 { number: self.origin.number });
        }
        let context = Context { rollup: &self.rollup, safe: &self.safe, origin: &self.origin };
        Ok(match self.stage.next(&mut self.pipeline, context)? {
            Next::Block(block) => {
                let attributes = self.attributes(block)?;
                Step::Attributes(self.given.insert(attributes).clone())
            }
            Next::Progress => Step::Progress,
            Next::NeedOrigin => Step::NeedL1 { number: self.origin.number.saturating_add(1) },
            Next::NeedBlock(number) => Step::NeedL1 { number },
            Next::NeedBlobs(block, blobs) => Step::NeedBlobs { block, blobs },
            Next::NeedL2(number) => Step::NeedL2 { number },
        })
    }

    fn attributes(&self, block: NextBlock) -> Result<Box<DerivedAttributes>, DeriveError> {
        let NextBlock { epoch_number, transactions, position, concluding } = block;
        let l1_blocks = self.stage.l1_blocks();
        let (parent, derived_from) = (self.safe, self.origin);
        let epoch = l1_blocks.get(epoch_number).ok_or_else(|| DeriveError::Origin {
            origin: parent.l1_origin,
            first: l1_blocks.first().map(|first| first.id()).unwrap_or_default(),
        })?;
        let logs = l1_blocks.logs(epoch_number).unwrap_or_default();
        let builder = Builder { spec: &self.spec, rollup: &self.rollup };
        let next = builder.build(&parent, &self.safe_config, epoch, logs, transactions)?;
        Ok(Box::new(DerivedAttributes {
            attributes: next.attributes,
            parent,
            derived_from,
            l1_origin: next.l1_origin,
            sequence_number: next.sequence_number,
            concluding,
            deposits_only: false,
            system_config: next.system_config,
            position,
        }))
    }

    /// Gives the L1 block that [`Step::NeedL1`] asked for. The first one after a start is
    /// [`SafePoint::origin`] itself.
    pub fn push_l1(&mut self, block: L1Block) -> Result<(), DeriveError> {
        let (again, expected) = match self.awaited {
            Awaited::Origin(number) => (false, number),
            Awaited::BlockAgain(number) => (true, number),
            _ => return Err(self.unexpected("l1 block")),
        };
        let actual = block.header.number;
        if actual != expected {
            return Err(DeriveError::WrongData { what: "height of l1 block", actual, expected });
        }
        let pushed = if again { self.supply_l1(block) } else { self.read_l1(block) };
        pushed.inspect_err(|error| self.failed = Some(error.clone()))?;
        self.awaited = Awaited::Step;
        Ok(())
    }

    /// Takes the block after the newest.
    fn read_l1(&mut self, block: L1Block) -> Result<(), DeriveError> {
        let L1Block { header, logs, inbox } = block;
        if self.is_origin_read {
            if header.parent_hash != self.origin.hash {
                let (number, parent) = (header.number, header.parent_hash);
                return Err(DeriveError::L1Reorg { number, parent, expected: self.origin.hash });
            }
            // The updates of the first block are in the configuration that was given with it.
            apply_updates(&mut self.origin_config, &self.rollup, &header, &logs);
        } else {
            check_hash(header.id(), self.origin.id())?;
        }
        let known = [Some(self.safe.l1_origin), self.derived_from];
        for known in known.into_iter().flatten().filter(|known| known.number == header.number) {
            check_hash(header.id(), known)?;
        }
        self.origin = header.block_ref();
        self.is_origin_read = true;
        self.pipeline.push(self.origin, self.origin_config.batcher_address, inbox);
        let safe_origin = self.safe.l1_origin.number;
        if header.number >= safe_origin {
            let is_new = header.number > safe_origin;
            self.stage.push_l1(header, is_new.then_some(logs));
        }
        Ok(())
    }

    /// Takes a block of which not everything was kept.
    fn supply_l1(&mut self, block: L1Block) -> Result<(), DeriveError> {
        let L1Block { header, logs, inbox } = block;
        let known = self.stage.l1_blocks().get(header.number).map(|known| known.id());
        let unread = self.pipeline.unread().filter(|unread| unread.number == header.number);
        for known in known.into_iter().chain(unread) {
            check_hash(header.id(), known)?;
        }
        self.pipeline.supply(header.block_ref(), inbox);
        self.stage.supply_logs(header.block_ref(), logs);
        Ok(())
    }

    /// Gives the blobs that [`Step::NeedBlobs`] asked for, in the same order.
    pub fn push_blobs(&mut self, blobs: Vec<Box<Blob>>) -> Result<(), DeriveError> {
        if self.awaited != Awaited::Blobs {
            return Err(self.unexpected("blobs"));
        }
        self.pipeline.supply_blobs(blobs)?;
        self.awaited = Awaited::Step;
        Ok(())
    }

    /// Gives the L2 block that [`Step::NeedL2`] asked for.
    pub fn push_l2(&mut self, block: SafeBlock) -> Result<(), DeriveError> {
        let Awaited::L2(expected) = self.awaited else {
            return Err(self.unexpected("l2 block"));
        };
        let actual = block.block.number;
        if actual != expected {
            return Err(DeriveError::WrongData { what: "height of l2 block", actual, expected });
        }
        let pushed = self.stage.push_l2(block, &self.safe);
        pushed.inspect_err(|error| self.failed = Some(error.clone()))?;
        self.awaited = Awaited::Step;
        Ok(())
    }

    /// Says that the attributes given last became this block, which is the safe head now.
    pub fn accept(&mut self, block: L2BlockRef) -> Result<(), DeriveError> {
        let Some(given) = &self.given else { return Err(self.unexpected("accepted block")) };
        if let Some(field) = difference(&given.block_ref(block.hash), &block) {
            return Err(DeriveError::NotDerived { number: block.number, field });
        }
        self.safe_config = as_in_block(&self.spec, block.timestamp, &given.system_config);
        self.safe = block;
        self.given = None;
        self.awaited = Awaited::Step;
        Ok(())
    }

    /// Says that execution refused the attributes given last for a reason of the protocol. The next
    /// step gives the same slot with its deposits only; for those to be refused is an error.
    pub fn reject(&mut self) -> Result<(), DeriveError> {
        let Some(given) = self.given.take() else {
            return Err(self.unexpected("rejection"));
        };
        let (number, derived_from) = (given.number(), given.derived_from.number);
        if given.has_only_deposits() {
            let error = DeriveError::DepositsOnlyRejected { number, derived_from };
            self.given = Some(given);
            self.failed = Some(error.clone());
            return Err(error);
        }
        warn!(number, derived_from, "derived block is invalid; it gets its deposits only");
        self.stage.flush(&mut self.pipeline);
        self.given = Some(Box::new(given.into_deposits_only()));
        self.awaited = Awaited::Step;
        Ok(())
    }

    /// Forgets everything and starts after another safe head. Keeps what it has if that is unusable.
    pub fn reset(&mut self, to: SafePoint) -> Result<(), DeriveError> {
        let (safe, origin) = (to.safe.number, to.origin.number);
        *self = Self::new(Arc::clone(&self.spec), to)?;
        info!(safe, origin, "derivation starts again");
        Ok(())
    }

    /// The newest L1 block that was read, or, right after a start, the first one to read.
    pub const fn origin(&self) -> L1BlockRef {
        self.origin
    }

    /// The safe head.
    pub const fn safe_head(&self) -> L2BlockRef {
        self.safe
    }

    /// The system configuration of the safe head.
    pub const fn safe_config(&self) -> &SystemConfig {
        &self.safe_config
    }

    const fn is_read(&self, l1_block: u64) -> bool {
        self.is_origin_read && l1_block <= self.origin.number
    }

    const fn unexpected(&self, what: &'static str) -> DeriveError {
        DeriveError::Unexpected { what, awaited: self.awaited.name() }
    }
}

fn check_hash(actual: BlockRef, expected: BlockRef) -> Result<(), DeriveError> {
    if actual.hash == expected.hash {
        return Ok(());
    }
    let (number, actual, expected) = (actual.number, actual.hash, expected.hash);
    Err(DeriveError::L1Block { number, actual, expected })
}

fn difference(derived: &L2BlockRef, block: &L2BlockRef) -> Option<&'static str> {
    [
        ("number", derived.number == block.number),
        ("parent hash", derived.parent_hash == block.parent_hash),
        ("timestamp", derived.timestamp == block.timestamp),
        ("l1 origin", derived.l1_origin == block.l1_origin),
        ("sequence number", derived.sequence_number == block.sequence_number),
    ]
    .into_iter()
    .find_map(|(field, is_same)| (!is_same).then_some(field))
}
