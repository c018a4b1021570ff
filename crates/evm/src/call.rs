//! Simulates single transactions on a state: what `eth_call` and `eth_estimateGas` need.

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_op_evm::OpTx;
use alloy_primitives::{
    Address, B256, Bytes, Log, TxKind, U256,
    map::{AddressMap, HashMap},
};
use op_revm::{OpHaltReason, OpSpecId, OpTransaction, OpTransactionError};
use phala_chainspec::ChainSpec;
use phala_primitives::EMPTY_CODE_HASH;
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    context::TxEnv,
    context_interface::{
        either::Either,
        result::{ExecutionResult, InvalidTransaction},
    },
};

use crate::{
    BlockEnvironment, ExecutionError, InvalidReason, L1FeeParams, TX_GAS_LIMIT_CAP,
    block_evm::BlockEvm, block_state::BlockState, evm_env,
};

/// Gas of a transaction that only moves value.
const TRANSFER_GAS: u64 = 21_000;

/// What a call with value gives the callee on top (EIP-150 makes callers hold more than they use).
const CALL_STIPEND: u64 = 2_300;

/// The search for the gas limit ends when it is known to one part in this many.
const ESTIMATE_PRECISION: u64 = 64;

/// A transaction to simulate. It is not signed: nonce, chain id and the sender's code do not matter.
#[derive(Clone, Debug, Default)]
pub struct CallRequest {
    /// Sender.
    pub from: Address,
    /// Callee, or creation.
    pub to: TxKind,
    /// Gas limit; as much as is allowed if it is missing.
    pub gas: Option<u64>,
    /// Gas price, or maximum fee per gas. At zero nothing is paid and the base fee is zero.
    pub gas_price: u128,
    /// Priority fee; makes it an EIP-1559 transaction.
    pub max_priority_fee: Option<u128>,
    /// Value to send.
    pub value: U256,
    /// Calldata or init code.
    pub input: Bytes,
    /// EIP-2930 access list.
    pub access_list: AccessList,
    /// EIP-7702 authorizations.
    pub authorization_list: Vec<SignedAuthorization>,
}

/// An account changed for a simulation; what is missing stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountOverride {
    /// Nonce.
    pub nonce: Option<u64>,
    /// Balance in wei.
    pub balance: Option<U256>,
    /// Code.
    pub code: Option<Bytes>,
    /// Storage.
    pub storage: Option<StorageOverride>,
}

/// Storage changed for a simulation.
#[derive(Clone, Debug)]
pub enum StorageOverride {
    /// These slots and no other.
    Replace(HashMap<U256, U256>),
    /// These slots, the others as they are.
    Merge(HashMap<U256, U256>),
}

/// Accounts changed for a simulation.
pub type StateOverrides = AddressMap<AccountOverride>;

/// How a simulated transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It succeeded.
    Success,
    /// It ran into `REVERT`.
    Revert,
    /// It was stopped, and used all its gas.
    Halt(OpHaltReason),
}

/// What a simulated transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// How it ended.
    pub outcome: CallOutcome,
    /// Returned data, revert data, or the created code; empty after a halt.
    pub output: Bytes,
    /// Gas used, after refunds.
    pub gas_used: u64,
    /// Gas refunded.
    pub gas_refunded: u64,
    /// Logs.
    pub logs: Vec<Log>,
}

/// A gas limit, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// With this limit the transaction succeeds.
    Gas(u64),
    /// It fails even with the highest limit allowed.
    Fails {
        /// What happens then.
        result: CallResult,
        /// That limit.
        gas_limit: u64,
    },
}

/// Simulates a transaction on `db` as if in the block of `env`.
///
/// Its gas is at most `gas_cap`, and EIP-7825's cap from Karst on.
pub fn call<DB: DatabaseRef>(
    spec: &ChainSpec,
    db: DB,
    env: &BlockEnvironment,
    request: &CallRequest,
    overrides: &StateOverrides,
    gas_cap: u64,
) -> Result<CallResult, ExecutionError> {
    let mut simulation = Simulation::new(spec, db, env, request, overrides)?;
    let mut gas = request.gas.unwrap_or(u64::MAX).min(simulation.gas_cap(gas_cap));
    if request.gas.is_none() {
        gas = gas.min(simulation.affordable_gas(request)?);
    }
    simulation.run(gas)
}

/// Finds a gas limit with which the transaction succeeds, close to the lowest.
pub fn estimate_gas<DB: DatabaseRef>(
    spec: &ChainSpec,
    db: DB,
    env: &BlockEnvironment,
    request: &CallRequest,
    overrides: &StateOverrides,
    gas_cap: u64,
) -> Result<Estimate, ExecutionError> {
    let mut simulation = Simulation::new(spec, db, env, request, overrides)?;
    let highest = request
        .gas
        .filter(|gas| *gas >= TRANSFER_GAS)
        .unwrap_or(env.gas_limit)
        .min(simulation.gas_cap(gas_cap))
        .min(simulation.affordable_gas(request)?);
    if highest >= TRANSFER_GAS
        && simulation.is_transfer(request)?
        && simulation.succeeds_with(TRANSFER_GAS)?
    {
        return Ok(Estimate::Gas(TRANSFER_GAS));
    }
    let result = simulation.run(highest)?;
    if result.outcome != CallOutcome::Success {
        return Ok(Estimate::Fails { result, gas_limit: highest });
    }
    simulation.search(&result, highest).map(Estimate::Gas)
}

/// One transaction, to be run with different gas limits on the same state.
struct Simulation<DB: DatabaseRef> {
    evm: BlockEvm<DB>,
    spec: OpSpecId,
    tx: TxEnv,
}

impl<DB: DatabaseRef> Simulation<DB> {
    fn new(
        spec: &ChainSpec,
        db: DB,
        env: &BlockEnvironment,
        request: &CallRequest,
        overrides: &StateOverrides,
    ) -> Result<Self, ExecutionError> {
        let mut evm_env = evm_env(spec, env);
        let cfg = &mut evm_env.cfg_env;
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        if request.gas_price == 0 {
            cfg.disable_fee_charge = true;
            cfg.disable_base_fee = true;
            evm_env.block_env.basefee = 0;
        }
        let op_spec = evm_env.cfg_env.spec;
        let mut state = BlockState::new(db, None);
        apply_overrides(&mut state, overrides)?;
        let mut evm = BlockEvm::new(spec, state, evm_env);
        // A call has no encoding, so it pays for gas only.
        *evm.l1_block_info_mut() = L1FeeParams::zero(op_spec).to_l1_block_info(env.number);
        Ok(Self { evm, spec: op_spec, tx: tx_env(spec, request) })
    }

    fn gas_cap(&self, gas_cap: u64) -> u64 {
        if self.spec.is_enabled_in(OpSpecId::KARST) {
            gas_cap.min(TX_GAS_LIMIT_CAP)
        } else {
            gas_cap
        }
    }

    /// Gas the sender can pay for besides the value.
    fn affordable_gas(&mut self, request: &CallRequest) -> Result<u64, ExecutionError> {
        if request.gas_price == 0 {
            return Ok(u64::MAX);
        }
        let balance = self
            .evm
            .state_mut()
            .basic(request.from)
            .map_err(ExecutionError::database)?
            .map_or(U256::ZERO, |account| account.balance);
        let left = balance.checked_sub(request.value).ok_or_else(|| {
            let fee = Box::new(request.value);
            let balance = Box::new(balance);
            rule(InvalidTransaction::LackOfFundForMaxFee { fee, balance })
        })?;
        Ok((left / U256::from(request.gas_price)).saturating_to())
    }

    fn is_transfer(&mut self, request: &CallRequest) -> Result<bool, ExecutionError> {
        let TxKind::Call(to) = request.to else {
            return Ok(false);
        };
        if !request.input.is_empty()
            || !request.access_list.is_empty()
            || !request.authorization_list.is_empty()
        {
            return Ok(false);
        }
        let account = self.evm.state_mut().basic(to).map_err(ExecutionError::database)?;
        Ok(account.is_none_or(|account| account.code_hash == EMPTY_CODE_HASH))
    }

    fn run(&mut self, gas: u64) -> Result<CallResult, ExecutionError> {
        let base = TxEnv { gas_limit: gas, ..self.tx.clone() };
        let tx = OpTx(OpTransaction {
            base,
            enveloped_tx: Some(Bytes::new()),
            deposit: Default::default(),
        });
        self.evm.simulate(tx).map(CallResult::from)
    }

    fn succeeds_with(&mut self, gas: u64) -> Result<bool, ExecutionError> {
        match self.run(gas) {
            Ok(result) => Ok(result.outcome == CallOutcome::Success),
            Err(ExecutionError::Invalid { reason: InvalidReason::Rule(rule), .. })
                if is_too_little_gas(&rule) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Searches between what a run with plenty of gas used, and a limit that is enough.
    fn search(&mut self, result: &CallResult, highest: u64) -> Result<u64, ExecutionError> {
        let mut high = highest;
        let mut low = result.gas_used.saturating_sub(1);
        // Refunds come at the end, and callers keep one part in 64 (EIP-150).
        let likely = result
            .gas_used
            .saturating_add(result.gas_refunded)
            .saturating_add(CALL_STIPEND)
            .saturating_mul(64)
            / 63;
        if likely < high {
            if self.succeeds_with(likely)? {
                high = likely;
            } else {
                low = likely;
            }
        }
        while low.saturating_add(1) < high && high - low > high / ESTIMATE_PRECISION {
            // Most transactions need little more than the lower bound.
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2)).max(low + 1);
            if self.succeeds_with(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }
}

fn rule(reason: InvalidTransaction) -> ExecutionError {
    let reason = InvalidReason::Rule(OpTransactionError::Base(reason));
    ExecutionError::Invalid { hash: B256::ZERO, reason }
}

const fn is_too_little_gas(reason: &OpTransactionError) -> bool {
    matches!(
        reason,
        OpTransactionError::Base(
            InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
        )
    )
}

fn apply_overrides<DB: DatabaseRef>(
    state: &mut BlockState<DB>,
    overrides: &StateOverrides,
) -> Result<(), ExecutionError> {
    for (address, change) in overrides {
        let code =
            change.code.clone().map(Bytecode::new_raw_checked).transpose().map_err(|_| {
                ExecutionError::Invalid {
                    hash: B256::ZERO,
                    reason: InvalidReason::MalformedCode(*address),
                }
            })?;
        state
            .override_account(*address, |account| {
                account.nonce = change.nonce.unwrap_or(account.nonce);
                account.balance = change.balance.unwrap_or(account.balance);
                if let Some(code) = code {
                    account.code_hash = code.hash_slow();
                    account.code = Some(code);
                }
            })
            .map_err(ExecutionError::database)?;
        let (clear, slots) = match &change.storage {
            None => continue,
            Some(StorageOverride::Replace(slots)) => (true, slots),
            Some(StorageOverride::Merge(slots)) => (false, slots),
        };
        state
            .override_storage(*address, clear, slots.iter().map(|(slot, value)| (*slot, *value)))
            .map_err(ExecutionError::database)?;
    }
    Ok(())
}

fn tx_env(spec: &ChainSpec, request: &CallRequest) -> TxEnv {
    let tx_type = if !request.authorization_list.is_empty() {
        alloy_consensus::TxType::Eip7702
    } else if request.max_priority_fee.is_some() {
        alloy_consensus::TxType::Eip1559
    } else if !request.access_list.is_empty() {
        alloy_consensus::TxType::Eip2930
    } else {
        alloy_consensus::TxType::Legacy
    };
    TxEnv {
        tx_type: tx_type.into(),
        caller: request.from,
        gas_limit: 0,
        gas_price: request.gas_price,
        kind: request.to,
        value: request.value,
        data: request.input.clone(),
        nonce: 0,
        chain_id: Some(spec.chain_id),
        access_list: request.access_list.clone(),
        gas_priority_fee: request.max_priority_fee,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: request.authorization_list.iter().cloned().map(Either::Left).collect(),
    }
}

impl From<ExecutionResult<OpHaltReason>> for CallResult {
    fn from(result: ExecutionResult<OpHaltReason>) -> Self {
        let gas = result.gas();
        let (gas_used, gas_refunded) = (gas.tx_gas_used(), gas.final_refunded());
        let (outcome, output, logs) = match result {
            ExecutionResult::Success { output, logs, .. } => {
                (CallOutcome::Success, output.into_data(), logs)
            }
            ExecutionResult::Revert { output, logs, .. } => (CallOutcome::Revert, output, logs),
            ExecutionResult::Halt { reason, logs, .. } => {
                (CallOutcome::Halt(reason), Bytes::new(), logs)
            }
        };
        Self { outcome, output, gas_used, gas_refunded, logs }
    }
}
