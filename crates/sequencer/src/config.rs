/// How the operator wants blocks made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencerConfig {
    /// Seconds from one block to the next.
    pub block_time_secs: u64,
    /// Depth below the L1 head at which a block may become an origin: 0 is the head itself.
    pub l1_confs: u64,
    /// Unsafe blocks ahead of the safe head at which no more are made; 0 is no limit.
    pub max_safe_lag: u64,
    /// Whether to start in recover mode.
    pub recover: bool,
    /// Whether to wait for an operator before the first block.
    pub stopped: bool,
}

/// Time before a block's timestamp at which it is closed, so that it is out when its time comes.
pub(crate) const SEAL_AHEAD_MS: u64 = 50;

/// Age of the head up to which a node that starts goes on at once. A head that is older may come from
/// a copy of the database, and L1 may know other blocks after it: those are read first.
pub(crate) const START_HEAD_AGE_SECS_MAX: u64 = 600;

/// First pause after a failure. Each further one doubles it.
pub(crate) const RETRY_MS_MIN: u64 = 50;

/// Longest pause after failures: a block time of this chain.
pub(crate) const RETRY_MS_MAX: u64 = 2_000;
