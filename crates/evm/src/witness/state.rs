use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{AddressMap, B256Map},
};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use phala_primitives::{EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, Header};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use super::{WitnessError, trie::PartialTrie};
use crate::StateChanges;

/// Preimages by their hash.
pub(super) type Preimages<'a> = B256Map<&'a [u8]>;

/// The state of a witness' parent block.
#[derive(Debug)]
pub struct WitnessDb<'a> {
    parent: &'a Header,
    preimages: Preimages<'a>,
}

/// An account as its leaf in the state trie encodes it.
#[derive(Clone, Copy, Debug, RlpEncodable, RlpDecodable)]
struct AccountLeaf {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

impl<'a> WitnessDb<'a> {
    /// The state after the block of this header.
    pub fn new(parent: &'a Header, preimages: &'a [Bytes]) -> Self {
        let preimages = preimages.iter().map(|bytes| (keccak256(bytes), bytes.as_ref())).collect();
        Self { parent, preimages }
    }

    /// The same state, to be changed.
    pub(super) fn post_state(&'a self) -> PostState<'a> {
        PostState {
            preimages: &self.preimages,
            accounts: PartialTrie::new(self.parent.state_root),
            storage_roots: AddressMap::default(),
        }
    }

    /// The state root after some changes, as far as the preimages suffice to compute it.
    pub fn root_after(&self, changes: &StateChanges) -> Result<B256, WitnessError> {
        let mut post_state = self.post_state();
        post_state.apply(changes)?;
        Ok(post_state.state_root())
    }

    fn account(&self, address: Address) -> Result<Option<AccountLeaf>, WitnessError> {
        let trie = PartialTrie::new(self.parent.state_root);
        read_account(&trie, keccak256(address), &self.preimages)
    }

    fn preimage(&self, hash: B256) -> Result<&'a [u8], WitnessError> {
        self.preimages.get(&hash).copied().ok_or(WitnessError::MissingPreimage(hash))
    }
}

fn read_account(
    trie: &PartialTrie,
    hash: B256,
    preimages: &Preimages<'_>,
) -> Result<Option<AccountLeaf>, WitnessError> {
    let decode = |mut bytes: &[u8]| {
        AccountLeaf::decode(&mut bytes)
            .map_err(|_| WitnessError::Malformed { hash, expected: "an account" })
    };
    trie.get(hash, preimages)?.map(|bytes| decode(&bytes)).transpose()
}

impl DatabaseRef for WitnessDb<'_> {
    type Error = WitnessError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, WitnessError> {
        Ok(self.account(address)?.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, WitnessError> {
        if code_hash == EMPTY_CODE_HASH {
            return Ok(Bytecode::default());
        }
        Bytecode::new_raw_checked(Bytes::copy_from_slice(self.preimage(code_hash)?))
            .map_err(|_| WitnessError::Malformed { hash: code_hash, expected: "code" })
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, WitnessError> {
        let Some(account) = self.account(address)? else {
            return Ok(U256::ZERO);
        };
        let hash = keccak256(slot.to_be_bytes::<32>());
        let trie = PartialTrie::new(account.storage_root);
        let decode = |mut bytes: &[u8]| {
            U256::decode(&mut bytes)
                .map_err(|_| WitnessError::Malformed { hash, expected: "a storage value" })
        };
        trie.get(hash, &self.preimages)?.map_or(Ok(U256::ZERO), |bytes| decode(&bytes))
    }

    /// Follows headers from the parent upwards, as far as the witness holds them.
    fn block_hash_ref(&self, number: u64) -> Result<B256, WitnessError> {
        let (mut child, mut hash) = (self.parent.number, self.parent.parent_hash);
        if number == child {
            return Ok(self.parent.hash_slow());
        }
        while number.saturating_add(1) < child {
            let header = Header::decode(&mut self.preimage(hash)?)
                .map_err(|_| WitnessError::Malformed { hash, expected: "a header" })?;
            if header.number.checked_add(1) != Some(child) {
                return Err(WitnessError::Malformed { hash, expected: "the parent's header" });
            }
            (child, hash) = (header.number, header.parent_hash);
        }
        Ok(hash)
    }
}

/// The state after the block, as far as it is known.
#[derive(Debug)]
pub(super) struct PostState<'a> {
    preimages: &'a Preimages<'a>,
    accounts: PartialTrie,
    /// Of the accounts that changed.
    storage_roots: AddressMap<B256>,
}

impl PostState<'_> {
    pub(super) fn apply(&mut self, changes: &StateChanges) -> Result<(), WitnessError> {
        // Deletions come last: what they need to know of their neighbours is then least.
        let mut accounts: Vec<_> = changes.accounts.iter().collect();
        accounts.sort_by_key(|account| account.after.is_none());
        for change in accounts {
            let Some(after) = change.after else {
                self.accounts.remove(change.hash, self.preimages)?;
                self.storage_roots.insert(change.address, EMPTY_STORAGE_ROOT);
                continue;
            };
            let before = read_account(&self.accounts, change.hash, self.preimages)?;
            let root = before
                .filter(|_| !change.wiped)
                .map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root);
            let mut storage = PartialTrie::new(root);
            let mut slots: Vec<_> = change.slots.iter().collect();
            slots.sort_by_key(|slot| slot.after.is_zero());
            for slot in slots {
                if slot.after.is_zero() {
                    storage.remove(slot.hash, self.preimages)?;
                } else {
                    storage.insert(slot.hash, alloy_rlp::encode(slot.after), self.preimages)?;
                }
            }
            let leaf = AccountLeaf {
                nonce: after.nonce,
                balance: after.balance,
                storage_root: storage.root(),
                code_hash: after.code_hash,
            };
            self.storage_roots.insert(change.address, leaf.storage_root);
            self.accounts.insert(change.hash, alloy_rlp::encode(leaf), self.preimages)?;
        }
        Ok(())
    }

    /// Storage root of an account, changed or not.
    pub(super) fn storage_root(&self, address: Address) -> Result<B256, WitnessError> {
        if let Some(root) = self.storage_roots.get(&address) {
            return Ok(*root);
        }
        let account = read_account(&self.accounts, keccak256(address), self.preimages)?;
        Ok(account.map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root))
    }

    pub(super) fn state_root(&self) -> B256 {
        self.accounts.root()
    }
}
