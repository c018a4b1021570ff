//! Every recorded vector is read by a test, or waits for the part of the node it belongs to.

use std::{collections::BTreeMap, fs, path::Path};

use alloy_primitives::{B256, hex};
use phala_tests::Vectors;
use sha2::{Digest as _, Sha256};

/// Files about what the node does: the test that reads them, and the words by which it names them.
const READ: &[(&str, &str, &str)] = &[
    (
        "beacon/eth_v1_beacon_genesis",
        "crates/l1/tests/endpoints/beacon.rs",
        "eth_v1_beacon_genesis_goerli.json",
    ),
    (
        "beacon/eth_v1_config_spec",
        "crates/l1/tests/endpoints/beacon.rs",
        "eth_v1_config_spec_goerli.json",
    ),
    ("beacon/expected.", "crates/l1/src/vectors.rs", "beacon/expected.json"),
    ("beacon/goerli-", "crates/l1/src/vectors.rs", "beacon/goerli-blob-sidecars-slot-7422094"),
    (
        "derive/brotli-singular-channel.",
        "crates/batch/tests/vectors.rs",
        "derive/brotli-singular-channel.json",
    ),
    (
        "derive/frames-brotli-example.",
        "crates/batch/tests/vectors.rs",
        "derive/frames-brotli-example.json",
    ),
    (
        "derive/op-mainnet-batcher-calldata-tx.bin",
        "crates/derive/src/pipeline.rs",
        "derive/op-mainnet-batcher-calldata-tx.bin",
    ),
    (
        "derive/op-mainnet-batcher-calldata-tx.expected.",
        "crates/batch/tests/vectors.rs",
        "derive/op-mainnet-batcher-calldata-tx.expected.json",
    ),
    (
        "derive/op-mainnet-span-channel.expected.",
        "crates/batch/tests/vectors.rs",
        "derive/op-mainnet-span-channel.expected.json",
    ),
    (
        "derive/op-mainnet-span-channel.zlib.",
        "crates/batch/tests/vectors.rs",
        "derive/op-mainnet-span-channel.zlib.bin",
    ),
    ("derive/span-batch-random.", "crates/batch/tests/vectors.rs", "derive/span-batch-random."),
    ("executor/", "tests/differential/executor.rs", "executor/"),
    ("genesis/expected.json", "tests/differential/genesis.rs", "genesis/expected.json"),
    ("genesis/predeploys-", "tests/differential/genesis.rs", "predeploys-karst-summary.json"),
    ("genesis/", "tests/differential/genesis.rs", "genesis/{name}."),
    ("l1rpc/", "crates/l1/src/vectors.rs", "l1rpc/l1-blocks-headers.tar.gz"),
    ("rpc/", "crates/rpc/tests/rpc/execution_apis.rs", "rpc/execution-apis-tests.tar.gz"),
    ("trie/", "crates/trie/tests/vectors.rs", "opstack/trie"),
    ("upgrade-txs/", "crates/evm/tests/evm/upgrades.rs", "upgrade-txs/upgrade-txs.json"),
    ("vectors/base_fee.", "crates/chainspec/tests/vectors_headers.rs", "vectors/base_fee.json"),
    (
        "vectors/batch_validity_singular.",
        "crates/derive/src/singular_validity.rs",
        "vectors/batch_validity_singular.json",
    ),
    (
        "vectors/batch_validity_span_prefix.",
        "crates/derive/src/span_validity.rs",
        "vectors/batch_validity_span_prefix.json",
    ),
    ("vectors/blob_codec.", "crates/batch/tests/vectors.rs", "vectors/blob_codec.json"),
    ("vectors/deposits.", "crates/chainspec/tests/vectors_deposits.rs", "vectors/deposits.json"),
    (
        "vectors/engine_payload_envelope_v4.",
        "crates/engine/tests/engine/engine_api.rs",
        "vectors/engine_payload_envelope_v4.json",
    ),
    ("vectors/extra_data.", "crates/chainspec/tests/vectors_headers.rs", "vectors/extra_data.json"),
    ("vectors/fees.", "crates/evm/tests/evm/fees.rs", "vectors/fees.json"),
    ("vectors/frame_prune.", "crates/derive/src/frame_queue.rs", "vectors/frame_prune.json"),
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

/// Files for gossip and withdrawals, which this node does not do yet, and L1 contracts that are not
/// ours.
const NOT_YET: &[&str] = &["l1-contracts/", "vectors/bridge-withdrawal.", "vectors/gossip."];

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
fn every_vector_about_what_the_node_does_is_read_by_a_test() {
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
