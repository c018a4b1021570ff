#![doc = include_str!("../README.md")]

mod account;
mod block;
mod changes;
mod node_ref;
mod rollup_ref;
mod sender_cache;
mod transaction;

pub use account::{Account, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT};
pub use block::{
    Block, BlockBody, BlockRef, Header, Heads, RecoveredBlock, SealedBlock, SealedHeader,
};
pub use changes::{AccountDiff, SlotDiff, StoredNode, TrieNodeDiff};
pub use node_ref::NodeRef;
pub use rollup_ref::{L1BlockRef, L2BlockRef};
pub use sender_cache::SenderCache;
pub use transaction::{Receipt, RecoveredTx, Transaction, TransactionError, decode_transaction};
