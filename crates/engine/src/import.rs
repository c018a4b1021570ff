use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use phala_primitives::{BlockRef, Heads, RecoveredBlock, SealedBlock};
use phala_storage::{BlockDiff, Record, StorageError};
use tracing::{debug, warn};

use crate::{
    BlockError, Engine, EngineError,
    candidate::Candidate,
    consensus,
    engine::{Inner, Writer},
    execution::{ParentState, Refusal},
    invalid_blocks::Invalid,
    metrics,
    post_state::PostState,
    state_db::StateDb,
};

/// What became of a block that was handed to the engine.
#[derive(Clone, Debug)]
pub enum ImportStatus {
    /// The block is valid and durable.
    Valid {
        /// Where the time went.
        timings: ImportTimings,
    },
    /// The block was imported before, and is valid.
    AlreadyKnown,
    /// The parent is unknown, and the block waits for it as long as there is room. Or the head has
    /// to move first: the parent is below what the store can still build on, or as much stands on
    /// blocks that no head names as the store keeps.
    Syncing {
        /// The parent.
        parent: B256,
    },
    /// The block breaks a rule.
    Invalid {
        /// The last valid ancestor, if one is known.
        latest_valid: Option<B256>,
        /// The rule.
        reason: Arc<BlockError>,
    },
}

/// Where the time of one import went.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportTimings {
    /// Processor time spent on recovering senders, all threads together. It overlaps `execute`.
    pub recover_busy: Duration,
    /// From opening the parent's state to the last transaction.
    pub execute: Duration,
    /// Roots of state and receipts.
    pub root: Duration,
    /// Until the record was durable.
    pub write: Duration,
    /// All of it, without waiting for the import before.
    pub total: Duration,
}

/// What is written in one batch with a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Commit<'a> {
    /// The block alone; it waits beside the canonical chain for a fork choice.
    Record,
    /// The block as the new head, and the cursor of its safe head. Its parent is the head now.
    Head(Heads, Option<&'a [u8]>),
}

/// A block that has just been written.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) record: Record,
    pub(crate) timings: ImportTimings,
}

impl Engine {
    /// Checks, executes and stores a block. The canonical chain stays as it is until
    /// [`set_heads`](Self::set_heads).
    ///
    /// # Errors
    ///
    /// An error says nothing about the block: the same call may succeed later.
    pub fn import(&self, block: SealedBlock) -> Result<ImportStatus, EngineError> {
        match Candidate::from_block(block) {
            Ok(candidate) => self.import_candidate(candidate),
            Err(reason) => {
                Ok(ImportStatus::Invalid { latest_valid: None, reason: Arc::new(reason) })
            }
        }
    }

    pub(crate) fn import_candidate(
        &self,
        candidate: Candidate,
    ) -> Result<ImportStatus, EngineError> {
        let inner = &*self.inner;
        // Asked before the lock is taken: a driver that repeats itself need not wait.
        if inner.store.header(candidate.hash())?.is_some() {
            return Ok(ImportStatus::AlreadyKnown);
        }
        let mut writer = inner.writer.lock();
        let hash = candidate.hash();
        let status = inner.import(&mut writer, candidate)?;
        if matches!(status, ImportStatus::Valid { .. }) {
            inner.import_descendants(&mut writer, hash);
        }
        Ok(status)
    }
}

impl Inner {
    fn import(
        &self,
        writer: &mut Writer,
        candidate: Candidate,
    ) -> Result<ImportStatus, EngineError> {
        let hash = candidate.hash();
        if self.store.header(hash)?.is_some() {
            return Ok(ImportStatus::AlreadyKnown);
        }
        if let Some(invalid) = writer.known_invalid(hash, candidate.header().parent_hash) {
            return Ok(invalid.into());
        }
        let parent = match self.parent_state(candidate.header().parent_hash) {
            Ok(Some(parent)) => parent,
            Ok(None) => return Ok(writer.wait_for_parent(candidate)),
            // It can be imported once the head has gone back that far; no use to keep it till then.
            Err(EngineError::StateUnavailable { hash, .. }) => {
                return Ok(ImportStatus::Syncing { parent: hash });
            }
            Err(error) => return Err(error),
        };
        if let Err(error) = self.store.ensure_extendable(parent.hash) {
            return not_now(&parent, error);
        }
        match self.check_and_execute(&parent, &candidate) {
            Ok(executed) => match self.write(&parent, candidate, executed, Commit::Record) {
                Ok(imported) => Ok(ImportStatus::Valid { timings: imported.timings }),
                // Base may have passed the parent while the block was executed.
                Err(EngineError::Storage(error)) => not_now(&parent, *error),
                Err(error) => Err(error),
            },
            Err(Refusal::Failed(error)) => Err(error),
            Err(Refusal::Invalid(reason)) => {
                self.bundles.keep(&self.spec, &parent.header, &candidate, &reason);
                Ok(writer.refuse(hash, parent.hash, reason).into())
            }
        }
    }

    /// Imports the blocks that have been waiting for `hash`. Nobody waits for their answers: a
    /// driver asks about each of them again.
    fn import_descendants(&self, writer: &mut Writer, hash: B256) {
        let mut parents = vec![hash];
        while let Some(parent) = parents.pop() {
            while let Some(child) = writer.orphans.take_child(&parent) {
                let hash = child.hash();
                match self.import(writer, child) {
                    Ok(ImportStatus::Valid { .. } | ImportStatus::AlreadyKnown) => {
                        parents.push(hash);
                    }
                    Ok(status) => debug!(%hash, ?status, "buffered block was not imported"),
                    Err(error) => warn!(%hash, %error, "buffered block failed to import"),
                }
            }
        }
    }

    /// Everything between a block and its record, without any effect.
    pub(crate) fn check_and_execute(
        &self,
        parent: &ParentState,
        candidate: &Candidate,
    ) -> Result<Executed, Refusal> {
        let began = Instant::now();
        consensus::check_header(&self.spec, candidate.header(), &parent.header)?;
        if let Err(error) = consensus::check_body(&self.spec, candidate.header(), candidate.body())
        {
            // A body that is not the header's says nothing about the block.
            candidate.check_body_root()?;
            return Err(error.into());
        }
        let mut timings = ImportTimings::default();
        let db = StateDb::new(parent.hash, &parent.view, &self.state_cache, &self.code_cache);
        let (output, senders) = self.execute(candidate, &db, &mut timings)?;
        let timestamp = candidate.header().timestamp;
        let post = self.post_state(candidate.hash(), timestamp, parent, &db, output)?;
        timings.root = post.root_time;
        consensus::check_executed(candidate.header(), &post.fields)?;
        db.keep_reads();
        Ok(Executed { post, senders, timings, began })
    }

    /// Makes a block durable and known to the caches.
    pub(crate) fn write(
        &self,
        parent: &ParentState,
        candidate: Candidate,
        executed: Executed,
        commit: Commit<'_>,
    ) -> Result<Imported, EngineError> {
        let Executed { post, senders, mut timings, began } = executed;
        let writing = Instant::now();
        let block = RecoveredBlock::new_sealed(candidate.into_block(), senders);
        let record = Record {
            receipts: Arc::new(post.receipts),
            diff: Arc::new(BlockDiff {
                parent: parent.hash,
                accounts: post.accounts,
                trie: post.nodes,
            }),
            codes: post.codes,
            block: Arc::new(block),
        };
        let written = match commit {
            Commit::Record => self.store.write_record(&record),
            Commit::Head(heads, cursor) => {
                self.store.write_block_and_heads(&record, heads, &[heads.latest], cursor)
            }
        };
        if let Err(error) = written {
            self.follow_store(None);
            return Err(error.into());
        }
        timings.write = writing.elapsed();
        let BlockRef { number, hash } = record.block_ref();
        self.versions.lock().insert(hash, number, post.version);
        self.state_cache.extend(hash, parent.hash, &post.changed);
        timings.total = began.elapsed();
        metrics::imported(&record.block, &timings);
        *self.last_import.lock() = timings;
        Ok(Imported { record, timings })
    }
}

/// The answer for a block that cannot be stored: "syncing" if it can be once the heads have moved.
fn not_now(parent: &ParentState, error: StorageError) -> Result<ImportStatus, EngineError> {
    match error {
        StorageError::OutOfReach(_) | StorageError::BranchFull { .. } => {
            warn!(parent = %parent.hash, %error, "block cannot be imported before the head moves");
            Ok(ImportStatus::Syncing { parent: parent.hash })
        }
        error => Err(error.into()),
    }
}

/// A block that keeps all rules, not yet written.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) post: PostState,
    pub(crate) senders: Vec<Address>,
    pub(crate) timings: ImportTimings,
    pub(crate) began: Instant,
}

impl Writer {
    /// Whether this block, or its parent, is known to be invalid.
    fn known_invalid(&mut self, hash: B256, parent: B256) -> Option<Invalid> {
        if let Some(invalid) = self.invalid.get(&hash) {
            return Some(invalid.clone());
        }
        let latest_valid = self.invalid.get(&parent)?.latest_valid;
        Some(self.refuse(hash, latest_valid, BlockError::InvalidAncestor(parent)))
    }

    fn wait_for_parent(&mut self, candidate: Candidate) -> ImportStatus {
        let parent = candidate.header().parent_hash;
        if let Err(reason) = candidate.check_body_root() {
            // It would keep the place of the block it claims to be.
            return ImportStatus::Invalid { latest_valid: None, reason: Arc::new(reason) };
        }
        self.orphans.insert(candidate);
        metrics::orphans(self.orphans.len());
        ImportStatus::Syncing { parent }
    }

    /// Remembers that a block is invalid, if the block deserves it.
    pub(crate) fn refuse(&mut self, hash: B256, latest_valid: B256, reason: BlockError) -> Invalid {
        warn!(%hash, %reason, "refused block");
        metrics::refused();
        let is_about_block = reason.is_about_block();
        let invalid = Invalid { latest_valid, reason: Arc::new(reason) };
        if is_about_block {
            self.invalid.insert(hash, invalid.clone());
        }
        invalid
    }
}

impl From<Invalid> for ImportStatus {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid { latest_valid: Some(invalid.latest_valid), reason: invalid.reason }
    }
}
