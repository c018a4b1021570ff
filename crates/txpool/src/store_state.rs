use std::sync::Arc;

use alloy_primitives::{Address, B256, keccak256};

use phala_chainspec::{ChainSpec, next_base_fee};
use phala_evm::L1FeeParams;
use phala_primitives::{BlockRef, EMPTY_CODE_HASH, SealedHeader, SenderCache};
use phala_storage::{Store, View};

use crate::{
    Operation, Pool, PoolConfig, PoolError,
    account_state::{AccountReader, AccountState, SenderCode},
    chain_state::ChainState,
    head_state::HeadState,
};

/// The chain in the node's store.
struct StoreState {
    spec: Arc<ChainSpec>,
    store: Store,
}

impl Pool {
    /// Builds a pool on the newest block of the store and takes in its journal.
    ///
    /// `senders` is shared with the engine, so that no signature is recovered twice.
    pub fn new(
        spec: Arc<ChainSpec>,
        store: Store,
        config: PoolConfig,
        senders: Arc<SenderCache>,
    ) -> Result<Self, PoolError> {
        let chain_id = spec.chain_id;
        Self::on_chain(Box::new(StoreState { spec, store }), chain_id, config, senders)
    }
}

impl ChainState for StoreState {
    fn latest_header(&self) -> Result<SealedHeader, PoolError> {
        let hash = self.store.heads().latest.hash;
        let header = self.store.header(hash);
        let header = header.map_err(|error| PoolError::chain(Operation::ReadBlock, error))?;
        header.map(|header| (*header).clone()).ok_or(PoolError::UnknownState(hash))
    }

    fn head_state(&self, header: &SealedHeader) -> Result<HeadState, PoolError> {
        let read = |error| PoolError::chain(Operation::ReadState, error);
        let hash = header.hash();
        let view = self.store.view(hash).map_err(read)?.ok_or(PoolError::UnknownState(hash))?;
        let timestamp = header.timestamp.saturating_add(self.spec.block_time_secs);
        let spec_id = self.spec.forks.op_spec_id(timestamp);
        let base_fee = next_base_fee(&self.spec, header);
        Ok(HeadState {
            block: BlockRef { number: header.number, hash },
            gas_limit: header.gas_limit,
            base_fee: base_fee.map_err(|error| PoolError::chain(Operation::ReadHeader, error))?,
            spec_id,
            fees: L1FeeParams::read(&view, spec_id).map_err(read)?,
            accounts: Box::new(view),
        })
    }

    fn changed_accounts(&self, block: &B256) -> Option<Vec<B256>> {
        self.store.changed_accounts(*block)
    }
}

impl AccountReader for View {
    fn account(&self, address: &Address) -> Result<AccountState, PoolError> {
        let read = |error| PoolError::chain(Operation::ReadState, error);
        // Both types have a method of this name; the one of the view reads the state.
        let Some(account) = View::account(self, &keccak256(address)).map_err(read)? else {
            return Ok(AccountState::default());
        };
        let code = if account.code_hash == EMPTY_CODE_HASH {
            SenderCode::None
        } else {
            SenderCode::of(account.code_hash, &self.code(&account.code_hash).map_err(read)?)
        };
        Ok(AccountState { nonce: account.nonce, balance: account.balance, code })
    }
}
