/// Half bytes of a key, the high one first.
pub(super) fn nibble(key: &[u8], index: usize) -> u8 {
    let byte = key[index / 2];
    if index.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
}

/// How many nibbles two keys share at their beginning.
pub(super) fn common_nibbles(a: &[u8], b: &[u8]) -> usize {
    let bytes = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    match (a.get(bytes), b.get(bytes)) {
        (Some(a), Some(b)) if a >> 4 == b >> 4 => 2 * bytes + 1,
        _ => 2 * bytes,
    }
}

/// A path from the root of a trie, one nibble a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NibblePath(Vec<u8>);

impl NibblePath {
    pub(crate) fn from_key(key: &[u8]) -> Self {
        Self(key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn push(&mut self, nibble: u8) {
        self.0.push(nibble);
    }

    pub(crate) fn extend(&mut self, nibbles: impl Iterator<Item = u8>) {
        self.0.extend(nibbles);
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// The key that ends here; none within a byte.
    pub(crate) fn key_into(&self, key: &mut Vec<u8>) -> bool {
        key.clear();
        key.extend(self.0.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        self.0.len().is_multiple_of(2)
    }

    /// Packed to bytes, an odd last nibble in the high half: for messages.
    pub(crate) fn packed(&self) -> Vec<u8> {
        self.0.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
    }
}
