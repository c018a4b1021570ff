//! `reconcile` as an operator runs it.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn run<A: AsRef<OsStr>>(args: &[A]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phala-genesis")).args(args).output().unwrap()
}

fn vectors() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    Some(Path::new(&root).join("parachain"))
}

fn report(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("reconciliation.json")).unwrap()).unwrap()
}

#[test]
fn every_format_of_a_state_gives_the_same_report_and_records() {
    let Some(vectors) = vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for file in ["mini-state.json", "mini.v3.snap", "mini.v4.snap"] {
        let out = folder.path().join(file);
        let snapshot = vectors.join("synthetic").join(file);
        let args = [
            OsStr::new("reconcile"),
            snapshot.as_os_str(),
            OsStr::new("--out"),
            out.as_os_str(),
            OsStr::new("--l1-locked"),
            OsStr::new("112903343456794463000001"),
        ];
        let output = run(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report = report(&out);
        assert_eq!(report["l1"]["difference_18"], "1");
        assert_eq!(
            report["input"]["state_root"],
            "0xff68a6f4f91a6a0f3e3baca84dbe95d963eb1e8c8c5f0972054c4320332f0ab7"
        );
        assert!(
            fs::read_to_string(out.join("reconciliation.txt")).unwrap().contains("stake_pools")
        );
        assert!(fs::metadata(out.join("entitlements.csv")).unwrap().len() > 0);
        let hash = report["state_keccak256"].as_str().unwrap().to_owned();
        seen.push((hash, fs::read(out.join("entitlements.bin")).unwrap()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_refused_state_has_its_code_and_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.json");
    fs::write(&spec, r#"{"genesis":{"raw":{"top":{"0x0102":"0x03"}}}}"#).unwrap();
    let out = folder.path().join("out");
    let output =
        run(&[OsStr::new("reconcile"), spec.as_os_str(), OsStr::new("--out"), out.as_os_str()]);
    assert_eq!(output.status.code(), Some(47));
    assert_eq!(report(&out)["state"]["result"]["exit_code"], 47);
    assert!(!out.join("entitlements.bin").exists());
}

#[test]
fn an_override_file_that_cannot_be_read_has_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let output = run(&[
        OsStr::new("reconcile"),
        none.as_os_str(),
        OsStr::new("--overrides"),
        none.as_os_str(),
        OsStr::new("--out"),
        folder.path().as_os_str(),
    ]);
    assert_eq!(output.status.code(), Some(66));
}
