use alloy_primitives::{Address, B256, Bytes, U256};
use phala_primitives::EMPTY_CODE_HASH;

/// An account as transactions see it: everything but its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// Number of transactions sent, or of contracts created by a contract (plus one).
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// keccak256 of the code.
    pub code_hash: B256,
}

impl AccountInfo {
    /// Whether the account can have storage: only code writes storage, and creation sets the nonce.
    pub(crate) fn is_contract(&self) -> bool {
        self.nonce != 0 || self.code_hash != EMPTY_CODE_HASH
    }
}

impl Default for AccountInfo {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: EMPTY_CODE_HASH }
    }
}

/// What one block did to one storage slot; zero means absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotChange {
    /// The slot.
    pub slot: U256,
    /// keccak256 of the slot's 32 bytes.
    pub hash: B256,
    /// Value before the block.
    pub before: U256,
    /// Value after the block; never equal to `before`.
    pub after: U256,
}

/// What one block did to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// The address.
    pub address: Address,
    /// keccak256 of the address.
    pub hash: B256,
    /// The account before the block; `None` if it did not exist.
    pub before: Option<AccountInfo>,
    /// The account after the block; `None` if it no longer exists.
    pub after: Option<AccountInfo>,
    /// Changed slots, sorted by hash, each once.
    pub slots: Vec<SlotChange>,
    /// A contract that was there before the block lost its whole storage. Cannot happen from Ecotone
    /// on (EIP-6780); before, `slots` then holds what was written afterwards and is not complete.
    pub wiped: bool,
}

/// Everything one block changed in the state. Nothing in it is equal on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// Changed accounts, sorted by hash, each once.
    pub accounts: Vec<AccountChange>,
    /// Codes that accounts got in this block, sorted by hash, each once.
    pub codes: Vec<(B256, Bytes)>,
}
