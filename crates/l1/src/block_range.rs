use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::B256;
use tokio::task::JoinHandle;

use crate::{L1Block, L1Client, L1Error};

/// Blocks fetched ahead. At 200 ms a request this is some eighty blocks a second, more than are
/// derived; in memory they are a few tens of megabytes at worst.
const AHEAD_MAX: usize = 16;

/// Blocks of a range in order, fetched ahead of the reader.
///
/// Ends after the last block, or after the first error; then it has to be made anew.
pub struct BlockRange {
    client: L1Client,
    next: u64,
    to: u64,
    parent: Option<B256>,
    ahead: VecDeque<JoinHandle<Result<Arc<L1Block>, L1Error>>>,
}

impl BlockRange {
    pub(crate) const fn new(client: L1Client, from: u64, to: u64) -> Self {
        Self { client, next: from, to, parent: None, ahead: VecDeque::new() }
    }

    /// Requires the first block to be a child of this one.
    #[must_use]
    pub const fn after(mut self, parent: B256) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The next block. Can be dropped while it waits without losing a block.
    pub async fn next(&mut self) -> Option<Result<Arc<L1Block>, L1Error>> {
        while self.ahead.len() < AHEAD_MAX && self.next <= self.to {
            let (client, number) = (self.client.clone(), self.next);
            self.ahead.push_back(tokio::spawn(async move { client.block_by_number(number).await }));
            let Some(next) = self.next.checked_add(1) else {
                self.to = 0;
                break;
            };
            self.next = next;
        }
        let block = self.ahead.front_mut()?.await;
        self.ahead.pop_front();
        let block = block.unwrap_or(Err(L1Error::Task("block prefetch")));
        let linked = block.and_then(|block| self.link(block));
        if linked.is_err() {
            self.end();
        }
        Some(linked)
    }

    fn link(&mut self, block: Arc<L1Block>) -> Result<Arc<L1Block>, L1Error> {
        let found = block.header().parent_hash;
        match self.parent.replace(block.hash()) {
            Some(expected) if expected != found => {
                Err(L1Error::ParentMismatch { number: block.number(), expected, found })
            }
            _ => Ok(block),
        }
    }

    fn end(&mut self) {
        self.ahead.drain(..).for_each(|task| task.abort());
        (self.next, self.to) = (1, 0);
    }
}

impl Drop for BlockRange {
    fn drop(&mut self) {
        self.end();
    }
}
