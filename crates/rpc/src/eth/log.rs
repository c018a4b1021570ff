use std::{sync::Arc, time::Instant};

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::BlockNumber;
use phala_primitives::BlockRef;
use phala_storage::LogSearch;
use serde_json::value::{RawValue, to_raw_value};

use super::log_filter::{FilterBlocks, LogFilter, LogFilterObject};
use crate::{
    CachedBlock, Context, RpcError,
    json::Json,
    method::Method,
    params::{Object, Params},
};

pub(super) const METHODS: &[Method] = &[Method::heavy("eth_getLogs", get_logs)];

fn get_logs(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let filter: Object<LogFilterObject> = args.required()?;
    args.end()?;
    Json::of(&query(context, &filter.0.try_into()?)?)
}

/// All logs a filter selects.
pub(super) fn query(context: &Context, filter: &LogFilter) -> Result<Vec<Box<RawValue>>, RpcError> {
    let mut logs = Collected::new(context);
    match filter.blocks {
        FilterBlocks::Hash(hash) => {
            let block = context.block(hash)?;
            let block = block.ok_or_else(|| RpcError::UnknownBlock(hash.to_string().into()))?;
            logs.add_block(&block, filter, false)?;
        }
        FilterBlocks::Range { from, to } => {
            let from = height(context, from)?;
            let to = height(context, to)?;
            if from > to {
                return Err(RpcError::InvalidParams("invalid block range params".into()));
            }
            if to > context.heads().latest.number {
                return Err(RpcError::InvalidParams(
                    "block range extends beyond current head block".into(),
                ));
            }
            let limit = context.limits().log_blocks_max;
            if to - from >= limit {
                return Err(RpcError::Limit { what: "block range of the query", limit });
            }
            logs.add_range(filter, from, to)?;
        }
    }
    Ok(logs.logs)
}

/// The height a filter means; a number is taken as it is, so that one above the head is noticed.
fn height(context: &Context, tag: Option<BlockNumberOrTag>) -> Result<BlockNumber, RpcError> {
    let tag = tag.unwrap_or_default();
    if let BlockNumberOrTag::Number(number) = tag {
        return Ok(number);
    }
    match context.find_block_at(tag)? {
        Some(block) => Ok(block.number),
        None => Err(RpcError::UnknownBlock(tag.to_string().into())),
    }
}

/// Logs found so far, within the limits of one query.
pub(super) struct Collected<'a> {
    context: &'a Context,
    started: Instant,
    pub(super) logs: Vec<Box<RawValue>>,
}

impl<'a> Collected<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, started: Instant::now(), logs: Vec::new() }
    }

    /// Adds what the filter selects in canonical blocks of a range, or says that it is too much.
    pub(super) fn add_range(
        &mut self,
        filter: &LogFilter,
        from: BlockNumber,
        to: BlockNumber,
    ) -> Result<(), RpcError> {
        for block in self.candidates(filter, from, to)? {
            if let Some(block) = self.block(block?)? {
                self.add_block(&block, filter, false)?;
            }
        }
        Ok(())
    }

    /// Adds as much of a range as fits, whole blocks and at least one, and answers how far it came.
    pub(super) fn add_part(
        &mut self,
        filter: &LogFilter,
        from: BlockNumber,
        to: BlockNumber,
    ) -> Result<BlockNumber, RpcError> {
        for block in self.candidates(filter, from, to)? {
            let at = block?;
            let Some(block) = self.block(at)? else { continue };
            let limit = if self.logs.is_empty() { usize::MAX } else { self.logs_max() };
            if !self.try_add(&block, filter, false, limit)? {
                return Ok(at.number.saturating_sub(1));
            }
        }
        Ok(to)
    }

    /// Adds what the filter selects in one block, or says that it is too much.
    pub(super) fn add_block(
        &mut self,
        block: &CachedBlock,
        filter: &LogFilter,
        removed: bool,
    ) -> Result<(), RpcError> {
        let limit = self.logs_max();
        if self.try_add(block, filter, removed, limit)? {
            return Ok(());
        }
        Err(RpcError::Limit { what: "number of logs found", limit: limit as u64 })
    }

    fn candidates(
        &self,
        filter: &LogFilter,
        from: BlockNumber,
        to: BlockNumber,
    ) -> Result<LogSearch, RpcError> {
        let wanted = phala_storage::LogFilter {
            addresses: filter.addresses.clone(),
            topics: filter.topics.clone(),
        };
        Ok(self.context.store().logs(wanted, from..=to)?)
    }

    /// A candidate's block, unless it went with a reorg since the search began.
    fn block(&self, block: BlockRef) -> Result<Option<Arc<CachedBlock>>, RpcError> {
        let timeout = self.context.limits().call_timeout;
        if self.started.elapsed() > timeout {
            return Err(RpcError::Timeout(timeout));
        }
        self.context.block_once(block.hash)
    }

    /// Adds all of a block, or nothing if that would be more than `limit` together.
    fn try_add(
        &mut self,
        block: &CachedBlock,
        filter: &LogFilter,
        removed: bool,
        limit: usize,
    ) -> Result<bool, RpcError> {
        let before = self.logs.len();
        for log in block.logs(removed, |log| filter.matches(log)) {
            if self.logs.len() >= limit {
                self.logs.truncate(before);
                return Ok(false);
            }
            self.logs.push(to_raw_value(&log).map_err(RpcError::internal)?);
        }
        Ok(true)
    }

    const fn logs_max(&self) -> usize {
        self.context.limits().logs_max
    }
}
