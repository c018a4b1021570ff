use op_revm::{
    OpHaltReason,
    api::exec::OpContextTr,
    handler::{IsTxError, OpHandler},
    transaction::OpTransactionError,
};
use revm::{
    context_interface::{
        Cfg, ContextTr,
        result::{ExecutionResult, FromStringError, ResultGas},
    },
    handler::{EthFrame, EvmTr, EvmTrError, FrameResult, Handler},
    interpreter::{InitialAndFloorGas, interpreter::EthInterpreter},
};

type Frame = EthFrame<EthInterpreter>;

/// op-revm's handler for simulations: where nobody pays, no vault is loaded to be paid.
///
/// Four accounts less to read in each `eth_call`. Blocks are executed by op-revm's own handler.
pub(crate) struct SimulationHandler<EVM, ERROR> {
    op: OpHandler<EVM, ERROR, Frame>,
}

impl<EVM, ERROR> SimulationHandler<EVM, ERROR> {
    pub(crate) fn new() -> Self {
        Self { op: OpHandler::new() }
    }
}

/// Everything that [`OpHandler`] overrides is passed on to it.
impl<EVM, ERROR> Handler for SimulationHandler<EVM, ERROR>
where
    EVM: EvmTr<Context: OpContextTr, Frame = Frame>,
    ERROR: EvmTrError<EVM> + From<OpTransactionError> + FromStringError + IsTxError,
{
    type Evm = EVM;
    type Error = ERROR;
    type HaltReason = OpHaltReason;

    fn validate_env(&self, evm: &mut EVM) -> Result<(), ERROR> {
        self.op.validate_env(evm)
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut EVM,
        gas: &mut InitialAndFloorGas,
    ) -> Result<(), ERROR> {
        self.op.validate_against_state_and_deduct_caller(evm, gas)
    }

    fn last_frame_result(&mut self, evm: &mut EVM, result: &mut FrameResult) -> Result<(), ERROR> {
        self.op.last_frame_result(evm, result)
    }

    fn reimburse_caller(&self, evm: &mut EVM, result: &mut FrameResult) -> Result<(), ERROR> {
        self.op.reimburse_caller(evm, result)
    }

    fn refund(&self, evm: &mut EVM, result: &mut FrameResult, eip7702_refund: i64) {
        self.op.refund(evm, result, eip7702_refund);
    }

    fn reward_beneficiary(&self, evm: &mut EVM, result: &mut FrameResult) -> Result<(), ERROR> {
        if evm.ctx_ref().cfg().is_fee_charge_disabled() {
            return Ok(());
        }
        self.op.reward_beneficiary(evm, result)
    }

    fn execution_result(
        &mut self,
        evm: &mut EVM,
        result: FrameResult,
        gas: ResultGas,
    ) -> Result<ExecutionResult<OpHaltReason>, ERROR> {
        self.op.execution_result(evm, result, gas)
    }

    fn catch_error(
        &self,
        evm: &mut EVM,
        error: ERROR,
    ) -> Result<ExecutionResult<OpHaltReason>, ERROR> {
        self.op.catch_error(evm, error)
    }
}
