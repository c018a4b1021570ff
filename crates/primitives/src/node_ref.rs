use std::{fmt, ops::Deref};

use alloy_primitives::{B256, hex, keccak256};

/// Longest RLP that is embedded in the parent instead of being hashed.
const EMBEDDED_MAX: usize = 31;

/// First byte of an RLP string of 32 bytes: what a hash looks like inside a node.
const HASH_HEAD: u8 = 0xa0;

/// Length of such a string.
const HASH_LEN: usize = 33;

/// How a trie node names a child: the RLP of the child's hash, or the child's own RLP when that is
/// shorter than 32 bytes. It reads as those bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NodeRef {
    len: u8,
    rlp: [u8; HASH_LEN],
}

impl NodeRef {
    /// No reference: stands where one is not known.
    pub const NONE: Self = Self { len: 0, rlp: [0; HASH_LEN] };

    /// The reference to the node with that RLP.
    #[inline]
    pub fn of(node: &[u8]) -> Self {
        if node.len() > EMBEDDED_MAX {
            Self::of_hash(keccak256(node))
        } else {
            Self::of_short(node)
        }
    }

    /// The reference to the node with that hash.
    #[inline]
    pub fn of_hash(hash: B256) -> Self {
        let mut rlp = [HASH_HEAD; HASH_LEN];
        rlp[1..].copy_from_slice(hash.as_slice());
        Self { len: HASH_LEN as u8, rlp }
    }

    /// Reads a reference; `None` if no node is named that way.
    pub fn from_rlp(rlp: &[u8]) -> Option<Self> {
        match rlp {
            [HASH_HEAD, hash @ ..] => B256::try_from(hash).ok().map(Self::of_hash),
            // A list shorter than 56 bytes: the first byte alone tells its length.
            [head @ 0xc0..=0xf7, payload @ ..]
                if payload.len() == usize::from(head - 0xc0) && rlp.len() <= EMBEDDED_MAX =>
            {
                Some(Self::of_short(rlp))
            }
            _ => None,
        }
    }

    /// The reference as it stands in the parent.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.rlp[..usize::from(self.len)]
    }

    /// The hash, unless the child is embedded.
    pub fn hash(&self) -> Option<B256> {
        (usize::from(self.len) == HASH_LEN).then(|| B256::from_slice(&self.rlp[1..]))
    }

    /// The root of a trie whose top node this names; a root is hashed however short.
    pub fn root(&self) -> B256 {
        self.hash().unwrap_or_else(|| keccak256(self.as_slice()))
    }

    fn of_short(node: &[u8]) -> Self {
        let mut rlp = [0; HASH_LEN];
        rlp[..node.len()].copy_from_slice(node);
        // Cannot truncate: at most 31.
        Self { len: node.len() as u8, rlp }
    }
}

impl Default for NodeRef {
    fn default() -> Self {
        Self::NONE
    }
}

impl Deref for NodeRef {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_prefixed(self.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_bytes_and_more_are_hashed() {
        for len in 1..=31usize {
            let mut rlp = vec![1; len];
            rlp[0] = 0xc0 + (len as u8 - 1);
            let node = NodeRef::of(&rlp);
            assert_eq!(node.hash(), None);
            assert_eq!(*node, rlp);
            assert_eq!(NodeRef::from_rlp(&rlp), Some(node));
            assert_eq!(node.root(), keccak256(&rlp));
        }
        let node = NodeRef::of(&[7; 32]);
        assert_eq!(node.root(), keccak256([7; 32]));
        assert_eq!(node.hash(), Some(node.root()));
        assert_eq!(NodeRef::from_rlp(&node), Some(node));
    }

    #[test]
    fn what_names_no_node_is_refused() {
        for bad in [&[][..], &[0x80], &[0xa0], &[0xa0; 32], &[0xa0; 34], &[0xc2, 1], &[0xc1; 40]] {
            assert_eq!(NodeRef::from_rlp(bad), None, "{bad:?}");
        }
        assert!(NodeRef::NONE.is_empty());
    }
}
