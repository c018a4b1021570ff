use std::{collections::BTreeMap, convert::Infallible, fs, path::PathBuf};

use alloy_primitives::hex;
use phala_genesis_lib::{
    Pair,
    ledger::{Options, Reconciliation, reconcile},
};
use serde_json::Value;

/// Keys and values that a test may change.
pub(crate) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// A JSON file of the vectors, or `None` without them.
pub(crate) fn json(path: &str) -> Option<Value> {
    let Some(vectors) = std::env::var_os("PHALA_VECTORS") else {
        eprintln!("SKIPPED: no vectors");
        return None;
    };
    let path = PathBuf::from(vectors).join("parachain").join(path);
    Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

/// The small state made by hand.
pub(crate) fn mini() -> Option<Pairs> {
    let spec = json("synthetic/mini-state.json")?;
    let top = spec["genesis"]["raw"]["top"].as_object().unwrap();
    let bytes = |text: &str| hex::decode(text).unwrap();
    Some(top.iter().map(|(k, v)| (bytes(k), bytes(v.as_str().unwrap()))).collect())
}

pub(crate) fn run(pairs: &Pairs, options: &Options) -> Reconciliation {
    let pairs = pairs
        .iter()
        .map(|(key, value)| Ok::<_, Infallible>(Pair { key: key.clone(), value: value.clone() }));
    reconcile(pairs, options)
}
