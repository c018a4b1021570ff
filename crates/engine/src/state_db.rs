use std::cell::RefCell;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::AddressMap};
use phala_evm::CodeCache;
use phala_primitives::{Account, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT};
use phala_storage::{StorageError, View};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use crate::head_cache::{HeadCache, StateValues};

/// The state one block is executed on: the values cached at its parent, and the parent's view for
/// everything else.
///
/// It remembers each account it handed out with its storage root, which the EVM does not know and
/// the trie needs, and each value that is not yet safe in the cache.
#[derive(Debug)]
pub(crate) struct StateDb<'a> {
    parent: B256,
    view: &'a View,
    cache: &'a HeadCache,
    codes: &'a CodeCache,
    reads: RefCell<Reads>,
}

#[derive(Debug, Default)]
struct Reads {
    accounts: AddressMap<Option<Account>>,
    /// What was read from the view or is about to leave the cache.
    fresh: StateValues,
}

impl<'a> StateDb<'a> {
    pub(crate) fn new(
        parent: B256,
        view: &'a View,
        cache: &'a HeadCache,
        codes: &'a CodeCache,
    ) -> Self {
        Self { parent, view, cache, codes, reads: RefCell::default() }
    }

    /// The account as it is before the block, storage root included.
    pub(crate) fn account(&self, address: &Address) -> Result<Option<Account>, StorageError> {
        let mut reads = self.reads.borrow_mut();
        if let Some(account) = reads.accounts.get(address) {
            return Ok(*account);
        }
        let account = match self.cache.account(self.parent, address) {
            Some(cached) if !cached.stale => cached.value,
            Some(cached) => {
                reads.fresh.accounts.push((*address, cached.value));
                cached.value
            }
            None => {
                let account = self.view.account(&keccak256(address))?;
                reads.fresh.accounts.push((*address, account));
                account
            }
        };
        reads.accounts.insert(*address, account);
        Ok(account)
    }

    /// Hands what was read over to the cache.
    pub(crate) fn keep_reads(self) {
        let fresh = self.reads.into_inner().fresh;
        if !fresh.accounts.is_empty() || !fresh.slots.is_empty() {
            self.cache.keep(self.parent, &fresh);
        }
    }
}

impl DatabaseRef for StateDb<'_> {
    type Error = StorageError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.account(&address)?.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            // Without code there is nothing to fetch later.
            code: (account.code_hash == EMPTY_CODE_HASH).then(Bytecode::default),
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code);
        }
        let code = analysed(self.view.code(&code_hash)?);
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        match self.cache.slot(self.parent, address, slot) {
            Some(cached) if !cached.stale => return Ok(cached.value),
            Some(cached) => {
                self.reads.borrow_mut().fresh.slots.push(((address, slot), cached.value));
                return Ok(cached.value);
            }
            None => {}
        }
        // An account without storage, which most new ones are, has nothing to look up.
        let value = match self.account(&address)? {
            Some(account) if account.storage_root != EMPTY_STORAGE_ROOT => {
                self.view.slot(&keccak256(address), &keccak256(B256::from(slot)))?
            }
            _ => U256::ZERO,
        };
        self.reads.borrow_mut().fresh.slots.push(((address, slot), value));
        Ok(value)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.view.block_hash_ref(number)
    }
}

/// Code that only looks like a delegation (a genesis may hold any bytes) is ordinary code.
fn analysed(code: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_malformed_delegation_for_code() {
        let code = Bytes::from_static(&[0xef, 0x01, 0x00, 0x01]);
        assert_eq!(analysed(code.clone()).original_bytes(), code);
    }
}
