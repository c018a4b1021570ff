//! The readers and the root builder, judged by snapshots they did not write.

use std::{fs, path::Path};

use alloy_primitives::B256;
use phala_genesis_lib::{
    Pair,
    snapshot::{OpenOptions, Snapshot, SnapshotError, StateVersion, open},
    synth::{BreakCase, Profile},
};

use crate::generation::make;

const FORMATS: [&str; 4] = ["raw.json", "rpc.jsonl", "state.v3.snap", "state.v4.snap"];

fn read(folder: &Path, format: &str) -> Result<Snapshot, SnapshotError> {
    open(&folder.join(format), &OpenOptions::default())
}

fn pairs(snapshot: &Snapshot) -> Vec<Pair> {
    snapshot.pairs().map(Result::unwrap).collect()
}

/// Whether a dump has a root under a layout. Where it holds roots of child tries, these may not fit the layout at all.
fn has_root(snapshot: &Snapshot, version: StateVersion, root: B256) -> bool {
    match snapshot.root(version) {
        Ok(computed) => computed == root,
        Err(SnapshotError::ChildRoot { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_format_gives_the_same_pairs_and_the_root_of_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let seeds = (0..4).map(|seed| (seed, Profile::TINY)).chain([(9, Profile::scaled_down(50))]);
    for (seed, profile) in seeds {
        let made = make(out, seed, profile, None);
        let raw = read(out, "raw.json").unwrap();
        let expected = pairs(&raw);
        assert_eq!(expected.len(), made.keys);
        let child = raw.child_tries().next().unwrap();
        let child_pairs = |snapshot: &Snapshot| -> Vec<Pair> {
            snapshot.child_pairs(&child.name).unwrap().map(Result::unwrap).collect()
        };
        for format in FORMATS {
            let snapshot = read(out, format).unwrap();
            assert!(pairs(&snapshot) == expected, "{format} of seed {seed} has other pairs");
            assert_eq!(snapshot.root(StateVersion::V0).unwrap(), made.state_root, "{format}");
            assert!(!has_root(&snapshot, StateVersion::V1, made.state_root), "{format}");
            // An RPC gives child tries by other methods.
            if format != "rpc.jsonl" {
                assert_eq!(child_pairs(&snapshot), child_pairs(&raw), "{format}");
            }
        }
        assert_eq!(read(out, "state.v3.snap").unwrap().block_hash(), Some(made.block_hash));
        let v4 = read(out, "state.v4.snap").unwrap();
        let header = v4.header().unwrap();
        assert_eq!(header.encoded(), fs::read(out.join("header.scale")).unwrap());
        assert_eq!((header.hash(), header.state_root), (made.block_hash, made.state_root));
        assert_eq!(v4.storage_root(), Some(made.state_root));
    }
}

#[test]
fn what_the_header_does_not_commit_to_has_another_root() {
    let folder = tempfile::tempdir().unwrap();
    for case in [BreakCase::ValueChanged, BreakCase::KeyMissing, BreakCase::PartialScrape] {
        let made = make(folder.path(), 5, Profile::TINY, Some(case));
        for format in FORMATS {
            let snapshot = read(folder.path(), format).unwrap();
            for version in [StateVersion::V0, StateVersion::V1] {
                assert!(!has_root(&snapshot, version, made.state_root), "{case:?} in {format}");
            }
        }
    }
}

#[test]
fn another_layout_of_the_same_pairs_is_told_by_its_root() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), 5, Profile::TINY, Some(BreakCase::StateVersion1));
    for format in ["state.v3.snap", "state.v4.snap"] {
        let snapshot = read(folder.path(), format).unwrap();
        assert_eq!(snapshot.state_version(), StateVersion::V1);
        let root = snapshot.root(StateVersion::V1).unwrap();
        assert_eq!(snapshot.storage_root(), Some(root));
        assert_ne!(root, made.state_root);
    }
}

#[test]
fn files_that_end_early_or_repeat_a_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let code = |format: &str| read(folder.path(), format).err().map(|error| error.exit_code());
    make(folder.path(), 5, Profile::TINY, Some(BreakCase::Truncated));
    for format in FORMATS {
        assert_eq!(code(format), Some(12), "{format}");
    }
    // A node database holds nodes by their hashes: one that is there twice says nothing else.
    let made = make(folder.path(), 5, Profile::TINY, Some(BreakCase::DuplicateKey));
    for format in ["raw.json", "rpc.jsonl"] {
        assert_eq!(code(format), Some(15), "{format}");
    }
    for format in ["state.v3.snap", "state.v4.snap"] {
        let snapshot = read(folder.path(), format).unwrap();
        assert!(has_root(&snapshot, StateVersion::V0, made.state_root), "{format}");
    }
}

#[test]
fn a_header_of_another_block_has_another_hash() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), 5, Profile::TINY, Some(BreakCase::WrongBlockHash));
    let told = B256::from_slice(&fs::read(folder.path().join("block_hash")).unwrap());
    let snapshot = read(folder.path(), "state.v4.snap").unwrap();
    assert_eq!(told, made.block_hash);
    assert_ne!(snapshot.header().unwrap().hash(), told);
}
