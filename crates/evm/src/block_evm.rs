use alloy_eips::eip4788::SYSTEM_ADDRESS;
use alloy_evm::{EvmEnv, EvmFactory, precompiles::PrecompilesMap};
use alloy_op_evm::{OpEvmContext, OpTx};
use alloy_primitives::{Address, B256};
use op_revm::{L1BlockInfo, OpEvm, OpHaltReason, OpSpecId, OpTransactionError, handler::OpHandler};
use phala_chainspec::ChainSpec;
use revm::{
    DatabaseRef,
    context::BlockEnv,
    context_interface::{
        ContextSetters, JournalTr,
        result::{EVMError, ExecutionResult},
    },
    handler::{EthFrame, Handler, SystemCallTx, instructions::EthInstructions},
    inspector::NoOpInspector,
    interpreter::interpreter::EthInterpreter,
    state::EvmState,
};

use crate::{
    ExecutionError, InvalidReason, PhalaEvmFactory, block_state::BlockState,
    simulation_handler::SimulationHandler,
};

type Context<DB> = OpEvmContext<BlockState<DB>>;

/// The EVM of one block, with the block's state in it.
///
/// Whatever happens to a transaction, nothing of it stays behind except what the caller commits:
/// op-revm by itself keeps what a refused transaction loaded, and thereby warmed.
pub(crate) struct BlockEvm<DB: DatabaseRef> {
    evm: OpEvm<
        Context<DB>,
        NoOpInspector,
        EthInstructions<EthInterpreter, Context<DB>>,
        PrecompilesMap,
    >,
}

impl<DB: DatabaseRef> BlockEvm<DB> {
    pub(crate) fn new(
        spec: &ChainSpec,
        state: BlockState<DB>,
        env: EvmEnv<OpSpecId, BlockEnv>,
    ) -> Self {
        Self { evm: PhalaEvmFactory::new(&spec.forks).create_evm(state, env).into_inner() }
    }

    /// Runs a transaction; what it changed is not in the state yet. `hash` is for the error.
    pub(crate) fn transact(
        &mut self,
        tx: OpTx,
        hash: impl FnOnce() -> B256,
    ) -> Result<(ExecutionResult<OpHaltReason>, EvmState), ExecutionError> {
        self.evm.0.ctx.set_tx(tx);
        let result = OpHandler::<_, _, EthFrame<EthInterpreter>>::new().run(&mut self.evm);
        self.concluded(result, hash)
    }

    /// Runs a transaction of which only the result is of interest.
    pub(crate) fn simulate(
        &mut self,
        tx: OpTx,
    ) -> Result<ExecutionResult<OpHaltReason>, ExecutionError> {
        self.evm.0.ctx.set_tx(tx);
        let result = SimulationHandler::new().run(&mut self.evm);
        self.concluded(result, || B256::ZERO).map(|(result, _)| result)
    }

    /// Runs a system call; one that reverts or halts changes nothing.
    pub(crate) fn system_call(
        &mut self,
        contract: Address,
        word: B256,
    ) -> Result<EvmState, ExecutionError> {
        let tx = OpTx::new_system_tx_with_caller(SYSTEM_ADDRESS, contract, word.0.into());
        self.evm.0.ctx.set_tx(tx);
        let mut handler = OpHandler::<_, _, EthFrame<EthInterpreter>>::new();
        let result = handler.run_system_call(&mut self.evm);
        self.concluded(result, || B256::ZERO).map(|(_, changes)| changes)
    }

    fn concluded(
        &mut self,
        result: Result<ExecutionResult<OpHaltReason>, EVMError<DB::Error, OpTransactionError>>,
        hash: impl FnOnce() -> B256,
    ) -> Result<(ExecutionResult<OpHaltReason>, EvmState), ExecutionError> {
        let ctx = &mut self.evm.0.ctx;
        let changes = ctx.journaled_state.finalize();
        match result {
            Ok(result) => Ok((result, changes)),
            Err(error) => {
                ctx.error = Ok(());
                ctx.chain.clear_tx_l1_cost();
                Err(meaning_of(error, hash))
            }
        }
    }

    pub(crate) const fn state_mut(&mut self) -> &mut BlockState<DB> {
        &mut self.evm.0.ctx.journaled_state.database
    }

    /// What op-revm knows of the block's L1 fees.
    pub(crate) const fn l1_block_info_mut(&mut self) -> &mut L1BlockInfo {
        &mut self.evm.0.ctx.chain
    }

    pub(crate) fn into_state(self) -> BlockState<DB> {
        self.evm.0.ctx.journaled_state.database
    }
}

/// What an error of the EVM means for a block.
fn meaning_of<E>(
    error: EVMError<E, OpTransactionError>,
    hash: impl FnOnce() -> B256,
) -> ExecutionError
where
    E: std::error::Error + Send + Sync + 'static,
{
    match error {
        EVMError::Transaction(reason) => {
            ExecutionError::Invalid { hash: hash(), reason: InvalidReason::Rule(reason) }
        }
        EVMError::Database(error) => ExecutionError::database(error),
        EVMError::Header(error) => ExecutionError::Bug(Box::new(error)),
        EVMError::Custom(error) => ExecutionError::Bug(error.into()),
        EVMError::CustomAny(error) => ExecutionError::Bug(error.to_string().into()),
    }
}
