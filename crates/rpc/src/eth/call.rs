use phala_evm::{
    BlockEnvironment, ExecutionError, WithCodeCache,
    call::{self, CallOutcome, CallRequest, CallResult, Estimate, StateOverrides},
};
use phala_storage::{StorageError, View};

use super::{
    call_object::{BlockOverridesObject, CallObject, OverridesObject},
    revert::reverted,
};
use crate::{
    Context, RpcError,
    json::{Json, Quantity},
    method::Method,
    params::{Object, Params},
};

pub(super) const METHODS: &[Method] =
    &[Method::heavy("eth_call", eth_call), Method::heavy("eth_estimateGas", estimate_gas)];

/// A call with everything it runs on.
struct Simulation {
    request: CallRequest,
    overrides: StateOverrides,
    env: BlockEnvironment,
    state: View,
}

impl Simulation {
    fn prepare(context: &Context, params: Params<'_>) -> Result<Self, RpcError> {
        let mut args = params.args()?;
        let call: Object<CallObject> = args.required()?;
        let id = args.optional()?.unwrap_or_default();
        let overrides: Option<Object<OverridesObject>> = args.optional()?;
        let block_overrides: Option<Object<BlockOverridesObject>> = args.optional()?;
        args.end()?;

        let request = call.0.into_request(context.spec().chain_id)?;
        let overrides = overrides.map(|overrides| overrides.0.into_overrides()).transpose()?;
        let block = context.block_ref(id)?;
        let mut env = BlockEnvironment::from(context.header(block)?.header());
        if let Some(overrides) = block_overrides {
            overrides.0.apply(&mut env);
        }
        Ok(Self {
            request,
            overrides: overrides.unwrap_or_default(),
            env,
            state: context.state(block)?,
        })
    }
}

fn eth_call(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let simulation = Simulation::prepare(context, params)?;
    let state = WithCodeCache::new(&simulation.state, context.engine().codes());
    let result = call::call(
        context.spec(),
        state,
        &simulation.env,
        &simulation.request,
        &simulation.overrides,
        context.limits().call_gas_max,
    );
    let result = result.map_err(execution_error)?;
    match result.outcome {
        CallOutcome::Success => Json::of(&result.output),
        _ => Err(call_failure(result)),
    }
}

fn estimate_gas(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let simulation = Simulation::prepare(context, params)?;
    let state = WithCodeCache::new(&simulation.state, context.engine().codes());
    let estimate = call::estimate_gas(
        context.spec(),
        state,
        &simulation.env,
        &simulation.request,
        &simulation.overrides,
        context.limits().call_gas_max,
    );
    match estimate.map_err(execution_error)? {
        Estimate::Gas(gas) => Json::of(&Quantity::from(gas)),
        Estimate::Fails { result, gas_limit } => Err(match &result.outcome {
            CallOutcome::Halt(reason) if is_out_of_gas(reason) => RpcError::GasAllowance(gas_limit),
            _ => call_failure(result),
        }),
    }
}

/// Why a call that was executed did not succeed.
pub(crate) fn call_failure(result: CallResult) -> RpcError {
    match result.outcome {
        CallOutcome::Halt(reason) if is_out_of_gas(&reason) => RpcError::OutOfGas,
        CallOutcome::Halt(reason) => RpcError::Halted(reason),
        CallOutcome::Success | CallOutcome::Revert => reverted(result.output),
    }
}

fn is_out_of_gas(reason: &op_revm::OpHaltReason) -> bool {
    use revm::context_interface::result::HaltReason;
    matches!(reason, op_revm::OpHaltReason::Base(HaltReason::OutOfGas(_)))
}

/// Tells what the caller did wrong from what this node could not do.
pub(crate) fn execution_error(error: ExecutionError) -> RpcError {
    match error {
        ExecutionError::Invalid { reason, .. } => RpcError::InvalidCall(reason),
        ExecutionError::Database(source) => match source.downcast::<StorageError>() {
            Ok(error) => RpcError::from(*error),
            Err(source) => RpcError::Internal(source),
        },
        error => RpcError::internal(error),
    }
}
