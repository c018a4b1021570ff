/// One entry of the parachain's state. Ordered by key, as the trie has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Storage key, hashed prefixes included. Never longer than the reader allows.
    pub key: Vec<u8>,
    /// SCALE-encoded value; may be empty.
    pub value: Vec<u8>,
}
