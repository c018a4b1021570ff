use alloy_primitives::B256;

use phala_primitives::SealedHeader;

use crate::{PoolError, head_state::HeadState};

/// The chain as the pool sees it: the store, or a chain in memory for tests.
pub(crate) trait ChainState: Send + Sync {
    /// Header of the newest block.
    fn latest_header(&self) -> Result<SealedHeader, PoolError>;

    /// The state after a block, and what the next one will ask for.
    fn head_state(&self, header: &SealedHeader) -> Result<HeadState, PoolError>;

    /// Hashes of the addresses a block changed; `None` if that is not at hand.
    fn changed_accounts(&self, block: &B256) -> Option<Vec<B256>>;
}
