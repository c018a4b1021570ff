use std::{collections::BTreeMap, fs, io::Read as _, path::PathBuf};

use alloy_primitives::hex;
use serde_json::Value;

use super::*;
use crate::synth::snap_file::database_key;

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

fn root(pairs: &Pairs, version: u8) -> [u8; 32] {
    nodes(pairs, version).0
}

/// Root, and the trie database as a snapshot file has it.
fn nodes(pairs: &Pairs, version: u8) -> ([u8; 32], Pairs) {
    let mut database = Pairs::new();
    let mut sink = |node: TrieNode<'_>| {
        database.insert(database_key(&[], node.path, &node.hash), node.encoded.to_vec());
        Ok(())
    };
    let mut trie = TrieEncoder::new(version);
    for (key, value) in pairs {
        trie.push(key, value, &mut sink).expect("no I/O");
    }
    let root = trie.finish(&mut sink).expect("no I/O");
    (root, database)
}

fn pairs(of: &[(&str, &str)]) -> Pairs {
    let bytes = |text: &str| hex::decode(text).expect("hex");
    of.iter().map(|(key, value)| (bytes(key), bytes(value))).collect()
}

#[test]
fn small_tries_are_encoded_by_the_rules() {
    assert_eq!(root(&Pairs::new(), 0), blake2_256(&[0]));
    let leaf = pairs(&[("ab", "01")]);
    assert_eq!(root(&leaf, 0), blake2_256(&hex!("42ab0401")));
    // "" is a value of the root, which branches at nibble 1.
    let nested = pairs(&[("", "07"), ("12", "08")]);
    assert_eq!(root(&nested, 0), blake2_256(&hex!("c002000407 10 41020408")));
    let fork = pairs(&[("12", "08"), ("13", "09")]);
    assert_eq!(root(&fork, 0), blake2_256(&hex!("81010c00 0c400408 0c400409")));
}

#[test]
fn long_partial_keys_spill_into_more_header_bytes() {
    for (nibbles, header) in
        [(62, "7e"), (64, "7f01"), (316, "7ffd"), (318, "7fff00"), (574, "7fffff01")]
    {
        let mut encoded = Vec::new();
        put_header(&mut encoded, 0b01 << 6, 6, nibbles);
        assert_eq!(hex::encode(&encoded), header, "{nibbles} nibbles");
    }
}

fn vectors() -> Option<PathBuf> {
    let root = std::env::var_os("PHALA_VECTORS").map(PathBuf::from);
    if root.is_none() {
        println!("SKIPPED: no vectors");
    }
    root.map(|root| root.join("parachain"))
}

fn json(path: PathBuf) -> Value {
    let mut text = String::new();
    let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).expect("text");
    }
    serde_json::from_str(&text).expect("json")
}

fn top(spec: &Value) -> Pairs {
    let raw = &spec["genesis"]["raw"];
    let top = if raw.is_array() { &raw[0] } else { &raw["top"] };
    let top = top.as_object().expect("an object");
    let bytes = |text: &str| hex::decode(text).expect("hex");
    top.iter().map(|(key, value)| (bytes(key), bytes(value.as_str().expect("text")))).collect()
}

#[test]
fn roots_of_published_chains_come_out() {
    let Some(vectors) = vectors() else { return };
    let roots = json(vectors.join("vectors/genesis-roots.json"));
    let mut seen = 0;
    for chain in roots["chains"].as_array().expect("chains") {
        let name = chain["file"].as_str().expect("name");
        let path = vectors.join(format!("chainspec/{name}.json.gz"));
        if !path.exists() {
            continue;
        }
        let root = root(&top(&json(path)), 0);
        assert_eq!(
            hex::encode_prefixed(root),
            chain["state_root"].as_str().expect("root"),
            "{name}"
        );
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn trie_databases_are_those_of_snapshot_files() {
    let Some(vectors) = vectors() else { return };
    let pairs = top(&json(vectors.join("synthetic/mini-state.json")));
    for (file, version) in [("mini.v4.snap", 0), ("mini.v4.statev1.snap", 1)] {
        let bytes = fs::read(vectors.join("synthetic").join(file)).expect("read");
        let (root, database) = nodes(&pairs, version);
        let (found_root, found) = read_snap(&bytes);
        assert_eq!(hex::encode(root), hex::encode(found_root), "{file}");
        assert_eq!(database, found, "{file}");
    }
}

/// A v4 file without any of the checks a reader needs.
fn read_snap(mut bytes: &[u8]) -> ([u8; 32], Pairs) {
    use parity_scale_codec::Decode as _;
    let input = &mut bytes;
    assert_eq!(Compact::<u16>::decode(input).expect("version").0, 4);
    u8::decode(input).expect("state version");
    let database = Vec::<(Vec<u8>, (Vec<u8>, i32))>::decode(input).expect("nodes");
    let root = <[u8; 32]>::decode(input).expect("root");
    (root, database.into_iter().map(|(key, (node, _))| (key, node)).collect())
}
