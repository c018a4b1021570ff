//! The recorded data of the parachain, where `PHALA_VECTORS` says it is.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use serde_json::Value;

/// A file of the parachain's data; nothing, said aloud, on a machine without.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    Some(Path::new(&root).join("parachain").join(name))
}

/// Its bytes, unzipped.
pub(crate) fn bytes(name: &str) -> Option<Vec<u8>> {
    let raw = std::fs::read(path(name)?).unwrap_or_else(|error| panic!("{name}: {error}"));
    if !name.ends_with(".gz") {
        return Some(raw);
    }
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(raw.as_slice()).read_to_end(&mut out).unwrap();
    Some(out)
}

pub(crate) fn json(name: &str) -> Option<Value> {
    Some(serde_json::from_slice(&bytes(name)?).unwrap())
}

pub(crate) fn hash(value: &Value) -> B256 {
    value.as_str().unwrap().parse().unwrap()
}
