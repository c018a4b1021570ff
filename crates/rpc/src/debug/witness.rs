use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use alloy_consensus::Transaction as _;
use alloy_eips::{BlockId, eip2718::Encodable2718 as _, eip4788::SYSTEM_ADDRESS};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::B256Map};
use phala_chainspec::addresses::L2_TO_L1_MESSAGE_PASSER;
use phala_evm::{
    BlockEnvironment, Execution, StateChanges,
    witness::{WitnessDb, WitnessError},
};
use phala_primitives::{BlockRef, RecoveredBlock, SealedHeader};
use phala_storage::{StorageError, View};
use phala_trie::account_proof;
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};
use serde::Serialize;

use super::trie_path::path_of_child;
use crate::{
    Context, RpcError,
    eth::{execution_error, proof_error},
    json::Json,
    method::Method,
    params::Params,
};

pub(super) const METHODS: &[Method] = &[Method::heavy("debug_executionWitness", execution_witness)];

/// Entries of the state one proof may read.
const READS_MAX: u64 = 1_000_000;

/// Accounts that belong to every witness: the header names the storage root of the first, and other
/// implementations read the caller of system calls, which our EVM knows without looking.
const READ_BY_OTHERS: [Address; 2] = [L2_TO_L1_MESSAGE_PASSER, SYSTEM_ADDRESS];

/// Nodes beside deleted leaves that are looked up one by one; more means that something is wrong.
const SIBLINGS_MAX: usize = 4_096;

/// Everything needed to execute a block without a database.
#[derive(Serialize)]
struct WitnessJson {
    /// Trie nodes of the state before the block.
    state: Vec<Bytes>,
    /// Codes of all accounts that were read.
    codes: Vec<Bytes>,
    /// Addresses and slots whose hashes lead to the nodes.
    keys: Vec<Bytes>,
    /// Headers from the parent down to the oldest one `BLOCKHASH` asked for.
    headers: Vec<Bytes>,
}

fn execution_witness(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let id: BlockId = args.required()?;
    args.end()?;
    let block = context.known_block(id)?;
    let header = block.block().sealed_header();
    let Some(parent_number) = header.number.checked_sub(1) else {
        return Err(RpcError::InvalidParams("genesis was not executed".into()));
    };
    let parent = BlockRef { number: parent_number, hash: header.parent_hash };
    let parent_header = context.header(parent)?;
    let state = context.state(parent)?;

    let recorder = Recorder::new(&state);
    let changes = execute(context, block.block(), &recorder)?;
    let mut accessed = recorder.accessed.into_inner();
    // Ours looks at what an access list names when it is used, others when the transaction begins.
    let lists = block.block().body().transactions.iter().filter_map(|tx| tx.access_list());
    for item in lists.flat_map(|list| list.iter()) {
        let slots = item.storage_keys.iter().map(|key| U256::from_be_bytes(key.0));
        accessed.accounts.entry(item.address).or_default().extend(slots);
    }

    let mut nodes = Nodes::new(&state, parent_header.state_root);
    for address in READ_BY_OTHERS {
        nodes.add(address, &BTreeSet::new())?;
    }
    for (address, slots) in &accessed.accounts {
        nodes.add(*address, slots)?;
    }
    nodes.complete(&parent_header, &changes, header.state_root)?;

    let keys = accessed.accounts.iter().flat_map(|(address, slots)| {
        let slots = slots.iter().map(|slot| Bytes::from(slot.to_be_bytes::<32>()));
        std::iter::once(Bytes::copy_from_slice(address.as_slice())).chain(slots)
    });
    Json::of(&WitnessJson {
        keys: keys.collect(),
        headers: headers(context, parent, accessed.oldest_block.unwrap_or(parent.number))?,
        codes: accessed.codes.into_values().collect(),
        state: nodes.preimages(),
    })
}

/// Executes the block once more, on what the recorder lets through.
fn execute(
    context: &Context,
    block: &RecoveredBlock,
    recorder: &Recorder<'_>,
) -> Result<StateChanges, RpcError> {
    let env = BlockEnvironment::from(block.header());
    let mut execution = Execution::new(context.spec(), recorder, &env).map_err(execution_error)?;
    for (tx, sender) in block.body().transactions.iter().zip(block.senders()) {
        execution.execute(tx, *sender, &tx.encoded_2718().into()).map_err(execution_error)?;
    }
    Ok(execution.finish().changes)
}

/// Headers from the parent downwards.
fn headers(context: &Context, parent: BlockRef, oldest: u64) -> Result<Vec<Bytes>, RpcError> {
    let mut headers = Vec::new();
    let mut at = parent;
    loop {
        let header = context.header(at)?;
        headers.push(alloy_rlp::encode(header.header()).into());
        if at.number <= oldest {
            return Ok(headers);
        }
        at = BlockRef { number: at.number - 1, hash: header.parent_hash };
    }
}

/// Notes what an execution reads.
struct Recorder<'a> {
    state: &'a View,
    accessed: RefCell<Accessed>,
}

#[derive(Default)]
struct Accessed {
    accounts: BTreeMap<Address, BTreeSet<U256>>,
    codes: BTreeMap<B256, Bytes>,
    oldest_block: Option<u64>,
}

impl<'a> Recorder<'a> {
    fn new(state: &'a View) -> Self {
        Self { state, accessed: RefCell::default() }
    }
}

impl DatabaseRef for Recorder<'_> {
    type Error = StorageError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StorageError> {
        self.accessed.borrow_mut().accounts.entry(address).or_default();
        let info = self.state.basic_ref(address)?;
        if let Some(info) = &info {
            // Others load the code with the account, for `EXTCODEHASH` too.
            self.code_by_hash_ref(info.code_hash)?;
        }
        Ok(info)
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, StorageError> {
        let code = self.state.code(&hash)?;
        if !code.is_empty() {
            self.accessed.borrow_mut().codes.insert(hash, code.clone());
        }
        Ok(Bytecode::new_raw(code))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        self.accessed.borrow_mut().accounts.entry(address).or_default().insert(slot);
        self.state.storage_ref(address, slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StorageError> {
        let oldest = &mut self.accessed.borrow_mut().oldest_block;
        *oldest = Some(oldest.map_or(number, |oldest| oldest.min(number)));
        self.state.block_hash_ref(number)
    }
}

/// Trie nodes of the state before the block, by hash.
struct Nodes<'a> {
    state: &'a View,
    root: B256,
    found: B256Map<Bytes>,
    /// Every way that was walked: trie (`None` for accounts), key, nodes from the root.
    walks: Vec<(Option<B256>, B256, Vec<Bytes>)>,
}

impl<'a> Nodes<'a> {
    fn new(state: &'a View, root: B256) -> Self {
        Self { state, root, found: B256Map::default(), walks: Vec::new() }
    }

    /// Adds the ways to an account and some of its slots.
    fn add(&mut self, address: Address, slots: &BTreeSet<U256>) -> Result<(), RpcError> {
        let slots: Vec<B256> =
            slots.iter().map(|slot| keccak256(slot.to_be_bytes::<32>())).collect();
        self.walk(keccak256(address), &slots)
    }

    fn walk(&mut self, account: B256, slots: &[B256]) -> Result<(), RpcError> {
        let proof = account_proof(self.state, self.root, account, slots, READS_MAX);
        let proof = proof.map_err(proof_error)?;
        self.keep(None, account, proof.nodes);
        for slot in proof.slots {
            self.keep(Some(account), slot.hash, slot.nodes);
        }
        Ok(())
    }

    fn keep(&mut self, owner: Option<B256>, key: B256, nodes: Vec<Bytes>) {
        for node in &nodes {
            self.found.entry(keccak256(node)).or_insert_with(|| node.clone());
        }
        self.walks.push((owner, key, nodes));
    }

    /// Adds the nodes that nothing read and the new root needs: a branch that loses all children
    /// but one takes that child's place, so the child has to be known.
    fn complete(
        &mut self,
        parent: &SealedHeader,
        changes: &StateChanges,
        expected: B256,
    ) -> Result<(), RpcError> {
        for _ in 0..SIBLINGS_MAX {
            let preimages = self.preimages();
            match WitnessDb::new(parent.header(), &preimages).root_after(changes) {
                Ok(root) if root == expected => return Ok(()),
                Ok(_) => return Err(RpcError::internal(WitnessRootError)),
                Err(WitnessError::MissingPreimage(hash)) => self.add_sibling(hash)?,
                Err(error) => return Err(RpcError::internal(error)),
            }
        }
        Err(RpcError::Limit {
            what: "number of trie nodes beside deleted ones",
            limit: SIBLINGS_MAX as u64,
        })
    }

    fn add_sibling(&mut self, hash: B256) -> Result<(), RpcError> {
        let found = self.walks.iter().find_map(|(owner, key, nodes)| {
            path_of_child(key, nodes, hash).map(|path| (*owner, path))
        });
        match found {
            Some((None, path)) => self.walk(path, &[])?,
            Some((Some(owner), path)) => self.walk(owner, &[path])?,
            None => return Err(RpcError::internal(WitnessError::MissingPreimage(hash))),
        }
        if self.found.contains_key(&hash) {
            return Ok(());
        }
        Err(RpcError::internal(WitnessError::MissingPreimage(hash)))
    }

    fn preimages(&self) -> Vec<Bytes> {
        self.found.values().cloned().collect()
    }
}

/// The block executed to another state than its header says.
#[derive(Debug, thiserror::Error)]
#[error("witness leads to another state root than the header has")]
struct WitnessRootError;
