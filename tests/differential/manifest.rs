//! Every recorded vector is read by a test, or waits for the part of the node it belongs to.

use std::{collections::BTreeMap, fs, path::Path};

use alloy_primitives::{B256, hex};
use phala_tests::Vectors;
use sha2::{Digest as _, Sha256};

/// Files about execution: the test that reads them, and the words by which it names them.
const READ: &[(&str, &str, &str)] = &[
    ("executor/", "tests/differential/executor.rs", "executor/"),
    ("genesis/expected.json", "tests/differential/genesis.rs", "genesis/expected.json"),
    ("genesis/predeploys-", "tests/differential/genesis.rs", "predeploys-karst-summary.json"),
    ("genesis/", "tests/differential/genesis.rs", "genesis/{name}."),
    ("rpc/", "crates/rpc/tests/rpc/execution_apis.rs", "rpc/execution-apis-tests.tar.gz"),
    ("trie/", "crates/trie/tests/vectors.rs", "opstack/trie"),
    ("upgrade-txs/", "crates/evm/tests/evm/upgrades.rs", "upgrade-txs/upgrade-txs.json"),
    ("vectors/base_fee.", "crates/chainspec/tests/vectors_headers.rs", "vectors/base_fee.json"),
    ("vectors/deposits.", "crates/chainspec/tests/vectors_deposits.rs", "vectors/deposits.json"),
    (
        "vectors/engine_payload_envelope_v4.",
        "crates/engine/tests/engine/engine_api.rs",
        "vectors/engine_payload_envelope_v4.json",
    ),
    ("vectors/extra_data.", "crates/chainspec/tests/vectors_headers.rs", "vectors/extra_data.json"),
    ("vectors/fees.", "crates/evm/tests/evm/fees.rs", "vectors/fees.json"),
    (
        "vectors/l1_info_tx.",
        "crates/chainspec/tests/vectors_deposits.rs",
        "vectors/l1_info_tx.json",
    ),
    (
        "vectors/output_root.",
        "crates/chainspec/tests/vectors_headers.rs",
        "vectors/output_root.json",
    ),
    ("vectors/payload_id.", "crates/chainspec/tests/vectors_headers.rs", "vectors/payload_id.json"),
    ("vectors/receipts.", "tests/differential/receipts.rs", "vectors/receipts.json"),
    (
        "vectors/system_config.",
        "crates/chainspec/tests/vectors_deposits.rs",
        "vectors/system_config.json",
    ),
];

/// Files for derivation, gossip and L1, which this node does not do yet.
const NOT_YET: &[&str] = &[
    "beacon/",
    "derive/",
    "l1-contracts/",
    "l1rpc/",
    "vectors/batch_validity_",
    "vectors/blob_codec.",
    "vectors/bridge-withdrawal.",
    "vectors/frame_prune.",
    "vectors/gossip.",
];

/// Paths of the files in the manifest, with their hashes.
fn listed(vectors: &Vectors) -> BTreeMap<String, B256> {
    let manifest = vectors.text("MANIFEST.md");
    let rows = manifest.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let hash = hex::decode(cells.last()?).ok().filter(|hash| hash.len() == 32)?;
        Some((cells[0].to_owned(), B256::from_slice(&hash)))
    });
    rows.collect()
}

#[test]
fn every_vector_about_execution_is_read_by_a_test() {
    let Some(vectors) = Vectors::open() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let listed = listed(&vectors);
    assert!(listed.len() >= 52, "only {} files are listed", listed.len());
    let mut readers = BTreeMap::new();
    for (file, hash) in &listed {
        let raw = fs::read(vectors.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(B256::from_slice(&Sha256::digest(&raw)), *hash, "{file} is not what was listed");
        let reader = READ.iter().find(|(prefix, ..)| file.starts_with(prefix));
        let waits = NOT_YET.iter().any(|prefix| file.starts_with(prefix));
        let Some((_, source, words)) = reader.filter(|_| !waits) else {
            assert!(waits, "no test reads {file}");
            continue;
        };
        let text =
            fs::read_to_string(root.join(source)).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert!(text.contains(words), "{source} no longer names {file}: `{words}`");
        readers.insert(file, source);
    }
    for (prefix, ..) in READ {
        assert!(readers.keys().any(|file| file.starts_with(prefix)), "{prefix} names no file");
    }
    println!("{} of {} vector files are read", readers.len(), listed.len());
}
