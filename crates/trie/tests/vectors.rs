//! The public trie and RLP test files.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, U256, hex, keccak256};
use phala_primitives::Account;
use phala_trie::{MemorySource, TrieSource, root_from_sorted};
use serde_json::Value;
use support::{naive_root, nibbles};

/// The folder of vectors, and the files of it that were read.
struct Vectors {
    folder: PathBuf,
    read: BTreeSet<String>,
}

impl Vectors {
    fn open() -> Option<Self> {
        let Some(folder) = std::env::var_os("PHALA_VECTORS") else {
            println!("SKIPPED: no vectors");
            return None;
        };
        let folder = Path::new(&folder).join("opstack/trie");
        Some(Self { folder, read: BTreeSet::new() })
    }

    fn cases(&mut self, name: &str) -> Vec<(String, Value)> {
        let path = self.folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let cases: BTreeMap<String, Value> = serde_json::from_str(&text).expect("a map of cases");
        assert!(!cases.is_empty());
        self.read.insert(name.to_owned());
        cases.into_iter().collect()
    }
}

/// A string of a test: hex with 0x, else its bytes.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a string");
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).expect("hex"),
        None => text.as_bytes().to_vec(),
    }
}

/// What a case leaves in the trie: insertions and deletions in order, or a map.
fn content(input: &Value) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut content = BTreeMap::new();
    let mut set = |key: Vec<u8>, value: &Value| match value {
        Value::Null => drop(content.remove(&key)),
        value => drop(content.insert(key, bytes(value))),
    };
    match input {
        Value::Array(steps) => {
            steps.iter().for_each(|step| set(bytes(&step[0]), &step[1]));
        }
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| set(bytes(&Value::from(key.as_str())), value));
        }
        other => panic!("unexpected input {other}"),
    }
    content
}

fn root(case: &Value) -> B256 {
    case["root"].as_str().expect("a root").parse().expect("32 bytes")
}

fn secure(vectors: &mut Vectors, name: &str) {
    for (case, body) in vectors.cases(name) {
        let hashed: BTreeMap<B256, Vec<u8>> =
            content(&body["in"]).into_iter().map(|(key, value)| (keccak256(key), value)).collect();
        assert_eq!(root_from_sorted(hashed_pairs(&hashed)).expect("sorted"), root(&body), "{case}");
        let leaves: Vec<_> =
            hashed.iter().map(|(key, value)| (nibbles(key.as_slice()), value.clone())).collect();
        assert_eq!(naive_root(&leaves), root(&body), "{case}");
    }
}

fn hashed_pairs(map: &BTreeMap<B256, Vec<u8>>) -> Vec<(B256, Vec<u8>)> {
    map.iter().map(|(key, value)| (*key, value.clone())).collect()
}

/// Keys here are prefixes of one another, which no state has: the tests' own reference trie is
/// checked with them before it is believed elsewhere.
fn plain(vectors: &mut Vectors, name: &str) {
    for (case, body) in vectors.cases(name) {
        let leaves: Vec<_> =
            content(&body["in"]).into_iter().map(|(key, value)| (nibbles(&key), value)).collect();
        assert_eq!(naive_root(&leaves), root(&body), "{case}");
    }
}

/// A word as a key that sorts as the word does.
fn word_key(word: &str) -> B256 {
    let mut key = B256::ZERO;
    key[..word.len()].copy_from_slice(word.as_bytes());
    key
}

fn next_and_previous(vectors: &mut Vectors, name: &str) {
    for (case, body) in vectors.cases(name) {
        let mut source = MemorySource::new();
        let owner = B256::ZERO;
        for word in body["in"].as_array().expect("words") {
            let key = word_key(word.as_str().expect("a word"));
            source.set_account(key, Some(Account::default()));
            source.set_slot(owner, key, U256::from(1));
        }
        for test in body["tests"].as_array().expect("tests") {
            let [of, previous, next] =
                [0, 1, 2].map(|index| word_key(test[index].as_str().expect("a word")));
            // The first key after `of`, or zero.
            let after = B256::from(U256::from_be_bytes(of.0) + U256::from(1));
            let mut found = B256::ZERO;
            let mut first = |key| {
                found = key;
                ControlFlow::Break(())
            };
            source.accounts(&[], after, &mut |key, _| first(key)).expect("memory");
            assert_eq!(found, next, "{case}: after {test}");
            // The last key before it, or zero.
            let mut found = B256::ZERO;
            let mut last = |key| {
                if key < of {
                    found = key;
                }
                ControlFlow::Continue(())
            };
            source.slots(&owner, &[], B256::ZERO, &mut |key, _| last(key)).expect("memory");
            assert_eq!(found, previous, "{case}: before {test}");
        }
    }
}

fn encode(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => match text.strip_prefix('#') {
            Some(digits) => {
                // One case is larger than 256 bits.
                let bytes = decimal(digits);
                alloy_rlp::encode(bytes.as_slice())
            }
            None => alloy_rlp::encode(text.as_bytes()),
        },
        Value::Number(number) => alloy_rlp::encode(number.as_u64().expect("a small number")),
        Value::Array(items) => {
            let payload: Vec<u8> = items.iter().flat_map(encode).collect();
            let mut rlp = Vec::new();
            alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
            rlp.extend(payload);
            rlp
        }
        other => panic!("unexpected {other}"),
    }
}

/// Big-endian bytes of a decimal number.
fn decimal(digits: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.insert(0, carry as u8);
        }
    }
    bytes
}

/// Decodes one item and everything in it, strictly.
fn decode(rlp: &mut &[u8]) -> alloy_rlp::Result<()> {
    let header = alloy_rlp::Header::decode(rlp)?;
    let (mut payload, rest) =
        rlp.split_at_checked(header.payload_length).ok_or(alloy_rlp::Error::InputTooShort)?;
    *rlp = rest;
    while header.list && !payload.is_empty() {
        decode(&mut payload)?;
    }
    Ok(())
}

fn decode_all(mut rlp: &[u8]) -> alloy_rlp::Result<()> {
    decode(&mut rlp)?;
    if rlp.is_empty() { Ok(()) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

#[test]
fn public_trie_and_rlp_vectors() {
    let Some(mut vectors) = Vectors::open() else { return };
    secure(&mut vectors, "hex_encoded_securetrie_test.json");
    secure(&mut vectors, "trieanyorder_secureTrie.json");
    secure(&mut vectors, "trietest_secureTrie.json");
    plain(&mut vectors, "trieanyorder.json");
    plain(&mut vectors, "trietest.json");
    next_and_previous(&mut vectors, "trietestnextprev.json");
    for (case, body) in vectors.cases("rlptest.json") {
        let expected = bytes(&body["out"]);
        assert_eq!(encode(&body["in"]), expected, "{case}");
        assert_eq!(decode_all(&expected), Ok(()), "{case}");
    }
    for (case, body) in vectors.cases("invalidRLPTest.json") {
        let text = body["out"].as_str().expect("hex");
        let rlp = hex::decode(text).expect("hex");
        assert!(decode_all(&rlp).is_err(), "{case} is accepted");
    }

    let files: BTreeSet<String> = std::fs::read_dir(&vectors.folder)
        .expect("the folder of vectors")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    assert_eq!(files, vectors.read, "a file was not read");
    println!("{} vector files read", files.len());
}
