use std::{path::PathBuf, time::Duration};

/// What an operator may change about the engine; the defaults suit a small two-core server.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Memory for accounts and slots of the canonical head.
    pub state_cache_bytes: usize,
    /// Memory for the nodes of the state trie.
    pub trie_cache_bytes: usize,
    /// Threads that recover senders, execute and hash; 0 is one per core.
    pub threads: usize,
    /// Time the selection of pool transactions for one payload may take.
    pub build_time_limit: Duration,
    /// Pool transactions one build looks at before it stops.
    pub build_candidates_max: usize,
    /// Pause between two attempts to improve a payload that nobody has asked for yet.
    pub rebuild_interval: Duration,
    /// Time after which an unclaimed payload is no longer improved.
    pub payload_lifetime: Duration,
    /// Folder for blocks that were refused, so that the refusal can be reproduced; none are kept
    /// without it.
    pub bundle_dir: Option<PathBuf>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            state_cache_bytes: 64 << 20,
            trie_cache_bytes: 64 << 20,
            threads: 0,
            build_time_limit: Duration::from_millis(500),
            build_candidates_max: 50_000,
            rebuild_interval: Duration::from_millis(500),
            payload_lifetime: Duration::from_secs(12),
            bundle_dir: None,
        }
    }
}
