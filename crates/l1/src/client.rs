use crate::*;
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes, U256};
use phala_primitives::SealedHeader;
use std::sync::Arc;

/// Reads L1 and sends to it. Cheap to clone.
#[derive(Clone)]
pub struct L1Client {
    inner: Arc<()>,
}
type R<T> = Result<T, L1Error>;
#[allow(clippy::unused_async, missing_docs, unused_variables)]
impl L1Client {
    pub fn new(config: L1Config) -> R<Self> {
        let _ = Self { inner: Arc::new(()) }.inner;
        todo!()
    }
    pub async fn head(&self) -> R<SealedHeader> {
        todo!()
    }
    pub async fn safe(&self) -> R<SealedHeader> {
        todo!()
    }
    pub async fn finalized(&self) -> R<SealedHeader> {
        todo!()
    }
    pub async fn header_by_number(&self, number: u64) -> R<SealedHeader> {
        todo!()
    }
    pub async fn header_by_hash(&self, hash: B256) -> R<SealedHeader> {
        todo!()
    }
    pub async fn block(&self, hash: B256) -> R<Arc<L1Block>> {
        todo!()
    }
    pub async fn block_by_number(&self, number: u64) -> R<Arc<L1Block>> {
        todo!()
    }
    /// Blocks `from..=to` in order, several fetched at once; see the range type for `next()`.
    pub fn blocks(&self, from: u64, to: u64) -> BlockRange {
        todo!()
    }
    pub async fn blobs(&self, header: &SealedHeader, blobs: &[(u64, B256)]) -> R<Vec<Box<Blob>>> {
        todo!()
    }
    pub async fn chain_id(&self) -> R<u64> {
        todo!()
    }
    pub async fn storage_at(&self, address: Address, slot: B256, block: B256) -> R<B256> {
        todo!()
    }
    pub async fn nonce_latest(&self, address: Address) -> R<u64> {
        todo!()
    }
    pub async fn nonce_pending(&self, address: Address) -> R<u64> {
        todo!()
    }
    pub async fn balance(&self, address: Address) -> R<U256> {
        todo!()
    }
    pub async fn suggest_fees(&self) -> R<SuggestedFees> {
        todo!()
    }
    pub async fn send_raw_transaction(&self, raw: &[u8]) -> R<SendOutcome> {
        todo!()
    }
    pub async fn transaction_receipt(&self, hash: B256) -> R<Option<Inclusion>> {
        todo!()
    }
    /// Whether any endpoint knows the transaction, pending or mined.
    pub async fn has_transaction(&self, hash: B256) -> R<bool> {
        todo!()
    }
    pub async fn code(&self, address: Address) -> R<Bytes> {
        todo!()
    }
    pub async fn call(&self, from: Option<Address>, to: Address, input: Bytes) -> R<Bytes> {
        todo!()
    }
    pub async fn estimate_gas(&self, from: Address, to: Option<Address>, input: Bytes) -> R<u64> {
        todo!()
    }
    pub fn status(&self) -> L1Status {
        todo!()
    }
}
/// Blocks of a range, in order, fetched ahead.
pub struct BlockRange {
    _p: (),
}
#[allow(clippy::unused_async, missing_docs)]
impl BlockRange {
    pub async fn next(&mut self) -> Option<R<Arc<L1Block>>> {
        todo!()
    }
}
