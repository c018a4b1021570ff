use super::{StateVersion, builder::TrieBuilder, encoding::ChildRef, nibbles::common_nibbles};

/// Pairs of a chunk: enough to keep a core busy for ten milliseconds.
const PAIRS_MAX: usize = 16_384;
/// Bytes after which a chunk takes no more: values may be megabytes.
const BYTES_MAX: usize = 4 << 20;

/// A run of neighbouring pairs, whose complete subtrees can be built without knowing the others.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    data: Vec<u8>,
    entries: Vec<Entry>,
    /// Nibbles that the first key shares with the last of the chunk before, once that is known.
    before: Option<usize>,
    /// The same of the last key and the first of the chunk after.
    after: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    key_len: usize,
    value_len: usize,
    /// Nibbles shared with the key before it in the chunk.
    shared: usize,
}

/// A piece of a chunk, for the builder of the whole trie.
#[derive(Debug)]
pub(super) enum Piece {
    /// A pair whose key begins the next key: the value of a branch.
    Pair(usize),
    /// A subtree that holds the pair and perhaps others.
    Subtree(usize, ChildRef),
}

impl Chunk {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= PAIRS_MAX || (self.data.len() >= BYTES_MAX && self.entries.len() > 1)
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        let shared = match self.entries.len() {
            0 => 0,
            len => common_nibbles(self.key(len - 1), key),
        };
        let start = self.data.len();
        self.data.extend_from_slice(key);
        self.data.extend_from_slice(value);
        self.entries.push(Entry { start, key_len: key.len(), value_len: value.len(), shared });
    }

    /// Cuts where neighbours share least, in the second half, so that few subtrees are cut open. The
    /// chunk after keeps the pairs behind the cut.
    pub(super) fn split(&mut self) -> Self {
        let half = self.entries.len().div_ceil(2).max(1);
        let cut = (half..self.entries.len())
            .min_by_key(|&index| self.entries[index].shared)
            .unwrap_or(self.entries.len());
        let mut rest = Self::default();
        for index in cut..self.entries.len() {
            rest.push(self.key(index), self.value(index));
        }
        if let Some(first) = self.entries.get(cut) {
            self.data.truncate(first.start);
        }
        self.entries.truncate(cut);
        rest
    }

    /// Notes what the last key here shares with the first of the chunk after.
    pub(super) fn join(&mut self, next: &mut Self) {
        if self.is_empty() || next.is_empty() {
            return;
        }
        let shared = common_nibbles(self.key(self.entries.len() - 1), next.key(0));
        self.after = Some(shared);
        next.before = Some(shared);
    }

    /// Builds every subtree that lies in this chunk alone. Neighbours that share no more than the chunk's
    /// ends do with what is outside are in different ones.
    pub(super) fn pieces(&self, version: StateVersion) -> Vec<Piece> {
        let border = self.before.max(self.after);
        let mut pieces = Vec::new();
        let mut first = 0;
        while first < self.entries.len() {
            let mut end = first + 1;
            while end < self.entries.len() && Some(self.entries[end].shared) > border {
                end += 1;
            }
            pieces.push(self.piece(first, end, version));
            first = end;
        }
        pieces
    }

    fn piece(&self, first: usize, end: usize, version: StateVersion) -> Piece {
        let left = self.shared_before(first);
        let right = self.shared_before(end);
        if end == first + 1 && right == Some(2 * self.entries[first].key_len) {
            return Piece::Pair(first);
        }
        let base = left.max(right).map_or(0, |depth| depth + 1);
        let mut builder = TrieBuilder::subtree(version, base);
        for index in first..end {
            let shared = (index + 1 < end).then(|| self.entries[index + 1].shared);
            builder.push(self.key(index), self.value(index), shared);
        }
        Piece::Subtree(first, builder.into_child())
    }

    /// Hands the pieces to the builder of the whole.
    pub(super) fn feed(&self, pieces: &[Piece], builder: &mut TrieBuilder) {
        for (at, piece) in pieces.iter().enumerate() {
            let next = pieces.get(at + 1).map_or(self.entries.len(), Piece::first);
            let shared = self.shared_before(next);
            match piece {
                Piece::Pair(index) => builder.push(self.key(*index), self.value(*index), shared),
                Piece::Subtree(index, child) => {
                    builder.push_subtree(self.key(*index), *child, shared);
                }
            }
        }
    }

    /// A chunk that is the whole trie.
    pub(super) fn feed_pairs(&self, builder: &mut TrieBuilder) {
        for index in 0..self.entries.len() {
            builder.push(self.key(index), self.value(index), self.shared_before(index + 1));
        }
    }

    /// What the pair at an index shares with the one before it, over the chunk's ends too.
    fn shared_before(&self, index: usize) -> Option<usize> {
        if index == 0 {
            return self.before;
        }
        self.entries.get(index).map_or(self.after, |entry| Some(entry.shared))
    }

    fn key(&self, index: usize) -> &[u8] {
        let entry = self.entries[index];
        &self.data[entry.start..entry.start + entry.key_len]
    }

    fn value(&self, index: usize) -> &[u8] {
        let entry = self.entries[index];
        let start = entry.start + entry.key_len;
        &self.data[start..start + entry.value_len]
    }
}

impl Piece {
    fn first(&self) -> usize {
        match self {
            Self::Pair(index) | Self::Subtree(index, _) => *index,
        }
    }
}
