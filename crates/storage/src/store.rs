use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use alloy_primitives::B256;
use parking_lot::{Mutex, RwLock};
use phala_primitives::Heads;

use crate::cache::RecordCache;
use crate::chain::Chain;
use crate::config::{ChainIdentity, StoreConfig};
use crate::disk::Disk;
use crate::history::LiveViews;
use crate::kv::{KvStore, MemoryKv, RocksConfig, RocksKv};
use crate::meta::{self, Identity};
use crate::worker::{self, Signal};
use crate::{StorageError, open};

/// The chain's database: records of blocks, the state at every retained height, indexes.
///
/// A cheap handle. Calls that write are serialised inside; readers never wait for them. The
/// database closes when the last handle and the last [`View`](crate::View) are gone.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

/// Stops the background thread when the last handle goes.
struct Handle {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Inner {
    pub(crate) kv: Arc<dyn KvStore>,
    pub(crate) config: StoreConfig,
    pub(crate) identity: RwLock<Option<Identity>>,
    pub(crate) chain: RwLock<Chain>,
    /// The database may hold the goal of a reorg that was not finished.
    pub(crate) has_goal: AtomicBool,
    /// Held by whoever writes records or heads.
    pub(crate) writer: Mutex<()>,
    /// Held by whoever moves base. Taken after `writer` if both are.
    pub(crate) base_move: Mutex<()>,
    pub(crate) cache: RecordCache,
    pub(crate) live_views: Arc<LiveViews>,
    pub(crate) signal: Signal,
    pub(crate) disk: Disk,
    /// The first write that the disk refused for another reason than space.
    pub(crate) write_failure: OnceLock<String>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("heads", &self.heads()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database in this folder, or makes an empty one for
    /// [`init_genesis`](Self::init_genesis). The chain it holds is not checked.
    pub fn create(path: &Path, config: StoreConfig) -> Result<Self, StorageError> {
        let folder = |error| StorageError::Folder { path: path.display().to_string(), error };
        std::fs::create_dir_all(path).map_err(folder)?;
        let kv = RocksKv::open(path, &RocksConfig { must_exist: false, ..config.rocks })?;
        Self::start(Arc::new(kv), Disk::new(path, config.disk)?, config)
    }

    /// Opens the initialised database of this chain.
    pub fn open(
        path: &Path,
        identity: ChainIdentity,
        config: StoreConfig,
    ) -> Result<Self, StorageError> {
        if !path.join("CURRENT").exists() {
            return Err(StorageError::NoGenesis);
        }
        let start = Instant::now();
        let kv = RocksKv::open(path, &RocksConfig { must_exist: true, ..config.rocks })?;
        let open_ms = start.elapsed().as_millis() as u64;
        tracing::debug!(open_ms, "database files opened");
        // Asked before anything else is read: the rest of a strange database means nothing here.
        check_identity(&kv, identity)?;
        Self::start(Arc::new(kv), Disk::new(path, config.disk)?, config)
    }

    /// A store without a disk, for tests and for chains that are thrown away.
    pub fn in_memory(config: StoreConfig) -> Result<Self, StorageError> {
        Self::with_kv(Arc::new(MemoryKv::new()), config)
    }

    /// A store over a key-value store of the caller's.
    pub fn with_kv(kv: Arc<dyn KvStore>, config: StoreConfig) -> Result<Self, StorageError> {
        Self::start(kv, Disk::none(), config)
    }

    fn start(kv: Arc<dyn KvStore>, disk: Disk, config: StoreConfig) -> Result<Self, StorageError> {
        let start = Instant::now();
        let (identity, chain) = open::load(&kv, config.head_max)?;
        let load_ms = start.elapsed().as_millis() as u64;
        let (tail_blocks, base) = (chain.canonical.len(), chain.base.block.number);
        tracing::debug!(load_ms, tail_blocks, base, "tail loaded");
        kv.set_history_floor(chain.oldest_state);
        let inner = Arc::new(Inner {
            kv,
            config,
            identity: RwLock::new(identity),
            chain: RwLock::new(chain),
            has_goal: AtomicBool::new(false),
            writer: Mutex::new(()),
            base_move: Mutex::new(()),
            cache: RecordCache::new(config.record_cache_bytes),
            live_views: Arc::default(),
            signal: Signal::default(),
            disk,
            write_failure: OnceLock::new(),
        });
        inner.resume_reorg()?;
        // The layers of the tail are merged now, and a begun move of base is finished.
        let thread = if config.background {
            inner.signal.wake();
            Some(worker::spawn(Arc::clone(&inner))?)
        } else {
            inner.compact_head_stack();
            None
        };
        Ok(Self(Arc::new(Handle { inner, thread: Mutex::new(thread) })))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0.inner
    }

    /// Whether a genesis has been written.
    pub fn is_initialised(&self) -> bool {
        self.inner().identity.read().is_some()
    }

    /// Hash of the genesis block.
    pub fn genesis_hash(&self) -> Option<B256> {
        self.inner().identity.read().map(|identity| identity.genesis)
    }

    /// EIP-155 chain id of the chain in the database.
    pub fn chain_id(&self) -> Option<u64> {
        self.inner().identity.read().map(|identity| identity.chain_id)
    }

    /// How this store works.
    pub fn config(&self) -> &StoreConfig {
        &self.inner().config
    }

    /// The heads of the canonical chain.
    pub fn heads(&self) -> Heads {
        self.inner().chain.read().heads
    }

    /// What the disk said when it first refused a write for another reason than space. From then on
    /// the database takes no blocks; only a restart after repair helps. Reads go on.
    pub fn write_failure(&self) -> Option<&str> {
        self.inner().write_failure.get().map(String::as_str)
    }

    /// Stops background work and makes everything durable. Later writes fail; views stay readable.
    pub fn close(&self) -> Result<(), StorageError> {
        self.0.stop();
        let _writer = self.inner().writer.lock();
        // An empty synced write carries every earlier unsynced one to the disk.
        let heads = self.heads();
        if self.is_initialised() {
            let mut batch = crate::kv::Batch::new();
            meta::put_heads(&mut batch, &heads);
            self.inner().kv.write(&batch, crate::kv::WriteMode::Synced)?;
        }
        Ok(())
    }
}

impl Handle {
    fn stop(&self) {
        self.inner.signal.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("storage thread panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    /// Error if the store was asked to close.
    pub(crate) fn ensure_open(&self) -> Result<(), StorageError> {
        if self.signal.is_closing() { Err(StorageError::Closing) } else { Ok(()) }
    }
}

fn check_identity(kv: &dyn KvStore, expected: ChainIdentity) -> Result<(), StorageError> {
    match meta::schema(kv)? {
        Some(meta::SCHEMA) => {}
        Some(found) => return Err(StorageError::Schema { found, supported: meta::SCHEMA }),
        None => return Err(StorageError::NoGenesis),
    }
    let found = meta::identity(kv)?.ok_or(StorageError::NoGenesis)?;
    let genesis = expected.genesis_hash.unwrap_or(found.genesis);
    if found.chain_id != expected.chain_id || found.genesis != genesis {
        return Err(StorageError::WrongChain {
            found_chain: found.chain_id,
            found_genesis: found.genesis,
            chain: expected.chain_id,
            genesis,
        });
    }
    Ok(())
}
