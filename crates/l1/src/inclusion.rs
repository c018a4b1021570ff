use alloy_primitives::B256;
use phala_primitives::BlockRef;

/// Where a transaction was mined, as one endpoint says. Whoever must be sure reads the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The transaction.
    pub transaction: B256,
    /// Its block.
    pub block: BlockRef,
    /// Whether it succeeded.
    pub success: bool,
    /// Gas it used.
    pub gas_used: u64,
    /// Price per gas it paid, in wei.
    pub effective_gas_price_wei: u128,
    /// Blob gas it used, zero without blobs.
    pub blob_gas_used: u64,
    /// Price per blob gas it paid, in wei.
    pub blob_gas_price_wei: u128,
    /// Address of the contract it created.
    pub contract: Option<alloy_primitives::Address>,
}
