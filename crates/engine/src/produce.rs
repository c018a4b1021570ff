use std::sync::Arc;

use phala_primitives::{BlockRef, Heads, RecoveredBlock};
use tracing::error;

use crate::{
    BuiltPayload, CanonicalBlock, ChainEvent, Engine, EngineError, ImportTimings,
    PayloadAttributes,
    build::Fill,
    candidate::Candidate,
    engine::{Inner, Writer},
    execution::Refusal,
    import::{Commit, Imported},
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
                error!(number = candidate.header().number, %hash, %reason, "own block refused");
                metrics::own_block_refused();
                self.bundles.keep(&self.spec, &state.header, &candidate, &reason);
                // Whatever misled one of the two, the next attempt starts from the database.
                self.state_cache.clear();
                self.versions.lock().clear();
                let reason = writer.refuse(hash, parent.hash, reason).reason;
                return Err(EngineError::OwnBlockRefused { hash, reason });
            }
        };
        let latest = BlockRef { number: candidate.header().number, hash };
        let heads = Heads { latest, ..heads };
        let Imported { record, timings } =
            self.write(&state, candidate, executed, Commit::Head(heads))?;
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
