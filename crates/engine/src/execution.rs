use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use alloy_primitives::{Address, B256};
use phala_evm::{BlockEnvironment, Execution, ExecutionError, ExecutionOutput};
use phala_primitives::SealedHeader;
use phala_storage::View;
use phala_trie::TrieVersion;

use crate::{
    BlockError, EngineError, ImportTimings, candidate::Candidate, engine::Inner,
    recovery::Recovery, state_db::StateDb,
};

/// The state a block is executed on.
#[derive(Debug)]
pub(crate) struct ParentState {
    pub(crate) hash: B256,
    pub(crate) header: Arc<SealedHeader>,
    pub(crate) view: View,
    pub(crate) version: TrieVersion,
}

/// Why a block did not become part of the chain.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It breaks a rule.
    Invalid(BlockError),
    /// It may be fine; this node failed.
    Failed(EngineError),
}

impl From<BlockError> for Refusal {
    fn from(error: BlockError) -> Self {
        Self::Invalid(error)
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl Refusal {
    /// What an error of the EVM at a transaction means for the block.
    fn from_execution(error: ExecutionError, index: usize) -> Self {
        match error {
            ExecutionError::Invalid { hash, reason } => {
                BlockError::InvalidTransaction { index, hash, reason: Box::new(reason) }.into()
            }
            ExecutionError::MissingParentBeaconBlockRoot { .. } => {
                BlockError::ParentBeaconBlockRoot(None).into()
            }
            error => EngineError::from(error).into(),
        }
    }
}

impl Inner {
    /// The state after block `hash`, to execute a child on; `None` if the block is unknown.
    ///
    /// A canonical block below the store's base is known but cannot get another child before the
    /// head has gone back to it.
    pub(crate) fn parent_state(&self, hash: B256) -> Result<Option<ParentState>, EngineError> {
        let Some(header) = self.store.header(hash)? else { return Ok(None) };
        let unavailable = || EngineError::StateUnavailable { number: header.number, hash };
        let view = self.store.view(hash)?.ok_or_else(unavailable)?;
        let version = self.trie_of(&hash, header.state_root);
        Ok(Some(ParentState { hash, header, view, version }))
    }

    /// Executes all transactions of a block while their senders are being recovered.
    pub(crate) fn execute(
        &self,
        candidate: &Candidate,
        db: &StateDb<'_>,
        timings: &mut ImportTimings,
    ) -> Result<(ExecutionOutput, Vec<Address>), Refusal> {
        let began = Instant::now();
        let recovery = Recovery::new(&candidate.body().transactions, &self.senders);
        let body_root = OnceLock::new();
        let check_body_root = || {
            body_root.get_or_init(|| candidate.check_body_root());
        };
        let output = self.threads.in_place_scope(|scope| {
            for _ in 1..self.threads.current_num_threads() {
                scope.spawn(|_| recovery.work());
            }
            scope.spawn(|_| check_body_root());
            let output = self.run_transactions(candidate, db, &recovery);
            recovery.stop();
            output
        });
        // A wrong body comes first: its other errors say nothing about the header's block.
        check_body_root();
        if let Some(Err(error)) = body_root.into_inner() {
            return Err(error.into());
        }
        let output = output?;
        timings.recover_busy = recovery.busy();
        timings.execute = began.elapsed();
        let senders = recovery.into_senders().map_err(|index| signature_error(candidate, index))?;
        Ok((output, senders))
    }

    fn run_transactions(
        &self,
        candidate: &Candidate,
        db: &StateDb<'_>,
        recovery: &Recovery<'_>,
    ) -> Result<ExecutionOutput, Refusal> {
        let environment = BlockEnvironment::from(candidate.header());
        let mut execution = Execution::new(&self.spec, db, &environment)
            .map_err(|error| Refusal::from_execution(error, 0))?;
        let transactions = &candidate.body().transactions;
        for (index, (tx, encoded)) in transactions.iter().zip(candidate.encoded()).enumerate() {
            let sender = recovery.sender(index).ok_or_else(|| signature_error(candidate, index))?;
            execution
                .execute(tx, sender, encoded)
                .map_err(|error| Refusal::from_execution(error, index))?;
        }
        Ok(execution.finish())
    }
}

fn signature_error(candidate: &Candidate, index: usize) -> BlockError {
    BlockError::Signature { index, hash: candidate.body().transactions[index].tx_hash() }
}
