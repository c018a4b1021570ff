//! One chain with everything around it.

use std::{env, ops::Range, sync::Arc};

use phala_chainspec::{ChainSpec, L1Anchor, L1Contracts};
use phala_derive::InboxTransaction;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    batcher::Batcher,
    follower::Follower,
    l1::{ANCHOR, L1, PORTAL, SYSTEM_CONFIG},
    sequencer::{L2Block, Sequencer},
};

pub(crate) const SEQ_WINDOW_SIZE: u64 = 70;

pub(crate) struct World {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) l1: L1,
    pub(crate) sequencer: Sequencer,
    pub(crate) batcher: Batcher,
    pub(crate) rng: StdRng,
    /// Height of the last block that was posted.
    pub(crate) posted: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_spec(seed, ChainSpec::dev())
    }

    pub(crate) fn with_spec(seed: u64, mut spec: ChainSpec) -> Self {
        let l1 = L1::new(spec.genesis.timestamp);
        let rollup = spec.rollup.as_mut().unwrap();
        rollup.seq_window_size = SEQ_WINDOW_SIZE;
        rollup.l1_anchor = Some(L1Anchor { number: ANCHOR, hash: l1.tip().hash });
        rollup.l1_contracts = Some(L1Contracts {
            deposit_contract: PORTAL,
            system_config: SYSTEM_CONFIG,
            protocol_versions: Default::default(),
            ..L1Contracts::default()
        });
        let spec = Arc::new(spec);
        Self {
            l1,
            sequencer: Sequencer::new(Arc::clone(&spec)),
            batcher: Batcher::new(&spec),
            spec,
            rng: StdRng::seed_from_u64(seed),
            posted: 0,
        }
    }

    /// Mines L1 blocks and makes the L2 blocks of their time.
    pub(crate) fn grow(&mut self, l1_blocks: u64) {
        for _ in 0..l1_blocks {
            self.l1.mine(Vec::new());
            self.sequencer.catch_up(&self.l1, &mut self.rng);
        }
    }

    /// Blocks that were not posted yet.
    pub(crate) fn unposted(&mut self) -> Vec<L2Block> {
        let from = usize::try_from(self.posted + 1).unwrap();
        self.posted = self.sequencer.head().block.number;
        self.sequencer.chain[from..].to_vec()
    }

    /// A transaction with everything that was not posted yet.
    pub(crate) fn post(&mut self) -> InboxTransaction {
        let blocks = self.unposted();
        self.batcher.post(&blocks)
    }

    pub(crate) fn blocks(&self, numbers: Range<u64>) -> &[L2Block] {
        let index = |number| usize::try_from(number).unwrap();
        &self.sequencer.chain[index(numbers.start)..index(numbers.end)]
    }

    pub(crate) fn follower(&self) -> Follower {
        Follower::new(&self.spec, &self.l1)
    }

    /// A follower that has read all of L1.
    pub(crate) fn followed(&self) -> Follower {
        let mut follower = self.follower();
        follower.run(&self.l1).unwrap();
        follower
    }
}

/// Seeds to run, or the one that failed: `PHALA_SEED`.
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let seed = env::var("PHALA_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    seed.map_or(0..count, |seed| seed..seed + 1)
}

/// Whether something happens that has this chance in a hundred.
pub(crate) fn chance(rng: &mut StdRng, percent: u32) -> bool {
    rng.random_range(0..100) < percent
}
