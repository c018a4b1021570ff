use std::collections::BTreeMap;

use alloy_primitives::B256;
use phala_tests::rollup::{ChainRpc, Testnet};

/// Blocks that were seen when nothing gave a reason ever to take them back.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    seen: BTreeMap<u64, B256>,
}

impl Witness {
    /// Notes the newest block of the sequencer and the safe block of the follower.
    pub(crate) async fn look(&mut self, net: &Testnet) {
        self.look_at(&net.sequencer(), "latest").await;
        self.look_at(&net.follower(), "safe").await;
    }

    /// Notes a head.
    pub(crate) async fn look_at(&mut self, chain: &ChainRpc, tag: &str) {
        let (number, hash) = chain.head(tag).await;
        let known = self.seen.insert(number, hash);
        assert!(known.is_none_or(|known| known == hash), "{tag} block {number} was another one");
    }

    /// Asserts that all of them are still there; all have to be safe by now.
    pub(crate) async fn assert_kept(&self, chain: &ChainRpc) {
        for (number, hash) in &self.seen {
            assert_eq!(chain.hash(*number).await, Some(*hash), "block {number}");
        }
    }
}
