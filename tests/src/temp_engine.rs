use std::{path::Path, sync::Arc, time::Duration};

use phala_chainspec::ChainSpec;
use phala_engine::{Engine, EngineConfig};
use phala_storage::{Store, StoreConfig, TailLimits, kv::KvStore};

/// An engine on a store in memory.
pub fn engine_in_memory(spec: &Arc<ChainSpec>, config: StoreConfig) -> Engine {
    start(spec, Store::in_memory(config).expect("memory does not fail"))
}

/// An engine on a folder.
pub fn engine_in_folder(spec: &Arc<ChainSpec>, folder: &Path, config: StoreConfig) -> Engine {
    start(spec, Store::create(folder, config).expect("the store opens"))
}

/// An engine on a key-value store of the test's.
pub fn engine_on(spec: &Arc<ChainSpec>, kv: Arc<dyn KvStore>, config: StoreConfig) -> Engine {
    start(spec, Store::with_kv(kv, config).expect("the store opens"))
}

fn start(spec: &Arc<ChainSpec>, store: Store) -> Engine {
    store.init_genesis(spec).expect("genesis is written");
    let config = EngineConfig {
        threads: 2,
        // However slow the machine is, the same candidates give the same block.
        build_time_limit: Duration::from_secs(600),
        ..Default::default()
    };
    Engine::new(Arc::clone(spec), store, config)
}

/// A store that moves its base all the time, and keeps so short a tail that ordinary reorgs go
/// below it: what takes weeks elsewhere happens in every test.
pub fn restless_store() -> StoreConfig {
    StoreConfig {
        tail: TailLimits {
            blocks_max: 24,
            reorg_blocks: 4,
            interval: Duration::from_millis(20),
            ..Default::default()
        },
        ..Default::default()
    }
}

/// Asserts that everything a store can check of itself holds.
pub fn assert_verified(store: &Store) {
    if let Err(error) = store.verify(&mut |_| {}) {
        panic!("the store does not verify: {error}");
    }
}
