//! `phala-node execute` on recorded blocks of OP Sepolia.

use std::{fs, io::Read as _, path::Path};

use flate2::read::GzDecoder;
use phala_tests::run_node;

use crate::vectors;

fn execute(path: &Path) -> phala_tests::Finished {
    run_node(["execute", "--witness", path.to_str().expect("text")])
}

#[test]
fn executes_every_recorded_block_to_its_hash() {
    let Some(folder) = vectors::opstack("executor") else { return };
    let mut blocks = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let output = execute(&path).success().stdout;
            assert!(output.contains("as expected"), "{}: {output}", path.display());
            blocks += 1;
        }
    }
    println!("{blocks} witness files read");
    assert_eq!(blocks, 5);
}

#[test]
fn a_flipped_preimage_is_an_error() {
    let Some(folder) = vectors::opstack("executor") else { return };
    let path = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .min_by_key(|path| fs::metadata(path).expect("there").len())
        .expect("a witness");
    let mut json = String::new();
    GzDecoder::new(fs::File::open(path).expect("opened")).read_to_string(&mut json).expect("read");
    let temporary = tempfile::tempdir().expect("folder");
    let changed = temporary.path().join("witness.json");
    fs::write(&changed, &json).expect("written");
    execute(&changed).success();
    // A digit in the middle of the file is one of a preimage.
    let mut bytes = json.into_bytes();
    let middle = bytes.len() / 2;
    let at = (middle..).find(|at| bytes[*at].is_ascii_digit()).expect("a digit");
    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    fs::write(&changed, bytes).expect("written");
    let refused = execute(&changed);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(!refused.stdout.contains("as expected"));
    fs::write(&changed, "{}").expect("written");
    assert_eq!(execute(&changed).code, 1);
}
