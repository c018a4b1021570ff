use std::{collections::BTreeMap, sync::OnceLock};

use alloy_primitives::{Bytes, hex};
use serde::Deserialize;

const L1: &str = include_str!("../../../genesis/artifacts/l1.json");

/// A line of the artifacts; its other fields say where the code is from.
#[derive(Deserialize)]
struct Line {
    name: String,
    creation: String,
}

/// Creation code of an L1 contract, without constructor arguments.
pub(crate) fn creation_code(name: &str) -> &'static Bytes {
    static CODES: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let codes = CODES.get_or_init(|| {
        let lines: Vec<Line> =
            serde_json::from_str(L1).expect("the build writes artifacts of this form");
        let decode = |line: Line| {
            (line.name, hex::decode(line.creation).expect("the build writes hex").into())
        };
        lines.into_iter().map(decode).collect()
    });
    codes.get(name).expect("every contract of the plan is an artifact")
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, keccak256};

    use super::*;

    #[test]
    fn every_artifact_has_the_hash_it_names() {
        #[derive(Deserialize)]
        struct Hashed {
            name: String,
            hash: String,
        }
        let lines: Vec<Hashed> = serde_json::from_str(L1).expect("json");
        assert!(lines.len() >= 14);
        for Hashed { name, hash } in lines {
            let expected: B256 = hash.parse().expect("a hash");
            assert_eq!(keccak256(creation_code(&name)), expected, "{name}");
        }
    }
}
