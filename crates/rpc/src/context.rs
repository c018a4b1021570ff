use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use phala_chainspec::ChainSpec;
use phala_engine::Engine;
use phala_primitives::{BlockRef, Heads, SealedHeader};
use phala_storage::{StorageError, Store, View};
use phala_txpool::Pool;

use crate::{
    CachedBlock, RollupHandle, RpcError, RpcLimits,
    block_cache::BlockCache,
    eth::{FeeOracle, Filters},
    lanes::Lanes,
    transaction_places::TransactionPlaces,
};

/// What the servers serve from.
#[derive(Clone, Debug)]
pub struct RpcHandles {
    /// The canonical chain, its specification and its store.
    pub engine: Engine,
    /// Pending transactions.
    pub pool: Pool,
    /// The driver, where this node derives the chain from L1.
    pub rollup: Option<RollupHandle>,
}

/// What every method can see.
#[derive(Debug)]
pub(crate) struct Context {
    engine: Engine,
    pool: Pool,
    rollup: Option<RollupHandle>,
    limits: RpcLimits,
    client_version: String,
    lanes: Lanes,
    blocks: BlockCache,
    places: TransactionPlaces,
    filters: Filters,
    fees: FeeOracle,
}

impl Context {
    pub(crate) fn new(handles: RpcHandles, limits: RpcLimits, client_version: String) -> Self {
        Self {
            engine: handles.engine,
            pool: handles.pool,
            rollup: handles.rollup,
            lanes: Lanes::new(&limits),
            blocks: BlockCache::new(limits.block_cache_bytes),
            places: TransactionPlaces::default(),
            filters: Filters::new(limits.filters_max, limits.filter_lifetime),
            fees: FeeOracle::default(),
            client_version,
            limits,
        }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn spec(&self) -> &Arc<ChainSpec> {
        self.engine.spec()
    }

    pub(crate) fn store(&self) -> &Store {
        self.engine.store()
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The driver; an error where an outside consensus client drives the engine.
    pub(crate) fn rollup(&self) -> Result<&RollupHandle, RpcError> {
        self.rollup.as_ref().ok_or(RpcError::NoDriver)
    }

    /// Whether the driver of this process decides about heads.
    pub(crate) const fn is_rollup_node(&self) -> bool {
        self.rollup.is_some()
    }

    pub(crate) const fn limits(&self) -> &RpcLimits {
        &self.limits
    }

    pub(crate) fn client_version(&self) -> &str {
        &self.client_version
    }

    pub(crate) const fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    pub(crate) const fn filters(&self) -> &Filters {
        &self.filters
    }

    pub(crate) const fn fee_oracle(&self) -> &FeeOracle {
        &self.fees
    }

    /// The heads of the canonical chain.
    pub(crate) fn heads(&self) -> Heads {
        self.engine.heads()
    }

    /// The block an id names; `None` if there is none.
    ///
    /// There is no block in the making to show, so `pending` is the latest block.
    pub(crate) fn find_block(&self, id: BlockId) -> Result<Option<BlockRef>, RpcError> {
        match id {
            BlockId::Number(tag) => self.find_block_at(tag),
            BlockId::Hash(id) => {
                let hash = id.block_hash;
                let Some(number) = self.store().block_number(hash)? else { return Ok(None) };
                if id.require_canonical == Some(true)
                    && !self.is_canonical(BlockRef { number, hash })?
                {
                    return Err(RpcError::NotCanonical(hash));
                }
                Ok(Some(BlockRef { number, hash }))
            }
        }
    }

    /// The canonical block at a height or tag; `None` above the head.
    pub(crate) fn find_block_at(
        &self,
        tag: BlockNumberOrTag,
    ) -> Result<Option<BlockRef>, RpcError> {
        let heads = self.heads();
        let number = match tag {
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => return Ok(Some(heads.latest)),
            BlockNumberOrTag::Safe => return Ok(Some(heads.safe)),
            BlockNumberOrTag::Finalized => return Ok(Some(heads.finalized)),
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Number(number) => number,
        };
        if number == heads.latest.number {
            return Ok(Some(heads.latest));
        }
        if number > heads.latest.number {
            return Ok(None);
        }
        Ok(self.store().canonical_hash(number)?.map(|hash| BlockRef { number, hash }))
    }

    /// Whether the block is on the canonical chain.
    pub(crate) fn is_canonical(&self, block: BlockRef) -> Result<bool, RpcError> {
        Ok(self.store().canonical_hash(block.number)? == Some(block.hash))
    }

    /// The block an id names, which must exist.
    pub(crate) fn block_ref(&self, id: BlockId) -> Result<BlockRef, RpcError> {
        self.find_block(id)?.ok_or_else(|| RpcError::UnknownBlock(describe(id).into()))
    }

    /// The header of a block that was found before.
    pub(crate) fn header(&self, block: BlockRef) -> Result<Arc<SealedHeader>, RpcError> {
        let header = self.store().header(block.hash)?;
        header.ok_or_else(|| RpcError::UnknownBlock(block.hash.to_string().into()))
    }

    /// A block if it is in memory already.
    pub(crate) fn block_in_memory(&self, hash: &B256) -> Option<Arc<CachedBlock>> {
        self.blocks.get(hash)
    }

    /// A block by its hash, kept in memory for the next call.
    pub(crate) fn block(&self, hash: B256) -> Result<Option<Arc<CachedBlock>>, RpcError> {
        let block = self.block_once(hash)?;
        Ok(block.map(|block| self.blocks.insert(hash, block)))
    }

    /// The block an id names, which must exist.
    pub(crate) fn known_block(&self, id: BlockId) -> Result<Arc<CachedBlock>, RpcError> {
        let block = self.block_ref(id)?;
        self.block(block.hash)?.ok_or_else(|| RpcError::UnknownBlock(describe(id).into()))
    }

    /// A block by its hash, not kept: for scans, which would drive out what others use.
    pub(crate) fn block_once(&self, hash: B256) -> Result<Option<Arc<CachedBlock>>, RpcError> {
        if let Some(block) = self.blocks.get(&hash) {
            return Ok(Some(block));
        }
        let Some(header) = self.store().header(hash)? else { return Ok(None) };
        // Headers outlive what they belong to.
        let pruned = |what| RpcError::Pruned {
            what,
            requested: header.number,
            oldest: self.store().oldest_state(),
        };
        let block = self.store().block(hash)?.ok_or_else(|| pruned("body"))?;
        let receipts = match self.store().receipts(hash)? {
            Some(receipts) => receipts,
            // Genesis has neither transactions nor receipts.
            None if block.body().transactions.is_empty() => Arc::default(),
            None => return Err(pruned("receipts")),
        };
        Ok(Some(Arc::new(CachedBlock::new(block, receipts))))
    }

    /// The block of a canonical transaction and its place there, if both are in memory.
    pub(crate) fn transaction_in_memory(
        &self,
        hash: &B256,
    ) -> Result<Option<(Arc<CachedBlock>, usize)>, RpcError> {
        let Some((block, index)) = self.places.get(hash) else { return Ok(None) };
        let Some(cached) = self.blocks.get(&block.hash) else { return Ok(None) };
        Ok(self.is_canonical(block)?.then_some((cached, index)))
    }

    /// The block of a canonical transaction and its place there.
    pub(crate) fn transaction(
        &self,
        hash: B256,
    ) -> Result<Option<(Arc<CachedBlock>, usize)>, RpcError> {
        let Some((block, index)) = self.store().transaction(hash)? else { return Ok(None) };
        let Some(cached) = self.block(block.hash)? else { return Ok(None) };
        self.places.insert(&cached);
        Ok(Some((cached, index)))
    }

    /// Keeps a block that just became canonical, so that the first call for it is fast.
    pub(crate) fn keep_block(&self, block: CachedBlock) -> Arc<CachedBlock> {
        self.blocks.insert(block.block().hash(), Arc::new(block))
    }

    /// To be called after something was serialised for the block.
    pub(crate) fn block_grew(&self, hash: &B256) {
        self.blocks.reweigh(hash);
    }

    /// The state after a block.
    pub(crate) fn state(&self, block: BlockRef) -> Result<View, RpcError> {
        if let Some(view) = self.store().view(block.hash)? {
            return Ok(view);
        }
        if !self.is_canonical(block)? {
            return Err(RpcError::UnknownBlock(
                format!("state of {} on a side branch", block.hash).into(),
            ));
        }
        Ok(self.store().history(block.number)?)
    }
}

fn describe(id: BlockId) -> String {
    match id {
        BlockId::Hash(id) => id.block_hash.to_string(),
        BlockId::Number(tag) => tag.to_string(),
    }
}

impl From<StorageError> for RpcError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Pruned { requested, oldest } => {
                Self::Pruned { what: "state", requested, oldest }
            }
            error => Self::internal(error),
        }
    }
}
