use std::time::Duration;

use alloy_primitives::B256;

use crate::kv::RocksConfig;

/// Which chain a database must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainIdentity {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of the genesis block; `None` if only the chain id is known.
    pub genesis_hash: Option<B256>,
}

/// How much of the past a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// State, bodies and receipts of this many blocks below the head, headers of all.
    Full {
        /// Blocks kept; at least [`StoreConfig::unwind_blocks`].
        retain_blocks: u64,
    },
    /// Everything.
    Archive,
}

/// Blocks below base that can be unwound, and whose changes are kept. Twice the sequencing window
/// of 21,600 blocks: derivation never has to go back further.
pub const UNWIND_BLOCKS: u64 = 43_200;

/// How a store works.
#[derive(Clone, Copy, Debug)]
pub struct StoreConfig {
    /// How much of the past is kept.
    pub mode: Mode,
    /// Blocks below base that can be unwound, and whose changes are kept in every mode.
    pub unwind_blocks: u64,
    /// Sizes of the database's memory.
    pub rocks: RocksConfig,
    /// Decoded blocks and receipts kept for readers.
    pub record_cache_bytes: usize,
    /// Advance in a thread of its own. Without it, [`Store::advance`](crate::Store::advance) does
    /// it, or the block path when a limit is reached.
    pub background: bool,
    /// When derived families follow.
    pub tail: TailLimits,
    /// Free space the disk must have.
    pub disk: DiskLimits,
    /// The head goes back to this height, or to base if that is higher, before the blocks above are
    /// read: for a store that does not open because one of them is damaged.
    pub head_max: Option<u64>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Full { retain_blocks: UNWIND_BLOCKS },
            unwind_blocks: UNWIND_BLOCKS,
            rocks: RocksConfig::default(),
            record_cache_bytes: 48 << 20,
            background: true,
            tail: TailLimits::default(),
            disk: DiskLimits::default(),
            head_max: None,
        }
    }
}

/// Limits of the tail: canonical blocks whose changes are in memory and not yet in the derived
/// families. The block path waits when one is reached.
#[derive(Clone, Copy, Debug)]
pub struct TailLimits {
    /// Most blocks.
    pub blocks_max: u64,
    /// Most changed keys.
    pub entries_max: usize,
    /// Most memory.
    pub bytes_max: usize,
    /// Blocks below the head that stay in the tail, so that ordinary reorgs touch memory only.
    pub reorg_blocks: u64,
    /// Advance after this long even if nothing is near a limit.
    pub interval: Duration,
}

/// Most blocks in the tail: bounds the work of opening.
pub const TAIL_BLOCKS_MAX: u64 = 512;

/// Most changed keys in the tail: about a hundred full blocks.
pub const TAIL_ENTRIES_MAX: usize = 300_000;

/// Most memory of the tail.
pub const TAIL_BYTES_MAX: usize = 48 << 20;

/// Blocks below the head that stay in the tail.
pub const TAIL_REORG_BLOCKS: u64 = 32;

impl Default for TailLimits {
    fn default() -> Self {
        Self {
            blocks_max: TAIL_BLOCKS_MAX,
            entries_max: TAIL_ENTRIES_MAX,
            bytes_max: TAIL_BYTES_MAX,
            reorg_blocks: TAIL_REORG_BLOCKS,
            interval: Duration::from_secs(60),
        }
    }
}

/// Free space below which the store acts. A full disk must not meet RocksDB first: it would turn
/// read-only.
#[derive(Clone, Copy, Debug)]
pub struct DiskLimits {
    /// Below this, blocks are refused and the advance stops.
    pub refuse_bytes: u64,
    /// Below this, the ballast file is deleted so that a clean close succeeds.
    pub ballast_release_bytes: u64,
    /// Size of the ballast file; 0 for none.
    pub ballast_bytes: u64,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self { refuse_bytes: 2 << 30, ballast_release_bytes: 512 << 20, ballast_bytes: 256 << 20 }
    }
}
