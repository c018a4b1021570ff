use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use alloy_primitives::{Address, B256, BloomInput};
use phala_primitives::BlockRef;

use crate::chain::{Base, TailBlock};
use crate::history::LiveView;
use crate::keys::{self, LogKind, log_index_prefix};
use crate::kv::{Bounds, Family, KvCursor};
use crate::{StorageError, Store};

/// Candidates that are found at once; between two batches no cursor is held.
const BATCH: usize = 256;

/// Index entries visited for one batch. A search that needs more asks for what nearly every block
/// has together with what no block has.
const VISITS_MAX: u64 = 1_000_000;

/// Which logs are looked for: any of the addresses, and at each position any of the topics. An
/// empty list matches everything.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Emitting contracts.
    pub addresses: Vec<Address>,
    /// Topics by position.
    pub topics: Vec<Vec<B256>>,
}

/// Canonical blocks, in order, that may have logs of a filter: an iterator.
///
/// Hash prefixes and blooms decide, so a block may have none; a block that is left out has none.
pub struct LogSearch {
    store: Store,
    filter: LogFilter,
    /// Index entries of each restriction, by restriction.
    restrictions: Vec<Vec<[u8; 9]>>,
    base: Arc<Base>,
    /// Keeps pruning away from the index entries of the range.
    _live: LiveView,
    tail: VecDeque<Arc<TailBlock>>,
    next: u64,
    last: u64,
    found: VecDeque<BlockRef>,
}

impl Store {
    /// Searches the canonical blocks of a range of heights for logs.
    pub fn logs(
        &self,
        filter: LogFilter,
        range: RangeInclusive<u64>,
    ) -> Result<LogSearch, StorageError> {
        let (first, last) = range.into_inner();
        let chain = self.inner().chain.read();
        // Block 0 has no logs, so it is never missing.
        let oldest = if chain.oldest_state == 0 { 0 } else { chain.oldest_state + 1 };
        if first < oldest && first <= last {
            return Err(StorageError::Pruned { requested: first, oldest });
        }
        let last = last.min(chain.heads.latest.number);
        let tail =
            chain.canonical.iter().filter(|tail| (first..=last).contains(&tail.block.number));
        Ok(LogSearch {
            store: self.clone(),
            restrictions: filter.restrictions(),
            filter,
            base: Arc::clone(&chain.base),
            _live: self.inner().live_views.register(first.saturating_sub(1)),
            tail: tail.map(Arc::clone).collect(),
            next: first,
            last,
            found: VecDeque::new(),
        })
    }
}

impl LogFilter {
    fn restrictions(&self) -> Vec<Vec<[u8; 9]>> {
        let mut all = Vec::new();
        if !self.addresses.is_empty() {
            let prefix = |address: &Address| log_index_prefix(LogKind::Address, address.as_slice());
            all.push(self.addresses.iter().map(prefix).collect());
        }
        for (topics, kind) in self.topics.iter().zip(0u8..) {
            if !topics.is_empty() {
                let prefix =
                    |topic: &B256| log_index_prefix(LogKind::Topic(kind), topic.as_slice());
                all.push(topics.iter().map(prefix).collect());
            }
        }
        all
    }

    /// Whether a block with this bloom may have matching logs.
    fn may_match(&self, bloom: &alloy_primitives::Bloom) -> bool {
        let has = |input: &[u8]| bloom.contains_input(BloomInput::Raw(input));
        let addresses = &self.addresses;
        (addresses.is_empty() || addresses.iter().any(|address| has(address.as_slice())))
            && self
                .topics
                .iter()
                .all(|topics| topics.is_empty() || topics.iter().any(|topic| has(topic.as_slice())))
    }
}

impl LogSearch {
    fn fill(&mut self) -> Result<(), StorageError> {
        let base = self.base.block.number;
        while self.found.is_empty() && self.next <= self.last {
            if self.next <= base {
                self.fill_from_index(self.last.min(base))?;
            } else {
                self.fill_from_tail();
            }
        }
        Ok(())
    }

    fn fill_from_tail(&mut self) {
        while let Some(tail) = self.tail.pop_front() {
            if self.filter.may_match(&tail.header.logs_bloom) {
                self.found.push_back(tail.block);
            }
        }
        self.next = self.last + 1;
    }

    fn fill_from_index(&mut self, last: u64) -> Result<(), StorageError> {
        let snapshot = Arc::clone(&self.base.snapshot);
        let mut numbers = Vec::with_capacity(BATCH);
        if self.restrictions.is_empty() {
            let end = last.min(self.next.saturating_add(BATCH as u64 - 1));
            numbers.extend(self.next..=end);
            self.next = end + 1;
        } else {
            let mut unions = Vec::with_capacity(self.restrictions.len());
            for prefixes in &self.restrictions {
                let lists = prefixes.iter().map(|prefix| List {
                    prefix: *prefix,
                    cursor: snapshot.cursor(
                        Family::LogIndex,
                        Bounds { within_prefix: true, ..Bounds::default() },
                    ),
                    at: Place::Before,
                });
                unions.push(Union { lists: lists.collect() });
            }
            self.next = intersect(&mut unions, self.next, last, &mut numbers)?;
        }
        for number in numbers {
            let key = keys::number(number);
            let hash = snapshot.get_vec(Family::Canonical, &key)?;
            let hash = hash.and_then(|hash| B256::try_from(hash.as_slice()).ok());
            let hash = hash.ok_or_else(|| StorageError::damaged(Family::Canonical, &key))?;
            self.found.push_back(BlockRef { number, hash });
        }
        Ok(())
    }

    /// The store that is searched.
    pub const fn store(&self) -> &Store {
        &self.store
    }
}

impl Iterator for LogSearch {
    type Item = Result<BlockRef, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.found.is_empty()
            && let Err(error) = self.fill()
        {
            self.next = self.last.saturating_add(1);
            self.tail.clear();
            return Some(Err(error));
        }
        self.found.pop_front().map(Ok)
    }
}

/// Block numbers of one index entry, ascending.
struct List<'a> {
    prefix: [u8; 9],
    cursor: Box<dyn KvCursor + 'a>,
    at: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    At(u64),
    End,
}

impl List<'_> {
    /// First number not below `from`.
    fn seek(&mut self, from: u64) -> Result<Option<u64>, StorageError> {
        match self.at {
            Place::At(number) if number >= from => return Ok(Some(number)),
            Place::End => return Ok(None),
            _ => {}
        }
        let found = self.cursor.seek(&keys::log_index(self.prefix, from))?;
        let key = self.cursor.item().0;
        let number =
            if found && key.starts_with(&self.prefix) { keys::trailing_number(key) } else { None };
        self.at = number.map_or(Place::End, Place::At);
        Ok(number)
    }
}

/// Blocks in any of several lists.
struct Union<'a> {
    lists: Vec<List<'a>>,
}

impl Union<'_> {
    fn seek(&mut self, from: u64, visits: &mut u64) -> Result<Option<u64>, StorageError> {
        let mut lowest = None;
        for list in &mut self.lists {
            *visits += 1;
            if let Some(number) = list.seek(from)? {
                lowest = Some(lowest.map_or(number, |low: u64| low.min(number)));
            }
        }
        Ok(lowest)
    }
}

/// Numbers in all unions from `next` to `last`, up to a batch; where to go on.
fn intersect(
    unions: &mut [Union<'_>],
    mut next: u64,
    last: u64,
    numbers: &mut Vec<u64>,
) -> Result<u64, StorageError> {
    let mut visits = 0;
    'candidates: while next <= last && numbers.len() < BATCH {
        if visits > VISITS_MAX {
            return Err(StorageError::Budget(VISITS_MAX));
        }
        for union in unions.iter_mut() {
            match union.seek(next, &mut visits)? {
                None => return Ok(last + 1),
                Some(number) if number > next => {
                    next = number;
                    continue 'candidates;
                }
                Some(_) => {}
            }
        }
        numbers.push(next);
        next += 1;
    }
    Ok(next)
}
