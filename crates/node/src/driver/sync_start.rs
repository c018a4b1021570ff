use std::time::Duration;

use phala_chainspec::SystemConfig;
use phala_derive::{Cursor, SafePoint, rollup_view};
use phala_primitives::{BlockRef, Heads, L1BlockRef, L2BlockRef};
use tracing::{debug, info};

use super::{DriverError, checkpoints::Checkpoints, l1_reader::L1Reader, l2_view::L2View};

/// Pause before L1 is read again that changed while it was read.
const L1_CHANGE_PAUSE: Duration = Duration::from_secs(1);

/// Where the driver goes on after a start or a reset.
#[derive(Clone, Debug)]
pub(crate) struct StartPlan {
    /// Heads the plan was made for; if they have moved, it is made again.
    pub(crate) heads: Heads,
    /// The newest block whose L1 origin is not known to be gone.
    pub(crate) unsafe_head: L2BlockRef,
    /// The safe head, and from where to read L1.
    pub(crate) point: SafePoint,
    /// What is known of the blocks up to the safe head.
    pub(crate) checkpoints: Checkpoints,
}

/// Finds where to go on (op-node calls it "find sync start").
///
/// The unsafe head goes back to the newest block whose L1 origin is on L1, or ahead of what L1 shows.
/// The safe head is the newest checkpoint whose L1 block is still there, and never below the
/// finalized one. Without any, what was derived within the last sequencing window counts as unknown,
/// except what is finalized.
///
/// L1 is asked until it answers; errors are those nothing but an operator can heal.
pub(crate) async fn find_sync_start(
    l2: L2View,
    l1: L1Reader,
    heads: Heads,
    checkpoints: Checkpoints,
) -> Result<StartPlan, DriverError> {
    let mut search = Search { l2, l1, l1_head: L1BlockRef::default(), heads };
    loop {
        search.l1_head = search.l1.persist("head", 0, || search.l1.head()).await;
        search.check_anchor().await?;
        let unsafe_head = search.unsafe_head().await?;
        let (safe, cursor, checkpoints) =
            search.safe_head(&unsafe_head, checkpoints.clone()).await?;
        let (origin_id, origin_config, safe_config) =
            search.reading_start(&safe, cursor.as_ref())?;
        let origin = search.l1_at(origin_id.number).await;
        if origin.hash == origin_id.hash {
            let point = SafePoint { safe, safe_config, origin, origin_config, cursor };
            return Ok(StartPlan { heads, unsafe_head, point, checkpoints });
        }
        // L1 changed while it was read, or its endpoints do not agree yet.
        debug!(number = origin_id.number, "l1 changed while the start was looked for");
        tokio::time::sleep(L1_CHANGE_PAUSE).await;
    }
}

struct Search {
    l2: L2View,
    l1: L1Reader,
    l1_head: L1BlockRef,
    heads: Heads,
}

/// What L1 says about a block it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnL1 {
    Yes,
    No,
    /// Above the head that L1 shows: nothing speaks against it.
    Ahead,
}

impl Search {
    async fn l1_at(&self, number: u64) -> L1BlockRef {
        self.l1.persist("block", number, || self.l1.block_ref_at(number)).await
    }

    async fn on_l1(&self, block: BlockRef) -> OnL1 {
        if block.number > self.l1_head.number {
            return OnL1::Ahead;
        }
        if self.l1_at(block.number).await.hash == block.hash { OnL1::Yes } else { OnL1::No }
    }

    /// Another L1 than the chain's is a mistake that no reset heals.
    async fn check_anchor(&self) -> Result<(), DriverError> {
        let genesis = self.place(self.l2.spec().genesis.number)?.0;
        let anchor = genesis.l1_origin;
        let found = self.l1_at(anchor.number).await;
        if found.hash == anchor.hash {
            return Ok(());
        }
        let (number, expected, found) = (anchor.number, anchor.hash, found.hash);
        Err(DriverError::WrongL1 { number, expected, found })
    }

    /// The canonical block at a height.
    fn place(&self, number: u64) -> Result<(L2BlockRef, SystemConfig), DriverError> {
        let block = self.l2.canonical(number)?;
        let block = block.ok_or(DriverError::MissingBlock(self.heads.latest.hash))?;
        Ok(rollup_view(self.l2.spec(), &block)?)
    }

    /// The last block before the epoch of `block`.
    fn before_epoch(&self, block: &L2BlockRef) -> Result<L2BlockRef, DriverError> {
        // Sequence numbers count the blocks of an epoch, so this is one step.
        let number = block.number.saturating_sub(block.sequence_number.saturating_add(1));
        Ok(self.place(number.max(self.l2.spec().genesis.number))?.0)
    }

    async fn unsafe_head(&self) -> Result<L2BlockRef, DriverError> {
        let mut candidate = self.place(self.heads.latest.number)?.0;
        let mut block = candidate;
        loop {
            let verdict = self.on_l1(block.l1_origin).await;
            if verdict == OnL1::Yes {
                return Ok(candidate);
            }
            if block.number <= self.heads.finalized.number {
                // Genesis was compared with L1 before; an L1 that is far behind says nothing.
                if verdict == OnL1::Ahead || block.number == self.l2.spec().genesis.number {
                    return Ok(candidate);
                }
                let (number, origin) = (block.number, block.l1_origin);
                return Err(DriverError::FinalizedReorged { number, origin });
            }
            block = self.before_epoch(&block)?;
            if verdict == OnL1::No {
                candidate = block;
            }
        }
    }

    /// The safe head to go on from, what is known of where it came from, and the checkpoints that
    /// still hold.
    async fn safe_head(
        &self,
        unsafe_head: &L2BlockRef,
        mut checkpoints: Checkpoints,
    ) -> Result<(L2BlockRef, Option<Cursor>, Checkpoints), DriverError> {
        if !checkpoints.belongs_to(self.heads.safe.hash) {
            // The safe head may be older than its checkpoint, if the last writes were lost.
            checkpoints.rewind(self.heads.safe.number);
        }
        checkpoints.rewind(unsafe_head.number);
        let finalized = self.heads.finalized.number;
        let candidates = checkpoints.newest_first().filter(|found| found.number >= finalized);
        let candidates: Vec<_> = candidates.copied().collect();
        for checkpoint in candidates {
            let l2 = checkpoint.l2();
            let is_ours = self.l2.store().canonical_hash(l2.number)? == Some(l2.hash);
            if is_ours && self.on_l1(checkpoint.l1()).await != OnL1::No {
                checkpoints.rewind(l2.number);
                let safe = self.place(l2.number)?.0;
                return Ok((safe, Some(checkpoint.cursor), checkpoints));
            }
        }
        let safe = self.before_sequencing_window(unsafe_head).await?;
        info!(
            number = safe.number,
            "derivation starts anew: no l1 block is known to have brought the safe head"
        );
        Ok((safe, None, Checkpoints::default()))
    }

    /// The newest block that no L1 block within the sequencing window can have changed.
    async fn before_sequencing_window(
        &self,
        unsafe_head: &L2BlockRef,
    ) -> Result<L2BlockRef, DriverError> {
        let spec = self.l2.spec();
        let window = spec.rollup.as_ref().map_or(0, |rollup| rollup.seq_window_size);
        let oldest_origin = unsafe_head.l1_origin.number.saturating_sub(window);
        let start = self.heads.safe.number.min(unsafe_head.number);
        let mut block = self.place(start)?.0;
        while block.number > self.heads.finalized.number && block.l1_origin.number > oldest_origin {
            block = self.before_epoch(&block)?;
            // Thousands of short reads.
            tokio::task::yield_now().await;
        }
        // An epoch may begin below the finalized block.
        if block.number < self.heads.finalized.number {
            block = self.place(self.heads.finalized.number)?.0;
        }
        Ok(block)
    }

    /// The L1 block to read first, the configuration after it, and that of the safe head.
    fn reading_start(
        &self,
        safe: &L2BlockRef,
        cursor: Option<&Cursor>,
    ) -> Result<(BlockRef, SystemConfig, SystemConfig), DriverError> {
        let (_, safe_config) = self.place(safe.number)?;
        let origin_number = SafePoint::origin_number(self.l2.spec(), safe, cursor)?;
        let mut block = *safe;
        // Every L1 block is the origin of some L2 block, so this meets the one that is looked for.
        while block.l1_origin.number > origin_number {
            block = self.before_epoch(&block)?;
        }
        let (block, config) = self.place(block.number)?;
        Ok((block.l1_origin, config, safe_config))
    }
}
