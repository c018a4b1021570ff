use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use alloy_consensus::{Transaction as _, proofs::ordered_trie_root_encoded};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressSet};
use phala_evm::{
    BlockAttributes, BlockCommitments, BlockEnvironment, Execution, ExecutionError,
    assemble_header, da_usage,
};
use phala_primitives::{
    Block, BlockBody, BlockRef, EMPTY_STORAGE_ROOT, RecoveredBlock, RecoveredTx, SealedBlock,
    Transaction, TransactionError, decode_transaction,
};

use crate::{
    AttributesError, Engine, EngineError, PayloadAttributes, PayloadId, attributes, engine::Inner,
    execution::ParentState, metrics, post_state::PostState, recovery::Recovery, state_db::StateDb,
};

/// Gas of the cheapest transaction: with less left, nothing more fits.
const TX_GAS_MIN: u64 = 21_000;

/// What the transaction source is told about the block it is asked to fill.
#[derive(Clone, Copy, Debug)]
pub struct BuildContext {
    /// The parent.
    pub parent: BlockRef,
    /// Time of the block.
    pub timestamp: u64,
    /// Base fee of the block; transactions that pay less are refused.
    pub base_fee: u64,
    /// Gas limit of the block, forced transactions included.
    pub gas_limit: u64,
}

/// Gives the transactions of the pool in the order they should be tried.
pub type TransactionSource =
    Arc<dyn Fn(BuildContext) -> Box<dyn Iterator<Item = Arc<RecoveredTx>> + Send> + Send + Sync>;

/// A block this node has built and not imported.
#[derive(Clone, Debug)]
pub struct BuiltPayload {
    /// Names the attributes and the parent it was built from.
    pub id: PayloadId,
    /// The block.
    pub block: Arc<RecoveredBlock>,
    /// EIP-2718 bytes of each transaction.
    pub encoded: Vec<Bytes>,
    /// What the fee recipient earns.
    pub value: U256,
}

/// Attributes that were checked, with what does not change between attempts to fill the block.
#[derive(Debug)]
pub(crate) struct BuildPlan {
    pub(crate) id: PayloadId,
    pub(crate) no_tx_pool: bool,
    pub(crate) parent: ParentState,
    attributes: BlockAttributes,
    environment: BlockEnvironment,
    forced: Vec<RecoveredTx>,
}

/// Where the transactions after the forced ones come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fill<'a> {
    /// There are none.
    Nothing,
    /// The transaction source, until told to stop.
    FromSource { stop: Option<&'a AtomicBool> },
}

impl Engine {
    /// Builds a block on `parent` without importing it.
    pub fn build(
        &self,
        parent: B256,
        attributes: &PayloadAttributes,
    ) -> Result<BuiltPayload, EngineError> {
        let plan = self.inner.plan(parent, attributes)?;
        let fill = if plan.no_tx_pool { Fill::Nothing } else { Fill::FromSource { stop: None } };
        self.inner.build(&plan, fill)
    }
}

impl Inner {
    /// Checks attributes and recovers their transactions.
    pub(crate) fn plan(
        &self,
        parent: B256,
        attributes: &PayloadAttributes,
    ) -> Result<BuildPlan, EngineError> {
        let parent = self.parent_state(parent)?.ok_or(EngineError::UnknownBlock(parent))?;
        let block = attributes::check(&self.spec, &parent.header, attributes)?;
        let environment = block
            .environment(&self.spec, &parent.header, parent.hash)
            .map_err(AttributesError::ParentFeeParameters)?;
        let forced = self.forced_transactions(attributes.transactions.as_deref())?;
        Ok(BuildPlan {
            id: attributes::id_for(parent.hash, attributes),
            no_tx_pool: attributes.no_tx_pool.unwrap_or_default(),
            parent,
            attributes: block,
            environment,
            forced,
        })
    }

    fn forced_transactions(
        &self,
        raw: Option<&[Bytes]>,
    ) -> Result<Vec<RecoveredTx>, AttributesError> {
        let raw = raw.unwrap_or_default();
        let transactions = raw
            .iter()
            .enumerate()
            .map(|(index, bytes)| {
                decode_transaction(bytes)
                    .map_err(|reason| AttributesError::MalformedTransaction { index, reason })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let recovery = Recovery::new(&transactions, &self.senders);
        self.threads.in_place_scope(|scope| {
            for _ in 1..self.threads.current_num_threads() {
                scope.spawn(|_| recovery.work());
            }
            recovery.work();
        });
        let senders = recovery.into_senders().map_err(|index| {
            let hash = transactions[index].tx_hash();
            let reason = TransactionError::InvalidSignature(hash);
            AttributesError::MalformedTransaction { index, reason }
        })?;
        let recovered = transactions.into_iter().zip(senders);
        Ok(recovered.map(|(tx, sender)| RecoveredTx::new_unchecked(tx, sender)).collect())
    }

    /// Executes the forced transactions and fills the block up.
    pub(crate) fn build(
        &self,
        plan: &BuildPlan,
        fill: Fill<'_>,
    ) -> Result<BuiltPayload, EngineError> {
        Ok(self.build_with_state(plan, fill)?.0)
    }

    /// [`build`](Self::build) that keeps what executing the block gave.
    pub(crate) fn build_with_state(
        &self,
        plan: &BuildPlan,
        fill: Fill<'_>,
    ) -> Result<(BuiltPayload, PostState), EngineError> {
        let began = Instant::now();
        let parent = &plan.parent;
        let db = StateDb::new(parent.hash, &parent.view, &self.state_cache, &self.code_cache);
        let mut assembly = Assembly::new(self, plan, &db)?;
        assembly.push_forced(&plan.forced)?;
        if let Fill::FromSource { stop } = fill {
            let context = plan.context();
            let source = self.source.read().clone();
            if let Some(source) = source {
                assembly.fill(source(context), stop, began)?;
            }
        }
        let (payload, post) = assembly.seal(&db)?;
        db.keep_reads();
        metrics::built(began.elapsed(), payload.block.gas_used);
        Ok((payload, post))
    }
}

impl BuildPlan {
    fn context(&self) -> BuildContext {
        BuildContext {
            parent: BlockRef { number: self.parent.header.number, hash: self.parent.hash },
            timestamp: self.environment.timestamp,
            base_fee: self.environment.base_fee,
            gas_limit: self.environment.gas_limit,
        }
    }
}

/// A block that is being built.
struct Assembly<'a> {
    engine: &'a Inner,
    plan: &'a BuildPlan,
    execution: Execution<&'a StateDb<'a>>,
    transactions: Vec<Transaction>,
    encoded: Vec<Bytes>,
    senders: Vec<Address>,
    value: U256,
}

impl<'a> Assembly<'a> {
    fn new(
        engine: &'a Inner,
        plan: &'a BuildPlan,
        db: &'a StateDb<'a>,
    ) -> Result<Self, EngineError> {
        let execution = Execution::new(&engine.spec, db, &plan.environment)?;
        Ok(Self {
            engine,
            plan,
            execution,
            transactions: Vec::new(),
            encoded: Vec::new(),
            senders: Vec::new(),
            value: U256::ZERO,
        })
    }

    /// Executes the transactions that must be in the block, in order. One that is invalid makes
    /// the whole payload invalid: leaving it out would be another block than the one derived.
    fn push_forced(&mut self, forced: &[RecoveredTx]) -> Result<(), EngineError> {
        for (index, tx) in forced.iter().enumerate() {
            match self.push(tx) {
                Ok(()) => {}
                Err(ExecutionError::Invalid { hash, reason }) => {
                    let reason = Box::new(reason);
                    return Err(AttributesError::InvalidTransaction { index, hash, reason }.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Adds transactions of the pool until a limit is reached.
    fn fill(
        &mut self,
        candidates: impl Iterator<Item = Arc<RecoveredTx>>,
        stop: Option<&AtomicBool>,
        began: Instant,
    ) -> Result<(), EngineError> {
        let config = &self.engine.config;
        let limits = &self.engine.da_limits;
        let (tx_size_max, mut size_left) = (limits.tx(), limits.block());
        // A transaction after one that failed has a gap before it.
        let mut skipped = AddressSet::default();
        for tx in candidates.take(config.build_candidates_max) {
            let gas_left =
                self.plan.environment.gas_limit.saturating_sub(self.execution.gas_used());
            let is_late = began.elapsed() >= config.build_time_limit;
            let is_stopped = stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            if gas_left < TX_GAS_MIN || is_late || is_stopped {
                break;
            }
            if skipped.contains(&tx.sender()) {
                continue;
            }
            let size = da_usage(tx.encoded());
            let fits = tx.tx().gas_limit() <= gas_left && size <= tx_size_max && size <= size_left;
            if !fits || tx.tx().is_deposit() {
                skipped.insert(tx.sender());
                continue;
            }
            match self.push(&tx) {
                Ok(()) => size_left -= size,
                Err(ExecutionError::Invalid { .. }) => {
                    skipped.insert(tx.sender());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn push(&mut self, tx: &RecoveredTx) -> Result<(), ExecutionError> {
        let outcome = self.execution.execute(tx.tx(), tx.sender(), tx.encoded())?;
        if !tx.tx().is_deposit() {
            let base_fee = self.plan.environment.base_fee;
            let tip = tx.tx().effective_tip_per_gas(base_fee).unwrap_or_default();
            self.value += U256::from(outcome.gas_used) * U256::from(tip);
        }
        self.transactions.push(tx.tx().clone());
        self.encoded.push(tx.encoded().clone());
        self.senders.push(tx.sender());
        Ok(())
    }

    /// Computes the roots and closes the header.
    fn seal(self, db: &StateDb<'_>) -> Result<(BuiltPayload, PostState), EngineError> {
        let Self { engine, plan, execution, transactions, encoded, senders, value } = self;
        let parent = &plan.parent;
        let output = execution.finish();
        let timestamp = plan.attributes.timestamp;
        let post = engine.post_state(parent.hash, timestamp, parent, db, output)?;
        let fields = &post.fields;
        let commitments = BlockCommitments {
            transactions_root: ordered_trie_root_encoded(&encoded),
            receipts_root: fields.receipts_root,
            logs_bloom: fields.logs_bloom,
            gas_used: fields.gas_used,
            da_footprint: fields.blob_gas_used.unwrap_or_default(),
            state_root: fields.state_root,
            message_passer_root: fields.withdrawals_root.unwrap_or(EMPTY_STORAGE_ROOT),
        };
        let (spec, attributes) = (&engine.spec, &plan.attributes);
        let header = assemble_header(spec, &parent.header, parent.hash, attributes, &commitments)
            .map_err(AttributesError::FeeParameters)?;
        let withdrawals = header.withdrawals_root.map(|_| Default::default());
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals };
        let block = SealedBlock::seal_slow(Block { header, body });
        let block = Arc::new(RecoveredBlock::new_sealed(block, senders));
        Ok((BuiltPayload { id: plan.id, block, encoded, value }, post))
    }
}
