use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::{Engine, EngineError, engine::Inner};

/// Longest time warming may take: it comes between the start and the first block, and a restart has
/// 300 ms. 200,000 accounts take about 75 ms.
const WARM_TIME_MAX: Duration = Duration::from_millis(200);

impl Engine {
    /// Loads the account trie of the head, so that the root of the first block is as fast as that of
    /// the second. Called once, before the node calls itself ready. Takes at most half of the
    /// trie's memory and a fifth of a second; what is left is loaded as blocks need it.
    ///
    /// A failure is logged: the first block meets it again, if it matters.
    pub fn warm(&self) {
        let began = Instant::now();
        let stats = match self.inner.warm() {
            Ok(()) => self.inner.trie.stats(),
            Err(error) => return warn!(%error, "trie is not warm"),
        };
        let elapsed_ms = began.elapsed().as_millis() as u64;
        debug!(nodes = stats.nodes, bytes = stats.bytes, elapsed_ms, "trie is warm");
    }
}

impl Inner {
    fn warm(&self) -> Result<(), EngineError> {
        let latest = self.heads.read().latest;
        let Some(head) = self.parent_state(latest.hash)? else { return Ok(()) };
        let bytes = self.config.trie_cache_bytes / 2;
        self.threads.install(|| self.trie.warm(&head.version, &head.view, bytes, WARM_TIME_MAX))?;
        // What nobody holds would be found by nobody.
        self.versions.lock().insert(latest.hash, latest.number, head.version);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alloy_primitives::{Address, B64, U256, keccak256};
    use phala_chainspec::{ChainSpec, GenesisAccount};
    use phala_storage::{Store, StoreConfig};

    use super::*;
    use crate::{EngineConfig, PayloadAttributes};

    fn engine() -> Engine {
        let mut spec = ChainSpec::dev();
        for index in 0..20_000u32 {
            let address = Address::from_word(keccak256(index.to_be_bytes()));
            let account = GenesisAccount { balance: U256::from(1), ..Default::default() };
            spec.genesis.alloc.insert(address, account);
        }
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        store.init_genesis(&spec).unwrap();
        Engine::new(Arc::new(spec), store, EngineConfig::default())
    }

    /// Nodes and pages read for the root of the first block.
    fn loads_of_first_block(engine: &Engine) -> u64 {
        let loads = || {
            let stats = engine.inner.trie.stats();
            stats.page_loads + stats.node_loads
        };
        let before = loads();
        let attributes = PayloadAttributes {
            payload_attributes: alloy_rpc_types_engine::PayloadAttributes {
                timestamp: engine.spec().genesis.timestamp + 2,
                withdrawals: Some(Vec::new()),
                parent_beacon_block_root: Some(Default::default()),
                ..Default::default()
            },
            no_tx_pool: Some(true),
            gas_limit: Some(30_000_000),
            eip_1559_params: Some(B64::ZERO),
            min_base_fee: Some(0),
            ..Default::default()
        };
        engine.produce(&attributes).unwrap();
        loads() - before
    }

    #[test]
    fn the_first_block_finds_the_account_trie_in_memory() {
        let (cold, warm) = (engine(), engine());
        warm.warm();
        assert!(warm.inner.trie.stats().nodes > 300, "{:?}", warm.inner.trie.stats());
        let (cold, warm) = (loads_of_first_block(&cold), loads_of_first_block(&warm));
        println!("{cold} loads cold, {warm} warm");
        // Tries of storage are loaded as they are needed.
        assert!(warm + 3 <= cold, "{warm} of {cold}");
    }

    #[test]
    fn warming_keeps_to_its_half_and_repeats_without_work() {
        let engine = engine();
        engine.warm();
        let first = engine.inner.trie.stats();
        assert!(first.bytes <= engine.inner.config.trie_cache_bytes / 2 + (1 << 20));
        engine.warm();
        assert_eq!(engine.inner.trie.stats().page_loads, first.page_loads);
    }
}
