//! Recorded blocks of OP Sepolia, from their witnesses.

use std::path::PathBuf;

use phala_evm::witness::Witness;
use phala_tests::Vectors;

use crate::oracle;

const BLOCKS: [u64; 5] = [26207960, 26207961, 26207962, 26207963, 26208858];

fn name(number: u64) -> String {
    format!("executor/op-sepolia-{number}.json.gz")
}

#[test]
fn recorded_blocks_have_their_hash() {
    let Some(vectors) = Vectors::open() else { return };
    for number in BLOCKS {
        let witness = Witness::from_json(&vectors.bytes(&name(number))).unwrap();
        let block = witness.verify().unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(block.header.number, number);
    }
}

#[test]
fn the_oracle_executes_recorded_blocks_to_their_hash() {
    let Some(vectors) = Vectors::open() else { return };
    let files: Vec<PathBuf> =
        BLOCKS.into_iter().map(|number| vectors.path(&name(number))).collect();
    let output = oracle::judge(&files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
