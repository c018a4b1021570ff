use std::time::Duration;

use crate::{GenesisError, L1Rpc, L1Tip, progress_file::Anchor};

/// Time between two looks at the head of L1.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The newest block, once it is `depth` blocks deep and still there. Called after everything
/// derivation reads is mined.
pub(crate) async fn choose_anchor(rpc: &L1Rpc, depth: u64) -> Result<Anchor, GenesisError> {
    let tip = rpc.block("latest").await?;
    while rpc.block("latest").await?.number < tip.number + depth {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let anchor = tip.into();
    ensure_canonical(rpc, &anchor).await?;
    Ok(anchor)
}

/// An anchor that L1 gave up can be no chain's origin.
pub(crate) async fn ensure_canonical(rpc: &L1Rpc, anchor: &Anchor) -> Result<L1Tip, GenesisError> {
    let canonical = rpc.block(format!("{:#x}", anchor.number)).await?;
    if canonical.hash == anchor.hash {
        return Ok(canonical);
    }
    Err(GenesisError::AnchorReorged { number: anchor.number, hash: anchor.hash })
}
