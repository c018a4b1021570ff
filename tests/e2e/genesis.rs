//! Genesis hashes, against recorded ones and through a round trip.

use std::fs;

use phala_tests::run_node;
use serde_json::Value;

use crate::vectors;

fn line<'a>(output: &'a str, name: &str) -> &'a str {
    let line = output
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_else(|| panic!("{name}: {output}"));
    line[name.len()..].trim()
}

#[test]
fn hashes_the_recorded_genesis_files() {
    let Some(expected) = vectors::opstack("genesis/expected.json") else { return };
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(expected).expect("read")).expect("JSON");
    let mut files = 0;
    for (name, values) in expected.as_object().expect("an object") {
        let Some(path) = vectors::opstack(&format!("genesis/{name}.genesis.json.gz")) else {
            return;
        };
        let output =
            run_node(["chain", "genesis-hash", path.to_str().expect("text")]).success().stdout;
        assert_eq!(
            line(&output, "genesis hash"),
            values["genesis_hash"].as_str().expect("hash"),
            "{name}"
        );
        assert_eq!(
            line(&output, "state root"),
            values["state_root"].as_str().expect("root"),
            "{name}"
        );
        files += 1;
    }
    println!("{files} genesis files read");
    assert_eq!(files, 2);
}

#[test]
fn the_exported_genesis_has_the_same_hash() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("genesis.json");
    let shown = run_node(["chain", "show"]).success().stdout;
    fs::write(&file, run_node(["chain", "genesis-json"]).success().stdout).expect("written");
    let hashed = run_node(["chain", "genesis-hash", file.to_str().expect("text")]).success().stdout;
    assert_eq!(line(&shown, "genesis hash"), line(&hashed, "genesis hash"));
    let datadir = format!("--datadir={}", folder.path().join("data").display());
    let init = run_node(["init", &datadir]).success().stdout;
    assert!(init.contains(line(&shown, "genesis hash")), "{init}");
}

#[test]
fn refuses_a_broken_genesis() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("genesis.json");
    for text in ["", "{", "[]", "{\"alloc\":{\"0x01\":{}}}"] {
        fs::write(&file, text).expect("written");
        let refused = run_node(["chain", "genesis-hash", file.to_str().expect("text")]);
        assert_eq!(refused.code, 2, "{text}: {}", refused.stderr);
    }
}
