/// Longest leaf of an account: a list of a path of 33 bytes and a value of 112, with their headers.
const CAPACITY: usize = 160;

/// Buffers used again and again while hashing.
pub(crate) struct Scratch {
    /// RLP of a value.
    pub(crate) value: Vec<u8>,
    /// RLP of a node.
    pub(crate) rlp: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { value: Vec::with_capacity(CAPACITY), rlp: Vec::with_capacity(CAPACITY) }
    }
}
