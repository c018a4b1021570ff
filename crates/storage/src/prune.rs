//! Letting go of the past.

use std::sync::Arc;

use alloy_primitives::B256;

use crate::StorageError;
use crate::chain::Base;
use crate::config::Mode;
use crate::keys;
use crate::kv::{Batch, Bounds, Family, WriteMode};
use crate::meta::{self, Pruned};
use crate::store::Inner;

/// Blocks that are pruned together: range deletes are few, and files leave whole.
const STEP_BLOCKS: u64 = 1_024;

impl Inner {
    /// Deletes what the mode does not keep, when enough has come together. Called after base has
    /// moved, by whoever moved it.
    pub(crate) fn prune(&self) -> Result<(), StorageError> {
        let old = meta::pruned(self.kv.as_ref())?;
        let base = self.chain.read().base.block.number;
        let unwind = self.config.unwind_blocks;
        let step = STEP_BLOCKS.min(unwind / 8).max(1);
        let mut new = old;
        let diffs = base.saturating_sub(unwind);
        if diffs >= old.diffs + step {
            new.diffs = diffs;
        }
        if let Mode::Full { retain_blocks } = self.config.mode {
            let state = base.saturating_sub(retain_blocks.max(unwind));
            if state >= old.state + step {
                new.state = self.claim_state_floor(state);
            }
        }
        if new == old {
            return Ok(());
        }
        // The height is durable before anything leaves, so no reader is ever promised too much.
        let mut batch = Batch::new();
        meta::put_pruned(&mut batch, new);
        self.kv.write(&batch, WriteMode::Synced)?;
        self.kv.set_history_floor(new.state);
        self.delete_records(old, new)?;
        tracing::debug!(state = new.state, diffs = new.diffs, "pruned");
        metrics::gauge!("phala_storage_oldest_state_number").set(new.state as f64);
        Ok(())
    }

    /// Raises the lowest height with state, not above any height that is being read.
    fn claim_state_floor(&self, wanted: u64) -> u64 {
        let mut chain = self.chain.write();
        let lowest = self.live_views.lowest().unwrap_or(u64::MAX);
        let floor = wanted.min(lowest).max(chain.oldest_state);
        chain.oldest_state = floor;
        floor
    }

    fn delete_records(&self, old: Pruned, new: Pruned) -> Result<(), StorageError> {
        let mut batch = Batch::new();
        self.delete_side_records(old.diffs + 1, new.diffs, &mut batch)?;
        let mut ranges = Vec::new();
        for (family, from, to) in [
            (Family::Bodies, old.state, new.state),
            (Family::Receipts, old.state, new.state),
            (Family::Diffs, old.diffs, new.diffs),
        ] {
            if to > from {
                let (from, to) = (keys::number(from + 1), keys::number(to + 1));
                batch.delete_range(family, &from, &to);
                ranges.push((family, from, to));
            }
        }
        self.kv.write(&batch, WriteMode::Logged)?;
        self.renew_base_snapshot();
        for (family, from, to) in ranges {
            self.kv.reclaim(family, &from, &to)?;
        }
        Ok(())
    }

    /// The snapshot at base would keep what has just been deleted; one taken now shows the same
    /// derived families, because the caller is the one who could change them.
    fn renew_base_snapshot(&self) {
        let snapshot = self.kv.snapshot();
        let mut chain = self.chain.write();
        if chain.base.dirty.is_none() {
            chain.base = Arc::new(Base { block: chain.base.block, snapshot, dirty: None });
        }
    }

    /// Records of blocks that did not become canonical and can no longer.
    fn delete_side_records(
        &self,
        from: u64,
        to: u64,
        batch: &mut Batch,
    ) -> Result<(), StorageError> {
        if to < from {
            return Ok(());
        }
        let snapshot = self.kv.snapshot();
        let bounds = Bounds::range(keys::number(from), keys::number(to + 1));
        let mut cursor = snapshot.cursor(Family::Headers, bounds);
        let mut found = cursor.seek(&keys::number(from))?;
        while found {
            let key = cursor.item().0;
            if let Some(block) = keys::record_block(key) {
                let canonical = snapshot.get_vec(Family::Canonical, &keys::number(block.number))?;
                let canonical = canonical.and_then(|hash| B256::try_from(hash.as_slice()).ok());
                if canonical != Some(block.hash) {
                    for family in [Family::Headers, Family::Bodies, Family::Receipts, Family::Diffs]
                    {
                        batch.delete(family, key);
                    }
                }
            }
            found = cursor.next()?;
        }
        Ok(())
    }
}
