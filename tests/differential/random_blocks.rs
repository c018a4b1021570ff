//! Blocks of random transactions, executed again by others.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{TxReceipt as _, Typed2718 as _};
use alloy_eips::{eip1559::BaseFeeParams, eip2718::Encodable2718 as _};
use alloy_primitives::{B256, Bytes};
use phala_chainspec::{ChainSpec, Fork, Profile, addresses::L2_TO_L1_MESSAGE_PASSER};
use phala_evm::witness::Witness;
use phala_primitives::{Header, Receipt, RecoveredBlock};
use phala_tests::{
    RandomChain, Vectors, engine_in_memory, field, restless_store, seeded_rng, soak_or,
    with_predeploys,
};

use crate::{
    oracle, plain_execution::execute_plainly, plain_state::PlainState, witness_file::witness_file,
};

/// Blocks of a chain with a small state, and of one with all predeploys.
const BLOCKS: usize = 40;
const BLOCKS_ON_LARGE_STATE: usize = 16;

/// Transactions by type and status.
type Tally = BTreeMap<(u8, bool), usize>;

/// A chain of random blocks, checked block by block against plain op-revm.
struct Checked {
    spec: Arc<ChainSpec>,
    tally: Tally,
    /// A witness file for each block.
    witnesses: Vec<Vec<u8>>,
}

fn check_random_chain(name: &str, spec: ChainSpec) -> Checked {
    let spec = Arc::new(spec);
    let engine = engine_in_memory(&spec, restless_store());
    let store = engine.store().clone();
    let mut chain = RandomChain::new(engine, seeded_rng(name));
    let mut state = PlainState::genesis(&spec);
    let mut headers: Vec<Bytes> = Vec::new();
    let mut parent = header(&store, store.heads().latest.hash);
    assert_eq!(state.root(), parent.state_root, "genesis");
    let mut checked =
        Checked { spec: Arc::clone(&spec), tally: Tally::new(), witnesses: Vec::new() };
    let is_small = state.accounts.len() < 1_000;
    let blocks = if is_small { soak_or(20 * BLOCKS, BLOCKS) } else { BLOCKS_ON_LARGE_STATE };
    for _ in 0..blocks {
        headers.push(alloy_rlp::encode(&parent).into());
        let preimages = [state.preimages(), headers.clone()].concat();
        let block = chain.produce();
        let receipts = store.receipts(block.hash()).unwrap().unwrap();
        check_block(&spec, &mut state, &parent, &block, &receipts);
        count(&mut checked.tally, &block, &receipts);
        let file = witness_file(&spec, &parent, &block, &preimages);
        checked.witnesses.push(serde_json::to_vec(&file).unwrap());
        parent = block.header().clone();
    }
    println!("{name}: {:?}", checked.tally);
    checked
}

fn header(store: &phala_storage::Store, hash: B256) -> Header {
    store.header(hash).unwrap().unwrap().header().clone()
}

fn check_block(
    spec: &ChainSpec,
    state: &mut PlainState,
    parent: &Header,
    block: &RecoveredBlock,
    receipts: &[Receipt],
) {
    let header = block.header();
    let number = header.number;
    let result = execute_plainly(spec, state, block);
    let ours: Vec<Vec<u8>> =
        receipts.iter().map(|receipt| receipt.with_bloom_ref().encoded_2718()).collect();
    let theirs: Vec<Vec<u8>> = result.receipts.iter().map(|r| r.encoded_2718()).collect();
    for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let tx = &block.body().transactions[index];
        let (ours, theirs) = (Bytes::copy_from_slice(ours), Bytes::copy_from_slice(theirs));
        assert_eq!(ours, theirs, "receipt of transaction {index} of block {number}: {tx:?}");
    }
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(
        header.receipts_root,
        alloy_consensus::proofs::calculate_receipt_root(&result.receipts)
    );
    let is_jovian = spec.is_fork_active(Fork::Jovian, header.timestamp);
    assert_eq!(header.gas_used, result.gas_used);
    assert_eq!(header.blob_gas_used, Some(if is_jovian { result.blob_gas_used } else { 0 }));
    assert_eq!(header.state_root, state.root(), "state of block {number}");
    assert_eq!(header.withdrawals_root, Some(state.storage_root(L2_TO_L1_MESSAGE_PASSER)));
    assert_eq!(header.base_fee_per_gas, Some(base_fee(parent, is_jovian)), "block {number}");
}

/// The base fee by alloy's formula and the parameters in the parent's extra data.
fn base_fee(parent: &Header, is_jovian: bool) -> u64 {
    let extra = &parent.extra_data;
    let u32_at = |at: usize| u32::from_be_bytes(extra[at..at + 4].try_into().unwrap());
    let params = BaseFeeParams::new(u32_at(1).into(), u32_at(5).into());
    let metered = if is_jovian {
        parent.gas_used.max(parent.blob_gas_used.unwrap())
    } else {
        parent.gas_used
    };
    let fee =
        params.next_block_base_fee(metered, parent.gas_limit, parent.base_fee_per_gas.unwrap());
    let floor = extra.get(9..17).map_or(0, |at| u64::from_be_bytes(at.try_into().unwrap()));
    fee.max(floor)
}

fn count(tally: &mut Tally, block: &RecoveredBlock, receipts: &[Receipt]) {
    for (tx, receipt) in block.body().transactions.iter().zip(receipts) {
        *tally.entry((tx.ty(), receipt.status())).or_default() += 1;
    }
}

/// Chains with predeploys of our own, and if there are vectors with those of the OP stack.
fn chains(profile: Profile) -> Vec<(&'static str, ChainSpec)> {
    let mut chains = vec![("own genesis", with_predeploys(ChainSpec::dev()))];
    if let Some(vectors) = Vectors::open() {
        chains.push(("genesis of the OP stack", with_reference_alloc(&vectors)));
    }
    chains.into_iter().map(|(name, spec)| (name, spec.with_profile(profile))).collect()
}

/// The development chain on top of the state of a published genesis.
fn with_reference_alloc(vectors: &Vectors) -> ChainSpec {
    let file = vectors.bytes("genesis/sepolia-devnet-2.genesis.json.gz");
    let reference = ChainSpec::from_genesis_json(file.as_slice()).unwrap();
    let mut spec = ChainSpec::dev();
    let funded = std::mem::take(&mut spec.genesis.alloc);
    spec.genesis.alloc = reference.genesis.alloc;
    for (address, account) in funded {
        spec.genesis.alloc.entry(address).or_insert(account);
    }
    spec
}

fn check_profile(profile: Profile) -> Vec<Checked> {
    let mut tally = Tally::new();
    let mut all = Vec::new();
    for (genesis, spec) in chains(profile) {
        let checked = check_random_chain(&format!("{profile:?} on {genesis}"), spec);
        for (key, count) in &checked.tally {
            *tally.entry(*key).or_default() += count;
        }
        // Our own stateless execution, from the same files.
        for witness in &checked.witnesses {
            Witness::from_json(witness).unwrap().verify().unwrap();
        }
        all.push(checked);
    }
    for ty in [0, 1, 2, 4, 0x7e] {
        for status in [true, false] {
            assert!(tally.contains_key(&(ty, status)), "no type {ty:#x} with status {status}");
        }
    }
    all
}

#[test]
fn random_isthmus_blocks_are_those_of_op_revm_and_of_kona() {
    for checked in check_profile(Profile::Isthmus) {
        let folder = tempfile::tempdir().unwrap();
        let files = oracle::write_all(folder.path(), &checked.witnesses);
        let output = oracle::judge(&files);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {error}", checked.spec.name);
    }
}

#[test]
fn random_jovian_blocks_are_those_of_op_revm() {
    check_profile(Profile::Jovian);
}

#[test]
fn random_karst_blocks_are_those_of_op_revm() {
    check_profile(Profile::Karst);
}

#[test]
fn the_oracles_refuse_a_witness_with_a_flipped_byte() {
    let spec = with_predeploys(ChainSpec::dev()).with_profile(Profile::Isthmus);
    let checked = check_random_chain("flipped bytes", spec);
    let mut witness: serde_json::Value = serde_json::from_slice(&checked.witnesses[0]).unwrap();
    let expected = witness["expected_block_hash"].clone();
    // The root of the state is always read.
    let root: B256 = field(&witness["parent_header"], "stateRoot");
    let preimages = witness["preimages"].as_array_mut().unwrap();
    let node = preimages
        .iter_mut()
        .find(|node| {
            let bytes: Bytes = serde_json::from_value((**node).clone()).unwrap();
            alloy_primitives::keccak256(bytes) == root
        })
        .unwrap();
    let mut bytes: Vec<u8> = serde_json::from_value::<Bytes>(node.clone()).unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *node = serde_json::to_value(Bytes::from(bytes)).unwrap();
    assert_eq!(witness["expected_block_hash"], expected);
    let damaged = serde_json::to_vec(&witness).unwrap();
    assert!(Witness::from_json(&damaged).unwrap().verify().is_err());
    let folder = tempfile::tempdir().unwrap();
    let output = oracle::judge(&oracle::write_all(folder.path(), &[damaged]));
    assert!(!output.status.success(), "kona-executor accepts a damaged witness");
}
