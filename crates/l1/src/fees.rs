use phala_primitives::BlockRef;

/// What the next block of L1 is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuggestedFees {
    /// Base fee of the next block, in wei, computed from the head.
    pub base_fee_wei: u128,
    /// Tip per gas, in wei.
    pub tip_wei: u128,
    /// Base fee of blob gas, in wei.
    pub blob_base_fee_wei: u128,
    /// The head they were computed from.
    pub head: BlockRef,
}
