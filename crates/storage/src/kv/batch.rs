use super::Family;

/// Writes that happen together or not at all.
///
/// Keys and values lie one behind the other in one buffer: a slice of the background advance has
/// hundreds of small ones, and two allocations each would cost more than the writes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    family: Family,
    kind: Kind,
    start: usize,
    middle: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// One write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Sets a key.
    Put(Family, &'a [u8], &'a [u8]),
    /// Removes a key.
    Delete(Family, &'a [u8]),
    /// Removes all keys from the first (inclusive) to the second (exclusive).
    DeleteRange(Family, &'a [u8], &'a [u8]),
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.push(family, Kind::Put, key, value);
    }

    /// Removes a key.
    pub fn delete(&mut self, family: Family, key: &[u8]) {
        self.push(family, Kind::Delete, key, &[]);
    }

    /// Removes all keys in `from..to`.
    pub fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        self.push(family, Kind::DeleteRange, from, to);
    }

    /// Number of writes.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing would be written.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and values.
    pub const fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets everything and keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// The writes in order.
    pub fn iter(&self) -> impl Iterator<Item = Op<'_>> {
        self.entries.iter().map(|entry| {
            let first = &self.bytes[entry.start..entry.middle];
            let second = &self.bytes[entry.middle..entry.end];
            match entry.kind {
                Kind::Put => Op::Put(entry.family, first, second),
                Kind::Delete => Op::Delete(entry.family, first),
                Kind::DeleteRange => Op::DeleteRange(entry.family, first, second),
            }
        })
    }

    fn push(&mut self, family: Family, kind: Kind, first: &[u8], second: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(first);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(second);
        self.entries.push(Entry { family, kind, start, middle, end: self.bytes.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_put_in() {
        let mut batch = Batch::new();
        assert!(batch.is_empty());
        batch.put(Family::Meta, b"a", b"1");
        batch.delete(Family::Codes, b"b");
        batch.delete_range(Family::Bodies, b"c", b"d");
        let ops: Vec<_> = batch.iter().collect();
        assert_eq!(
            ops,
            [
                Op::Put(Family::Meta, b"a", b"1"),
                Op::Delete(Family::Codes, b"b"),
                Op::DeleteRange(Family::Bodies, b"c", b"d"),
            ]
        );
        batch.clear();
        assert_eq!((batch.len(), batch.size_bytes()), (0, 0));
    }
}
