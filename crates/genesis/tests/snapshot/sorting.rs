//! Sorting with little memory gives what sorting with much gives.

use phala_genesis_lib::snapshot::{OpenOptions, StateVersion, open};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use crate::{
    files::{file, pair, pairs_of},
    plain_trie::Pairs,
};

fn dump(count: usize) -> (Pairs, Vec<String>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let pairs: Pairs = (0..count)
        .map(|_| {
            let key: Vec<u8> = (0..1 + rng.next_u32() % 40).map(|_| rng.next_u32() as u8).collect();
            (key, vec![rng.next_u32() as u8; rng.next_u32() as usize % 60])
        })
        .collect();
    let mut lines: Vec<_> = pairs.iter().map(pair).collect();
    for index in (1..lines.len()).rev() {
        lines.swap(index, rng.next_u32() as usize % (index + 1));
    }
    (pairs, lines)
}

#[test]
fn hundreds_of_sorted_parts_are_merged_into_one() {
    let (pairs, lines) = dump(20_000);
    let file = file(lines.join("\n").as_bytes());
    // About 200 parts: more than are merged at once.
    let little = OpenOptions { memory_bytes: 8 << 10, ..OpenOptions::default() };
    let snapshot = open(&file.path, &little).unwrap();
    assert_eq!(pairs_of(&snapshot), pairs.into_iter().collect::<Vec<_>>());
    let much = open(&file.path, &OpenOptions::default()).unwrap();
    assert_eq!(snapshot.root(StateVersion::V0).unwrap(), much.root(StateVersion::V0).unwrap());
}

#[test]
fn a_key_in_two_parts_is_still_a_duplicate() {
    let (_, mut lines) = dump(2_000);
    lines.push(lines[0].clone());
    let file = file(lines.join("\n").as_bytes());
    let little = OpenOptions { memory_bytes: 8 << 10, ..OpenOptions::default() };
    assert_eq!(open(&file.path, &little).unwrap_err().exit_code(), 15);
}

#[test]
fn a_folder_that_takes_no_files_is_named() {
    let (_, lines) = dump(10);
    let file = file(lines.join("\n").as_bytes());
    let options =
        OpenOptions { temporary_folder: Some("/nonexistent".into()), ..OpenOptions::default() };
    let error = open(&file.path, &options).unwrap_err();
    assert_eq!(error.exit_code(), 22);
    assert!(error.to_string().contains("/nonexistent"), "{error}");
}
