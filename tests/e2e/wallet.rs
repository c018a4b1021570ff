//! What a wallet library (viem) and a command line (cast), as published, do with a development chain.

use std::{path::Path, process::Command};

use phala_tests::NodeProcess;

/// Key of the development chain's second account; other tests use the first.
const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

fn run(program: &str, arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    assert!(
        folder.join("node_modules").exists(),
        "the npm packages of {} are missing: run `make setup`",
        folder.display()
    );
    let node = NodeProcess::dev(["--dev.block-time=1s", "--dev.on-demand"]);
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PHALA_RPC", format!("http://{}", node.address("http")))
        .env("PHALA_WS", format!("ws://{}", node.address("ws")))
        .env("PHALA_KEY", KEY)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    println!("{stdout}");
    assert!(output.status.success(), "{stdout}\n{stderr}");
    node.terminate().success();
}

#[test]
fn viem_sends_deploys_subscribes_and_verifies_a_proof() {
    run("node", &["wallet.mjs"]);
}

#[test]
fn cast_sends_deploys_and_reads() {
    run("bash", &["cast.sh"]);
}
