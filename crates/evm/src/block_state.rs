use std::fmt;

use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, HashMap, hash_map::Entry},
};
use phala_primitives::EMPTY_CODE_HASH;
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{Account, AccountInfo as EvmAccountInfo, EvmState},
};

use crate::{AccountChange, AccountInfo, SlotChange, StateChanges};

/// The state during one block: what was loaded from the parent, and what it is now.
///
/// Each account and slot is read from the parent's view once. Only [`BlockState::commit`] changes
/// anything, after a transaction that stands, so there is nothing to roll back.
pub(crate) struct BlockState<DB> {
    db: DB,
    accounts: AddressMap<AccountEntry>,
    parent: Option<(u64, B256)>,
}

#[derive(Default)]
struct AccountEntry {
    before: Option<AccountInfo>,
    now: Option<LiveAccount>,
    /// The storage of `before` is gone: slots not in the map are zero.
    storage_cleared: bool,
    slots: HashMap<U256, SlotEntry>,
}

#[derive(Clone)]
struct LiveAccount {
    info: AccountInfo,
    /// Kept once it is known, so that a code is looked up once per account and block.
    code: Option<Bytecode>,
}

#[derive(Clone, Copy)]
struct SlotEntry {
    before: U256,
    now: U256,
}

impl AccountEntry {
    fn loaded(info: Option<EvmAccountInfo>) -> Self {
        let now = info.map(LiveAccount::from);
        Self { before: now.as_ref().map(|live| live.info), now, ..Default::default() }
    }

    fn clear_storage(&mut self) {
        self.storage_cleared = true;
        for slot in self.slots.values_mut() {
            slot.now = U256::ZERO;
        }
    }

    /// The account after a transaction that touched it.
    fn apply(&mut self, account: Account) {
        if account.is_selfdestructed() {
            self.now = None;
            self.clear_storage();
            return;
        }
        if account.is_created() {
            self.clear_storage();
        } else if account.is_empty() {
            // EIP-161: what is touched and empty does not exist.
            self.now = None;
            self.clear_storage();
            return;
        }
        let previous = self.now.take();
        let mut live = LiveAccount::from(account.info);
        if live.code.is_none() {
            live.code =
                previous.filter(|p| p.info.code_hash == live.info.code_hash).and_then(|p| p.code);
        }
        self.now = Some(live);
        for (slot, value) in account.storage {
            if value.is_changed() {
                // A slot that was never read belongs to an account created in this transaction.
                self.slots
                    .entry(slot)
                    .or_insert(SlotEntry { before: U256::ZERO, now: U256::ZERO })
                    .now = value.present_value;
            }
        }
    }

    fn into_change(self, address: Address) -> Option<AccountChange> {
        let mut slots: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, entry)| entry.before != entry.now)
            .map(|(slot, entry)| SlotChange {
                slot: *slot,
                hash: keccak256(slot.to_be_bytes::<32>()),
                before: entry.before,
                after: entry.now,
            })
            .collect();
        let after = self.now.map(|live| live.info);
        let wiped = self.storage_cleared && self.before.is_some_and(|info| info.is_contract());
        if after == self.before && slots.is_empty() && !wiped {
            return None;
        }
        slots.sort_unstable_by_key(|slot| slot.hash);
        let hash = keccak256(address);
        Some(AccountChange { address, hash, before: self.before, after, slots, wiped })
    }

    /// The code this account got in this block, if it did.
    fn new_code(&self) -> Option<(B256, &Bytecode)> {
        let live = self.now.as_ref()?;
        let hash = live.info.code_hash;
        let changed = self.before.is_none_or(|before| before.code_hash != hash);
        if !changed || hash == EMPTY_CODE_HASH {
            return None;
        }
        live.code.as_ref().map(|code| (hash, code))
    }
}

impl From<EvmAccountInfo> for LiveAccount {
    fn from(info: EvmAccountInfo) -> Self {
        let EvmAccountInfo { balance, nonce, code_hash, code, .. } = info;
        // Some databases write zero for "no code".
        let code_hash = if code_hash.is_zero() { EMPTY_CODE_HASH } else { code_hash };
        Self { info: AccountInfo { nonce, balance, code_hash }, code }
    }
}

impl From<&LiveAccount> for EvmAccountInfo {
    fn from(live: &LiveAccount) -> Self {
        let AccountInfo { nonce, balance, code_hash } = live.info;
        Self { balance, nonce, code_hash, account_id: None, code: live.code.clone() }
    }
}

impl<DB> BlockState<DB> {
    /// State of a block on its parent's state; number and hash of the parent if they are known.
    pub(crate) fn new(db: DB, parent: Option<(u64, B256)>) -> Self {
        Self { db, accounts: AddressMap::default(), parent }
    }

    /// Takes over what a transaction changed.
    pub(crate) fn commit(&mut self, changes: EvmState) {
        for (address, mut account) in changes {
            // The EVM loads every account from here before it shows up in its changes.
            let entry = self.accounts.entry(address).or_default();
            if account.is_touched() {
                entry.apply(account);
            } else if let Some(live) = &mut entry.now
                && live.code.is_none()
                && live.info.code_hash == account.info.code_hash
            {
                live.code = account.info.code.take();
            }
        }
    }

    /// Everything that differs from the parent's state.
    pub(crate) fn into_changes(self) -> StateChanges {
        let mut codes: Vec<_> = self
            .accounts
            .values()
            .filter_map(AccountEntry::new_code)
            .map(|(hash, code)| (hash, code.original_bytes()))
            .collect();
        codes.sort_unstable_by_key(|(hash, _)| *hash);
        codes.dedup_by(|a, b| a.0 == b.0);
        let mut accounts: Vec<_> = self
            .accounts
            .into_iter()
            .filter_map(|(address, entry)| entry.into_change(address))
            .collect();
        accounts.sort_unstable_by_key(|account| account.hash);
        StateChanges { accounts, codes }
    }
}

impl<DB: DatabaseRef> BlockState<DB> {
    fn entry(&mut self, address: Address) -> Result<&mut AccountEntry, DB::Error> {
        Ok(match self.accounts.entry(address) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(AccountEntry::loaded(self.db.basic_ref(address)?)),
        })
    }

    /// Nonce of an account, zero if it does not exist.
    pub(crate) fn nonce(&mut self, address: Address) -> Result<u64, DB::Error> {
        Ok(self.entry(address)?.now.as_ref().map_or(0, |live| live.info.nonce))
    }

    /// Replaces an account's nonce, balance and code for a simulation.
    pub(crate) fn override_account(
        &mut self,
        address: Address,
        change: impl FnOnce(&mut EvmAccountInfo),
    ) -> Result<(), DB::Error> {
        let entry = self.entry(address)?;
        let mut info = entry.now.as_ref().map(EvmAccountInfo::from).unwrap_or_default();
        change(&mut info);
        entry.now = Some(info.into());
        Ok(())
    }

    /// Replaces storage for a simulation: all of it, or some slots.
    pub(crate) fn override_storage(
        &mut self,
        address: Address,
        clear: bool,
        slots: impl IntoIterator<Item = (U256, U256)>,
    ) -> Result<(), DB::Error> {
        let entry = self.entry(address)?;
        if clear {
            entry.clear_storage();
        }
        for (slot, now) in slots {
            entry.slots.insert(slot, SlotEntry { before: U256::ZERO, now });
        }
        Ok(())
    }
}

impl<DB: DatabaseRef> Database for BlockState<DB> {
    type Error = DB::Error;

    fn basic(&mut self, address: Address) -> Result<Option<EvmAccountInfo>, DB::Error> {
        Ok(self.entry(address)?.now.as_ref().map(EvmAccountInfo::from))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, DB::Error> {
        self.db.code_by_hash_ref(code_hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, DB::Error> {
        self.entry(address)?;
        let entry = self.accounts.get_mut(&address).expect("entry was just loaded");
        match entry.slots.entry(slot) {
            Entry::Occupied(slot) => Ok(slot.get().now),
            Entry::Vacant(_) if entry.storage_cleared || entry.before.is_none() => Ok(U256::ZERO),
            Entry::Vacant(vacant) => {
                let value = self.db.storage_ref(address, slot)?;
                vacant.insert(SlotEntry { before: value, now: value });
                Ok(value)
            }
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, DB::Error> {
        match self.parent {
            Some((parent, hash)) if parent == number => Ok(hash),
            _ => self.db.block_hash_ref(number),
        }
    }
}

impl<DB> fmt::Debug for BlockState<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockState").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}
