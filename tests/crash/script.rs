//! What a node is told to do, one call after the other, prepared so that every node can be told
//! the same.

use std::{fs, path::Path, sync::Arc};

use alloy_primitives::B256;
use alloy_rlp::{Decodable as _, Encodable as _};
use phala_chainspec::ChainSpec;
use phala_engine::{Engine, EngineError, ImportStatus};
use phala_primitives::{Block, BlockRef, RecoveredBlock, SealedBlock};
use phala_storage::StoreConfig;
use phala_tests::{RandomChain, engine_in_memory, with_predeploys};
use rand::{Rng as _, rngs::StdRng};

/// Deepest reorg, in blocks; deeper than the tail of a restless store.
const REORG_DEPTH_MAX: u64 = 12;

/// Blocks that even a restless store keeps in its tail.
const TAIL_BLOCKS: u64 = 4;

/// One call to an engine.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Import(Box<SealedBlock>),
    SetHeads { latest: B256, safe: Option<B256> },
}

/// Calls that are valid in this order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
}

/// The chain all scripts are about.
pub(crate) fn spec() -> Arc<ChainSpec> {
    Arc::new(with_predeploys(ChainSpec::dev()))
}

impl Script {
    /// Imports and reorgs of random blocks.
    pub(crate) fn random(rng: StdRng, steps: usize, transactions_max: usize) -> Self {
        let engine = engine_in_memory(&spec(), StoreConfig::default());
        let mut author = Author {
            script: Self::default(),
            chain: RandomChain::new(engine, rng).with_transactions_max(transactions_max),
            highest: 0,
            below_base: 0,
        };
        while author.script.steps.len() < steps {
            author.extend();
            if author.chain.rng().random_bool(0.12) {
                author.reorg();
            }
        }
        // Every store has moved its base past the fork of these.
        println!("{} reorgs below base in {steps} steps", author.below_base);
        assert!(author.below_base >= steps / 100, "too few reorgs below base");
        author.script
    }

    /// Index of the first call that names heads, at `from` or later.
    pub(crate) fn next_heads(&self, from: usize) -> Option<usize> {
        let is_heads = |step: &Step| matches!(step, Step::SetHeads { .. });
        self.steps[from..].iter().position(is_heads).map(|offset| from + offset)
    }

    pub(crate) fn write(&self, path: &Path) {
        let mut bytes = Vec::new();
        for step in &self.steps {
            match step {
                Step::Import(block) => {
                    bytes.push(0);
                    block.clone_block().encode(&mut bytes);
                }
                Step::SetHeads { latest, safe } => {
                    bytes.push(1);
                    latest.encode(&mut bytes);
                    safe.unwrap_or_default().encode(&mut bytes);
                }
            }
        }
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut steps = Vec::new();
        while let Some((kind, left)) = rest.split_first() {
            rest = left;
            steps.push(if *kind == 0 {
                Step::Import(Box::new(SealedBlock::seal_slow(Block::decode(&mut rest).unwrap())))
            } else {
                let latest = B256::decode(&mut rest).unwrap();
                let safe = B256::decode(&mut rest).unwrap();
                Step::SetHeads { latest, safe: Some(safe).filter(|hash| !hash.is_zero()) }
            });
        }
        Self { steps }
    }
}

/// Writes a script while doing what it says.
struct Author {
    script: Script,
    chain: RandomChain,
    /// The highest head so far; no store moves its base closer to it than its tail is long.
    highest: u64,
    /// Reorgs whose fork is further below that than the tail is long.
    below_base: usize,
}

impl Author {
    fn head(&self) -> BlockRef {
        self.chain.engine().heads().latest
    }

    /// A block on the head, which mostly becomes the head.
    fn extend(&mut self) {
        let block = self.import_on(self.head().hash);
        if self.chain.rng().random_bool(0.9) {
            self.set_heads(block.hash());
        }
    }

    /// A branch from below the head, which may end below the head or above it.
    fn reorg(&mut self) {
        let head = self.head().number;
        if head == 0 {
            return;
        }
        let depth = self.chain.rng().random_range(1..=REORG_DEPTH_MAX).min(head);
        let fork = head - depth;
        let mut parent = self.canonical(fork);
        let old = self.canonical(fork + 1);
        // A branch on a block whose state is gone begins with going back to that block.
        let goes_back = fork + TAIL_BLOCKS < self.highest || self.chain.rng().random();
        if goes_back {
            self.below_base += usize::from(fork + TAIL_BLOCKS < self.highest);
            self.set_heads(parent);
        }
        if goes_back && self.chain.rng().random_bool(0.3) {
            // And comes back by the block that was there before.
            let block = self.chain.engine().store().block(old).unwrap().unwrap();
            self.step(Step::Import(Box::new(block.clone_sealed_block())));
            self.set_heads(old);
            parent = old;
        }
        for _ in 0..self.chain.rng().random_range(1..=depth + 1) {
            parent = self.import_on(parent).hash();
        }
        self.set_heads(parent);
    }

    fn canonical(&self, number: u64) -> B256 {
        self.chain.engine().store().canonical_hash(number).unwrap().unwrap()
    }

    fn import_on(&mut self, parent: B256) -> RecoveredBlock {
        let block = RecoveredBlock::clone(&self.chain.build(parent).block);
        self.step(Step::Import(Box::new(block.clone_sealed_block())));
        block
    }

    fn set_heads(&mut self, latest: B256) {
        if latest == self.head().hash {
            return;
        }
        let number = self.chain.engine().store().header(latest).unwrap().unwrap().number;
        // Now and then the safe head follows, far enough behind for every reorg.
        let safe = number.checked_sub(2 * REORG_DEPTH_MAX).filter(|_| self.chain.rng().random());
        let safe = safe.map(|number| self.canonical(number));
        self.step(Step::SetHeads { latest, safe });
        self.highest = self.highest.max(number);
    }

    fn step(&mut self, step: Step) {
        let index = self.script.steps.len();
        apply(self.chain.engine(), index, &step).unwrap();
        self.script.steps.push(step);
    }
}

/// Does one step. The derivation cursor, which is written with the heads, holds the next.
pub(crate) fn apply(engine: &Engine, index: usize, step: &Step) -> Result<(), EngineError> {
    match step {
        Step::Import(block) => match engine.import(SealedBlock::clone(block))? {
            ImportStatus::Valid { .. } | ImportStatus::AlreadyKnown => Ok(()),
            status => panic!("step {index}: {status:?}"),
        },
        Step::SetHeads { latest, safe } => {
            let next = (index as u64 + 1).to_be_bytes();
            engine.set_heads_with_cursor(*latest, *safe, None, Some(&next)).map(|_| ())
        }
    }
}

/// Asserts that the blocks imported since the heads moved last are there, of which `imported` is
/// one more than the last. Blocks before them may be on branches that nobody can return to.
pub(crate) fn assert_kept(engine: &Engine, script: &Script, imported: usize) {
    let imports = script.steps[..imported].iter().rev().map_while(|step| match step {
        Step::Import(block) => Some(block),
        Step::SetHeads { .. } => None,
    });
    for block in imports {
        let record = engine.store().block(block.hash()).unwrap();
        assert!(record.is_some(), "block {} was valid and is lost", block.number);
    }
}

/// The first step whose effect on the heads is not durable.
pub(crate) fn next_step(engine: &Engine) -> usize {
    let cursor = engine.store().cursor().unwrap();
    cursor
        .map_or(0, |bytes| usize::try_from(u64::from_be_bytes(bytes.try_into().unwrap())).unwrap())
}
