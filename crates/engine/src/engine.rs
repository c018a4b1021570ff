use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alloy_primitives::B256;
use parking_lot::{Mutex, RwLock};
use phala_chainspec::ChainSpec;
use phala_evm::CodeCache;
use phala_primitives::{Heads, SenderCache};
use phala_storage::Store;
use phala_trie::{StateTrie, TrieConfig, TrieVersion};
use tokio::sync::broadcast;

use crate::{
    ChainEvent, EngineConfig, ImportTimings, TransactionSource, bundle::Bundles,
    head_cache::HeadCache, invalid_blocks::InvalidBlocks, orphans::Orphans,
    payload_jobs::PayloadJobs, versions::Versions,
};

/// Events a subscriber may fall behind before it is told that it missed some.
const EVENTS_MAX: usize = 256;

/// The canonical chain: imports blocks, builds them, and moves the heads. The only writer of the
/// store.
///
/// Cheap to clone. Calls block while they work and are meant for plain threads. Writes follow one
/// another; reads and the selection of transactions for a payload go on beside them.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) store: Store,
    pub(crate) config: EngineConfig,
    pub(crate) senders: Arc<SenderCache>,
    pub(crate) threads: rayon::ThreadPool,
    pub(crate) trie: StateTrie,
    pub(crate) versions: Mutex<Versions>,
    pub(crate) state_cache: HeadCache,
    pub(crate) code_cache: Arc<CodeCache>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) heads: RwLock<Heads>,
    pub(crate) events: broadcast::Sender<ChainEvent>,
    pub(crate) source: RwLock<Option<TransactionSource>>,
    pub(crate) jobs: PayloadJobs,
    pub(crate) da_limits: DaLimits,
    pub(crate) bundles: Bundles,
    pub(crate) last_import: Mutex<ImportTimings>,
}

/// What belongs to whoever is writing.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) orphans: Orphans,
    pub(crate) invalid: InvalidBlocks,
}

/// Limits of `miner_setMaxDASize`, zero for none.
#[derive(Debug, Default)]
pub(crate) struct DaLimits {
    tx: AtomicU64,
    block: AtomicU64,
}

impl DaLimits {
    /// Estimated compressed bytes of one pool transaction at most.
    pub(crate) fn tx(&self) -> u64 {
        unlimited_if_zero(self.tx.load(Ordering::Relaxed))
    }

    /// Estimated compressed bytes of all pool transactions of a block at most.
    pub(crate) fn block(&self) -> u64 {
        unlimited_if_zero(self.block.load(Ordering::Relaxed))
    }
}

const fn unlimited_if_zero(limit: u64) -> u64 {
    if limit == 0 { u64::MAX } else { limit }
}

impl Engine {
    /// Puts an engine on a store that holds at least genesis.
    pub fn new(spec: Arc<ChainSpec>, store: Store, config: EngineConfig) -> Self {
        let heads = store.heads();
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(config.threads)
            .thread_name(|index| format!("engine-{index}"))
            .build()
            .expect("threads can be started when the process starts");
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let trie_config = TrieConfig { budget_bytes: config.trie_cache_bytes };
        Self {
            inner: Arc::new(Inner {
                senders: Arc::default(),
                threads,
                trie: StateTrie::new(trie_config),
                versions: Mutex::default(),
                state_cache: HeadCache::new(heads.latest.hash, config.state_cache_bytes),
                code_cache: Arc::default(),
                writer: Mutex::default(),
                heads: RwLock::new(heads),
                events,
                source: RwLock::new(None),
                jobs: PayloadJobs::default(),
                da_limits: DaLimits::default(),
                bundles: Bundles::new(config.bundle_dir.clone()),
                last_import: Mutex::default(),
                spec,
                store,
                config,
            }),
        }
    }

    /// The chain this engine runs.
    pub fn spec(&self) -> &Arc<ChainSpec> {
        &self.inner.spec
    }

    /// The store this engine writes.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Senders known so far, for everybody who recovers signatures.
    pub fn senders(&self) -> &Arc<SenderCache> {
        &self.inner.senders
    }

    /// Codes ready to run, for everybody who executes.
    pub fn codes(&self) -> &Arc<CodeCache> {
        &self.inner.code_cache
    }

    /// The heads of the canonical chain, durable before they are visible here.
    pub fn heads(&self) -> Heads {
        *self.inner.heads.read()
    }

    /// Where the time of the newest import went.
    pub fn last_import(&self) -> ImportTimings {
        *self.inner.last_import.lock()
    }

    /// Every change of the canonical chain from now on, in order.
    pub fn subscribe(&self) -> broadcast::Receiver<ChainEvent> {
        self.inner.events.subscribe()
    }

    /// Sets where transactions for payloads come from. Without a source payloads hold forced
    /// transactions only.
    pub fn set_transaction_source(&self, source: TransactionSource) {
        *self.inner.source.write() = Some(source);
    }

    /// Limits pool transactions by their estimated compressed size, as `miner_setMaxDASize` asks;
    /// zero is no limit. Forced transactions are never limited.
    pub fn set_max_da_size(&self, tx_max: u64, block_max: u64) {
        self.inner.da_limits.tx.store(tx_max, Ordering::Relaxed);
        self.inner.da_limits.block.store(block_max, Ordering::Relaxed);
    }
}

impl Inner {
    /// The trie of a block, from memory or, with nothing loaded, by its root.
    pub(crate) fn trie_of(&self, block: &B256, state_root: B256) -> TrieVersion {
        let known = self.versions.lock().get(block);
        known.unwrap_or_else(|| self.trie.version(state_root))
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("heads", &*self.heads.read()).finish_non_exhaustive()
    }
}
