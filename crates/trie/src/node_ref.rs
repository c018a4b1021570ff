use alloy_primitives::{B256, keccak256};

use crate::error::Reference;

/// Longest RLP that is embedded in the parent instead of being hashed.
const EMBEDDED_MAX: usize = 31;

/// First byte of an RLP string of 32 bytes: what a hash looks like inside a node.
pub(crate) const HASH_PREFIX: u8 = 0xa0;

/// How a parent names a child: its hash, or the child itself if its RLP is shorter than 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeRef {
    /// 32 for a hash, else the length of the embedded RLP.
    len: u8,
    bytes: [u8; 32],
}

impl NodeRef {
    /// Stands where no reference is yet.
    pub(crate) const NONE: Self = Self { len: 0, bytes: [0; 32] };

    /// The reference to a node with that RLP.
    #[inline]
    pub(crate) fn of(rlp: &[u8]) -> Self {
        if rlp.len() > EMBEDDED_MAX {
            return Self { len: 32, bytes: keccak256(rlp).0 };
        }
        let mut bytes = [0; 32];
        bytes[..rlp.len()].copy_from_slice(rlp);
        // Cannot truncate: at most 31.
        Self { len: rlp.len() as u8, bytes }
    }

    /// Reads a reference as stored nodes hold it; `None` if no node is named that way.
    pub(crate) fn from_rlp(rlp: &[u8]) -> Option<Self> {
        match rlp {
            [HASH_PREFIX, hash @ ..] => {
                Some(Self { len: 32, bytes: <[u8; 32]>::try_from(hash).ok()? })
            }
            // Shorter than 56 bytes, so that the first byte alone tells the length of the list.
            [header @ 0xc0..=0xf7, payload @ ..]
                if payload.len() == usize::from(header - 0xc0) && rlp.len() <= EMBEDDED_MAX =>
            {
                Some(Self::of(rlp))
            }
            _ => None,
        }
    }

    /// Whether the child is hashed rather than embedded.
    #[inline]
    pub(crate) fn is_hash(&self) -> bool {
        self.len == 32
    }

    /// Length as part of the parent's RLP.
    #[inline]
    pub(crate) fn rlp_len(&self) -> usize {
        usize::from(self.len) + usize::from(self.is_hash())
    }

    /// The hash, or the embedded RLP.
    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The reference as stored nodes hold it.
    pub(crate) fn to_rlp(self) -> Vec<u8> {
        let mut rlp = Vec::with_capacity(self.rlp_len());
        if self.is_hash() {
            rlp.push(HASH_PREFIX);
        }
        rlp.extend_from_slice(self.payload());
        rlp
    }

    /// The root of a trie whose top node this names; a root is hashed however short.
    pub(crate) fn root(&self) -> B256 {
        if self.is_hash() { B256::new(self.bytes) } else { keccak256(self.payload()) }
    }
}

impl From<NodeRef> for Reference {
    fn from(node: NodeRef) -> Self {
        Self(node.to_rlp())
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
            assert!(!node.is_hash());
            assert_eq!(node.to_rlp(), rlp);
            assert!(NodeRef::from_rlp(&rlp) == Some(node));
            assert_eq!(node.root(), keccak256(&rlp));
        }
        let node = NodeRef::of(&[7; 32]);
        assert!(node.is_hash());
        assert_eq!(node.root(), keccak256([7; 32]));
        assert!(NodeRef::from_rlp(&node.to_rlp()) == Some(node));
    }

    #[test]
    fn what_names_no_node_is_refused() {
        for bad in [&[][..], &[0x80], &[0xa0], &[0xa0; 32], &[0xa0; 34], &[0xc2, 1], &[0xc1; 40]] {
            assert!(NodeRef::from_rlp(bad).is_none(), "{bad:?}");
        }
    }
}
