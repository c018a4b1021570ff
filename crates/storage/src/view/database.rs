use alloy_primitives::{Address, B256, U256, keccak256};
use revm::DatabaseRef;
use revm::bytecode::Bytecode;
use revm::state::AccountInfo;

use super::View;
use crate::StorageError;

impl DatabaseRef for View {
    type Error = StorageError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StorageError> {
        let account = self.account(&keccak256(address))?;
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            account_id: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StorageError> {
        let code = self.code(&code_hash)?;
        // Code that only looks like a delegation (a genesis may hold any bytes) is ordinary code.
        Ok(Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code)))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StorageError> {
        self.slot(&keccak256(address), &keccak256(index.to_be_bytes::<32>()))
    }

    /// Blocks above this one have no hash yet; the EVM asks for ancestors only.
    fn block_hash_ref(&self, number: u64) -> Result<B256, StorageError> {
        Ok(self.block_hash(number)?.unwrap_or_default())
    }
}
