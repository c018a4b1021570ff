use alloy_consensus::{Eip658Value, Transaction as _, Typed2718};
use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_evm::FromTxWithEncoded;
use alloy_op_evm::OpTx;
use alloy_primitives::{Address, B256, Bytes, Log};
use op_alloy_consensus::OpDepositReceipt;
use op_revm::{OpSpecId, estimate_tx_compressed_size};
use phala_chainspec::ChainSpec;
use phala_primitives::{Receipt, Transaction};
use revm::DatabaseRef;

use crate::{
    BlockEnvironment, ExecutionError, InvalidReason, L1FeeParams, StateChanges,
    block_evm::BlockEvm, block_state::BlockState, evm_env, l1_fee::is_deposit_tx,
};

/// EIP-7825: the gas limit a transaction that is not a deposit may have from Karst on.
pub const TX_GAS_LIMIT_CAP: u64 = 1 << 24;

/// Marks deposit receipts from Canyon on.
const DEPOSIT_RECEIPT_VERSION: u64 = 1;

/// One block being executed. It stays on the thread it was made on (op-revm shares its memory by `Rc`).
pub struct Execution<DB: DatabaseRef> {
    evm: BlockEvm<DB>,
    spec: OpSpecId,
    number: u64,
    gas_limit: u64,
    gas_used: u64,
    da_footprint: u64,
    /// Set by the first transaction that is not a deposit.
    l1_fees: Option<L1FeeParams>,
    receipts: Vec<Receipt>,
}

/// What became of one transaction of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxOutcome {
    /// Gas it used, after refunds.
    pub gas_used: u64,
    /// Status of its receipt.
    pub success: bool,
}

/// A block that was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionOutput {
    /// One receipt for each transaction.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// DA footprint of all transactions; zero before Jovian.
    pub da_footprint: u64,
    /// What changed in the state.
    pub changes: StateChanges,
}

impl<DB: DatabaseRef> Execution<DB> {
    /// Starts a block on its parent's state: runs the system calls of EIP-4788 and EIP-2935.
    pub fn new(spec: &ChainSpec, db: DB, env: &BlockEnvironment) -> Result<Self, ExecutionError> {
        let parent = env.number.checked_sub(1).map(|number| (number, env.parent_hash));
        let evm_env = evm_env(spec, env);
        let op_spec = evm_env.cfg_env.spec;
        let state = BlockState::new(db, parent);
        let mut execution = Self {
            evm: BlockEvm::new(spec, state, evm_env),
            spec: op_spec,
            number: env.number,
            gas_limit: env.gas_limit,
            gas_used: 0,
            da_footprint: 0,
            l1_fees: None,
            receipts: Vec::new(),
        };
        execution.run_system_calls(env)?;
        Ok(execution)
    }

    fn run_system_calls(&mut self, env: &BlockEnvironment) -> Result<(), ExecutionError> {
        if env.number == 0 {
            return Ok(());
        }
        if self.is_active(OpSpecId::ISTHMUS) {
            self.system_call(HISTORY_STORAGE_ADDRESS, env.parent_hash)?;
        }
        if self.is_active(OpSpecId::ECOTONE) {
            let root = env
                .parent_beacon_block_root
                .ok_or(ExecutionError::MissingParentBeaconBlockRoot { number: env.number })?;
            self.system_call(BEACON_ROOTS_ADDRESS, root)?;
        }
        Ok(())
    }

    fn system_call(&mut self, contract: Address, word: B256) -> Result<(), ExecutionError> {
        let changes = self.evm.system_call(contract, word)?;
        self.evm.state_mut().commit(changes);
        Ok(())
    }

    /// Executes the next transaction. `encoded` is its EIP-2718 encoding.
    ///
    /// After an error the block stands as before the call.
    pub fn execute(
        &mut self,
        tx: &Transaction,
        sender: Address,
        encoded: &Bytes,
    ) -> Result<TxOutcome, ExecutionError> {
        let invalid = |reason| ExecutionError::Invalid { hash: tx.tx_hash(), reason };
        self.check_gas(tx).map_err(invalid)?;
        let deposit = is_deposit_tx(tx);
        let footprint = if deposit { 0 } else { self.price_data(encoded)? };
        let available = self.gas_limit.saturating_sub(self.da_footprint);
        if footprint > available {
            return Err(invalid(InvalidReason::BlockDaFootprint { footprint, available }));
        }
        let deposit_nonce = match deposit && self.is_active(OpSpecId::REGOLITH) {
            true => Some(self.evm.state_mut().nonce(sender).map_err(ExecutionError::database)?),
            false => None,
        };

        let env = OpTx::from_encoded_tx(tx, sender, encoded.clone());
        let (result, changes) = self.evm.transact(env, || tx.tx_hash())?;
        self.evm.state_mut().commit(changes);

        let gas_used = result.tx_gas_used();
        let success = result.is_success();
        self.gas_used = self.gas_used.saturating_add(gas_used);
        self.da_footprint = self.da_footprint.saturating_add(footprint);
        let receipt = self.receipt(tx, success, result.into_logs(), deposit_nonce);
        self.receipts.push(receipt);
        Ok(TxOutcome { gas_used, success })
    }

    fn check_gas(&self, tx: &Transaction) -> Result<(), InvalidReason> {
        if matches!(tx, Transaction::PostExec(_)) {
            return Err(InvalidReason::UnsupportedType(tx.ty()));
        }
        let deposit = is_deposit_tx(tx);
        let gas_limit = tx.gas_limit();
        if !deposit && self.is_active(OpSpecId::KARST) && gas_limit > TX_GAS_LIMIT_CAP {
            return Err(InvalidReason::GasCap(gas_limit));
        }
        // Before Regolith deposits did not draw from the block.
        let available = self.gas_limit.saturating_sub(self.gas_used);
        if gas_limit > available && (!deposit || self.is_active(OpSpecId::REGOLITH)) {
            return Err(InvalidReason::BlockGas { gas_limit, available });
        }
        Ok(())
    }

    /// Tells op-revm the L1 fee of a transaction, and answers its DA footprint.
    fn price_data(&mut self, encoded: &[u8]) -> Result<u64, ExecutionError> {
        let params = self.l1_fee_params()?;
        if self.l1_fees.is_none() {
            // As in other clients: what holds for the first such transaction holds for the block.
            self.l1_fees = Some(params);
            *self.evm.l1_block_info_mut() = params.to_l1_block_info(self.number);
        }
        if !self.is_active(OpSpecId::FJORD) {
            return Ok(0);
        }
        // Fee and footprint both follow from the compressed size, which is expensive to estimate.
        let size_scaled = estimate_tx_compressed_size(encoded);
        self.evm.l1_block_info_mut().tx_l1_cost = Some(params.l1_cost_of_size(size_scaled));
        Ok(params.da_footprint_of_size(size_scaled))
    }

    /// What the block's next transaction pays for data and operation, unless it is a deposit.
    pub fn l1_fee_params(&mut self) -> Result<L1FeeParams, ExecutionError> {
        match self.l1_fees {
            Some(params) => Ok(params),
            None => {
                L1FeeParams::load(self.evm.state_mut(), self.spec).map_err(ExecutionError::database)
            }
        }
    }

    fn receipt(
        &self,
        tx: &Transaction,
        success: bool,
        logs: Vec<Log>,
        deposit_nonce: Option<u64>,
    ) -> Receipt {
        let receipt = alloy_consensus::Receipt {
            status: Eip658Value::Eip658(success),
            cumulative_gas_used: self.gas_used,
            logs,
        };
        match tx {
            Transaction::Legacy(_) => Receipt::Legacy(receipt),
            Transaction::Eip2930(_) => Receipt::Eip2930(receipt),
            Transaction::Eip1559(_) => Receipt::Eip1559(receipt),
            Transaction::Eip7702(_) => Receipt::Eip7702(receipt),
            Transaction::PostExec(_) => Receipt::PostExec(receipt),
            Transaction::Deposit(_) => Receipt::Deposit(OpDepositReceipt {
                inner: receipt,
                deposit_nonce,
                deposit_receipt_version: self
                    .is_active(OpSpecId::CANYON)
                    .then_some(DEPOSIT_RECEIPT_VERSION),
            }),
        }
    }

    const fn is_active(&self, fork: OpSpecId) -> bool {
        self.spec.is_enabled_in(fork)
    }

    /// Gas used so far.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// DA footprint so far; zero before Jovian.
    pub const fn da_footprint(&self) -> u64 {
        self.da_footprint
    }

    /// Receipts so far.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Ends the block.
    pub fn finish(self) -> ExecutionOutput {
        ExecutionOutput {
            receipts: self.receipts,
            gas_used: self.gas_used,
            da_footprint: self.da_footprint,
            changes: self.evm.into_state().into_changes(),
        }
    }
}

impl<DB: DatabaseRef> std::fmt::Debug for Execution<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Execution")
            .field("number", &self.number)
            .field("spec", &self.spec)
            .field("transactions", &self.receipts.len())
            .field("gas_used", &self.gas_used)
            .finish_non_exhaustive()
    }
}
