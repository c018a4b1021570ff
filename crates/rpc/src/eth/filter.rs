use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U256};
use parking_lot::Mutex;
use phala_primitives::BlockRef;
use tokio::sync::broadcast::{self, error::TryRecvError};

use super::{
    log::{Collected, query},
    log_filter::{FilterBlocks, LogFilter, LogFilterObject},
};
use crate::{
    Context, RpcError,
    json::Json,
    method::Method,
    params::{Object, Params},
};

pub(super) const METHODS: &[Method] = &[
    Method::light("eth_newFilter", new_filter),
    Method::light("eth_newBlockFilter", new_block_filter),
    Method::light("eth_newPendingTransactionFilter", new_pending_transaction_filter),
    Method::heavy("eth_getFilterChanges", get_filter_changes),
    Method::heavy("eth_getFilterLogs", get_filter_logs),
    Method::light("eth_uninstallFilter", uninstall_filter),
];

/// Blocks one poll reports at most; the next poll goes on from there.
const BLOCKS_PER_POLL: u64 = 1_024;

/// Blocks of an abandoned branch one poll walks back; a deeper reorg is an operator's act.
const REORG_BLOCKS_MAX: usize = 1_024;

/// Filters of all callers. They hold a place in the chain, not what happened since.
#[derive(Debug)]
pub(crate) struct Filters {
    max: usize,
    lifetime: Duration,
    entries: Mutex<HashMap<U256, Entry>>,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    touched: Instant,
}

#[derive(Debug)]
enum Kind {
    /// Logs of blocks after this one.
    Logs { filter: LogFilter, last: BlockRef },
    /// Hashes of blocks after this one.
    Blocks { last: BlockRef },
    /// Hashes the pool announces.
    Transactions(broadcast::Receiver<B256>),
}

impl Filters {
    pub(crate) fn new(max: usize, lifetime: Duration) -> Self {
        Self { max, lifetime, entries: Mutex::default() }
    }

    fn install(&self, kind: Kind) -> Result<Json, RpcError> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        if entries.len() >= self.max {
            entries.retain(|_, entry| now.duration_since(entry.touched) < self.lifetime);
        }
        if entries.len() >= self.max {
            return Err(RpcError::Limit { what: "number of filters", limit: self.max as u64 });
        }
        // Nobody should be able to guess the filters of others.
        let id = U256::from(rand::random::<u128>());
        entries.insert(id, Entry { kind, touched: now });
        Json::of(&id)
    }

    /// Looks at a filter that has not expired.
    fn with<T>(&self, id: &U256, look: impl FnOnce(&mut Kind) -> T) -> Result<T, RpcError> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(id).ok_or(RpcError::UnknownFilter)?;
        if now.duration_since(entry.touched) >= self.lifetime {
            entries.remove(id);
            return Err(RpcError::UnknownFilter);
        }
        entry.touched = now;
        Ok(look(&mut entry.kind))
    }
}

fn new_filter(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let filter: Object<LogFilterObject> = args.required()?;
    args.end()?;
    let filter = LogFilter::try_from(filter.0)?;
    if matches!(filter.blocks, FilterBlocks::Hash(_)) {
        return Err(RpcError::InvalidParams("a filter cannot follow a single block".into()));
    }
    context.filters().install(Kind::Logs { filter, last: context.heads().latest })
}

fn new_block_filter(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    params.args()?.end()?;
    context.filters().install(Kind::Blocks { last: context.heads().latest })
}

fn new_pending_transaction_filter(context: &Context, _: Params<'_>) -> Result<Json, RpcError> {
    context.filters().install(Kind::Transactions(context.pool().subscribe()))
}

fn uninstall_filter(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let id = filter_id(params)?;
    Json::of(&context.filters().entries.lock().remove(&id).is_some())
}

fn get_filter_logs(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let id = filter_id(params)?;
    let filter = context.filters().with(&id, |kind| match kind {
        Kind::Logs { filter, .. } => Some(filter.clone()),
        _ => None,
    })?;
    Json::of(&query(context, &filter.ok_or(RpcError::UnknownFilter)?)?)
}

/// What a poll has to look at, taken out so that no lock is held while looking.
enum Poll {
    Logs { filter: LogFilter, last: BlockRef },
    Blocks { last: BlockRef },
    Transactions(Vec<B256>),
}

fn get_filter_changes(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let id = filter_id(params)?;
    let poll = context.filters().with(&id, |kind| match kind {
        Kind::Logs { filter, last } => Poll::Logs { filter: filter.clone(), last: *last },
        Kind::Blocks { last } => Poll::Blocks { last: *last },
        Kind::Transactions(receiver) => Poll::Transactions(drain(receiver)),
    })?;
    match poll {
        Poll::Transactions(hashes) => Json::of(&hashes),
        Poll::Blocks { last } => {
            let step = ChainStep::since(context, last)?;
            let mut hashes = Vec::new();
            let (from, to) = step.added();
            for number in from..=to {
                hashes.extend(context.store().canonical_hash(number)?);
            }
            context.filters().advance(&id, last, step.to);
            Json::of(&hashes)
        }
        Poll::Logs { filter, last } => {
            let step = ChainStep::since(context, last)?;
            let mut logs = Collected::new(context);
            for hash in &step.removed {
                if let Some(block) = context.block_once(*hash)? {
                    logs.add_block(&block, &filter, true)?;
                }
            }
            let mut to = step.to;
            if let Some((first, end)) = narrowed(&filter, step.added()) {
                let covered = logs.add_part(&filter, first, end)?;
                // The rest is for the next poll.
                if covered < end {
                    let covered = BlockNumberOrTag::Number(covered);
                    to = context.find_block_at(covered)?.unwrap_or(last);
                }
            }
            context.filters().advance(&id, last, to);
            Json::of(&logs.logs)
        }
    }
}

impl Filters {
    /// Moves a filter on, unless another poll did it meanwhile.
    fn advance(&self, id: &U256, from: BlockRef, to: BlockRef) {
        let mut entries = self.entries.lock();
        if let Some(Entry { kind: Kind::Logs { last, .. } | Kind::Blocks { last }, .. }) =
            entries.get_mut(id)
            && *last == from
        {
            *last = to;
        }
    }
}

/// The part of a filter's own range that a step covers.
fn narrowed(filter: &LogFilter, (mut from, mut to): (u64, u64)) -> Option<(u64, u64)> {
    let number = |tag: Option<BlockNumberOrTag>| tag.and_then(|tag| tag.as_number());
    if let FilterBlocks::Range { from: first, to: last } = filter.blocks {
        from = from.max(number(first).unwrap_or(0));
        to = to.min(number(last).unwrap_or(u64::MAX));
    }
    (from <= to).then_some((from, to))
}

/// What happened to the canonical chain after a block.
struct ChainStep {
    /// Blocks that left it, newest first.
    removed: Vec<B256>,
    /// Newest block both chains have.
    fork_point: u64,
    /// Block up to which this step goes.
    to: BlockRef,
}

impl ChainStep {
    fn since(context: &Context, last: BlockRef) -> Result<Self, RpcError> {
        let latest = context.heads().latest;
        let mut removed = Vec::new();
        let mut at = last;
        while !context.is_canonical(at)? && removed.len() < REORG_BLOCKS_MAX {
            removed.push(at.hash);
            let Some(header) = context.store().header(at.hash)? else { break };
            at = BlockRef { number: at.number.saturating_sub(1), hash: header.parent_hash };
        }
        let end = at.number.saturating_add(BLOCKS_PER_POLL).min(latest.number);
        let to = match context.find_block_at(BlockNumberOrTag::Number(end))? {
            Some(to) => to,
            None => latest,
        };
        Ok(Self { removed, fork_point: at.number, to })
    }

    /// First and last height that joined it; in reverse if none did.
    const fn added(&self) -> (u64, u64) {
        (self.fork_point.saturating_add(1), self.to.number)
    }
}

/// What was announced since the last poll; of too many the oldest are lost.
fn drain(receiver: &mut broadcast::Receiver<B256>) -> Vec<B256> {
    let mut hashes = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(hash) => hashes.push(hash),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return hashes,
        }
    }
}

fn filter_id(params: Params<'_>) -> Result<U256, RpcError> {
    let mut args = params.args()?;
    let id = args.required()?;
    args.end()?;
    Ok(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn blocks() -> Kind {
        Kind::Blocks { last: BlockRef::default() }
    }

    fn id(json: &Json) -> U256 {
        serde_json::from_str(json.as_str()).unwrap()
    }

    #[test]
    fn their_number_is_limited_and_expired_ones_make_room() {
        let filters = Filters::new(2, Duration::from_millis(50));
        filters.install(blocks()).unwrap();
        filters.install(blocks()).unwrap();
        assert_eq!(filters.install(blocks()).unwrap_err().code(), -32005);
        std::thread::sleep(Duration::from_millis(60));
        filters.install(blocks()).unwrap();
    }

    #[test]
    fn an_expired_filter_is_unknown() {
        let filters = Filters::new(2, Duration::from_millis(50));
        let id = id(&filters.install(blocks()).unwrap());
        filters.with(&id, |_| ()).unwrap();
        std::thread::sleep(Duration::from_millis(60));
        assert!(matches!(filters.with(&id, |_| ()), Err(RpcError::UnknownFilter)));
        assert!(filters.entries.lock().is_empty());
    }

    #[test]
    fn pending_transactions_are_reported_once() {
        let (announce, receiver) = broadcast::channel(2);
        let mut receiver = receiver;
        for tag in 1..=3 {
            announce.send(B256::repeat_byte(tag)).unwrap();
        }
        assert_eq!(drain(&mut receiver), [B256::repeat_byte(2), B256::repeat_byte(3)]);
        assert!(drain(&mut receiver).is_empty());
    }

    #[test]
    fn a_filter_keeps_to_its_own_range() {
        let range = |from: u64, to: u64| LogFilter {
            blocks: FilterBlocks::Range { from: Some(from.into()), to: Some(to.into()) },
            ..Default::default()
        };
        assert_eq!(narrowed(&range(5, 8), (1, 10)), Some((5, 8)));
        assert_eq!(narrowed(&range(5, 8), (9, 10)), None);
        assert_eq!(narrowed(&LogFilter::default(), (9, 10)), Some((9, 10)));
        assert_eq!(narrowed(&LogFilter::default(), (11, 10)), None);
    }
}
