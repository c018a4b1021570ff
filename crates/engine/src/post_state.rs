use std::time::Instant;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use phala_chainspec::{Fork, addresses::L2_TO_L1_MESSAGE_PASSER};
use phala_evm::{AccountChange, ExecutionOutput};
use phala_primitives::{Account, AccountDiff, EMPTY_STORAGE_ROOT, Receipt, SlotDiff, TrieNodeDiff};
use phala_trie::TrieVersion;

use crate::{
    BugError, EngineError, consensus::ExecutedFields, engine::Inner, execution::ParentState,
    head_cache::StateValues, receipts, state_db::StateDb,
};

/// What executing a block gave, with its roots.
#[derive(Debug)]
pub(crate) struct PostState {
    pub(crate) fields: ExecutedFields,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) accounts: Vec<AccountDiff>,
    pub(crate) nodes: Vec<TrieNodeDiff>,
    pub(crate) codes: Vec<(B256, Bytes)>,
    pub(crate) version: TrieVersion,
    /// The same changes keyed as the EVM knows them.
    pub(crate) changed: StateValues,
    /// Time the roots took.
    pub(crate) root_time: std::time::Duration,
}

impl Inner {
    /// Computes the roots of an executed block. `block` names it in errors.
    pub(crate) fn post_state(
        &self,
        block: B256,
        timestamp: u64,
        parent: &ParentState,
        db: &StateDb<'_>,
        output: ExecutionOutput,
    ) -> Result<PostState, EngineError> {
        let began = Instant::now();
        let ExecutionOutput { receipts, gas_used, da_footprint, changes, .. } = output;
        let mut accounts = changes
            .accounts
            .iter()
            .map(|change| account_diff(block, db, change))
            .collect::<Result<Vec<_>, _>>()?;
        let (update, (receipts_root, logs_bloom)) = self.threads.install(|| {
            rayon::join(
                || self.trie.update(&parent.version, &parent.view, &mut accounts),
                || receipts::root_and_bloom(&receipts),
            )
        });
        let update = update?;
        let is_active = |fork| self.spec.is_fork_active(fork, timestamp);
        let blob_gas_used = if is_active(Fork::Jovian) {
            Some(da_footprint)
        } else {
            is_active(Fork::Ecotone).then_some(0)
        };
        let withdrawals_root = if is_active(Fork::Isthmus) {
            Some(storage_root_after(&L2_TO_L1_MESSAGE_PASSER, db, &accounts)?)
        } else {
            is_active(Fork::Canyon).then_some(EMPTY_STORAGE_ROOT)
        };
        Ok(PostState {
            fields: ExecutedFields {
                state_root: update.root,
                receipts_root,
                logs_bloom,
                gas_used,
                blob_gas_used,
                withdrawals_root,
            },
            receipts,
            changed: values(&changes.accounts, &accounts),
            accounts,
            nodes: update.nodes,
            codes: changes.codes,
            version: update.version,
            root_time: began.elapsed(),
        })
    }
}

/// The change as the store and the trie know it. The storage root after is filled in by the trie.
fn account_diff(
    block: B256,
    db: &StateDb<'_>,
    change: &AccountChange,
) -> Result<AccountDiff, EngineError> {
    let account = change.hash;
    let before = db.account(&change.address)?;
    let storage_root = before.map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root);
    if (change.wiped || change.after.is_none()) && storage_root != EMPTY_STORAGE_ROOT {
        return Err(BugError::StorageWiped { account, block }.into());
    }
    let with_root = |info: &phala_evm::AccountInfo| Account {
        nonce: info.nonce,
        balance: info.balance,
        code_hash: info.code_hash,
        storage_root,
    };
    if change.before.as_ref().map(with_root) != before {
        return Err(BugError::WrongBefore { account, block }.into());
    }
    let slots = change.slots.iter().map(|slot| SlotDiff {
        hash: slot.hash,
        before: slot.before,
        after: slot.after,
    });
    Ok(AccountDiff {
        hash: account,
        before,
        after: change.after.as_ref().map(with_root),
        slots: slots.collect(),
    })
}

fn storage_root_after(
    address: &Address,
    db: &StateDb<'_>,
    accounts: &[AccountDiff],
) -> Result<B256, EngineError> {
    let hash = keccak256(address);
    let account = match accounts.binary_search_by_key(&hash, |diff| diff.hash) {
        Ok(index) => accounts[index].after,
        Err(_) => db.account(address)?,
    };
    Ok(account.map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root))
}

/// Changed values by plain key, for the cache. Changes and diffs are in the same order.
fn values(changes: &[AccountChange], diffs: &[AccountDiff]) -> StateValues {
    let accounts = changes.iter().zip(diffs).map(|(change, diff)| (change.address, diff.after));
    let slots = changes.iter().flat_map(|change| {
        change.slots.iter().map(|slot| ((change.address, slot.slot), slot.after))
    });
    StateValues { accounts: accounts.collect(), slots: slots.collect() }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use phala_chainspec::{ChainSpec, GenesisAccount};
    use phala_evm::{AccountInfo, CodeCache};
    use phala_storage::{Store, StoreConfig};

    use super::*;
    use crate::head_cache::HeadCache;

    #[test]
    fn an_impossible_change_is_a_bug_and_never_written() {
        let contract = Address::repeat_byte(7);
        let mut spec = ChainSpec::dev();
        let account = GenesisAccount {
            nonce: 1,
            balance: U256::from(5),
            storage: [(B256::ZERO, U256::from(1))].into(),
            ..Default::default()
        };
        spec.genesis.alloc.insert(contract, account);
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        let genesis = store.init_genesis(&spec).unwrap();
        let view = store.latest_view().unwrap();
        let (cache, codes) = (HeadCache::new(genesis, 1 << 20), CodeCache::new());
        let db = StateDb::new(genesis, &view, &cache, &codes);
        let info = AccountInfo { nonce: 1, balance: U256::from(5), ..Default::default() };
        let change = AccountChange {
            address: contract,
            hash: keccak256(contract),
            before: Some(info),
            after: Some(AccountInfo { balance: U256::ZERO, ..info }),
            slots: Vec::new(),
            wiped: false,
        };
        let diff = |change: &AccountChange| account_diff(genesis, &db, change);
        let good = diff(&change).unwrap();
        assert_ne!(good.before.unwrap().storage_root, EMPTY_STORAGE_ROOT);
        let is_wiped = |change: &AccountChange| {
            let bug = diff(change).unwrap_err();
            matches!(bug, EngineError::Bug(BugError::StorageWiped { .. }))
        };
        assert!(is_wiped(&AccountChange { wiped: true, ..change.clone() }));
        assert!(is_wiped(&AccountChange { after: None, ..change.clone() }));
        let other = Some(AccountInfo { nonce: 2, ..info });
        let bug = diff(&AccountChange { before: other, ..change }).unwrap_err();
        assert!(matches!(bug, EngineError::Bug(BugError::WrongBefore { .. })), "{bug}");
    }
}
