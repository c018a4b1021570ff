//! Each format gives the same pairs.

use std::io::Write as _;

use alloy_primitives::hex;
use phala_genesis_lib::snapshot::{
    Format, OpenOptions, Snapshot, StateVersion, open, write_phala_snap,
};

use crate::{
    files::{
        exit_code, file, header, member, open_bytes, pair, pairs_of, raw_spec, sample, try_runtime,
    },
    plain_trie::{Pairs, PlainTrie},
    vectors,
};

#[track_caller]
fn assert_reads(bytes: &[u8], format: Format, wanted: &Pairs) -> Snapshot {
    let snapshot = open_bytes(bytes).unwrap_or_else(|error| panic!("{format}: {error}"));
    assert_eq!(snapshot.format(), format);
    assert_eq!(snapshot.pair_count(), wanted.len() as u64);
    let wanted: Vec<_> = wanted.clone().into_iter().collect();
    assert_eq!(pairs_of(&snapshot), wanted);
    snapshot
}

#[test]
fn recorded_snapshots_of_one_state_give_the_same_pairs() {
    let names = ["mini.v3.snap", "mini.v4.snap", "mini.v4.statev1.snap"];
    let Some(spec) = vectors::path("synthetic/mini-state.json") else { return };
    let spec = open(&spec, &OpenOptions::default()).unwrap();
    assert_eq!(spec.pair_count(), 136);
    for name in names {
        let path = vectors::path(&format!("synthetic/{name}")).unwrap();
        let snapshot = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(pairs_of(&snapshot), pairs_of(&spec), "{name}");
        let version = snapshot.state_version();
        assert_eq!(Some(snapshot.root(version).unwrap()), snapshot.storage_root(), "{name}");
    }
    for (name, version) in [("v3", 3), ("v4", 4)] {
        let path = vectors::path(&format!("snap/phala-genesis.{name}.snap.gz")).unwrap();
        let snapshot = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(snapshot.format(), Format::TryRuntime(version));
        let genesis = vectors::path("chainspec/phala.json.gz").unwrap();
        let genesis = open(&genesis, &OpenOptions::default()).unwrap();
        assert_eq!(pairs_of(&snapshot), pairs_of(&genesis), "{name}");
    }
}

#[test]
fn chain_specs_are_read_in_all_their_forms() {
    let pairs = sample();
    let top: Vec<_> = pairs.iter().map(member).collect();
    let top = top.join(", \n\t");
    for raw in [
        format!(r#"{{"top": {{{top}}}, "childrenDefault": {{}}}}"#),
        format!(r#"{{"children": {{}}, "top": {{{top}}}}}"#),
        format!(r#"[{{{top}}}, {{}}]"#),
        format!(r#"[{{{top}}}]"#),
    ] {
        let spec = format!(
            r#"{{"id": "x", "codeSubstitutes": {{"1": "0x00"}}, "bad": [1, -2.5e3, true, null, {{}}],
                "genesis": {{"raw": {raw}, "other": "\\\"}}"}}, "properties": {{"a": [[]]}}}}
            "#
        );
        assert_reads(spec.as_bytes(), Format::RawSpec, &pairs);
    }
    let upper = hex::encode_upper(b"\xab\xcd");
    let spec = format!(r#"{{"genesis":{{"raw":{{"top":{{"0x{upper}":"0x{upper}"}}}}}}}}"#);
    let wanted = Pairs::from([(b"\xab\xcd".to_vec(), b"\xab\xcd".to_vec())]);
    assert_reads(spec.as_bytes(), Format::RawSpec, &wanted);
}

#[test]
fn answers_of_a_node_are_read_in_all_their_forms() {
    let pairs = sample();
    let mut list: Vec<_> = pairs.iter().map(pair).collect();
    list.reverse();
    let block = "0x".to_owned() + &"11".repeat(32);
    let (half, rest) = list.split_at(3);
    for dump in [
        list.join("\n"),
        format!("[{}]", list.join(",")),
        format!(r#"{{"jsonrpc":"2.0","result":[{}],"id":1}}"#, list.join(",")),
        format!("[{}]\n[{}]", half.join(","), rest.join(",")),
        format!(
            r#"[{{"block":"{block}","changes":[{},["0x99",null]]}}] {{"changes":[{}],"block":"{block}"}}"#,
            half.join(","),
            rest.join(",")
        ),
    ] {
        assert_reads(dump.as_bytes(), Format::RpcDump, &pairs);
    }
}

#[test]
fn trie_databases_are_read_in_all_versions() {
    let pairs = sample();
    for state_version in [StateVersion::V0, StateVersion::V1] {
        let trie = PlainTrie::new(&pairs, state_version);
        let header = header(trie.root, 9);
        for version in [2, 3, 4] {
            let bytes = try_runtime(version, &trie, &header);
            let snapshot = assert_reads(&bytes, Format::TryRuntime(version), &pairs);
            assert_eq!(snapshot.block_hash(), Some(header.hash()));
            assert_eq!(snapshot.header().is_some(), version == 4);
            assert_eq!(snapshot.storage_root(), Some(trie.root));
            assert_eq!(snapshot.state_version(), state_version);
        }
    }
    let empty = PlainTrie::new(&Pairs::new(), StateVersion::V0);
    let bytes = try_runtime(4, &empty, &header(empty.root, 0));
    assert_reads(&bytes, Format::TryRuntime(4), &Pairs::new());
}

#[test]
fn a_phala_snap_gives_back_what_was_written_and_is_the_same_from_every_format() {
    let pairs = sample();
    let trie = PlainTrie::new(&pairs, StateVersion::V0);
    let header = header(trie.root, 1_000_000);
    let mut written = Vec::new();
    let from_spec = open_bytes(raw_spec(&pairs).as_bytes()).unwrap();
    write_phala_snap(&from_spec, Some(&header), &mut written).unwrap();
    let read = assert_reads(&written, Format::PhalaSnap, &pairs);
    assert_eq!(read.header(), Some(&header));
    let from_trie = open_bytes(&try_runtime(3, &trie, &header)).unwrap();
    let mut again = Vec::new();
    write_phala_snap(&from_trie, Some(&header), &mut again).unwrap();
    assert_eq!(written, again);

    let mut without = Vec::new();
    write_phala_snap(&from_spec, None, &mut without).unwrap();
    assert_eq!(&without[..12], b"PHASNAP1\0\0\0\0");
    assert_eq!(open_bytes(&without).unwrap().header(), None);
}

#[test]
fn gzip_and_zstandard_are_unpacked_whatever_the_name() {
    let pairs = sample();
    let trie = PlainTrie::new(&pairs, StateVersion::V0);
    let plain = try_runtime(4, &trie, &header(trie.root, 9));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstandard = zstd::encode_all(plain.as_slice(), 1).unwrap();
    for packed in [&gzip, &zstandard] {
        assert_reads(packed, Format::TryRuntime(4), &pairs);
        assert_eq!(exit_code(&packed[..packed.len() - 20]), 12, "half a file");
    }
}

#[test]
fn child_tries_enter_the_state_by_their_roots() {
    let child = sample();
    let other = Pairs::from([(b"k".to_vec(), vec![9; 40])]);
    for version in [StateVersion::V0, StateVersion::V1] {
        let (child_trie, other_trie) =
            (PlainTrie::new(&child, version), PlainTrie::new(&other, version));
        let mut top = sample();
        top.insert(b":child_storage:default:zz".to_vec(), child_trie.root.to_vec());
        top.insert(b":child_storage:default:yyy".to_vec(), other_trie.root.to_vec());
        let mut trie = PlainTrie::new(&top, version);

        let members = |pairs: &Pairs| pairs.iter().map(member).collect::<Vec<_>>().join(",");
        let children = format!(
            r#"{{"0x7a7a":{{{}}},"0x{}":{{{}}}}}"#,
            members(&child),
            hex::encode(":child_storage:default:yyy"),
            members(&other)
        );
        for top in [sample(), top.clone()] {
            let spec = format!(
                r#"{{"genesis":{{"raw":{{"top":{{{}}},"childrenDefault":{children}}}}}}}"#,
                members(&top)
            );
            let snapshot = open_bytes(spec.as_bytes()).unwrap();
            let has_roots = top.len() > sample().len();
            if has_roots && version == StateVersion::V1 {
                // The roots are those of the other layout.
                assert_eq!(snapshot.root(StateVersion::V0).unwrap_err().exit_code(), 32);
            }
            assert_eq!(snapshot.root(version).unwrap(), trie.root);
            let names: Vec<_> = snapshot.child_tries().map(|child| child.name).collect();
            assert_eq!(names, [b"yyy".to_vec(), b"zz".to_vec()]);
            let found: Pairs = snapshot
                .child_pairs(b"zz")
                .unwrap()
                .map(|pair| pair.map(|pair| (pair.key, pair.value)).unwrap())
                .collect();
            assert_eq!(found, child);
            assert!(snapshot.child_pairs(b"z").is_none());
            assert!(write_phala_snap(&snapshot, None, Vec::new()).is_err());
        }

        trie.nodes.extend(child_trie.nodes);
        trie.nodes.extend(other_trie.nodes);
        let bytes = try_runtime(3, &trie, &header(trie.root, 9));
        let snapshot = assert_reads(&bytes, Format::TryRuntime(3), &top);
        assert_eq!(snapshot.root(version).unwrap(), trie.root);
        assert_eq!(snapshot.child_tries().count(), 2);
    }
}

#[test]
fn a_file_of_no_known_format_is_refused() {
    for bytes in [&b""[..], b"hello", b"\x14\x00", b"\x10\x02", b"PHASNAP2", b"\x1f\x8b"] {
        assert!([11, 12].contains(&exit_code(bytes)), "{bytes:?}: {}", exit_code(bytes));
    }
    assert_eq!(exit_code(b"hello"), 11);
    let missing = open(std::path::Path::new("/nonexistent/x"), &OpenOptions::default());
    assert_eq!(missing.unwrap_err().exit_code(), 10);
    let folder = file(b"").path.parent().unwrap().to_owned();
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(open(&folder, &OpenOptions::default()).unwrap_err().exit_code(), 10);
    std::fs::remove_dir_all(&folder).unwrap();
}
