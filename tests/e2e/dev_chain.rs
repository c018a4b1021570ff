//! The development chain: blocks, transactions, stop, restart.

use std::path::Path;

use alloy_primitives::{Address, B256, U256};
use phala_tests::{NodeProcess, RpcClient, Wallet, http_get};
use serde_json::{Value, json};

/// Fast enough for tests, slow enough to stop between two blocks.
const FAST: &str = "--dev.block-time=200ms";

fn send(rpc: &RpcClient, (hash, bytes): (B256, alloy_primitives::Bytes)) -> Value {
    let answer = rpc.call("eth_sendRawTransaction", json!([bytes]));
    assert_eq!(answer, json!(hash));
    rpc.wait_for_receipt(hash)
}

#[test]
fn mines_transactions_and_starts_each_block_with_the_l1_attributes() {
    let node = NodeProcess::dev([FAST]);
    let rpc = node.rpc();
    assert_eq!(rpc.quantity("eth_chainId", json!([])), 20_351_337);
    let to = Address::repeat_byte(0x42);
    let receipt = send(&rpc, Wallet::first(0).transfer(to, U256::from(7)));
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(rpc.quantity("eth_getBalance", json!([to, "latest"])), 7);

    rpc.wait_for_block(3);
    let mut parent = rpc.block_hash(0);
    for number in 1..=rpc.block_number() {
        let block = rpc.call("eth_getBlockByNumber", json!([format!("{number:#x}"), true]));
        assert_eq!(block["parentHash"], json!(parent));
        parent = serde_json::from_value(block["hash"].clone()).expect("a hash");
        let first = &block["transactions"][0];
        assert_eq!(first["type"], "0x7e", "block {number}");
        assert_eq!(first["from"], "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
        assert_eq!(first["to"], "0x4200000000000000000000000000000000000015");
    }
}

#[test]
fn builds_at_once_when_a_transaction_arrives() {
    let node = NodeProcess::dev(["--dev.on-demand", "--dev.block-time=1h"]);
    let rpc = node.rpc();
    rpc.wait_for_block(1);
    let mut wallet = Wallet::first(0);
    for number in 2..5 {
        let receipt = send(&rpc, wallet.transfer(Address::ZERO, U256::from(1)));
        assert_eq!(receipt["blockNumber"], json!(format!("{number:#x}")));
    }
}

#[test]
fn a_stop_and_a_restart_on_the_same_folder_lose_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    let node = NodeProcess::dev([FAST, &datadir]);
    let rpc = node.rpc();
    let receipt = send(&rpc, Wallet::first(0).transfer(Address::repeat_byte(1), U256::from(5)));
    let hash: B256 = serde_json::from_value(receipt["transactionHash"].clone()).expect("a hash");
    let number = rpc.block_number();
    let block = rpc.block_hash(number);
    // Code 70 would mean that the stop took too long and was forced.
    node.terminate().success();

    let node = NodeProcess::dev([FAST, &datadir]);
    let rpc = node.rpc();
    assert!(rpc.block_number() >= number);
    assert_eq!(rpc.block_hash(number), block);
    assert_eq!(rpc.call("eth_getTransactionReceipt", json!([hash])), receipt);
    let receipt = send(&rpc, Wallet::first(1).transfer(Address::repeat_byte(1), U256::from(5)));
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(rpc.quantity("eth_getBalance", json!([Address::repeat_byte(1), "latest"])), 10);
    node.interrupt().success();
}

#[test]
fn a_kill_and_a_restart_lose_nothing_that_was_seen() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    let mut seen = (0, B256::ZERO);
    for round in 0..4 {
        let node = NodeProcess::dev(["--dev.block-time=50ms", &datadir]);
        let rpc = node.rpc();
        if round > 0 {
            assert!(rpc.block_number() >= seen.0, "round {round}");
            assert_eq!(rpc.block_hash(seen.0), seen.1, "round {round}");
        }
        let receipt =
            send(&rpc, Wallet::first(round).transfer(Address::repeat_byte(2), U256::from(1)));
        assert_eq!(receipt["status"], "0x1");
        seen.0 = rpc.block_number();
        seen.1 = rpc.block_hash(seen.0);
        assert_eq!(node.kill().code, -9);
    }
    let verified = phala_tests::run_node(["db", "verify", &datadir]).success();
    assert!(verified.stdout.contains("no problems"), "{}", verified.stdout);
}

#[test]
fn a_temporary_folder_is_removed() {
    let node = NodeProcess::dev([FAST]);
    let line =
        node.stdout().lines().find(|line| line.trim_start().starts_with("data ")).expect("a line");
    let folder = line.split_whitespace().nth(1).expect("a path").to_owned();
    assert!(Path::new(&folder).join("db").exists(), "{folder}");
    node.interrupt().success();
    assert!(!Path::new(&folder).exists(), "{folder}");
}

#[test]
fn tells_its_health_and_metrics() {
    let node = NodeProcess::dev([FAST]);
    node.rpc().wait_for_block(2);
    let metrics = node.address("metrics");
    for path in ["/healthz", "/readyz"] {
        let (status, body) = http_get(&metrics, path);
        assert_eq!(status, 200, "{path}: {body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["causes"], json!([]), "{path}");
        assert!(body["head"]["number"].as_u64().expect("a number") >= 1, "{path}");
    }
    let (status, body) = http_get(&metrics, "/metrics");
    assert_eq!(status, 200);
    for name in ["phala_engine_head_number", "phala_process_resident_bytes", "phala_build_info"] {
        assert!(body.contains(name), "{name} is not in\n{body}");
    }
}
