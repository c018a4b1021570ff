//! What `debug_executionWitness` gives is enough for others to execute the block.

use std::sync::Arc;

use alloy_consensus::TxReceipt as _;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, U256};
use phala_chainspec::{
    ChainSpec, Profile,
    addresses::{L1_BLOCK, L2_TO_L1_MESSAGE_PASSER},
};
use phala_engine::Engine;
use phala_evm::witness::Witness;
use phala_primitives::RecoveredBlock;
use phala_rpc::{HttpConfig, NamespaceSet, RpcConfig, RpcHandle, RpcHandles, RpcLimits, RpcServer};
use phala_tests::{
    RandomChain, RpcClient,
    asm::{Asm, op},
    engine_in_memory, field, restless_store, seeded_rng, with_predeploys,
};
use phala_txpool::{Pool, PoolConfig};
use serde_json::json;

use crate::{
    hand_chain::{CONTRACT, Call, HandChain},
    oracle,
    witness_file::witness_file,
};

const BLOCKS: usize = 24;

/// Serves an engine over HTTP.
async fn serve(engine: &Engine) -> RpcHandle {
    let senders = Arc::clone(engine.senders());
    let spec = Arc::clone(engine.spec());
    let pool = Pool::new(spec, engine.store().clone(), PoolConfig::default(), senders).unwrap();
    let config = RpcConfig {
        http: Some(HttpConfig {
            addr: "127.0.0.1:0".parse().unwrap(),
            api: NamespaceSet::default(),
            cors_domains: Vec::new(),
        }),
        ws: None,
        auth: None,
        limits: RpcLimits::default(),
        client_version: "test".into(),
    };
    RpcServer::start(config, RpcHandles { engine: engine.clone(), pool, rollup: None })
        .await
        .unwrap()
}

/// A witness file for each block, from nothing but what the node tells.
fn told(engine: &Engine, blocks: &[Arc<RecoveredBlock>]) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(serve(engine));
    let client = RpcClient::new(server.http_addr.unwrap().to_string());
    let files = blocks.iter().map(|block| {
        let told = client.call("debug_executionWitness", json!([block.hash()]));
        let preimages: Vec<Bytes> = ["state", "codes", "headers"]
            .into_iter()
            .flat_map(|part| field::<Vec<Bytes>>(&told, part))
            .collect();
        let parent = engine.store().header(block.parent_hash).unwrap().unwrap();
        let file = witness_file(engine.spec(), parent.header(), block, &preimages);
        serde_json::to_vec(&file).unwrap()
    });
    let files = files.collect();
    runtime.block_on(server.stop());
    files
}

fn verify(files: &[Vec<u8>]) {
    for file in files {
        let witness = Witness::from_json(file).unwrap();
        witness.verify().unwrap();
    }
}

#[test]
fn witnesses_told_over_rpc_are_enough_to_execute_random_blocks() {
    for profile in [Profile::Isthmus, Profile::Jovian, Profile::Karst] {
        let spec = Arc::new(with_predeploys(ChainSpec::dev()).with_profile(profile));
        let engine = engine_in_memory(&spec, restless_store());
        let rng = seeded_rng(&format!("{profile:?} witnesses"));
        let mut chain = RandomChain::new(engine.clone(), rng);
        let blocks: Vec<_> = (0..BLOCKS).map(|_| chain.produce()).collect();
        verify(&told(&engine, &blocks));
    }
}

/// The oracle's EVM is older than ours and reads a slot before it charges for it: it would want more
/// than we read where a transaction runs out of gas, so here none does.
#[test]
fn witnesses_told_over_rpc_are_enough_for_kona() {
    // Sets the slot in word 0 to word 1, and keeps a code hash and the hash of an ancestor.
    let code = Asm::new()
        .push(32)
        .ops(&[op::CALLDATALOAD, op::PUSH0, op::CALLDATALOAD, op::SSTORE])
        .push_address(L2_TO_L1_MESSAGE_PASSER)
        .ops(&[op::EXTCODEHASH])
        .store_top(100)
        .push(3)
        .ops(&[op::NUMBER, op::SUB, op::BLOCKHASH])
        .store_top(101)
        .bytes();
    let mut chain = HandChain::with_contract(Profile::Isthmus, code);
    chain.l1.base_fee = U256::from(1_000_000_000);
    chain.l1.base_fee_scalar = 1_368;
    chain.l1.operator_fee_constant = 7;
    let mut nonce = 0;
    let mut set = |chain: &HandChain, slot: u64, value: u64| {
        let words = [slot, value].map(|n| U256::from(n).to_be_bytes::<32>());
        let input = Bytes::from(words.concat());
        // Names what nobody looks at.
        let address = L1_BLOCK;
        let storage_keys = vec![B256::with_last_byte(2), B256::with_last_byte(99)];
        let access_list = AccessList(vec![AccessListItem { address, storage_keys }]);
        nonce += 1;
        let call = Call { input, access_list, gas_limit: 200_000, ..Call::to(nonce - 1, CONTRACT) };
        chain.sign(call)
    };
    let mut blocks = Vec::new();
    for round in 0..12_u64 {
        // Slots come and go, so that branches of the trie collapse.
        let txs = [
            set(&chain, round, 1),
            set(&chain, round / 2, 0),
            set(&chain, round + 1_000, round % 3),
            chain.deposit(Address::repeat_byte(0x50 + round as u8), 50_000),
        ];
        let block = chain.produce(&txs);
        assert!(chain.receipts(&block).iter().all(|receipt| receipt.status()));
        blocks.push(block);
    }
    let files = told(&chain.engine, &blocks);
    verify(&files);
    let folder = tempfile::tempdir().unwrap();
    let output = oracle::judge(&oracle::write_all(folder.path(), &files));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
