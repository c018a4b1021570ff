use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use phala_chainspec::ChainSpec;
use phala_engine::{Engine, EngineConfig};
use phala_rpc::{RpcHandle, RpcHandles, RpcServer};
use phala_storage::Store;
use phala_txpool::{Pool, PoolConfig, SubPoolLimit};
use tokio::{runtime::Handle, sync::broadcast::error::RecvError};

use crate::{
    Cause, Health, Metrics, MonitorServer, NodeError,
    chain_events::ChainEvents,
    config::Settings,
    dev::{BlockProducer, ProducerConfig},
    driver::DriverHandle,
    housekeeping::Housekeeping,
    open::Opened,
    rollup_settings::{driver_config, l1_client},
    rpc_settings::rpc_config,
};

/// Block times without a block after which a development chain counts as stuck.
const HEAD_AGE_BLOCKS_MAX: u32 = 5;

/// Where the blocks come from.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// From this process, on a timer.
    Dev(ProducerConfig),
    /// From a consensus client over the Engine API.
    Follower,
    /// From L1 and, on a sequencer, from this process.
    Rollup {
        /// Whether blocks are made here.
        is_sequencer: bool,
    },
}

/// A running node. Started from the bottom up, stopped from the top down.
pub struct Node {
    engine: Engine,
    pool: Pool,
    store: Store,
    health: Arc<Health>,
    rpc: RpcHandle,
    monitor: Option<MonitorServer>,
    producer: Option<BlockProducer>,
    driver: Option<DriverHandle>,
    housekeeping: Housekeeping,
    chain_events: ChainEvents,
}

impl Node {
    /// Starts all parts on an open store.
    pub async fn start(settings: &Settings, opened: Opened, role: Role) -> Result<Self, NodeError> {
        let Opened { spec, store, data } = opened;
        let rpc_config = rpc_config(settings, &data, role)?;
        let health = Arc::new(Health::new(head_age_secs_max(role, &spec)));
        let monitor = match settings.base.metrics {
            Some(address) => {
                Some(MonitorServer::start(address, Metrics::install()?, Arc::clone(&health)).await?)
            }
            None => None,
        };
        let engine_config = EngineConfig {
            trie_cache_bytes: megabytes(settings.storage.trie_cache_size_mb),
            bundle_dir: Some(data.refused_blocks()),
            ..EngineConfig::default()
        };
        let engine = Engine::new(Arc::clone(&spec), store.clone(), engine_config);
        let mut pool_config = pool_config(settings);
        pool_config.journal_path = Some(data.journal());
        let pool =
            Pool::new(Arc::clone(&spec), store.clone(), pool_config, Arc::clone(engine.senders()))?;
        let source = pool.clone();
        engine.set_transaction_source(Arc::new(move |context| {
            Box::new(source.best(context.base_fee))
        }));

        let runtime = Handle::current();
        let chain_events = ChainEvents::start(runtime, &engine, pool.clone(), Arc::clone(&health))?;
        let housekeeping = Housekeeping::start(store.clone(), pool.clone(), Arc::clone(&health))?;
        let (driver, rollup) = match role {
            Role::Rollup { .. } => {
                let client = l1_client(settings, &spec, &data).await?;
                let config = driver_config(settings, &spec);
                let health = Arc::clone(&health);
                let (driver, rollup) = DriverHandle::start(engine.clone(), client, health, config)?;
                (Some(driver), Some(rollup))
            }
            Role::Dev(_) | Role::Follower => (None, None),
        };
        let handles = RpcHandles { engine: engine.clone(), pool: pool.clone(), rollup };
        let rpc = RpcServer::start(rpc_config, handles).await?;
        let warming = engine.clone();
        join(tokio::task::spawn_blocking(move || warming.warm())).await?;
        let heads = engine.heads();
        if let Some(header) = store.header(heads.latest.hash)? {
            health.set_head(heads.latest, header.timestamp);
        }
        tracing::info!(
            chain = %spec.name,
            chain_id = spec.chain_id,
            number = heads.latest.number,
            hash = %heads.latest.hash,
            datadir = %data.root().display(),
            "node started"
        );
        let producer = match role {
            Role::Dev(config) => Some(start_producer(&engine, &pool, &health, config)?),
            Role::Follower | Role::Rollup { .. } => None,
        };
        health.clear(Cause::Starting);
        Ok(Self {
            engine,
            pool,
            store,
            health,
            rpc,
            monitor,
            producer,
            driver,
            housekeeping,
            chain_events,
        })
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The transaction pool.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Name and address of each service.
    pub fn urls(&self) -> Vec<(&'static str, String)> {
        let mut urls = Vec::new();
        let mut add = |name, scheme: &str, address: Option<SocketAddr>| {
            if let Some(address) = address {
                urls.push((name, format!("{scheme}://{address}")));
            }
        };
        add("http", "http", self.rpc.http_addr);
        add("ws", "ws", self.rpc.ws_addr);
        add("engine", "http", self.rpc.auth_addr);
        add("metrics", "http", self.monitor.as_ref().map(MonitorServer::address));
        urls
    }

    /// Stops all parts, the newest first, and closes the store.
    pub async fn stop(self) -> Result<(), NodeError> {
        self.health.raise(Cause::ShuttingDown, "asked to stop");
        let mut steps = StopSteps(Instant::now());
        // Blocking work goes to a plain thread, so that open requests can still be answered.
        let (producer, driver) = (self.producer, self.driver);
        join(tokio::task::spawn_blocking(move || drop((producer, driver)))).await?;
        steps.done("block production and derivation");
        self.rpc.stop().await;
        steps.done("rpc");
        let (housekeeping, chain_events, pool) = (self.housekeeping, self.chain_events, self.pool);
        let (engine, store) = (self.engine, self.store);
        join(tokio::task::spawn_blocking(move || -> Result<(), NodeError> {
            drop(housekeeping);
            drop(chain_events);
            steps.done("housekeeping and chain events");
            if !pool.flush_journal() {
                tracing::warn!("local transactions could not be written to the journal");
            }
            drop((pool, engine));
            steps.done("transaction pool and engine");
            store.close()?;
            drop(store);
            steps.done("store");
            Ok(())
        }))
        .await??;
        drop(self.monitor);
        tracing::info!("stopped");
        Ok(())
    }
}

/// Tells at debug level how long each step of a stop took.
struct StopSteps(Instant);

impl StopSteps {
    fn done(&mut self, part: &'static str) {
        tracing::debug!(part, elapsed = ?self.0.elapsed(), "stopped");
        self.0 = Instant::now();
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("heads", &self.engine.heads()).finish_non_exhaustive()
    }
}

async fn join<T>(task: tokio::task::JoinHandle<T>) -> Result<T, NodeError> {
    task.await.map_err(|_| NodeError::StopFailed)
}

fn start_producer(
    engine: &Engine,
    pool: &Pool,
    health: &Arc<Health>,
    config: ProducerConfig,
) -> Result<BlockProducer, NodeError> {
    let producer = BlockProducer::start(engine.clone(), Arc::clone(health), config)?;
    if config.on_demand {
        let signal = producer.transaction_signal();
        let mut announcements = pool.subscribe();
        tokio::spawn(async move {
            // Missed announcements change nothing: one signal stands for all transactions.
            while !matches!(announcements.recv().await, Err(RecvError::Closed)) {
                signal();
            }
        });
    }
    Ok(producer)
}

fn head_age_secs_max(role: Role, spec: &ChainSpec) -> Option<u64> {
    let limit = |block_time: Duration| Some((block_time * HEAD_AGE_BLOCKS_MAX).as_secs().max(10));
    match role {
        Role::Dev(config) => limit(config.block_time),
        Role::Rollup { is_sequencer: true } => limit(Duration::from_secs(spec.block_time_secs)),
        Role::Follower | Role::Rollup { is_sequencer: false } => None,
    }
}

fn pool_config(settings: &Settings) -> PoolConfig {
    let txpool = &settings.txpool;
    let limit = SubPoolLimit {
        count_max: txpool.txpool_max_count as usize,
        bytes_max: megabytes(txpool.txpool_max_size_mb),
    };
    PoolConfig {
        pending_limit: limit,
        basefee_limit: limit,
        queued_limit: limit,
        account_slots_max: txpool.txpool_max_account_slots as usize,
        price_bump_percent: u64::from(txpool.txpool_pricebump),
        no_locals: txpool.txpool_nolocals,
        ..PoolConfig::default()
    }
}

const fn megabytes(count: u32) -> usize {
    (count as usize) << 20
}
