//! The state trie of Substrate: base 16, no extension nodes, blake2b-256; layouts V0 and V1.
//! Polkadot specification, "State storage and the storage trie".

mod builder;
mod chunk;
mod encoding;
mod nibbles;
mod node;
mod read_proof;
mod root;

pub(crate) use encoding::blake2_256;
pub(crate) use nibbles::NibblePath;
pub(crate) use node::{Child, Node, Value};
pub(crate) use read_proof::read_from_proof;
pub use root::trie_root;
pub(crate) use root::{PairSource, root_of};

/// How values are laid out in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateVersion {
    /// Every value is in its node. The parachain's.
    V0,
    /// Values of 33 bytes and more are in the node as their hash.
    V1,
}

impl StateVersion {
    /// The version that this one is not.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::V0 => Self::V1,
            Self::V1 => Self::V0,
        }
    }
}
