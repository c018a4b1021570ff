//! Dependencies go to lower layers only, and the fast curve library is really built in.

use crate::metadata::{cargo_metadata, features, members};

/// The layer of each member. A crate may depend on members of lower layers only.
const LAYERS: &[(&str, u8)] = &[
    ("phala-primitives", 0),
    ("phala-chainspec", 0),
    ("phala-trie", 1),
    ("phala-batch", 1),
    ("phala-precompiles", 1),
    ("phala-evm", 2),
    ("phala-storage", 2),
    ("phala-test-evidence", 2),
    ("phala-genesis-lib", 2),
    ("phala-engine", 3),
    ("phala-txpool", 3),
    ("phala-l1", 3),
    ("phala-derive", 3),
    ("phala-sequencer", 4),
    ("phala-batcher-lib", 4),
    ("phala-rpc", 4),
    ("phala-node-lib", 5),
    ("phala-node", 6),
    ("phala-bench", 6),
    ("phala-batcher", 6),
    ("phala-genesis", 6),
    ("phala-devnet", 7),
    ("phala-tests", 8),
];

/// Dependencies within one layer that are allowed.
const WITHIN_A_LAYER: &[(&str, &str)] = &[("phala-chainspec", "phala-primitives")];

fn layer(name: &str) -> u8 {
    let known = LAYERS.iter().find(|(member, _)| *member == name);
    known.unwrap_or_else(|| panic!("`{name}` has no layer: add it to the table")).1
}

fn is_allowed(member: &str, dependency: &str) -> bool {
    layer(dependency) < layer(member) || WITHIN_A_LAYER.contains(&(member, dependency))
}

#[test]
fn dependencies_go_to_lower_layers_only() {
    let members = members(&cargo_metadata());
    assert_eq!(members.len(), LAYERS.len(), "the table names each member of the workspace once");
    let wrong: Vec<String> = members
        .iter()
        .flat_map(|(member, dependencies)| dependencies.iter().map(move |other| (member, other)))
        .filter(|(member, other)| !is_allowed(member, other))
        .map(|(member, other)| format!("{member} must not depend on {other}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_refuses_what_it_should() {
    assert!(is_allowed("phala-engine", "phala-storage"));
    assert!(is_allowed("phala-chainspec", "phala-primitives"));
    assert!(!is_allowed("phala-primitives", "phala-chainspec"));
    assert!(!is_allowed("phala-evm", "phala-storage"), "execution does not know the store");
    assert!(!is_allowed("phala-storage", "phala-evm"));
    assert!(!is_allowed("phala-txpool", "phala-engine"), "the node joins pool and engine");
    assert!(!is_allowed("phala-derive", "phala-l1"), "derivation does no I/O");
    assert!(!is_allowed("phala-trie", "phala-node-lib"));
}

/// Without the feature, recovery of senders falls back to a library five times slower, silently.
#[test]
fn senders_are_recovered_with_libsecp256k1() {
    let metadata = cargo_metadata();
    for package in ["alloy-consensus", "revm-precompile"] {
        let versions = features(&metadata, package);
        assert!(!versions.is_empty(), "{package} is in the graph");
        for features in versions {
            assert!(
                features.iter().any(|name| name == "secp256k1"),
                "{package} lacks `secp256k1`: {features:?}"
            );
        }
    }
}
