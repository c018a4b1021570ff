use std::collections::BTreeMap;

use phala_derive::L1Block;
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};

use super::{
    event::{Event, FeedId},
    l1_reader::L1Reader,
};

/// Fetches L1 blocks ahead of who needs them, a few at a time.
///
/// Each request asks until it is answered. Blocks are delivered as events, kept here, and taken out in
/// any order. What a block holds for derivation is small; the whole of it lives only while it is read.
#[derive(Debug)]
pub(crate) struct L1Feed {
    id: FeedId,
    reader: L1Reader,
    runtime: Handle,
    events: mpsc::Sender<Event>,
    /// Blocks that are fetched or kept at once.
    window: u64,
    /// Highest block that may be asked for.
    limit: u64,
    /// Answers to requests of an earlier generation are dropped.
    generation: u64,
    requested: BTreeMap<u64, Request>,
    ready: BTreeMap<u64, L1Block>,
}

/// Ends the request when it is dropped.
#[derive(Debug)]
struct Request(AbortHandle);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl L1Feed {
    pub(crate) fn new(
        id: FeedId,
        window: u64,
        reader: L1Reader,
        runtime: Handle,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            id,
            reader,
            runtime,
            events,
            window,
            limit: 0,
            generation: 0,
            requested: BTreeMap::new(),
            ready: BTreeMap::new(),
        }
    }

    /// Highest block that may be asked for.
    pub(crate) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Nothing above this height is asked for from now on.
    pub(crate) const fn set_limit(&mut self, number: u64) {
        self.limit = number;
    }

    /// Forgets everything, as after a reorg.
    pub(crate) fn clear(&mut self) {
        self.generation += 1;
        self.requested.clear();
        self.ready.clear();
    }

    /// Takes a block out if it is there; if not, sees to it that it comes, and those after it. What
    /// lies below is not needed any more.
    pub(crate) fn take_next(&mut self, number: u64) -> Option<L1Block> {
        self.forget_below(number);
        let block = self.ready.remove(&number);
        self.fetch(if block.is_some() { number + 1 } else { number });
        block
    }

    /// Takes a block out that was taken before, and is needed once more.
    pub(crate) fn take_again(&mut self, number: u64) -> Option<L1Block> {
        let block = self.ready.remove(&number);
        if block.is_none() && !self.requested.contains_key(&number) {
            self.request(number);
        }
        block
    }

    /// A block if it is there; if not, sees to it that it comes.
    pub(crate) fn peek(&mut self, number: u64) -> Option<&L1Block> {
        self.fetch(number);
        self.ready.get(&number)
    }

    /// Forgets blocks below a height.
    pub(crate) fn forget_below(&mut self, number: u64) {
        self.ready = self.ready.split_off(&number);
        self.requested = self.requested.split_off(&number);
    }

    /// Keeps an answer that is still wanted.
    pub(crate) fn on_block(&mut self, generation: u64, block: L1Block) {
        if generation != self.generation {
            return;
        }
        let number = block.header.number;
        if self.requested.remove(&number).is_some() {
            self.ready.insert(number, block);
        }
    }

    fn fetch(&mut self, first: u64) {
        // Whoever goes back needs what was prefetched later, but not at any price.
        let last = self.limit.min(first.saturating_add(self.window - 1));
        let mut number = first;
        while number <= last {
            // The first one is needed now, whatever else is kept.
            let has_room = self.requested.len() + self.ready.len() < self.capacity();
            if number > first && !has_room {
                return;
            }
            if !self.requested.contains_key(&number) && !self.ready.contains_key(&number) {
                self.request(number);
            }
            number += 1;
        }
    }

    /// Twice the window: one that is being read, and one left over from before a step back.
    fn capacity(&self) -> usize {
        usize::try_from(self.window).map_or(usize::MAX, |window| 2 * window)
    }

    fn request(&mut self, number: u64) {
        let (reader, events) = (self.reader.clone(), self.events.clone());
        let (feed, generation) = (self.id, self.generation);
        let task = self.runtime.spawn(async move {
            let block = reader.persist("block", number, || reader.block_at(number)).await;
            // A driver that is gone needs nothing.
            let _ = events.send(Event::L1Block { feed, generation, block: Box::new(block) }).await;
        });
        self.requested.insert(number, Request(task.abort_handle()));
    }
}
