//! A node that knows nothing but L1.

use std::sync::Arc;

use phala_chainspec::ChainSpec;
use phala_derive::{
    Cursor, DeriveError, DerivedAttributes, Deriver, NextAttributes, SafePoint, Step,
};

use crate::{l1::L1, sequencer::L2Block};

/// Steps without anything new before a test gives up.
const STEPS_MAX: usize = 10_000_000;

/// A block, what it was made from, and what is stored with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) block: L2Block,
    pub(crate) attributes: Option<DerivedAttributes>,
    pub(crate) cursor: Option<Cursor>,
}

#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) deriver: Deriver,
    /// By height.
    pub(crate) chain: Vec<Derived>,
    /// Attributes with such a transaction are refused.
    pub(crate) poison: Vec<alloy_primitives::Bytes>,
    /// L1 blocks that were asked for again.
    pub(crate) asked_again: Vec<u64>,
    pub(crate) l2_asked: Vec<u64>,
}

impl Follower {
    pub(crate) fn new(spec: &Arc<ChainSpec>, l1: &L1) -> Self {
        let genesis = L2Block::genesis(spec);
        let chain = vec![Derived { block: genesis, attributes: None, cursor: None }];
        Self::with_chain(spec, l1, chain)
    }

    /// Starts after the last of these blocks, with what was stored with it.
    pub(crate) fn with_chain(spec: &Arc<ChainSpec>, l1: &L1, chain: Vec<Derived>) -> Self {
        let start = safe_point(spec, l1, &chain);
        Self {
            deriver: Deriver::new(Arc::clone(spec), start).unwrap(),
            spec: Arc::clone(spec),
            chain,
            poison: Vec::new(),
            asked_again: Vec::new(),
            l2_asked: Vec::new(),
        }
    }

    /// Starts again after the block of this height.
    pub(crate) fn restart(&mut self, l1: &L1, number: u64) {
        self.chain.truncate(usize::try_from(number + 1).unwrap());
        let start = safe_point(&self.spec, l1, &self.chain);
        self.deriver.reset(start).unwrap();
    }

    pub(crate) fn head(&self) -> &L2Block {
        &self.chain.last().unwrap().block
    }

    pub(crate) fn number(&self) -> u64 {
        self.head().block.number
    }

    /// Derives until L1 ends.
    pub(crate) fn run(&mut self, l1: &L1) -> Result<(), DeriveError> {
        self.run_to(l1, u64::MAX)
    }

    /// Derives until L1 ends or the block of this height is safe.
    pub(crate) fn run_to(&mut self, l1: &L1, number: u64) -> Result<(), DeriveError> {
        for _ in 0..STEPS_MAX {
            if self.number() >= number {
                return Ok(());
            }
            match self.deriver.step()? {
                Step::Progress => {}
                Step::NeedL1 { number } => {
                    if number < self.deriver.origin().number {
                        self.asked_again.push(number);
                    }
                    let Some(block) = l1.block(number) else { return Ok(()) };
                    self.deriver.push_l1(block.clone())?;
                }
                Step::NeedBlobs { block, blobs } => {
                    assert_eq!(l1.block(block.number).unwrap().header.hash, block.hash);
                    assert!(blobs.iter().all(|blob| blob.index >= 2), "mined");
                    self.deriver.push_blobs(blobs.iter().map(|id| l1.blob(id)).collect())?;
                }
                Step::NeedL2 { number } => {
                    self.l2_asked.push(number);
                    let block = &self.chain[usize::try_from(number).unwrap()].block;
                    self.deriver.push_l2(block.safe_block())?;
                }
                Step::Attributes(attributes) => self.execute(*attributes)?,
            }
        }
        panic!("derivation does not come to an end")
    }

    fn execute(&mut self, given: DerivedAttributes) -> Result<(), DeriveError> {
        assert_eq!(given.parent, self.head().block);
        assert_eq!(given.attributes.no_tx_pool, Some(true));
        let transactions = given.attributes.transactions.as_ref().unwrap();
        if transactions.iter().any(|tx| self.poison.contains(tx)) {
            return self.deriver.reject();
        }
        let next = NextAttributes {
            attributes: given.attributes.clone(),
            l1_origin: given.l1_origin,
            sequence_number: given.sequence_number,
            system_config: given.system_config.clone(),
        };
        let mut block = L2Block::execute(&self.spec, self.head(), &next);
        assert_eq!(given.block_ref(block.block.hash), block.block);
        self.deriver.accept(block.block)?;
        block.config = self.deriver.safe_config().clone();
        let cursor = Some(given.cursor(block.block.hash));
        self.chain.push(Derived { block, attributes: Some(given), cursor });
        Ok(())
    }

    /// Whether it has exactly the sequencer's blocks up to its own head.
    pub(crate) fn assert_follows(&self, chain: &[L2Block]) {
        for (derived, truth) in self.chain.iter().zip(chain) {
            assert_eq!(derived.block.block, truth.block);
            assert_eq!(derived.block.all_transactions, truth.all_transactions);
        }
        assert!(self.chain.len() <= chain.len(), "derived more than was sequenced");
    }
}

/// What a node finds out before it starts: see [`SafePoint`].
pub(crate) fn safe_point(spec: &ChainSpec, l1: &L1, chain: &[Derived]) -> SafePoint {
    let Derived { block: safe, cursor, .. } = chain.last().unwrap();
    let number = SafePoint::origin_number(spec, &safe.block, cursor.as_ref()).unwrap();
    let of_epoch = |derived: &&Derived| derived.block.block.l1_origin.number == number;
    let of_epoch = &chain.iter().rev().find(of_epoch).unwrap().block;
    SafePoint {
        safe: safe.block,
        safe_config: safe.config.clone(),
        origin: l1.block(number).unwrap().header.block_ref(),
        origin_config: of_epoch.config.clone(),
        cursor: *cursor,
    }
}
