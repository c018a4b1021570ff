//! The development chain under load: everything that was accepted is mined, stored and exported.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use phala_tests::{NodeProcess, RpcClient, Wallet, run_node};
use serde_json::{Value, json};

/// Calls in one request.
const BATCH_LEN: usize = 100;

/// Transactions a second, and seconds.
struct Load {
    per_second: usize,
    seconds: usize,
}

impl Load {
    /// A minute at a thousand with `PHALA_SOAK`, else a few seconds.
    fn from_env() -> Self {
        if env::var_os("PHALA_SOAK").is_some() {
            Self { per_second: 1_000, seconds: 60 }
        } else {
            Self { per_second: 500, seconds: 3 }
        }
    }
}

/// Transfers of all funded accounts in turn.
fn sign(count: usize) -> Vec<(B256, Bytes)> {
    let mut wallets = Wallet::all();
    let accounts = wallets.len();
    (0..count)
        .map(|i| {
            let to = Address::from_word(B256::from(U256::from(i + 1_000)));
            wallets[i % accounts].transfer(to, U256::from(1))
        })
        .collect()
}

/// Sends evenly over time; answers how long it took.
fn send(rpc: &RpcClient, transactions: &[(B256, Bytes)], per_second: usize) -> Duration {
    let start = Instant::now();
    for (i, chunk) in transactions.chunks(BATCH_LEN).enumerate() {
        let due = start + Duration::from_secs_f64((i * BATCH_LEN) as f64 / per_second as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let calls: Vec<(&str, Value)> =
            chunk.iter().map(|(_, bytes)| ("eth_sendRawTransaction", json!([bytes]))).collect();
        let answers = rpc.batch(&calls);
        for ((hash, _), answer) in chunk.iter().zip(answers) {
            assert_eq!(answer, json!(hash));
        }
    }
    start.elapsed()
}

#[test]
fn every_accepted_transaction_has_a_receipt_and_the_chain_can_be_imported() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().join("original").display());
    let load = Load::from_env();
    let transactions = sign(load.per_second * load.seconds);
    let node = NodeProcess::dev([
        &datadir,
        "--txpool.max-account-slots=10000",
        "--dev.block-time=1s",
        "--log.filter=info,phala_node_lib=debug",
    ]);
    let rpc = node.rpc();
    let took = send(&rpc, &transactions, load.per_second);
    println!("{} transactions sent in {took:.1?}", transactions.len());

    for (hash, _) in transactions.iter().rev().take(10) {
        rpc.wait_for_receipt(*hash);
    }
    for chunk in transactions.chunks(BATCH_LEN) {
        let calls: Vec<(&str, Value)> =
            chunk.iter().map(|(hash, _)| ("eth_getTransactionReceipt", json!([hash]))).collect();
        for ((hash, _), receipt) in chunk.iter().zip(rpc.batch(&calls)) {
            assert_eq!(receipt["transactionHash"], json!(hash));
            assert_eq!(receipt["status"], "0x1");
        }
    }
    println!("{} blocks", rpc.block_number());
    node.terminate().success();

    let file = folder.path().join("blocks.rlp.gz").display().to_string();
    let copy = format!("--datadir={}", folder.path().join("copy").display());
    run_node(["export", &file, &datadir]).success();
    run_node(["import", &file, &copy]).success();
    let digest = |datadir: &str| run_node(["db", "digest", datadir]).success().stdout;
    assert_eq!(digest(&datadir), digest(&copy));
    let verified = run_node(["db", "verify", &datadir]).success();
    assert!(verified.stdout.contains("no problems"), "{}", verified.stdout);
}
