//! One process for a folder, one chain in it.

use std::fs;

use phala_tests::{NodeProcess, run_node};
use serde_json::{Value, json};

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    let node = NodeProcess::dev(["--dev.block-time=200ms", &datadir]);
    let path = folder.path().display().to_string();
    for command in [&["dev", "--http.port=0", "--ws.port=0"][..], &["db", "stats"], &["init"]] {
        let refused = run_node(command.iter().copied().chain([datadir.as_str()]))
            .failure(1, "another process");
        assert!(refused.stderr.contains(&path), "{}", refused.stderr);
    }
    let rpc = node.rpc();
    rpc.wait_for_block(rpc.block_number() + 2);
    node.terminate().success();
}

#[test]
fn another_chain_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    run_node(["init", &datadir]).success();
    run_node(["init", &datadir]).success();

    let json = run_node(["chain", "genesis-json"]).success().stdout;
    let mut genesis: Value = serde_json::from_str(&json).expect("JSON");
    let other = folder.path().join("other.json");
    let chain = format!("--chain={}", other.display());
    let refused = |genesis: &Value, text: &str| {
        fs::write(&other, genesis.to_string()).expect("written");
        run_node(["init", &datadir, &chain]).failure(1, text);
        run_node(["db", "stats", &datadir, &chain]).failure(1, text);
    };
    genesis["timestamp"] = json!("0x1");
    refused(&genesis, "database holds chain 20351337");
    genesis["config"]["chainId"] = json!(99);
    refused(&genesis, "database holds chain 20351337");
    run_node(["db", "stats", &datadir]).success();
}

#[test]
fn a_missing_database_is_no_reason_to_make_one() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().join("new").display());
    for command in [&["db", "stats"][..], &["db", "verify"], &["export", "-"]] {
        run_node(command.iter().copied().chain([datadir.as_str()]))
            .failure(2, "run `phala-node init`");
    }
    assert!(!folder.path().join("new").exists());
}
