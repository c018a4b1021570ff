//! Snapshot files made by the tests.

use std::path::PathBuf;

use alloy_primitives::{B256, hex};
use parity_scale_codec::{Compact, Encode as _};
use phala_genesis_lib::{
    Pair,
    snapshot::{Header, OpenOptions, Snapshot, SnapshotError, StateVersion, open},
};
use tempfile::TempDir;

use crate::plain_trie::{Pairs, PlainTrie};

/// A folder with one file in it, which is what most tests need.
pub(crate) struct OneFile {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn file(bytes: &[u8]) -> OneFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot");
    std::fs::write(&path, bytes).unwrap();
    OneFile { _folder: folder, path }
}

pub(crate) fn open_bytes(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    open(&file(bytes).path, &OpenOptions::default())
}

pub(crate) fn exit_code(bytes: &[u8]) -> u8 {
    open_bytes(bytes).map_or_else(|error| error.exit_code(), |_| 0)
}

pub(crate) fn pairs_of(snapshot: &Snapshot) -> Vec<(Vec<u8>, Vec<u8>)> {
    snapshot.pairs().map(|pair| pair.map(|Pair { key, value }| (key, value)).unwrap()).collect()
}

/// Some pairs whose keys begin each other, with values short and long.
pub(crate) fn sample() -> Pairs {
    let long = vec![7; 100];
    [
        (&b""[..], &b"at the root"[..]),
        (b"a", b""),
        (b"ab", b"1"),
        (b"abc", &long),
        (b"ac", &long[..33]),
        (b"b", &long[..32]),
        (b"\x00", b"zero"),
        (b"\xff\xff", b"last"),
    ]
    .iter()
    .map(|(key, value)| (key.to_vec(), value.to_vec()))
    .collect()
}

pub(crate) fn header(state_root: B256, number: u32) -> Header {
    let mut bytes = vec![1; 32];
    bytes.extend(Compact(number).encode());
    bytes.extend(state_root);
    bytes.extend([2; 32]);
    bytes.push(0);
    Header::decode(&bytes, "a header").unwrap()
}

pub(crate) fn raw_spec(pairs: &Pairs) -> String {
    let members: Vec<String> = pairs.iter().map(member).collect();
    format!(
        "{{\"name\":\"a \\\"b\\\"\",\"genesis\":{{\"raw\":{{\"top\":{{{}}}}}}}}}",
        members.join(",")
    )
}

pub(crate) fn member((key, value): (&Vec<u8>, &Vec<u8>)) -> String {
    format!("\"0x{}\":\"0x{}\"", hex::encode(key), hex::encode(value))
}

pub(crate) fn pair((key, value): (&Vec<u8>, &Vec<u8>)) -> String {
    format!("[\"0x{}\",\"0x{}\"]", hex::encode(key), hex::encode(value))
}

/// A try-runtime file of whatever version.
pub(crate) fn try_runtime(version: u16, trie: &PlainTrie, header: &Header) -> Vec<u8> {
    let mut bytes = Compact(version).encode();
    bytes.push(match trie.version {
        StateVersion::V0 => 0,
        StateVersion::V1 => 1,
    });
    if version < 4 {
        bytes.extend(header.hash());
    }
    bytes.extend(Compact(trie.nodes.len() as u32).encode());
    for node in &trie.nodes {
        if version > 2 {
            [&node.path[..], node.hash().as_slice()].concat().encode_to(&mut bytes);
        } else {
            bytes.extend(node.hash());
        }
        node.encoding.encode_to(&mut bytes);
        bytes.extend(1i32.to_le_bytes());
    }
    bytes.extend(trie.root);
    if version == 4 {
        bytes.extend(header.encoded());
    }
    bytes
}
