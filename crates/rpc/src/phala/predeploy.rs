use alloy_eips::BlockId;
use alloy_primitives::{Address, TxKind};
use alloy_sol_types::SolCall;
use phala_evm::{
    BlockEnvironment, WithCodeCache,
    call::{self, CallOutcome, CallRequest, StateOverrides},
};
use phala_storage::View;

use crate::{
    Context, RpcError,
    eth::{call_failure, execution_error},
};

/// Gas of one read: a few cold slots behind a proxy take less than a tenth of it.
const READ_GAS_MAX: u64 = 1_000_000;

/// The state of the predeploys after a block.
pub(super) struct Predeploys<'a> {
    context: &'a Context,
    env: BlockEnvironment,
    state: View,
}

impl<'a> Predeploys<'a> {
    pub(super) fn at(context: &'a Context, id: BlockId) -> Result<Self, RpcError> {
        let block = context.block_ref(id)?;
        let env = BlockEnvironment::from(context.header(block)?.header());
        Ok(Self { context, env, state: context.state(block)? })
    }

    /// Calls a view function. Where there is no code, a call succeeds and says nothing.
    pub(super) fn read<C: SolCall>(
        &self,
        name: &'static str,
        address: Address,
        call: &C,
    ) -> Result<C::Return, RpcError> {
        let request = CallRequest {
            to: TxKind::Call(address),
            input: call.abi_encode().into(),
            ..Default::default()
        };
        let result = call::call(
            self.context.spec(),
            WithCodeCache::new(&self.state, self.context.engine().codes()),
            &self.env,
            &request,
            &StateOverrides::default(),
            READ_GAS_MAX,
        )
        .map_err(execution_error)?;
        match result.outcome {
            CallOutcome::Success if result.output.is_empty() => {
                Err(RpcError::NoPredeploy { name, address, block: self.env.number })
            }
            CallOutcome::Success => {
                C::abi_decode_returns(&result.output).map_err(RpcError::internal)
            }
            _ => Err(call_failure(result)),
        }
    }
}
