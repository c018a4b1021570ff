use std::{future::Future, sync::Arc, time::Instant};

use alloy_eips::eip4844::Blob;
use phala_chainspec::ChainSpec;
use phala_derive::{BlobId, L1Block};
use phala_l1::{L1Client, L1Error, Severity, l1_block_ref};
use phala_primitives::L1BlockRef;

use super::{
    l1_block::derivation_block,
    retry::{Backoff, PAUSE_MAX, PAUSE_MIN},
};
use crate::{Cause, Health};

/// Failures in a row after which an operator should know.
const FAILURES_QUIET: u32 = 3;

/// Reads L1 for the driver: what the client verified, in the words of derivation.
#[derive(Clone)]
pub(crate) struct L1Reader {
    client: L1Client,
    spec: Arc<ChainSpec>,
    health: Arc<Health>,
}

impl L1Reader {
    pub(crate) const fn new(client: L1Client, spec: Arc<ChainSpec>, health: Arc<Health>) -> Self {
        Self { client, spec, health }
    }

    /// The newest block.
    pub(crate) async fn head(&self) -> Result<L1BlockRef, L1Error> {
        Ok(l1_block_ref(&self.client.head().await?))
    }

    /// The newest safe block.
    pub(crate) async fn safe(&self) -> Result<L1BlockRef, L1Error> {
        Ok(l1_block_ref(&self.client.safe().await?))
    }

    /// The newest finalized block.
    pub(crate) async fn finalized(&self) -> Result<L1BlockRef, L1Error> {
        Ok(l1_block_ref(&self.client.finalized().await?))
    }

    /// The block at a height.
    pub(crate) async fn block_ref_at(&self, number: u64) -> Result<L1BlockRef, L1Error> {
        Ok(l1_block_ref(&self.client.header_by_number(number).await?))
    }

    /// The block at a height with everything derivation reads of it.
    pub(crate) async fn block_at(&self, number: u64) -> Result<L1Block, L1Error> {
        let block = self.client.block_by_number(number).await?;
        let spec = Arc::clone(&self.spec);
        // Recovers senders and walks over all logs of the block.
        let converted = tokio::task::spawn_blocking(move || derivation_block(&spec, &block));
        Ok(converted.await.expect("a panic ends the process"))
    }

    /// Blobs of a block, in the order asked for; `None` if they cannot be had because another block has
    /// taken its place.
    pub(crate) async fn blobs_unless_gone(
        &self,
        block: &L1BlockRef,
        blobs: &[BlobId],
    ) -> Result<Option<Vec<Box<Blob>>>, L1Error> {
        match self.blobs(block, blobs).await {
            Ok(blobs) => Ok(Some(blobs)),
            // A beacon node has the blobs of blocks on L1 only, so waiting for others has no end.
            Err(error) => match self.block_ref_at(block.number).await {
                Ok(found) if found.hash != block.hash => Ok(None),
                _ => Err(error),
            },
        }
    }

    async fn blobs(&self, block: &L1BlockRef, blobs: &[BlobId]) -> Result<Vec<Box<Blob>>, L1Error> {
        let header = self.client.header_by_hash(block.hash).await?;
        let ids: Vec<_> = blobs.iter().map(|blob| (blob.index, blob.versioned_hash)).collect();
        self.client.blobs(&header, &ids).await
    }

    /// Asks until there is an answer, with pauses that grow. Ends early only by being dropped.
    pub(crate) async fn persist<T, F>(
        &self,
        what: &'static str,
        number: u64,
        ask: impl Fn() -> F + Send,
    ) -> T
    where
        F: Future<Output = Result<T, L1Error>> + Send,
    {
        let mut backoff = Backoff::default();
        loop {
            let error = match ask().await {
                Ok(answer) => {
                    if backoff.failures() > FAILURES_QUIET {
                        self.health.clear(Cause::L1DataMissing);
                        tracing::info!(what, number, "l1 answers again");
                    }
                    return answer;
                }
                Err(error) => error,
            };
            let floor = match error.severity() {
                Severity::Transient { retry_after } => retry_after,
                Severity::Reset | Severity::Bug => PAUSE_MIN,
                // Nothing heals by itself, but the operator may act on the other side.
                Severity::Operator => PAUSE_MAX,
            };
            let pause = backoff.fail(Instant::now(), floor);
            let failures = backoff.failures();
            if failures > FAILURES_QUIET {
                let detail = format!("{what} {number}: {error}");
                self.health.raise(Cause::L1DataMissing, detail);
            }
            // Repeated lines are counted, not repeated.
            if failures > FAILURES_QUIET && failures.is_power_of_two() {
                tracing::warn!(what, number, failures, %error, "l1 does not give what is needed");
            } else {
                tracing::debug!(what, number, failures, %error, "l1 does not give what is needed");
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl std::fmt::Debug for L1Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Endpoints may carry keys of their owner.
        f.debug_struct("L1Reader").finish_non_exhaustive()
    }
}
