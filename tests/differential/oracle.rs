//! kona-executor as a program of its own: `tests/oracles`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

/// What the program says about witness files.
pub(crate) fn judge(files: &[PathBuf]) -> Output {
    let output = Command::new(program()).args(files).output().expect("the oracle starts");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    output
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

/// `$PHALA_ORACLE_BIN`, or the program built beside this test.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("PHALA_ORACLE_BIN") {
        Some(path) => path.into(),
        None => build(),
    })
}

/// Builds it in a folder below the target folder: its dependencies must never meet the node's.
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
    assert!(status.success(), "the oracle does not build: {status}");
    target.join("release/execute-witness")
}
