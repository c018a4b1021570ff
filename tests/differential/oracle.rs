//! Programs of others to compare with: `tests/oracles`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

/// What kona-executor says about witness files.
pub(crate) fn judge(files: &[PathBuf]) -> Output {
    let program = folder().join("execute-witness");
    let output = Command::new(program).args(files).output().expect("the oracle starts");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    output
}

/// What kona-derive makes of recorded L1 blocks: one line of JSON for each file.
pub(crate) fn derive(files: &[PathBuf]) -> Vec<serde_json::Value> {
    let program = folder().join("derive-attributes");
    let output = Command::new(program).args(files).output().expect("the oracle starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the oracle writes text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// The batches kona-protocol finds in channel data.
pub(crate) fn decode_channel(file: &Path, numbers: [u64; 3]) -> Vec<serde_json::Value> {
    let output = Command::new(folder().join("decode-channel"))
        .arg(file)
        .args(numbers.map(|number| number.to_string()))
        .output()
        .expect("the oracle starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the oracle writes JSON")
}

/// What dcap-qvl on ring says of the quotes in a file, line by line: claims or null.
pub(crate) fn verify_quotes(file: &Path) -> Vec<serde_json::Value> {
    let output =
        Command::new(folder().join("verify-quotes")).arg(file).output().expect("the oracle starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the oracle writes text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Writes a file for each witness.
pub(crate) fn write_all(folder: &Path, witnesses: &[Vec<u8>]) -> Vec<PathBuf> {
    let write = |(index, witness): (usize, &Vec<u8>)| {
        let path = folder.join(format!("{index}.json"));
        std::fs::write(&path, witness).unwrap();
        path
    };
    witnesses.iter().enumerate().map(write).collect()
}

/// `$PHALA_ORACLE_DIR`, or where the programs were built beside this test.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("PHALA_ORACLE_DIR") {
        Some(path) => path.into(),
        None => build(),
    })
}

/// Builds them in a folder below the target folder: its dependencies must never meet the node's.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/ci/deps/differential-0123
    let target = test.ancestors().nth(3).expect("below a target folder").join("oracles");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracles/Cargo.toml");
    println!("building {}", manifest.display());
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the oracles do not build: {status}");
    target.join("release")
}
