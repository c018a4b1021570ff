//! What decides a verdict of the attestation precompiles is exactly what was reviewed.

use crate::metadata::{cargo_metadata, cargo_tree, features};

/// Versions that decide verdicts. Changing one is a hard fork.
const PINNED: &[(&str, &str)] = &[
    ("asn1_der", "0.7.7"),
    ("chrono", "0.4.45"),
    ("curve25519-dalek", "4.1.3"),
    ("dcap-qvl", "0.7.1"),
    ("dcap-qvl-webpki", "0.103.15+dcap.1"),
    ("der", "0.8.3"),
    ("ecdsa", "0.17.0"),
    ("ed25519-dalek", "2.2.0"),
    ("merlin", "3.0.0"),
    ("p256", "0.14.0"),
    ("p384", "0.14.0"),
    ("pem", "4.0.0"),
    ("schnorrkel", "0.11.5"),
    ("secp256k1", "0.31.1"),
    ("serde_json", "1.0.154"),
    ("x509-cert", "0.3.0"),
];

/// Cryptography in other languages, and whatever talks to the network.
const FORBIDDEN: &[&str] =
    &["ring", "aws-lc-rs", "aws-lc-sys", "openssl-sys", "reqwest", "hyper", "tokio", "rustls"];

/// Features that change what is accepted, by package.
const FORBIDDEN_FEATURES: &[(&str, &[&str])] = &[
    (
        "dcap-qvl",
        &[
            "ring",
            "report",
            "json-core",
            "danger-allow-tcb-override",
            "python",
            "js",
            "go",
            "default",
        ],
    ),
    ("dcap-qvl-webpki", &["ring", "aws-lc-rs", "rustcrypto-rsa"]),
    ("serde_json", &["unbounded_depth", "arbitrary_precision"]),
    ("schnorrkel", &["preaudit_deprecated"]),
    ("ed25519-dalek", &["legacy_compatibility", "hazmat"]),
];

#[test]
fn verdicts_are_decided_by_the_reviewed_versions() {
    let tree = cargo_tree("phala-precompiles");
    for (name, version) in PINNED {
        let is_pinned = |(other, found): &(String, String)| other == name && found == version;
        // Another version beside it may be there for another use.
        assert!(tree.iter().any(is_pinned), "`{name}` {version} is not in the tree");
    }
}

#[test]
fn no_foreign_cryptography_and_no_network_is_in_the_tree() {
    let tree = cargo_tree("phala-precompiles");
    assert!(tree.len() > 50, "{}", tree.len());
    for (name, _) in &tree {
        assert!(!FORBIDDEN.contains(&name.as_str()), "`{name}` came in");
    }
}

/// Features add up over the workspace, so those of the whole build are looked at.
#[test]
fn no_feature_widens_what_is_accepted() {
    let metadata = cargo_metadata();
    for (name, forbidden) in FORBIDDEN_FEATURES {
        let versions = features(&metadata, name);
        assert!(!versions.is_empty(), "`{name}` left the graph");
        for feature in versions.iter().flatten() {
            assert!(!forbidden.contains(&feature.as_str()), "{name} has `{feature}`");
        }
    }
}

/// One backend, so that what picks one by itself in the library has no choice either.
#[test]
fn the_library_has_the_reviewed_features_and_no_other() {
    let metadata = cargo_metadata();
    for (name, expected) in [
        ("dcap-qvl", vec!["_anycrypto", "default-x509", "rustcrypto", "std", "urlencoding"]),
        ("dcap-qvl-webpki", vec!["alloc", "rustcrypto", "std"]),
    ] {
        assert_eq!(features(&metadata, name), [expected], "{name}");
    }
}

/// The node itself has `ring`, for TLS, so the tests above can fail.
#[test]
fn the_tree_of_the_node_would_not_pass() {
    assert!(cargo_tree("phala-node").iter().any(|(name, _)| name == "ring"));
}

/// A panic of a library has to become a refusal, so nothing may be built to abort instead.
#[test]
fn every_profile_unwinds() {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    let profiles = manifest["profile"].as_table().unwrap();
    assert!(profiles.contains_key("ci"));
    for (name, profile) in profiles {
        assert!(
            profile.get("panic").is_none_or(|panic| panic.as_str() == Some("unwind")),
            "{name}"
        );
    }
}
