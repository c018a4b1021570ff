use std::{sync::Arc, time::Instant};

use alloy_primitives::B256;
use phala_primitives::{BlockRef, Heads, RecoveredBlock};
use tracing::error;

use crate::{
    BlockError, BuiltPayload, CanonicalBlock, ChainEvent, Engine, EngineError, ImportTimings,
    PayloadAttributes,
    build::Fill,
    candidate::Candidate,
    consensus,
    engine::{Inner, Writer},
    execution::{ParentState, Refusal},
    import::{Commit, Executed, Imported},
    metrics,
};

/// A block that was built, imported and made the head.
#[derive(Clone, Debug)]
pub struct Produced {
    /// The block.
    pub block: Arc<RecoveredBlock>,
    /// Where the time of its import went.
    pub timings: ImportTimings,
}

impl Engine {
    /// Builds the next block on the head, imports it as a follower would, and makes it the head.
    /// It is durable and visible when this returns, and may be published.
    ///
    /// # Errors
    ///
    /// [`EngineError::OwnBlockRefused`] if the import disagrees with the build. The block is gone
    /// then, and what is needed to reproduce it is kept.
    pub fn produce(&self, attributes: &PayloadAttributes) -> Result<Produced, EngineError> {
        let inner = &*self.inner;
        let mut writer = inner.writer.lock();
        let heads = *inner.heads.read();
        let plan = inner.plan(heads.latest.hash, attributes)?;
        let fill = if plan.no_tx_pool { Fill::Nothing } else { Fill::FromSource { stop: None } };
        let payload = inner.build(&plan, fill)?;
        drop(plan);
        inner.adopt(&mut writer, heads, payload)
    }

    /// Imports a payload of this node as a follower would, and makes it the head: the second half of
    /// [`produce`](Self::produce) for one that was built beside it.
    ///
    /// # Errors
    ///
    /// Those of [`produce`](Self::produce), and [`EngineError::InconsistentHeads`] if the head is no
    /// longer the payload's parent.
    pub fn commit_payload(&self, payload: BuiltPayload) -> Result<Produced, EngineError> {
        let inner = &*self.inner;
        let mut writer = inner.writer.lock();
        let heads = *inner.heads.read();
        inner.ensure_head(&heads, payload.block.header().parent_hash)?;
        inner.adopt(&mut writer, heads, payload)
    }

    /// Executes the block that derived attributes become on the head `parent`, and makes it the head
    /// and the safe head, in one write with the cursor, which `cursor` makes of the block's hash.
    ///
    /// The block is executed once: what attributes become is valid by what it is, and nobody else is
    /// told of it. Its header and body are checked as at an import.
    ///
    /// # Errors
    ///
    /// [`EngineError::Attributes`] if the attributes cannot become a block, and
    /// [`EngineError::InconsistentHeads`] if `parent` is not the head. Nothing has changed then.
    pub fn extend_safe(
        &self,
        parent: B256,
        attributes: &PayloadAttributes,
        cursor: impl FnOnce(B256) -> Vec<u8>,
    ) -> Result<Produced, EngineError> {
        let inner = &*self.inner;
        let mut writer = inner.writer.lock();
        let began = Instant::now();
        let heads = *inner.heads.read();
        inner.ensure_head(&heads, parent)?;
        let plan = inner.plan(parent, attributes)?;
        let (payload, post) = inner.build_with_state(&plan, Fill::Nothing)?;
        let (block, senders) = Arc::unwrap_or_clone(payload.block).split_sealed();
        let candidate = Candidate::from_built(block, payload.encoded);
        let (header, body) = (candidate.header(), candidate.body());
        let checked = consensus::check_header(&inner.spec, header, &plan.parent.header)
            .and_then(|()| consensus::check_body(&inner.spec, header, body));
        if let Err(reason) = checked {
            return Err(inner.refuse_own(&mut writer, &plan.parent, &candidate, reason));
        }
        let timings = ImportTimings {
            execute: began.elapsed().saturating_sub(post.root_time),
            root: post.root_time,
            ..ImportTimings::default()
        };
        let executed = Executed { post, senders, timings, began };
        let cursor = cursor(candidate.hash());
        let latest = BlockRef { number: candidate.header().number, hash: candidate.hash() };
        let heads = Heads { latest, safe: latest, ..heads };
        inner.commit(&plan.parent, candidate, executed, heads, Some(&cursor))
    }
}

impl Inner {
    /// Imports a block of our own from a fresh view of its parent, and makes it the head.
    fn adopt(
        &self,
        writer: &mut Writer,
        heads: Heads,
        payload: BuiltPayload,
    ) -> Result<Produced, EngineError> {
        let block = Arc::unwrap_or_clone(payload.block).into_sealed_block();
        let candidate = Candidate::from_built(block, payload.encoded);
        let (parent, hash) = (heads.latest, candidate.hash());
        let state =
            self.parent_state(parent.hash)?.ok_or(EngineError::UnknownBlock(parent.hash))?;
        let executed = match self.check_and_execute(&state, &candidate) {
            Ok(executed) => executed,
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Invalid(reason)) => {
                return Err(self.refuse_own(writer, &state, &candidate, reason));
            }
        };
        let latest = BlockRef { number: candidate.header().number, hash };
        let heads = Heads { latest, ..heads };
        self.commit(&state, candidate, executed, heads, None)
    }

    fn ensure_head(&self, heads: &Heads, parent: B256) -> Result<(), EngineError> {
        if heads.latest.hash == parent {
            return Ok(());
        }
        let (role, head) = ("parent", heads.latest.hash);
        Err(EngineError::InconsistentHeads { role, hash: parent, head })
    }

    /// Drops a block of our own that breaks a rule, and keeps what is needed to reproduce it.
    fn refuse_own(
        &self,
        writer: &mut Writer,
        parent: &ParentState,
        candidate: &Candidate,
        reason: BlockError,
    ) -> EngineError {
        let hash = candidate.hash();
        error!(number = candidate.header().number, %hash, %reason, "own block refused");
        metrics::own_block_refused();
        self.bundles.keep(&self.spec, &parent.header, candidate, &reason);
        // Whatever misled one of the two, the next attempt starts from the database.
        self.state_cache.clear();
        self.versions.lock().clear();
        let reason = writer.refuse(hash, parent.hash, reason).reason;
        EngineError::OwnBlockRefused { hash, reason }
    }

    /// Writes an executed child of the head as the new head, and tells subscribers.
    fn commit(
        &self,
        state: &ParentState,
        candidate: Candidate,
        executed: Executed,
        heads: Heads,
        cursor: Option<&[u8]>,
    ) -> Result<Produced, EngineError> {
        let parent = BlockRef { number: state.header.number, hash: state.hash };
        let hash = candidate.hash();
        let Imported { record, timings } =
            self.write(state, candidate, executed, Commit::Head(heads, cursor))?;
        self.state_cache.move_to(hash);
        let block = Arc::clone(&record.block);
        let added = CanonicalBlock { block: record.block, receipts: record.receipts };
        let event =
            ChainEvent { fork_point: parent, removed: Vec::new(), added: vec![added], heads };
        self.publish(Some(event), heads, 0);
        Ok(Produced { block, timings })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B64;
    use phala_chainspec::ChainSpec;
    use phala_storage::{Store, StoreConfig};

    use super::*;
    use crate::EngineConfig;

    fn attributes(timestamp: u64) -> PayloadAttributes {
        PayloadAttributes {
            payload_attributes: alloy_rpc_types_engine::PayloadAttributes {
                timestamp,
                withdrawals: Some(Vec::new()),
                parent_beacon_block_root: Some(Default::default()),
                ..Default::default()
            },
            no_tx_pool: Some(true),
            gas_limit: Some(30_000_000),
            eip_1559_params: Some(B64::ZERO),
            min_base_fee: Some(0),
            ..Default::default()
        }
    }

    #[test]
    fn a_block_whose_import_disagrees_is_dropped_and_kept_for_study() {
        let spec = Arc::new(ChainSpec::dev());
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        store.init_genesis(&spec).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config =
            EngineConfig { bundle_dir: Some(dir.path().join("bundles")), ..Default::default() };
        let engine = Engine::new(Arc::clone(&spec), store, config);
        let mut events = engine.subscribe();
        let genesis = engine.heads();
        let attributes = attributes(spec.genesis.timestamp + 2);
        let mut payload = engine.build(genesis.latest.hash, &attributes).unwrap();
        // What a builder would have made of a wrong balance.
        let mut block = payload.block.clone_sealed_block().into_block();
        block.header.state_root = Default::default();
        let wrong = phala_primitives::SealedBlock::seal_slow(block);
        payload.block = Arc::new(RecoveredBlock::new_sealed(wrong, Vec::new()));
        let hash = payload.block.hash();
        let refused =
            engine.inner.adopt(&mut engine.inner.writer.lock(), genesis, payload).unwrap_err();
        let EngineError::OwnBlockRefused { hash: of, reason } = refused else {
            panic!("{refused}")
        };
        assert_eq!(of, hash);
        assert!(matches!(*reason, crate::BlockError::StateRoot { .. }), "{reason}");
        assert!(dir.path().join(format!("bundles/1-{hash}.json")).exists());
        assert_eq!(engine.heads(), genesis);
        assert!(events.try_recv().is_err(), "nothing was announced");
        // The next attempt is as good as ever.
        let produced = engine.produce(&attributes).unwrap();
        assert_eq!(engine.heads().latest.hash, produced.block.hash());
        assert_eq!(events.try_recv().unwrap().added.len(), 1);
    }
}
