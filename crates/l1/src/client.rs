use std::{num::NonZeroUsize, sync::Arc};

use alloy_primitives::B256;
use lru::LruCache;
use parking_lot::Mutex;
use phala_primitives::SealedHeader;

use crate::{
    ConfigError, L1Config, L1Error, L1Status, beacon::Beacon, budget::Budget, cache::Cache,
    execution::Execution, heads::Heads, redacted::Redacted, transport::Transport,
};

/// Headers kept in memory: some hours of L1, about a megabyte.
const HEADERS_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// Reads L1 and sends to it. Cheap to clone.
#[derive(Clone)]
pub struct L1Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) execution: Execution,
    pub(crate) beacon: Beacon,
    pub(crate) cache: Arc<Cache>,
    pub(crate) heads: Heads,
    pub(crate) headers: Mutex<LruCache<B256, SealedHeader>>,
    pub(crate) cross_check: bool,
    budget: Arc<Budget>,
}

impl L1Client {
    /// Makes a client. Nothing is asked yet: endpoints may come up later.
    pub fn new(config: L1Config) -> Result<Self, L1Error> {
        if config.endpoints.is_empty() {
            return Err(L1Error::Config(ConfigError::NoEndpoint));
        }
        let urls = config.endpoints.iter().chain(&config.beacon).chain(&config.beacon_fallbacks);
        if let Some(url) = urls.clone().find(|url| !matches!(url.scheme(), "http" | "https")) {
            let (endpoint, scheme) = (Redacted::of(url).to_string(), url.scheme().to_owned());
            return Err(L1Error::Config(ConfigError::Scheme { endpoint, scheme }));
        }
        let cache = Arc::new(Cache::new(&config)?);
        let counter = config.cache_dir.as_ref().map(|dir| dir.join("requests"));
        let budget = Arc::new(Budget::new(config.requests_per_day_max, counter));
        let transport = Arc::new(Transport::new(&config, Arc::clone(&budget))?);
        let inner = Inner {
            execution: Execution::new(&config, &transport),
            beacon: Beacon::new(&config, &transport, Arc::clone(&cache)),
            cache,
            heads: Heads::default(),
            headers: Mutex::new(LruCache::new(HEADERS_MAX)),
            cross_check: config.cross_check,
            budget,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What is known about the endpoints, for display.
    pub fn status(&self) -> L1Status {
        let execution = self.inner.execution.endpoints.iter();
        L1Status {
            execution: execution.map(|endpoint| endpoint.health.status(&endpoint.name)).collect(),
            beacon: self.inner.beacon.status(),
            requests_today: self.inner.budget.used_today(),
            requests_per_day_max: self.inner.budget.max(),
        }
    }
}

impl std::fmt::Debug for L1Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("L1Client").field("status", &self.status()).finish()
    }
}
