use std::time::{Duration, Instant};

use alloy_primitives::B256;
use metrics::{counter, gauge};
use phala_derive::{Cursor, DerivedAttributes, Step};
use phala_engine::{EngineError, ImportStatus};
use phala_primitives::{L1BlockRef, L2BlockRef};
use tracing::{debug, info, warn};

use super::{
    DriverError,
    driver::{BlobRequest, Driver, Phase, Task},
    event::Event,
};
use crate::Cause;

/// Time derivation works before it looks whether anything else is due, such as a block to seal.
const SLICE: Duration = Duration::from_millis(10);

/// Blocks found to be the derived ones before the safe head is written. Losing them repeats work.
const UNWRITTEN_MAX: u64 = 64;

impl Driver {
    /// Does some derivation. `false` if it waits for something.
    pub(super) fn derive(&mut self) -> bool {
        let now = Instant::now();
        match &self.phase {
            Phase::Halted { until: Some(until) } if *until <= now => {
                self.reset("after a halt");
                return true;
            }
            Phase::Deriving(_) if self.failures.pause_end(now).is_none() => {}
            _ => return false,
        }
        let mut worked = false;
        while now.elapsed() < SLICE {
            match self.derive_step() {
                Ok(true) => worked = true,
                Ok(false) => break,
                Err(error) => {
                    self.on_derivation_error(&error);
                    return false;
                }
            }
        }
        worked
    }

    /// One step. `false` if it waits for something.
    fn derive_step(&mut self) -> Result<bool, DriverError> {
        let Phase::Deriving(deriver) = &mut self.phase else { return Ok(false) };
        match deriver.step()? {
            Step::Progress => Ok(true),
            Step::NeedL1 { number } => self.give_l1(number),
            Step::NeedBlobs { block, blobs } => self.give_blobs(block, &blobs),
            Step::NeedL2 { number } => {
                let block = self.l2.safe_block(number)?;
                deriver.push_l2(block)?;
                Ok(true)
            }
            Step::Attributes(derived) => {
                self.apply(&derived)?;
                if self.failures.failures() > 0 {
                    self.failures.succeed();
                    self.health.clear(Cause::DerivationFailing);
                }
                Ok(true)
            }
        }
    }

    fn give_l1(&mut self, number: u64) -> Result<bool, DriverError> {
        let Phase::Deriving(deriver) = &mut self.phase else { return Ok(false) };
        let taken = if number < deriver.origin().number {
            self.feed.take_again(number)
        } else {
            self.feed.take_next(number)
        };
        let Some(block) = taken else {
            // An L1 that shows less than was read of it before has not been read to its end.
            let seen = self.checkpoints.last().map_or(0, |last| last.l1().number).max(1);
            let limit = self.feed.limit();
            if !self.is_caught_up && limit >= seen && number > limit {
                self.is_caught_up = true;
                info!(
                    l1 = deriver.origin().number,
                    safe = self.safe.block.number,
                    "l1 is read to its end"
                );
            }
            return Ok(false);
        };
        let read = block.header.block_ref();
        // A checkpoint that is ahead of the L1 seen at the start is compared when its block comes.
        let expected = self.checkpoints.last().map(|last| last.l1());
        let is_gone = expected.is_some_and(|l1| l1.number == read.number && l1.hash != read.hash);
        if is_gone {
            warn!(number, hash = %read.hash, "the l1 block that brought the safe head is gone");
            self.reset("l1 reorg");
            return Ok(true);
        }
        deriver.push_l1(block)?;
        gauge!("phala_derive_l1_number").set(number as f64);
        if number > self.furthest_l1 {
            self.furthest_l1 = number;
            self.resets.succeed();
        }
        self.health.clear(Cause::L1DataMissing);
        self.check_finality();
        Ok(true)
    }

    fn give_blobs(
        &mut self,
        block: L1BlockRef,
        ids: &[phala_derive::BlobId],
    ) -> Result<bool, DriverError> {
        let Phase::Deriving(deriver) = &mut self.phase else { return Ok(false) };
        if self.blobs.block == Some(block.hash)
            && let Some(blobs) = self.blobs.answer.take()
        {
            self.blobs = BlobRequest::default();
            self.health.clear(Cause::L1DataMissing);
            deriver.push_blobs(blobs)?;
            return Ok(true);
        }
        if self.blobs.block != Some(block.hash) {
            let (l1, events, generation) = (self.l1.clone(), self.events.clone(), self.generation);
            let ids = ids.to_vec();
            let task = self.runtime.spawn(async move {
                let ask = || l1.blobs_unless_gone(&block, &ids);
                let blobs = l1.persist("blobs of block", block.number, ask).await;
                let event = Event::Blobs { generation, block: block.hash, blobs };
                let _ = events.send(event).await;
            });
            let task = Some(Task(task.abort_handle()));
            self.blobs = BlobRequest { block: Some(block.hash), answer: None, task };
        }
        Ok(false)
    }

    /// Makes derived attributes the next safe block: the unsafe block that is the same already, or
    /// one built from them.
    fn apply(&mut self, derived: &DerivedAttributes) -> Result<(), DriverError> {
        if let Some(block) = self.l2.canonical(derived.parent.number + 1)? {
            let number = block.header().number;
            match derived.matches(self.l2.spec(), &block) {
                Ok(()) => return self.consolidate(derived, block.hash()),
                Err(mismatch) => {
                    let removed = self.engine.heads().latest.number - derived.parent.number;
                    counter!("phala_derive_reorgs_total").increment(1);
                    warn!(number, hash = %block.hash(), removed, %mismatch, "unsafe blocks are replaced by derived ones");
                }
            }
        }
        let built = if self.engine.heads().latest.hash == derived.parent.hash {
            self.extend(derived)
        } else {
            self.replace_unsafe(derived)
        };
        match built {
            Err(DriverError::Engine(EngineError::Attributes(reason))) => {
                let number = derived.parent.number + 1;
                counter!("phala_derive_invalid_payloads_total").increment(1);
                warn!(number, l1 = derived.derived_from.number, %reason, "derived payload is invalid: only its deposits are executed");
                let Phase::Deriving(deriver) = &mut self.phase else { return Ok(()) };
                Ok(deriver.reject()?)
            }
            other => other,
        }
    }

    fn consolidate(&mut self, derived: &DerivedAttributes, hash: B256) -> Result<(), DriverError> {
        let block = derived.block_ref(hash);
        self.accept(block, derived.cursor(hash))?;
        self.safe.unwritten += 1;
        counter!("phala_derive_blocks_total", "way" => "consolidated").increment(1);
        if self.safe.unwritten >= UNWRITTEN_MAX {
            self.write_safe_head()?;
        }
        Ok(())
    }

    /// Executes derived attributes on the head, which is the safe head.
    fn extend(&mut self, derived: &DerivedAttributes) -> Result<(), DriverError> {
        let cursor = |hash| self.checkpoints.with(&derived.block_ref(hash), derived.cursor(hash));
        let bytes = |hash| cursor(hash).to_bytes();
        let produced = self.engine.extend_safe(derived.parent.hash, &derived.attributes, bytes)?;
        self.adopted(derived, produced.block.hash())
    }

    /// Builds the block that derived attributes become beside unsafe blocks, and makes it the head
    /// instead of them.
    fn replace_unsafe(&mut self, derived: &DerivedAttributes) -> Result<(), DriverError> {
        let parent = derived.parent.hash;
        let payload = match self.engine.build(parent, &derived.attributes) {
            // The parent lies deeper than what is kept to build beside the head.
            Err(EngineError::StateUnavailable { .. }) => return self.go_back_and_extend(derived),
            payload => payload?,
        };
        let hash = payload.block.hash();
        match self.engine.import(payload.block.clone_sealed_block())? {
            ImportStatus::Valid { .. } | ImportStatus::AlreadyKnown => {}
            ImportStatus::Syncing { .. } => return self.go_back_and_extend(derived),
            ImportStatus::Invalid { reason, .. } => {
                let reason = reason.to_string();
                return Err(DriverError::OwnBlockRefused { hash, reason });
            }
        }
        let cursor = self.checkpoints.with(&derived.block_ref(hash), derived.cursor(hash));
        self.engine.set_heads_with_cursor(hash, Some(hash), None, Some(&cursor.to_bytes()))?;
        self.adopted(derived, hash)
    }

    fn go_back_and_extend(&mut self, derived: &DerivedAttributes) -> Result<(), DriverError> {
        let parent = derived.parent;
        warn!(number = parent.number, "unsafe blocks are taken back to build on the safe head");
        let cursor = self.checkpoints.to_bytes();
        let safe = Some(parent.hash);
        self.engine.set_heads_with_cursor(parent.hash, safe, None, Some(&cursor))?;
        self.extend(derived)
    }

    /// The block that derived attributes became is the head and the safe head.
    fn adopted(&mut self, derived: &DerivedAttributes, hash: B256) -> Result<(), DriverError> {
        self.safe.unwritten = 0;
        counter!("phala_derive_blocks_total", "way" => "built").increment(1);
        self.accept(derived.block_ref(hash), derived.cursor(hash))
    }

    fn accept(&mut self, block: L2BlockRef, cursor: Cursor) -> Result<(), DriverError> {
        let Phase::Deriving(deriver) = &mut self.phase else { return Ok(()) };
        deriver.accept(block)?;
        self.checkpoints.note(&block, cursor);
        self.safe.block = block;
        gauge!("phala_derive_safe_number").set(block.number as f64);
        debug!(number = block.number, hash = %block.hash, l1 = cursor.origin.number, "new safe head");
        Ok(())
    }

    /// Writes a safe head that is only in memory.
    pub(super) fn write_safe_head(&mut self) -> Result<(), DriverError> {
        if self.safe.unwritten > 0 {
            let latest = self.engine.heads().latest.hash;
            let cursor = self.checkpoints.to_bytes();
            let safe = Some(self.safe.block.hash);
            self.engine.set_heads_with_cursor(latest, safe, None, Some(&cursor))?;
            self.safe.unwritten = 0;
        }
        Ok(())
    }

    /// The same where a failure can wait: the safe head is written with the next one.
    pub(super) fn write_safe_head_or_retry(&mut self) {
        if self.safe.unwritten == 0 {
            return;
        }
        match self.write_safe_head() {
            Ok(()) if self.failures.failures() == 0 => self.health.clear(Cause::DerivationFailing),
            Ok(()) => {}
            Err(error) => {
                warn!(%error, "safe head could not be written yet");
                self.health.raise(Cause::DerivationFailing, error.to_string());
            }
        }
    }
}
