//! Reads the recorded vectors where `PHALA_VECTORS` says they are.

#![allow(dead_code, reason = "each test target uses some of it")]

use std::{io::Read, path::PathBuf};

use serde_json::Value;

/// The folder of the OP-stack vectors, or nothing, said aloud, if this machine has none.
pub(crate) fn folder() -> Option<PathBuf> {
    let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    Some(PathBuf::from(dir).join("opstack"))
}

/// The bytes of a file, unzipped if it is zipped.
pub(crate) fn bytes(folder: &std::path::Path, name: &str) -> Vec<u8> {
    let path = folder.join(name);
    let raw = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !name.ends_with(".gz") {
        return raw;
    }
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(raw.as_slice()).read_to_end(&mut out).expect("gzip");
    out
}

/// The JSON document in a file.
pub(crate) fn json(folder: &std::path::Path, name: &str) -> Value {
    serde_json::from_slice(&bytes(folder, name)).expect("json")
}

/// A field that deserialises by its type.
pub(crate) fn field<T: serde::de::DeserializeOwned>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// The elements of an array, of which there must be some.
pub(crate) fn cases<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let cases = value[key].as_array().unwrap_or_else(|| panic!("{key} is no array"));
    assert!(!cases.is_empty(), "{key} is empty");
    cases
}
