use std::sync::Arc;

use alloy_primitives::B256;
use phala_chainspec::ChainSpec;
use phala_primitives::EMPTY_STORAGE_ROOT;
use phala_storage::{ChainIdentity, Mode, StorageError, Store, StoreConfig, kv::RocksConfig};

use crate::{
    NodeError, command::genesis_hash::hash_genesis, config::Settings, data_dir::DataDir,
    open_files::raise_open_file_limit,
};

/// Accounts of a genesis whose state root is computed at every start; takes some 20 ms.
const ACCOUNTS_HASHED_AT_START_MAX: usize = 4_096;

/// An open store and what belongs to it.
#[derive(Debug)]
pub struct Opened {
    /// The chain in it.
    pub spec: Arc<ChainSpec>,
    /// The store.
    pub store: Store,
    /// Where it is.
    pub data: DataDir,
}

impl Opened {
    /// The hash of block 0.
    pub fn genesis_hash(&self) -> Result<B256, NodeError> {
        self.store.canonical_hash(0)?.ok_or(NodeError::BlockMissing { number: 0 })
    }

    /// Closes the store; everything acknowledged is on disk before and after.
    pub fn close(self) -> Result<(), NodeError> {
        Ok(self.store.close()?)
    }
}

/// Opens the store of the chain and data directory in the settings; an empty one gets the genesis.
pub fn open_or_init(settings: &Settings) -> Result<Opened, NodeError> {
    let spec = ChainSpec::load(&settings.base.chain)?;
    let data = DataDir::resolve(settings.base.datadir.as_deref(), &spec.name)?;
    open_at(settings, spec, data)
}

/// Opens the store in `data`; an empty one gets the genesis.
pub fn open_at(settings: &Settings, spec: ChainSpec, data: DataDir) -> Result<Opened, NodeError> {
    create(spec, data, store_config(settings))
}

/// Opens a store that will be thrown away, which needs no ballast for a clean end.
pub(crate) fn open_temporary(
    settings: &Settings,
    spec: ChainSpec,
    data: DataDir,
) -> Result<Opened, NodeError> {
    let mut config = store_config(settings);
    config.disk.ballast_bytes = 0;
    create(spec, data, config)
}

fn create(spec: ChainSpec, data: DataDir, config: StoreConfig) -> Result<Opened, NodeError> {
    spec.ensure_startable()?;
    raise_open_file_limit();
    let store = Store::create(&data.database(), config)?;
    if store.is_initialised() {
        check_chain(&store, &spec)?;
    } else {
        store.init_genesis(&spec)?;
    }
    Ok(Opened { spec: Arc::new(spec), store, data })
}

/// Opens a store that must be there already.
pub fn open_existing(settings: &Settings) -> Result<Opened, NodeError> {
    open_existing_at(settings, None)
}

/// [`open_existing`] without a look at the blocks above `head_max`, which may be damaged.
pub(crate) fn open_existing_at(
    settings: &Settings,
    head_max: Option<u64>,
) -> Result<Opened, NodeError> {
    let spec = ChainSpec::load(&settings.base.chain)?;
    let data = DataDir::resolve(settings.base.datadir.as_deref(), &spec.name)?;
    let identity = ChainIdentity { chain_id: spec.chain_id, genesis_hash: None };
    let config = StoreConfig { head_max, ..store_config(settings) };
    match Store::open(&data.database(), identity, config) {
        Ok(store) => {
            check_chain(&store, &spec)?;
            Ok(Opened { spec: Arc::new(spec), store, data })
        }
        Err(StorageError::NoGenesis) => Err(NodeError::NoDatabase(data.database())),
        Err(error) => Err(error.into()),
    }
}

/// Compares the stored genesis with the one of the chain file.
///
/// The state of a large genesis is not hashed at every start: there the header must agree in
/// everything but the state root, which is taken from the store.
fn check_chain(store: &Store, spec: &ChainSpec) -> Result<(), NodeError> {
    let stored = store.header_by_number(0)?.ok_or(StorageError::NoGenesis)?;
    let genesis_hash = if spec.genesis.alloc.len() <= ACCOUNTS_HASHED_AT_START_MAX {
        hash_genesis(spec)?.hash
    } else {
        let message_passer_root = stored.withdrawals_root.unwrap_or(EMPTY_STORAGE_ROOT);
        spec.genesis_header(stored.state_root, message_passer_root).hash_slow()
    };
    let found_chain = store.chain_id().ok_or(StorageError::NoGenesis)?;
    if found_chain == spec.chain_id && stored.hash() == genesis_hash {
        return Ok(());
    }
    Err(NodeError::Storage(StorageError::WrongChain {
        found_chain,
        found_genesis: stored.hash(),
        chain: spec.chain_id,
        genesis: genesis_hash,
    }))
}

fn store_config(settings: &Settings) -> StoreConfig {
    let storage = &settings.storage;
    let mode = if storage.archive {
        Mode::Archive
    } else {
        Mode::Full { retain_blocks: storage.prune_distance }
    };
    let default = StoreConfig::default();
    let block_cache_bytes = (storage.db_cache_size_mb as usize) << 20;
    StoreConfig { mode, rocks: RocksConfig { block_cache_bytes, ..default.rocks }, ..default }
}
