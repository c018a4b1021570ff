use std::{
    fs::File,
    io::{self, BufReader, Read, Write as _},
    path::Path,
};

use alloy_consensus::TrieAccount;
use alloy_primitives::{Address, B256, U256, keccak256};
use flate2::read::MultiGzDecoder;
use phala_chainspec::{
    ChainSpec, ChainSpecError, GenesisAccount, addresses::L2_TO_L1_MESSAGE_PASSER,
    read_genesis_json,
};
use phala_primitives::{EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT};
use phala_trie::{TrieError, root_from_sorted};

use crate::NodeError;

/// Buffer between the file and the parser.
const BUFFER_BYTES: usize = 1 << 20;

/// A genesis block by its hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GenesisHash {
    pub(crate) hash: B256,
    pub(crate) state_root: B256,
    pub(crate) accounts: usize,
}

/// Prints genesis hash and state root of a genesis JSON of any fork combination.
pub(crate) fn chain_genesis_hash(path: &Path) -> Result<(), NodeError> {
    let genesis = if path == Path::new("-") {
        hash_json(io::stdin().lock())?
    } else {
        let open =
            |source| NodeError::File { action: "cannot open", path: path.to_owned(), source };
        let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(open)?);
        if path.extension().is_some_and(|extension| extension == "gz") {
            hash_json(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))?
        } else {
            hash_json(file)?
        }
    };
    let mut out = io::stdout().lock();
    writeln!(out, "genesis hash     {}", genesis.hash)
        .and_then(|()| writeln!(out, "state root       {}", genesis.state_root))
        .and_then(|()| writeln!(out, "genesis accounts {}", genesis.accounts))
        .map_err(NodeError::Output)
}

/// Hashes the genesis of a chain whose alloc is in memory.
pub(crate) fn hash_genesis(spec: &ChainSpec) -> Result<GenesisHash, NodeError> {
    let mut state = GenesisState::default();
    for (address, account) in &spec.genesis.alloc {
        state.add(*address, account)?;
    }
    state.finish(spec)
}

/// Hashes a genesis while it is read: of each account only its trie leaf is kept.
fn hash_json(reader: impl Read) -> Result<GenesisHash, NodeError> {
    let mut state = GenesisState::default();
    let mut failed = None;
    let spec = read_genesis_json(reader, &mut |address, account| {
        state.add(address, &account).map_err(|error| {
            failed = Some(error);
            io::ErrorKind::InvalidData.into()
        })
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    state.finish(&spec?)
}

#[derive(Default)]
struct GenesisState {
    leaves: Vec<Leaf>,
    message_passer_root: Option<B256>,
}

struct Leaf {
    hash: B256,
    address: Address,
    account: TrieAccount,
}

impl GenesisState {
    fn add(&mut self, address: Address, account: &GenesisAccount) -> Result<(), TrieError> {
        let storage_root = storage_root(account)?;
        if address == L2_TO_L1_MESSAGE_PASSER {
            self.message_passer_root = Some(storage_root);
        }
        let code_hash =
            if account.code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&account.code) };
        self.leaves.push(Leaf {
            hash: keccak256(address),
            address,
            account: TrieAccount {
                nonce: account.nonce,
                balance: account.balance,
                storage_root,
                code_hash,
            },
        });
        Ok(())
    }

    fn finish(mut self, spec: &ChainSpec) -> Result<GenesisHash, NodeError> {
        self.leaves.sort_unstable_by_key(|leaf| leaf.hash);
        if let Some(pair) = self.leaves.windows(2).find(|pair| pair[0].hash == pair[1].hash) {
            return Err(ChainSpecError::DuplicateAccount(pair[0].address).into());
        }
        let leaves = self.leaves.iter().map(|leaf| (leaf.hash, alloy_rlp::encode(leaf.account)));
        let state_root = root_from_sorted(leaves)?;
        let message_passer_root = self.message_passer_root.unwrap_or(EMPTY_STORAGE_ROOT);
        let header = spec.genesis_header(state_root, message_passer_root);
        Ok(GenesisHash { hash: header.hash_slow(), state_root, accounts: self.leaves.len() })
    }
}

fn storage_root(account: &GenesisAccount) -> Result<B256, TrieError> {
    let mut slots: Vec<(B256, U256)> =
        account.storage.iter().map(|(slot, value)| (keccak256(slot), *value)).collect();
    slots.sort_unstable_by_key(|(hash, _)| *hash);
    root_from_sorted(slots.iter().map(|(hash, value)| (*hash, alloy_rlp::encode(value))))
}
