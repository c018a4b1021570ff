//! What the generator promises of itself.

use std::{collections::BTreeMap, fs, path::Path};

use alloy_primitives::hex;
use phala_genesis_lib::synth::{BreakCase, Profile, SynthOptions, SynthSummary, generate};
use serde_json::Value;

pub(crate) fn make(
    out: &Path,
    seed: u64,
    profile: Profile,
    break_case: Option<BreakCase>,
) -> SynthSummary {
    let options = SynthOptions { seed, profile, out: out.to_owned(), break_case };
    generate(&options).unwrap()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

fn amount(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_thread_and_on_four() {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile::scaled_down(200);
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let out = folder.path().join(threads.to_string());
        pool.install(|| make(&out, 11, profile.clone(), None));
    }
    let one = files(&folder.path().join("1"));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        [
            "block_hash",
            "expected.json",
            "header.scale",
            "raw.json",
            "rpc.jsonl",
            "state.v3.snap",
            "state.v4.snap"
        ]
    );
    assert!(one == files(&folder.path().join("4")), "bytes depend on the number of threads");
    let other = folder.path().join("other");
    make(&other, 12, profile, None);
    assert_ne!(one["header.scale"], files(&other)["header.scale"]);
}

#[test]
fn tiny_has_every_kind_of_account_and_every_bucket() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..8 {
        let summary = make(folder.path(), seed, Profile::TINY, None);
        assert_eq!(summary.keys, 1_000);
        let expected = json(folder.path(), "expected.json");
        let buckets = expected["buckets"].as_object().unwrap();
        assert_eq!(buckets.len(), 14);
        for (name, value) in buckets {
            assert!(amount(value) > 0 || name == "vault_free", "{name} is empty with seed {seed}");
        }
        let sum: u128 = buckets.values().map(amount).sum();
        assert_eq!(sum, summary.total_issuance);
        assert_eq!(expected["holders"].as_array().unwrap().len(), 50);
        let keys = json(folder.path(), "keys.json");
        let kinds = keys["accounts"].as_array().unwrap();
        assert_eq!(kinds.len(), 50);
        for kind in 0..=4 {
            assert!(kinds.iter().any(|one| one["authority"]["kind"] == kind), "no kind {kind}");
        }
        for scheme in ["sr25519", "ed25519", "ecdsa"] {
            assert!(kinds.iter().any(|one| one["authority"]["scheme"] == scheme), "no {scheme}");
        }
    }
}

#[test]
fn holders_and_pools_of_the_report_sum_to_its_buckets() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), 3, Profile::scaled_down(50), None);
    let expected = json(folder.path(), "expected.json");
    let sum = |rows: &str, field: &str, kind: Option<&str>| -> u128 {
        let rows = expected[rows].as_array().unwrap().iter();
        rows.filter(|row| kind.is_none_or(|kind| row["kind"] == kind))
            .map(|row| amount(&row[field]))
            .sum()
    };
    let bucket = |name: &str| amount(&expected["buckets"][name]);
    assert_eq!(sum("holders", "liquid", None), bucket("holders_liquid"));
    assert_eq!(sum("holders", "vesting", None), bucket("holders_vesting"));
    assert_eq!(sum("pools", "value", Some("stake")), bucket("stake_pools"));
    assert_eq!(sum("pools", "residue", Some("stake")), bucket("pool_residue"));
    assert_eq!(sum("pools", "free", Some("vault")), bucket("vault_free"));
    // Some vaults must be too short for their queues, or nothing would be tested with these.
    let pools = expected["pools"].as_array().unwrap();
    assert!(
        pools.iter().any(|pool| pool["queue_left"].as_array().is_some_and(|left| !left.is_empty()))
    );
}

#[test]
fn the_block_hash_is_that_of_the_header_unless_it_is_to_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (case, is_right) in [(None, true), (Some(BreakCase::WrongBlockHash), false)] {
        let summary = make(folder.path(), 5, Profile::TINY, case);
        let header = fs::read(folder.path().join("header.scale")).unwrap();
        let hash = blake2b_simd::Params::new().hash_length(32).hash(&header);
        assert_eq!(hash.as_bytes() == summary.block_hash.as_slice(), is_right);
        assert!(hex::encode(&header).contains(&hex::encode(summary.state_root)));
    }
}

/// What each case does to the text forms, against the same seed without it.
#[test]
fn cases_of_the_snapshot_keep_the_header_and_change_the_dump() {
    let folder = tempfile::tempdir().unwrap();
    let good = make(folder.path(), 6, Profile::TINY, None);
    let whole = files(folder.path());
    let lines = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
        let text = String::from_utf8(files["rpc.jsonl"].clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let of_snapshot = BreakCase::ALL.into_iter().filter(|(case, _)| !case.is_of_the_ledger());
    for (case, name) in of_snapshot {
        let out = folder.path().join(name);
        let broken = make(&out, 6, Profile::TINY, Some(case));
        assert_eq!(broken.state_root, good.state_root, "{name}");
        let files = files(&out);
        assert!(!files.contains_key("expected.json"), "{name}");
        if case == BreakCase::StateVersion1 {
            assert!(!files.contains_key("raw.json") && !files.contains_key("rpc.jsonl"));
            assert_ne!(files["state.v4.snap"], whole["state.v4.snap"]);
            continue;
        }
        let (before, after) = (lines(&whole), lines(&files));
        let common = after.iter().filter(|line| before.contains(line)).count();
        match case {
            BreakCase::ValueChanged => assert_eq!((after.len(), common), (1_000, 999)),
            BreakCase::KeyMissing => assert_eq!((after.len(), common), (999, 999)),
            BreakCase::DuplicateKey => assert_eq!((after.len(), common), (1_001, 1_001)),
            BreakCase::PartialScrape => {
                assert!(after.len() > 50 && after.len() < 100 && common == after.len())
            }
            BreakCase::Truncated => assert!(after.len() < 700),
            _ => assert_eq!(before, after, "{name}"),
        }
    }
}

#[test]
fn cases_of_the_ledger_are_proved_by_their_own_header() {
    let folder = tempfile::tempdir().unwrap();
    let good = make(folder.path(), 6, Profile::TINY, None);
    let of_ledger = BreakCase::ALL.into_iter().filter(|(case, _)| case.is_of_the_ledger());
    let mut roots = vec![good.state_root];
    for (case, name) in of_ledger {
        let broken = make(&folder.path().join(name), 6, Profile::TINY, Some(case));
        assert!(!roots.contains(&broken.state_root), "{name} changes nothing");
        roots.push(broken.state_root);
    }
    assert_eq!(roots.len(), 12);
}

#[test]
fn names_of_profiles_and_cases_are_read() {
    for (case, name) in BreakCase::ALL {
        assert_eq!(name.parse::<BreakCase>().unwrap(), case);
    }
    assert!("nothing".parse::<BreakCase>().unwrap_err().to_string().contains("owners-differ"));
    assert_eq!("real".parse::<Profile>().unwrap(), Profile::REAL);
    assert!("huge".parse::<Profile>().is_err());
}
