use alloy_primitives::{B256, keccak256};
use alloy_trie::{
    KECCAK_EMPTY, TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use phala_chainspec::{ChainSpec, GenesisAccount, addresses::L2_TO_L1_MESSAGE_PASSER};

/// Hash of a chain's genesis block. The node computes it with its own tries when it writes the block;
/// a test compares.
pub fn genesis_hash(spec: &ChainSpec) -> B256 {
    let alloc = &spec.genesis.alloc;
    let accounts = alloc.iter().map(|(address, account)| (*address, trie_account(account)));
    let passer = alloc.get(&L2_TO_L1_MESSAGE_PASSER);
    let passer_root = passer.map_or(alloy_trie::EMPTY_ROOT_HASH, storage_root);
    spec.genesis_header(state_root_unhashed(accounts), passer_root).hash_slow()
}

fn trie_account(account: &GenesisAccount) -> TrieAccount {
    let code = &account.code;
    TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: storage_root(account),
        code_hash: if code.is_empty() { KECCAK_EMPTY } else { keccak256(code) },
    }
}

fn storage_root(account: &GenesisAccount) -> B256 {
    storage_root_unhashed(account.storage.iter().map(|(slot, value)| (*slot, *value)))
}
