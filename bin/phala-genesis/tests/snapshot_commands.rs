//! `inspect` and `verify` as an operator runs them.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

fn run<A: AsRef<OsStr>>(args: &[A]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phala-genesis")).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn vectors() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    Some(Path::new(&root).join("parachain"))
}

/// A chain spec with one pair, and the header of a block of which that is the state.
fn one_pair() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.json");
    std::fs::write(&spec, r#"{"genesis":{"raw":{"top":{"0x0102":"0x03"}}}}"#).unwrap();
    let leaf = [0x44, 1, 2, 4, 3];
    let mut header = vec![0; 33];
    header.extend(blake2b_256(&leaf));
    header.extend([0; 33]);
    let path = folder.path().join("header.scale");
    std::fs::write(&path, header).unwrap();
    (folder, spec, path)
}

fn blake2b_256(bytes: &[u8]) -> Vec<u8> {
    blake2b_simd::Params::new().hash_length(32).hash(bytes).as_bytes().to_vec()
}

fn hash_of(header: &Path) -> String {
    let hash = blake2b_256(&std::fs::read(header).unwrap());
    format!("0x{}", alloy_primitives::hex::encode(hash))
}

#[test]
fn verify_takes_a_header_and_its_hash() {
    let (_folder, spec, header) = one_pair();
    let hash = hash_of(&header);
    let args = |hash: &str| {
        let [verify, json, header_flag, hash_flag] =
            ["verify", "--json", "--header", "--block-hash"].map(PathBuf::from);
        [verify, spec.clone(), json, header_flag, header.clone(), hash_flag, hash.into()]
    };
    let proved = run(&args(&hash));
    assert_eq!(code(&proved), 0, "{}", String::from_utf8_lossy(&proved.stderr));
    let report = json(&proved);
    assert_eq!((&report["pairs"], &report["evidenceLevel"]), (&1.into(), &1.into()));
    assert_eq!(report["blockHash"], hash);

    let wrong = run(&args(&format!("0x{}", "11".repeat(32))));
    assert_eq!((code(&wrong), &json(&wrong)["exitCode"]), (26, &26.into()));
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains(&hash), "{text}");
}

#[test]
fn verify_takes_a_bundle_and_asks_for_finality_when_told_to() {
    let (folder, spec, header) = one_pair();
    let bundle = folder.path().to_str().unwrap();
    let spec = spec.to_str().unwrap();
    let verify = ["verify", spec, "--evidence", bundle];
    assert_eq!(code(&run(&verify)), 33, "no block_hash");
    std::fs::write(folder.path().join("block_hash"), hash_of(&header)).unwrap();
    assert_eq!(code(&run(&verify)), 0);
    let finality = [&verify[..], &["--require-finality"]].concat();
    assert_eq!(code(&run(&finality)), 33, "no relay");
    // A value of another length.
    std::fs::write(spec, r#"{"genesis":{"raw":{"top":{"0x0102":"0x0304"}}}}"#).unwrap();
    assert_eq!(code(&run(&verify)), 31);
    std::fs::write(spec, r#"{"genesis":{"raw":{"top":{"0x0102":"0x03","0x0102":"0x03"}}}}"#)
        .unwrap();
    assert_eq!(code(&run(&verify)), 15);
    std::fs::write(spec, r#"{"genesis":{"raw":{"top":{"0x0102":"0x03""#).unwrap();
    assert_eq!(code(&run(&verify)), 12);
}

#[test]
fn without_evidence_nothing_is_proved() {
    let (_folder, spec, header) = one_pair();
    let spec = spec.to_str().unwrap();
    assert_eq!(code(&run(&["verify", spec])), 2, "a mistake in the flags");
    let only_hash = run(&["verify", spec, "--block-hash", &hash_of(&header)]);
    assert_eq!(code(&only_hash), 24);
}

#[test]
fn inspect_says_what_recorded_snapshots_are() {
    let Some(vectors) = vectors() else { return };
    let inspect = |name: &str| {
        let output =
            run(&[OsStr::new("inspect"), OsStr::new("--json"), vectors.join(name).as_os_str()]);
        assert_eq!(code(&output), 0, "{name}: {}", String::from_utf8_lossy(&output.stderr));
        json(&output)
    };
    let mini = inspect("synthetic/mini.v4.snap");
    assert_eq!(mini["format"], "try-runtime snapshot v4");
    assert_eq!((&mini["pairs"], &mini["runtime"]), (&136.into(), &"phala".into()));
    assert_eq!(mini["header"]["matches"], true);
    assert!(mini["specVersion"].as_u64().unwrap() >= 1270, "{mini}");
    assert!(mini["timeMs"].as_u64().is_some() && mini["blockNumber"].as_u64().is_some());

    let phala = inspect("chainspec/phala.json.gz");
    assert_eq!(
        phala["stateRoot"],
        "0xbf6929d62a3963299fa0841dabeae62c7f8592a6e787ea4deca610563d106d85"
    );
    assert_eq!((&phala["header"], &phala["blockHash"]), (&Value::Null, &Value::Null));

    let partial = inspect("snap/real-partial.v4.snap.gz");
    assert_eq!((&partial["pairs"], &partial["header"]["matches"]), (&3.into(), &false.into()));
}

#[test]
fn a_snapshot_with_its_own_header_needs_only_the_hash() {
    let Some(vectors) = vectors() else { return };
    let genesis = vectors.join("snap/phala-genesis.v4.snap.gz");
    let published = "0x1bb969d85965e4bb5a651abbedf21a54b6b31a21f66b5401cc3f1e286268d736";
    let proved = run(&["verify", genesis.to_str().unwrap(), "--block-hash", published]);
    let text = String::from_utf8(proved.stdout.clone()).unwrap();
    assert_eq!(code(&proved), 0, "{}", String::from_utf8_lossy(&proved.stderr));
    assert!(text.starts_with("proved        66 pairs are the whole state of block 0\n"), "{text}");
}
