use alloy_primitives::B256;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{StateVersion, builder::TrieBuilder, chunk::Chunk};
use crate::snapshot::{Progress, SnapshotError, Step};

/// Chunks in memory at once, for each thread.
const CHUNKS_PER_THREAD: usize = 2;

/// A key and its value, borrowed until the next pair is asked for.
pub(crate) type BorrowedPair<'a> = (&'a [u8], &'a [u8]);

/// Where pairs come from, in order and each once.
pub(crate) trait PairSource {
    /// The next key and value; nothing after the last.
    fn next_pair(&mut self) -> Result<Option<BorrowedPair<'_>>, SnapshotError>;
}

/// A slice of pairs.
struct SlicePairs<'a, K, V>(std::slice::Iter<'a, (K, V)>);

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> PairSource for SlicePairs<'_, K, V> {
    fn next_pair(&mut self) -> Result<Option<BorrowedPair<'_>>, SnapshotError> {
        Ok(self.0.next().map(|(key, value)| (key.as_ref(), value.as_ref())))
    }
}

/// Root of the trie of some pairs, which are sorted and have no key twice.
///
/// # Panics
///
/// If the pairs are not sorted or have a key twice.
pub fn trie_root<K: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(K, V)], version: StateVersion) -> B256 {
    let sorted = pairs.is_sorted_by(|a, b| a.0.as_ref() < b.0.as_ref());
    assert!(sorted, "a trie is built from sorted keys");
    let root = root_of(&mut SlicePairs(pairs.iter()), version, &Progress::default(), None);
    root.expect("memory does not fail")
}

/// Root of the trie of a stream of pairs. Subtrees are built by all threads; of the trie itself only the
/// path to the last key is in memory.
pub(crate) fn root_of(
    pairs: &mut impl PairSource,
    version: StateVersion,
    progress: &Progress,
    total: Option<u64>,
) -> Result<B256, SnapshotError> {
    let at_once = CHUNKS_PER_THREAD * rayon::current_num_threads();
    let mut builder = TrieBuilder::new(version);
    let mut open = Chunk::default();
    let mut done = 0;
    let mut first = true;
    loop {
        let mut chunks = Vec::with_capacity(at_once + 1);
        let mut ended = false;
        while chunks.len() < at_once && !ended {
            while !open.is_full() {
                let Some((key, value)) = pairs.next_pair()? else {
                    ended = true;
                    break;
                };
                open.push(key, value);
                done += 1;
                progress.report_pair(Step::Root, done, total);
            }
            let mut rest = if ended { Chunk::default() } else { open.split() };
            open.join(&mut rest);
            chunks.push(std::mem::replace(&mut open, rest));
        }
        if first && ended && chunks.len() == 1 {
            chunks[0].feed_pairs(&mut builder);
            return Ok(builder.into_root());
        }
        first = false;
        let pieces: Vec<_> = chunks.par_iter().map(|chunk| chunk.pieces(version)).collect();
        for (chunk, pieces) in chunks.iter().zip(&pieces) {
            chunk.feed(pieces, &mut builder);
        }
        if ended {
            progress.report(Step::Root, done, total);
            return Ok(builder.into_root());
        }
    }
}
