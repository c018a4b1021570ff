//! `db stats|verify|unwind|digest` on a chain with transactions.

use phala_tests::{NodeProcess, RpcClient, Wallet, run_node};
use serde_json::json;

/// Makes a chain in `datadir` and answers its head.
pub(crate) fn make_chain(datadir: &str, transactions: u64) -> u64 {
    let node = NodeProcess::dev(["--dev.block-time=100ms", datadir]);
    let rpc: RpcClient = node.rpc();
    let mut wallet = Wallet::first(0);
    for i in 0..transactions {
        let to = alloy_primitives::Address::with_last_byte(u8::try_from(i).expect("few") + 1);
        let (hash, bytes) = wallet.transfer(to, alloy_primitives::U256::from(i + 1));
        rpc.call("eth_sendRawTransaction", json!([bytes]));
        rpc.wait_for_receipt(hash);
    }
    rpc.wait_for_block(5);
    node.terminate().success();
    let stats = run_node(["db", "stats", datadir]).success().stdout;
    number_of(&stats, "latest")
}

fn number_of(stats: &str, name: &str) -> u64 {
    let line = stats.lines().find(|line| line.split_whitespace().next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no `{name}` in:\n{stats}"));
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn digest(datadir: &str, to: u64) -> String {
    run_node(["db", "digest", datadir, &format!("--to={to}")]).success().stdout
}

#[test]
fn stats_verify_digest_and_unwind_agree() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    let head = make_chain(&datadir, 4);
    let verified = run_node(["db", "verify", &datadir]).success().stdout;
    assert!(verified.contains("no problems"), "{verified}");

    let (lower, upper) = (digest(&datadir, head - 2), digest(&datadir, head));
    assert_ne!(lower, upper);
    run_node(["db", "unwind", &datadir, &format!("--to={}", head - 2)]).success();
    let stats = run_node(["db", "stats", &datadir]).success().stdout;
    assert_eq!(number_of(&stats, "latest"), head - 2);
    assert_eq!(digest(&datadir, head - 2), lower);
    run_node(["db", "verify", &datadir]).success();
    run_node(["db", "unwind", &datadir, &format!("--to={head}")]).failure(1, &head.to_string());
    run_node(["db", "digest", &datadir, &format!("--to={head}")]).failure(1, "is above the latest");
    run_node(["db", "unwind", &datadir, "--to=0"]).success();
    run_node(["db", "verify", &datadir]).success();

    // The chain goes on from there.
    let node = NodeProcess::dev(["--dev.block-time=100ms", &datadir]);
    node.rpc().wait_for_block(3);
    node.terminate().success();
}
