//! Files that break a rule of their format are refused, with that rule's exit code.

use alloy_primitives::B256;
use phala_genesis_lib::snapshot::{StateVersion, write_phala_snap};

use crate::{
    files::{exit_code, header, open_bytes, raw_spec, sample, try_runtime},
    plain_trie::{PlainTrie, blake2_256},
};

const TRUNCATED: u8 = 12;
const MALFORMED: u8 = 13;
const HEX: u8 = 14;
const DUPLICATE: u8 = 15;
const LIMIT: u8 = 16;
const CHECKSUM: u8 = 17;
const NODE_HASH: u8 = 18;
const MISSING_NODE: u8 = 19;
const BAD_NODE: u8 = 20;
const TWO_BLOCKS: u8 = 21;
const BAD_HEADER: u8 = 25;

fn spec(top: &str) -> String {
    format!(r#"{{"genesis":{{"raw":{{"top":{{{top}}}}}}}}}"#)
}

#[test]
fn chain_specs_that_break_a_rule_are_refused() {
    let deep = "[".repeat(100) + &"]".repeat(100);
    let long_key = format!(r#""0x{}":"0x""#, "ab".repeat(5_000));
    let cases = [
        (spec(r#""0x01":"0x","0x01":"0x02""#), DUPLICATE),
        (spec(r#""0xab":"0x","0x02":"0x","0xAB":"0x""#), DUPLICATE),
        (spec(r#""0x1":"0x""#), HEX),
        (spec(r#""0x01":"0x123""#), HEX),
        (spec(r#""01":"0x""#), HEX),
        (spec(r#""0x0g":"0x""#), HEX),
        (spec(r#""0x01":"0x\u0030""#), HEX),
        (spec(&long_key), LIMIT),
        (spec(r#""0x01":5"#), MALFORMED),
        (spec(r#""0x01":null"#), MALFORMED),
        (spec(r#""0x01":"0x","#), MALFORMED),
        (spec(r#""0x01":"0x""0x02":"0x""#), MALFORMED),
        (spec("") + "{}", MALFORMED),
        (spec("") + &spec(""), MALFORMED),
        (r#"{"genesis":{"runtime":{}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"childrenDefault":{}}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"top":{},"top":{}}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"top":{},"children":{},"childrenDefault":{}}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"top":{},"bottom":{}}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"top":{}},"raw":{"top":{}}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":[]}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":[{},{},{}]}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"top":{}}},"genesis":{"raw":{"top":{}}}}"#.into(), MALFORMED),
        (r#"{"genesis":{"raw":{"top":{}}},"result":[]}"#.into(), MALFORMED),
        (r#"{"name":"x"}"#.into(), MALFORMED),
        (format!(r#"{{"a":{deep}}}"#), MALFORMED),
        (r#"{"genesis""#.into(), TRUNCATED),
        (r#"{"genesis":{"raw":{"top":{"0x01":"0x"#.into(), TRUNCATED),
    ];
    for (text, code) in cases {
        assert_eq!(exit_code(text.as_bytes()), code, "{text}");
    }
    assert_eq!(exit_code(spec("").as_bytes()), 0);
}

#[test]
fn dumps_that_break_a_rule_are_refused() {
    let (a, b) = ("0x".to_owned() + &"11".repeat(32), "0x".to_owned() + &"22".repeat(32));
    let cases = [
        (r#"["0x01","0x"]["0x01","0x"]"#.into(), DUPLICATE),
        (r#"["0x01"]"#.into(), MALFORMED),
        (r#"["0x01","0x","0x"]"#.into(), MALFORMED),
        (r#"["0x01",null]"#.into(), MALFORMED),
        (r#"[["0x01","0x"],5]"#.into(), MALFORMED),
        (r#"{"jsonrpc":"2.0","error":{"code":1}}"#.into(), MALFORMED),
        (r#"[{"block":"0x11","changes":[]}]"#.into(), MALFORMED),
        (r#"[{"changes":[["0x01",nulL]]}]"#.into(), MALFORMED),
        (r#"[{"changes":[],"else":1}]"#.into(), MALFORMED),
        (format!(r#"[{{"block":"{a}","changes":[]}},{{"block":"{b}","changes":[]}}]"#), TWO_BLOCKS),
        (r#"[["0x01","0x"]"#.into(), TRUNCATED),
    ];
    for (text, code) in cases {
        let text: String = text;
        assert_eq!(exit_code(text.as_bytes()), code, "{text}");
    }
}

#[test]
fn trie_databases_that_break_a_rule_are_refused() {
    for state_version in [StateVersion::V0, StateVersion::V1] {
        let trie = PlainTrie::new(&sample(), state_version);
        let header = header(trie.root, 9);
        let good = try_runtime(4, &trie, &header);
        assert_eq!(exit_code(&good), 0);
        // One byte of a value, which is in a node.
        let at = good.windows(6).position(|window| window == [7; 6]).unwrap();
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert_eq!(exit_code(&changed), NODE_HASH);
        for index in 0..trie.nodes.len() {
            let mut nodes = trie.nodes.clone();
            nodes.remove(index);
            let less = PlainTrie { nodes, ..PlainTrie::new(&sample(), state_version) };
            assert_eq!(exit_code(&try_runtime(4, &less, &header)), MISSING_NODE, "node {index}");
        }
        for len in [3, 40, good.len() / 2, good.len() - header.encoded().len() - 1] {
            assert_eq!(exit_code(&good[..len]), TRUNCATED, "{len}");
        }
        assert_eq!(exit_code(&good[..good.len() - 1]), BAD_HEADER);
        assert_eq!(exit_code(&[&good[..], &[0]].concat()), BAD_HEADER);
        let v3 = try_runtime(3, &trie, &header);
        assert_eq!(exit_code(&[&v3[..], &[0]].concat()), MALFORMED);
    }
    let many = [&[0x10, 0][..], &[0xfe, 0xff, 0xff, 0xff]].concat();
    assert_eq!(exit_code(&many), LIMIT);
}

#[test]
fn nodes_that_no_trie_has_are_refused() {
    let cases: [&[u8]; 10] = [
        &[0, 0],             // bytes after an empty node
        &[0x08],             // no kind of node
        &[0x80, 0, 0],       // a branch without children
        &[0x41, 0x1f, 0],    // bits beside the partial key
        &[0x42, 0xab, 8, 1], // a value that is cut off
        &[0x42, 0xab, 0, 9], // bytes after the value
        &[0x41, 0x0f, 0],    // a value below half a byte
        &[0x80, 1, 0, 4, 0], // an empty node as child
        &[0x80, 1, 0, 0],    // a child of no bytes
        &[0x42, 0xab, 1, 0], // a length that is not the shortest
    ];
    for encoding in cases {
        let mut trie = PlainTrie::new(&sample(), StateVersion::V0);
        trie.root = blake2_256(encoding);
        trie.nodes =
            vec![crate::plain_trie::PlainNode { path: vec![], encoding: encoding.to_vec() }];
        let code = exit_code(&try_runtime(3, &trie, &header(B256::ZERO, 1)));
        assert_eq!(code, BAD_NODE, "{encoding:?}");
    }
}

#[test]
fn phala_snaps_that_break_a_rule_are_refused() {
    let snapshot = open_bytes(raw_spec(&sample()).as_bytes()).unwrap();
    let mut good = Vec::new();
    write_phala_snap(&snapshot, None, &mut good).unwrap();
    assert_eq!(exit_code(&good), 0);
    for len in [9, 15, 30, good.len() - 1] {
        assert_eq!(exit_code(&good[..len]), TRUNCATED, "{len}");
    }
    assert_eq!(exit_code(&[&good[..], &[0]].concat()), MALFORMED);
    let at = good.windows(6).position(|window| window == [7; 6]).unwrap();
    let mut changed = good.clone();
    changed[at] ^= 1;
    assert_eq!(exit_code(&changed), CHECKSUM);

    let made = |pairs: &[(&[u8], &[u8])]| {
        let mut bytes = b"PHASNAP1\0\0\0\0".to_vec();
        bytes.extend((pairs.len() as u64).to_le_bytes());
        for (key, value) in pairs {
            bytes.extend((key.len() as u32).to_le_bytes());
            bytes.extend((value.len() as u32).to_le_bytes());
            bytes.extend([*key, *value].concat());
        }
        let hash = blake2_256(&bytes);
        bytes.extend(hash);
        bytes
    };
    assert_eq!(exit_code(&made(&[(b"a", b""), (b"b", b"")])), 0);
    assert_eq!(exit_code(&made(&[(b"a", b""), (b"a", b"")])), DUPLICATE);
    assert_eq!(exit_code(&made(&[(b"b", b""), (b"a", b"")])), MALFORMED);
    assert_eq!(exit_code(&made(&[(&[1; 5_000], b"")])), LIMIT);
    assert_eq!(exit_code(b"PHASNAP1\xff\xff\xff\xff"), LIMIT);
    assert_eq!(exit_code(b"PHASNAP1\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), LIMIT);
}
