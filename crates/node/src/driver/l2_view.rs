use std::{collections::VecDeque, sync::Arc};

use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::B256;
use phala_chainspec::{ChainSpec, SystemConfig};
use phala_derive::{SafeBlock, rollup_view};
use phala_primitives::{L2BlockRef, RecoveredBlock};
use phala_storage::Store;

use super::DriverError;

/// Blocks whose place in the epochs of L1 is kept: the heads and what is near them.
const CACHE_LEN_MAX: usize = 16;

/// The chain as derivation sees it: blocks with their L1 origins and system configurations.
#[derive(Clone, Debug)]
pub(crate) struct L2View {
    spec: Arc<ChainSpec>,
    store: Store,
    cache: VecDeque<(L2BlockRef, SystemConfig)>,
}

impl L2View {
    pub(crate) const fn new(spec: Arc<ChainSpec>, store: Store) -> Self {
        Self { spec, store, cache: VecDeque::new() }
    }

    pub(crate) const fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// A block that is known to be stored.
    pub(crate) fn block(&self, hash: B256) -> Result<Arc<RecoveredBlock>, DriverError> {
        self.store.block(hash)?.ok_or(DriverError::MissingBlock(hash))
    }

    /// The canonical block at a height, if there is one.
    pub(crate) fn canonical(
        &self,
        number: u64,
    ) -> Result<Option<Arc<RecoveredBlock>>, DriverError> {
        let hash = self.store.canonical_hash(number)?;
        hash.map(|hash| self.block(hash)).transpose()
    }

    /// Place and system configuration of a block.
    pub(crate) fn place(&mut self, hash: B256) -> Result<(L2BlockRef, SystemConfig), DriverError> {
        if let Some(known) = self.cache.iter().find(|(block, _)| block.hash == hash) {
            return Ok(known.clone());
        }
        let block = self.block(hash)?;
        let place = rollup_view(&self.spec, &block)?;
        self.note(place.0, place.1.clone());
        Ok(place)
    }

    /// Place of a block.
    pub(crate) fn block_ref(&mut self, hash: B256) -> Result<L2BlockRef, DriverError> {
        Ok(self.place(hash)?.0)
    }

    /// Keeps what is known of a block.
    pub(crate) fn note(&mut self, block: L2BlockRef, config: SystemConfig) {
        if self.cache.len() >= CACHE_LEN_MAX {
            self.cache.pop_front();
        }
        self.cache.push_back((block, config));
    }

    /// A block of the safe chain as derivation compares it with a batch.
    pub(crate) fn safe_block(&self, number: u64) -> Result<SafeBlock, DriverError> {
        let hash = self.store.canonical_hash(number)?;
        let hash = hash.ok_or(DriverError::MissingBlock(B256::ZERO))?;
        let block = self.block(hash)?;
        let (place, _) = rollup_view(&self.spec, &block)?;
        let transactions = block.body().transactions.iter().filter(|tx| !tx.is_deposit());
        let transactions = transactions.map(|tx| tx.encoded_2718().into()).collect();
        Ok(SafeBlock { block: place, transactions })
    }
}
