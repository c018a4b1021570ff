use std::sync::Arc;

use alloy_eips::eip4844::Blob;
use phala_chainspec::ChainSpec;
use phala_primitives::{L1BlockRef, L2BlockRef};

use crate::{DeriveError, L1Block, SafeBlock, SafePoint, Step, rollup::Rollup};

/// Turns L1 blocks into payload attributes. No I/O, no clock.
#[derive(Debug)]
pub struct Deriver {
    spec: Arc<ChainSpec>,
    rollup: Rollup,
    safe: L2BlockRef,
    origin: L1BlockRef,
}

impl Deriver {
    /// Starts after a safe head.
    pub fn new(spec: Arc<ChainSpec>, start: SafePoint) -> Result<Self, DeriveError> {
        let rollup = Rollup::new(&spec)?;
        start.check(&rollup)?;
        Ok(Self { spec, rollup, safe: start.safe, origin: start.origin })
    }

    /// Gives the L1 block that [`Step::NeedL1`] asked for. The first one after a start is
    /// [`SafePoint::origin`] itself.
    pub fn push_l1(&mut self, _block: L1Block) -> Result<(), DeriveError> {
        todo!()
    }

    /// Gives the blobs that [`Step::NeedBlobs`] asked for, in the same order.
    pub fn push_blobs(&mut self, _blobs: Vec<Box<Blob>>) -> Result<(), DeriveError> {
        todo!()
    }

    /// Gives the L2 block that [`Step::NeedL2`] asked for.
    pub fn push_l2(&mut self, _block: SafeBlock) -> Result<(), DeriveError> {
        todo!()
    }

    /// Does some work.
    pub fn step(&mut self) -> Result<Step, DeriveError> {
        let _ = (&self.spec, &self.rollup);
        todo!()
    }

    /// Says that the attributes given last became this block, which is the safe head now.
    pub fn accept(&mut self, _block: L2BlockRef) -> Result<(), DeriveError> {
        todo!()
    }

    /// Says that execution refused the attributes given last for a reason of the protocol. The next
    /// step gives the same slot with its deposits only.
    pub fn reject(&mut self) -> Result<(), DeriveError> {
        todo!()
    }

    /// Forgets everything and starts after another safe head.
    pub fn reset(&mut self, _to: SafePoint) -> Result<(), DeriveError> {
        todo!()
    }

    /// The newest L1 block that was read.
    pub const fn origin(&self) -> L1BlockRef {
        self.origin
    }

    /// The safe head.
    pub const fn safe_head(&self) -> L2BlockRef {
        self.safe
    }
}
