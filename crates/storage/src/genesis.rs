//! Block 0 and its state.

use std::sync::Arc;

use alloy_primitives::{B256, U256, keccak256};
use phala_chainspec::{ChainSpec, Fork, GenesisAccount, addresses};
use phala_primitives::{
    Account, Block, BlockBody, BlockRef, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, Heads,
    RecoveredBlock, StoredNode,
};
use phala_trie::{SourceError, StateRootBuilder};
use rayon::prelude::*;

use crate::chain::{Base, Chain};
use crate::error::GenesisError;
use crate::keys;
use crate::kv::{Batch, Bounds, Family, KvStore, WriteMode};
use crate::meta::{self, Identity};
use crate::record::{BlockDiff, EncodedRecord, Record};
use crate::slice::SliceWriter;
use crate::state_value::{put_account, put_node};
use crate::store::Inner;
use crate::wire::put_word;
use crate::{StorageError, Store, envelope};

impl Store {
    /// Writes the genesis state and block 0, and returns its hash. Does nothing on a database that
    /// has this genesis already; an interrupted call starts over.
    pub fn init_genesis(&self, spec: &ChainSpec) -> Result<B256, StorageError> {
        let inner = self.inner();
        let _writer = inner.writer.lock();
        let _base = inner.base_move.lock();
        check_rules(spec)?;
        let found = *inner.identity.read();
        match found {
            Some(found) => inner.check_genesis(spec, found),
            None => inner.write_genesis(spec),
        }
    }
}

/// Rules that let a store never delete persisted slots: EIP-6780 from the first block, and no
/// account that a CREATE could meet with storage in place.
fn check_rules(spec: &ChainSpec) -> Result<(), GenesisError> {
    if !spec.is_fork_active(Fork::Ecotone, spec.genesis.timestamp) {
        return Err(GenesisError::NoEcotone);
    }
    if spec.genesis.number != 0 {
        return Err(GenesisError::Number(spec.genesis.number));
    }
    for (address, account) in &spec.genesis.alloc {
        if !account.storage.is_empty() && account.code.is_empty() && account.nonce == 0 {
            return Err(GenesisError::BareStorage(*address));
        }
    }
    Ok(())
}

impl Inner {
    /// All header fields but the roots come from the chain's parameters, so these are compared;
    /// computing the state root again would take seconds at every start.
    fn check_genesis(&self, spec: &ChainSpec, found: Identity) -> Result<B256, StorageError> {
        let block = BlockRef { number: 0, hash: found.genesis };
        let header =
            self.read_header(block)?.ok_or_else(|| StorageError::missing("header", block))?;
        let passer = header.withdrawals_root.unwrap_or(EMPTY_STORAGE_ROOT);
        let expected = spec.genesis_header(header.state_root, passer).hash_slow();
        if found.chain_id != spec.chain_id || expected != found.genesis {
            return Err(StorageError::WrongChain {
                found_chain: found.chain_id,
                found_genesis: found.genesis,
                chain: spec.chain_id,
                genesis: expected,
            });
        }
        Ok(found.genesis)
    }

    fn write_genesis(&self, spec: &ChainSpec) -> Result<B256, StorageError> {
        self.clear_leftovers()?;
        let (state_root, passer_root) = write_state(self.kv.as_ref(), spec)?;
        let header = spec.genesis_header(state_root, passer_root);
        let hash = header.hash_slow();
        let genesis = BlockRef { number: 0, hash };

        // Header fields that came with a fork say whether the body has a withdrawals list.
        let withdrawals = header.withdrawals_root.map(|_| Default::default());
        let body = BlockBody { transactions: vec![], ommers: vec![], withdrawals };
        let block = RecoveredBlock::new(Block { header, body }, vec![], hash);
        let record = Record {
            block: Arc::new(block),
            receipts: Arc::default(),
            diff: Arc::new(BlockDiff::default()),
            codes: vec![],
        };
        let may_go_on = || Ok(());
        let mut slices = SliceWriter::new(self.kv.as_ref(), &may_go_on);
        slices.put(Family::BlockIndex, &keys::block_index(genesis), &[])?;
        slices.finish()?;
        self.kv.flush(&Family::DERIVED)?;

        let heads = Heads { latest: genesis, safe: genesis, finalized: genesis };
        let identity = Identity { chain_id: spec.chain_id, genesis: hash };
        let mut batch = Batch::new();
        EncodedRecord::new(&record).put(&mut batch);
        batch.put(Family::Canonical, &keys::number(0), hash.as_slice());
        meta::put_schema(&mut batch);
        meta::put_identity(&mut batch, identity);
        meta::put_heads(&mut batch, &heads);
        meta::put_base(&mut batch, genesis);
        self.kv.write(&batch, WriteMode::Synced)?;

        let base = Base { block: genesis, snapshot: self.kv.snapshot(), dirty: None };
        *self.chain.write() = Chain::new(heads, base, 0);
        *self.identity.write() = Some(identity);
        tracing::info!(%hash, %state_root, accounts = spec.genesis.alloc.len(), "genesis written");
        Ok(hash)
    }

    /// Removes what an interrupted attempt left, which may have been of another genesis.
    fn clear_leftovers(&self) -> Result<(), StorageError> {
        let snapshot = self.kv.snapshot();
        let mut batch = Batch::new();
        for family in Family::DERIVED {
            if snapshot.cursor(family, Bounds::default()).seek(&[])? {
                // Longer than any key, so behind all of them.
                batch.delete_range(family, &[], &[0xff; 128]);
            }
        }
        if !batch.is_empty() {
            self.kv.write(&batch, WriteMode::Logged)?;
        }
        Ok(())
    }
}

/// Writes the flat state, its stored trie nodes and its code; state root and storage root of the
/// message passer.
fn write_state(kv: &dyn KvStore, spec: &ChainSpec) -> Result<(B256, B256), StorageError> {
    let mut accounts: Vec<(B256, &GenesisAccount)> = spec
        .genesis
        .alloc
        .par_iter()
        .map(|(address, account)| (keccak256(address), account))
        .collect();
    accounts.par_sort_unstable_by_key(|(hash, _)| *hash);

    let may_go_on = || Ok(());
    let mut flat = SliceWriter::new(kv, &may_go_on);
    let mut nodes = SliceWriter::new(kv, &may_go_on);
    let sink = |owner: Option<&B256>, path: Vec<u8>, node: StoredNode| {
        let mut value = Vec::with_capacity(560);
        put_node(&mut value, &node);
        nodes.put(Family::Trie, &keys::trie(owner, &path), &value).map_err(SourceError::new)
    };
    let passer = keccak256(addresses::L2_TO_L1_MESSAGE_PASSER);
    let mut passer_root = EMPTY_STORAGE_ROOT;
    let mut builder = StateRootBuilder::new(sink);
    let mut codes = Codes { kv, batch: Batch::new() };
    let mut value = Vec::with_capacity(112);
    for (hash, account) in accounts {
        let slots = sorted_slots(account);
        let code_hash = codes.put(account)?;
        let plain = Account {
            nonce: account.nonce,
            balance: account.balance,
            code_hash,
            storage_root: EMPTY_STORAGE_ROOT,
        };
        let stored = builder.account(hash, plain, slots.iter().copied()).map_err(trie_error)?;
        if hash == passer {
            passer_root = stored.storage_root;
        }
        value.clear();
        put_account(&mut value, &stored);
        flat.put(Family::Accounts, hash.as_slice(), &value)?;
        for (slot, word) in slots.iter().filter(|(_, word)| !word.is_zero()) {
            value.clear();
            put_word(&mut value, word);
            flat.put(Family::Storage, &keys::slot(&hash, slot), &value)?;
        }
    }
    let (root, _) = builder.finish().map_err(trie_error)?;
    nodes.finish()?;
    flat.finish()?;
    codes.finish()?;
    Ok((root, passer_root))
}

fn sorted_slots(account: &GenesisAccount) -> Vec<(B256, U256)> {
    let mut slots: Vec<_> =
        account.storage.iter().map(|(slot, word)| (keccak256(slot), *word)).collect();
    slots.sort_unstable_by_key(|(slot, _)| *slot);
    slots
}

pub(crate) fn trie_error(error: phala_trie::TrieError) -> StorageError {
    StorageError::Trie(Box::new(error))
}

/// Writes code in batches; the batch of block 0 makes them durable.
struct Codes<'a> {
    kv: &'a dyn KvStore,
    batch: Batch,
}

/// Code bytes in one batch.
const CODE_BATCH_BYTES: usize = 4 << 20;

impl Codes<'_> {
    fn put(&mut self, account: &GenesisAccount) -> Result<B256, StorageError> {
        if account.code.is_empty() {
            return Ok(EMPTY_CODE_HASH);
        }
        let hash = keccak256(&account.code);
        let sealed = envelope::seal_compressed(Family::Codes, hash.as_slice(), &account.code);
        self.batch.put(Family::Codes, hash.as_slice(), &sealed);
        if self.batch.size_bytes() >= CODE_BATCH_BYTES {
            self.write()?;
        }
        Ok(hash)
    }

    fn write(&mut self) -> Result<(), StorageError> {
        self.kv.write(&self.batch, WriteMode::Logged)?;
        self.batch.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), StorageError> {
        self.write()
    }
}
