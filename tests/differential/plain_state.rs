//! A state in plain maps, and its tries from scratch by alloy-trie.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
};

use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, TrieAccount, proof::ProofRetainer};
use phala_chainspec::ChainSpec;
use revm::{
    Database, DatabaseCommit, DatabaseRef,
    bytecode::Bytecode,
    primitives::AddressMap,
    state::{Account, AccountInfo},
};

/// An account with everything it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainAccount {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    pub(crate) storage: BTreeMap<U256, U256>,
}

/// A whole state in memory, changed by what revm commits and by nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlainState {
    pub(crate) accounts: BTreeMap<Address, PlainAccount>,
    pub(crate) codes: HashMap<B256, Bytes>,
    pub(crate) block_hashes: HashMap<u64, B256>,
}

impl PlainState {
    pub(crate) fn genesis(spec: &ChainSpec) -> Self {
        let mut state = Self::default();
        for (address, account) in &spec.genesis.alloc {
            let code_hash = keccak256(&account.code);
            state.codes.insert(code_hash, account.code.clone());
            let storage = account.storage.iter().map(|(slot, value)| ((*slot).into(), *value));
            let account = PlainAccount {
                nonce: account.nonce,
                balance: account.balance,
                code_hash,
                storage: storage.collect(),
            };
            state.accounts.insert(*address, account);
        }
        state
    }

    /// Storage root of an account.
    pub(crate) fn storage_root(&self, address: Address) -> B256 {
        self.accounts.get(&address).map_or(alloy_trie::EMPTY_ROOT_HASH, storage_root)
    }

    /// State root.
    pub(crate) fn root(&self) -> B256 {
        let accounts = self.accounts.iter();
        alloy_trie::root::state_root_unhashed(
            accounts.map(|(address, account)| (*address, trie_account(account))),
        )
    }

    /// Every node of every trie, and every code.
    pub(crate) fn preimages(&self) -> Vec<Bytes> {
        let mut all: Vec<Bytes> = self.codes.values().cloned().collect();
        for account in self.accounts.values().filter(|account| !account.storage.is_empty()) {
            let leaves = account
                .storage
                .iter()
                .map(|(slot, value)| (keccak256(B256::from(*slot)), alloy_rlp::encode(value)));
            let (root, nodes) = all_nodes(leaves.collect());
            assert_eq!(root, storage_root(account));
            all.extend(nodes);
        }
        let leaves = self.accounts.iter().map(|(address, account)| {
            (keccak256(address), alloy_rlp::encode(trie_account(account)))
        });
        let (root, nodes) = all_nodes(leaves.collect());
        assert_eq!(root, self.root());
        all.extend(nodes);
        all
    }
}

fn storage_root(account: &PlainAccount) -> B256 {
    let slots = account.storage.iter();
    alloy_trie::root::storage_root_unhashed(slots.map(|(slot, value)| ((*slot).into(), *value)))
}

fn trie_account(account: &PlainAccount) -> TrieAccount {
    TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: storage_root(account),
        code_hash: account.code_hash,
    }
}

/// Root and nodes of a trie with these leaves: a proof of everything.
fn all_nodes(leaves: BTreeMap<B256, Vec<u8>>) -> (B256, Vec<Bytes>) {
    let targets: ProofRetainer = leaves.keys().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(targets);
    for (key, value) in &leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    (root, nodes.into_iter().map(|(_, node)| node).collect())
}

impl DatabaseRef for PlainState {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|account| AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            // Asked for by its hash; the default would be known to be empty.
            code: None,
            account_id: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Infallible> {
        if code_hash == KECCAK_EMPTY {
            return Ok(Bytecode::default());
        }
        Ok(Bytecode::new_raw(self.codes[&code_hash].clone()))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let account = self.accounts.get(&address);
        Ok(account.and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.block_hashes.get(&number).copied().unwrap_or_default())
    }
}

impl Database for PlainState {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Infallible> {
        self.code_by_hash_ref(code_hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        self.storage_ref(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        self.block_hash_ref(number)
    }
}

impl DatabaseCommit for PlainState {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if account.is_touched() {
                self.commit_account(address, account);
            }
        }
    }
}

impl PlainState {
    fn commit_account(&mut self, address: Address, account: Account) {
        // EIP-161: an account that is touched and empty is gone.
        if account.is_selfdestructed() || account.is_empty() {
            self.accounts.remove(&address);
            return;
        }
        let old = self.accounts.remove(&address).filter(|_| !account.is_created());
        let mut storage = old.map(|old| old.storage).unwrap_or_default();
        for (slot, value) in &account.storage {
            if value.present_value.is_zero() {
                storage.remove(slot);
            } else {
                storage.insert(*slot, value.present_value);
            }
        }
        let AccountInfo { nonce, balance, code_hash, code, .. } = account.info;
        if let Some(code) = code {
            self.codes.insert(code_hash, code.original_bytes());
        }
        self.accounts.insert(address, PlainAccount { nonce, balance, code_hash, storage });
    }
}
