/// Sorted stored trie nodes by their key in the `trie` family. Read rarely: hot nodes live in the
/// trie itself.
#[derive(Debug, Default)]
pub(crate) struct NodeRun {
    /// End of key and end of value of each node in `bytes`.
    ends: Vec<(u32, u32)>,
    bytes: Vec<u8>,
}

impl NodeRun {
    /// Appends a key greater than all before it.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        debug_assert!(
            self.ends.is_empty() || self.item(self.ends.len() - 1).0 < key,
            "keys come in order"
        );
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push((middle, self.bytes.len() as u32));
    }

    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.ends.len() * 8 + self.bytes.len()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            let (candidate, value) = self.item(middle);
            match candidate.cmp(key) {
                std::cmp::Ordering::Equal => return Some(value),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Key and value at a place.
    pub(crate) fn item(&self, place: usize) -> (&[u8], &[u8]) {
        let start = if place == 0 { 0 } else { self.ends[place - 1].1 as usize };
        let (middle, end) = self.ends[place];
        (&self.bytes[start..middle as usize], &self.bytes[middle as usize..end as usize])
    }

    pub(crate) fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = Self::default();
        let (mut old, mut new) = (0, 0);
        while old < older.len() || new < newer.len() {
            let take_new = if old == older.len() {
                true
            } else if new == newer.len() {
                false
            } else {
                let order = newer.item(new).0.cmp(older.item(old).0);
                if order.is_eq() {
                    old += 1;
                }
                order.is_le()
            };
            if take_new {
                let (key, value) = newer.item(new);
                merged.push(key, value);
                new += 1;
            } else {
                let (key, value) = older.item(old);
                merged.push(key, value);
                old += 1;
            }
        }
        merged
    }
}
