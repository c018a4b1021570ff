use alloy_primitives::{B256, hex};
use phala_primitives::BlockRef;

use crate::kv::{Family, KvError};

/// Why the store did not do what it was asked. None of these says anything about a block's
/// validity.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Reading or writing the database failed; the caller may try again unless the disk is broken.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// A stored value does not match its checksum or format; restore a copy or sync again.
    #[error(
        "stored value in {family} under key {key} is damaged; restore the database from a copy or sync again"
    )]
    Damaged {
        /// Family of the value.
        family: &'static str,
        /// Key, in hex.
        key: String,
    },
    /// The record of a canonical block that is needed to open the store is damaged; go back to the
    /// block below, restore a copy or sync again.
    #[error(
        "record of canonical block {number} {hash} cannot be read ({error}); `phala-node db unwind --to {last_good}` keeps the chain up to the block below, otherwise restore the database from a copy or sync again"
    )]
    DamagedTail {
        /// Height of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
        /// Height the store can be opened at, with [`StoreConfig::head_max`](crate::StoreConfig).
        last_good: u64,
        /// What is wrong.
        error: Box<StorageError>,
    },
    /// A value that a rule of the layout promises is not there; the database is damaged.
    #[error(
        "{what} of block {number} {hash} is missing; restore the database from a copy or sync again"
    )]
    Missing {
        /// What is missing.
        what: &'static str,
        /// Height of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
    /// Bytecode that an account names is not there; the database is damaged.
    #[error("code {0} is missing; restore the database from a copy or sync again")]
    MissingCode(B256),
    /// The folder holds another chain; use another data directory or the right chain.
    #[error(
        "database holds chain {found_chain} with genesis {found_genesis}, but chain {chain} with genesis {genesis} was asked for; use another data directory or the right --chain"
    )]
    WrongChain {
        /// Chain id in the database.
        found_chain: u64,
        /// Genesis hash in the database.
        found_genesis: B256,
        /// Chain id asked for.
        chain: u64,
        /// Genesis hash asked for.
        genesis: B256,
    },
    /// The folder was written by an incompatible version; sync again or use that version.
    #[error(
        "database has schema version {found}, this program reads {supported}; sync into a new data directory or use the program that wrote it"
    )]
    Schema {
        /// Version in the database.
        found: u32,
        /// Version this program reads.
        supported: u32,
    },
    /// The folder has no finished genesis; run `init_genesis`.
    #[error("database has no genesis; initialise it first")]
    NoGenesis,
    /// The genesis does not fit the rules this store depends on.
    #[error("genesis cannot be stored: {0}")]
    Genesis(#[from] GenesisError),
    /// The height lies before what this node keeps; ask an archive node.
    #[error("state of block {requested} has been pruned; the oldest block kept is {oldest}")]
    Pruned {
        /// Height asked for.
        requested: u64,
        /// Oldest height with state.
        oldest: u64,
    },
    /// The height lies above the head.
    #[error("block {requested} is above the latest block {latest}")]
    AboveHead {
        /// Height asked for.
        requested: u64,
        /// Height of the head.
        latest: u64,
    },
    /// No record of this block; import it first.
    #[error("block {0} is not stored")]
    UnknownBlock(B256),
    /// The block does not lie at or above base; the head has to go back to it before anything can be
    /// stored on it.
    #[error("block {0} is out of reach: its state is no longer in the tail")]
    OutOfReach(B256),
    /// Too much has been stored on one branch that no head names; move the head, or leave the
    /// branch.
    #[error(
        "{blocks} blocks ({bytes} bytes) lead from the canonical chain to block {tip}; no more are kept before the head moves"
    )]
    BranchFull {
        /// Newest block of the branch.
        tip: B256,
        /// Blocks in it.
        blocks: u64,
        /// Memory of their changes.
        bytes: usize,
    },
    /// The canonical entries do not lead from the canonical chain to the head; a bug of the caller.
    #[error("block {number} {hash} does not continue the canonical chain")]
    BrokenChain {
        /// Height of the block that does not fit.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// The heads do not lie on the new chain in order; a bug of the caller.
    #[error("heads are out of order: latest {latest}, safe {safe}, finalized {finalized}")]
    HeadOrder {
        /// Height of the latest block.
        latest: u64,
        /// Height of the safe block.
        safe: u64,
        /// Height of the finalized block.
        finalized: u64,
    },
    /// Blocks that far below the head can no longer be unwound; sync again.
    #[error("cannot unwind to block {requested}: changes are kept down to block {oldest} only")]
    TooDeep {
        /// Height asked for.
        requested: u64,
        /// Lowest height that can be reached.
        oldest: u64,
    },
    /// The state does not hash to what the header says; stop rather than continue wrong.
    #[error("state of block {number} has root {computed}, its header says {expected}")]
    RootMismatch {
        /// Height of the block.
        number: u64,
        /// Root in the header.
        expected: B256,
        /// Root of the stored state.
        computed: B256,
    },
    /// A part of a block does not fit the rest; restore a copy or sync again.
    #[error(
        "{what} of block {number} {hash} is wrong; restore the database from a copy or sync again"
    )]
    Mismatch {
        /// What is wrong.
        what: &'static str,
        /// Height of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
    /// Computing a root failed.
    #[error("trie: {0}")]
    Trie(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too little space to write blocks; free some, the node goes on by itself.
    #[error("disk full: {free} bytes free, {needed} needed")]
    DiskFull {
        /// Bytes free.
        free: u64,
        /// Bytes below which nothing is written.
        needed: u64,
    },
    /// The folder cannot be used.
    #[error("cannot use {path}: {error}")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A read would have visited more entries than its budget allows.
    #[error("read stopped after {0} entries; ask for less at once")]
    Budget(u64),
    /// The store is shutting down.
    #[error("store is closing")]
    Closing,
}

/// A genesis that breaks a rule the store depends on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GenesisError {
    /// EIP-6780 must hold from the first block, so that no block can delete stored slots.
    #[error("fork ecotone must be active at genesis")]
    NoEcotone,
    /// Records are numbered from zero.
    #[error("genesis has number {0}, not 0")]
    Number(u64),
    /// Storage that a CREATE to the same address could meet.
    #[error("account {0} has storage but neither code nor nonce")]
    BareStorage(alloy_primitives::Address),
    /// Two blocks are at height zero.
    #[error("database was initialised with genesis {found}, not {expected}")]
    Different {
        /// Hash in the database.
        found: B256,
        /// Hash of this genesis.
        expected: B256,
    },
}

impl StorageError {
    pub(crate) fn damaged(family: Family, key: &[u8]) -> Self {
        Self::Damaged { family: family.name(), key: hex::encode(key) }
    }

    pub(crate) const fn missing(what: &'static str, block: BlockRef) -> Self {
        Self::Missing { what, number: block.number, hash: block.hash }
    }

    /// Whether stored bytes are not what was written, in contrast to bytes that could not be read.
    pub(crate) const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::Missing { .. } | Self::Kv(KvError::Corruption(_))
        )
    }

    /// This error of a canonical block of the tail, with what can be done about it.
    pub(crate) fn of_tail(self, block: BlockRef) -> Self {
        if !self.is_damage() {
            return self;
        }
        let BlockRef { number, hash } = block;
        let last_good = number.saturating_sub(1);
        Self::DamagedTail { number, hash, last_good, error: Box::new(self) }
    }

    /// Whether the same call may succeed later without anyone changing anything.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Kv(KvError::Stalled) | Self::DiskFull { .. } | Self::Budget(_))
    }
}

impl revm::database_interface::DBErrorMarker for StorageError {}
