//! Recorded blocks, headers and blobs, read in place from `$PHALA_VECTORS`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use alloy_eips::eip4844::Blob;
use alloy_primitives::{B256, Bytes, hex};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{
    Unverified, body::decode_block, cache::blob_from, header::decode_header, versioned_hash,
};

fn vectors() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    Some(Path::new(&root).join("opstack"))
}

fn unpacked(path: &Path) -> BTreeMap<String, String> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap();
        let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_str().unwrap()).collect();
        let name = format!("{}/{}", parts[1], parts[0]);
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (name, text)
    });
    entries.filter(|(name, _)| name.ends_with(".json")).collect()
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    fail: bool,
    #[serde(default)]
    reason: String,
}

fn kind(error: &Unverified) -> &'static str {
    match error {
        Unverified::Hash { .. } => "failed to verify block hash",
        Unverified::TransactionsRoot { .. } => "failed to verify transactions list",
        Unverified::WithdrawalsRoot(_) => "failed to verify withdrawals list",
        Unverified::Malformed { what: "transaction", .. } => "block tx 0 is nil",
        Unverified::Malformed { what: "withdrawals", .. } => "block withdrawal 0 is null",
        _ => "another reason",
    }
}

#[test]
fn recorded_blocks_and_headers_are_judged_as_recorded() {
    let Some(root) = vectors() else { return };
    let files = unpacked(&root.join("l1rpc/l1-blocks-headers.tar.gz"));
    let mut read = 0;
    for (name, metadata) in files.iter().filter(|(name, _)| name.ends_with("_metadata.json")) {
        let metadata: Metadata = serde_json::from_str(metadata).unwrap();
        let data = name.replace("_metadata", "_data");
        let json: &RawValue = serde_json::from_str(&files[&data]).unwrap();
        let judged = if name.starts_with("blocks/") {
            decode_block(json).map(drop)
        } else {
            decode_header(json).map(drop)
        };
        match judged {
            Ok(()) => assert!(!metadata.fail, "{}: accepted", metadata.name),
            Err(error) => {
                assert!(metadata.fail, "{}: {error}", metadata.name);
                let reason = kind(&error);
                assert!(metadata.reason.is_empty() || metadata.reason == reason, "{name}: {error}");
            }
        }
        read += 2;
    }
    assert_eq!(read, files.len(), "every file is read");
    assert_eq!(read, 38);
    println!("{read} files read");
}

/// Flips bytes of recorded blocks: whatever is still accepted is the same block.
#[test]
fn a_changed_block_is_refused_or_the_same() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let Some(root) = vectors() else { return };
    let seed = std::env::var("PHALA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("PHALA_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let files = unpacked(&root.join("l1rpc/l1-blocks-headers.tar.gz"));
    let text = &files["blocks/post-shanghai-success_data.json"];
    let original = decode_block(serde_json::from_str(text).unwrap()).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..600 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = b"0123456789abcdefx\",:{}[]n "[rng.random_range(0..26)];
        }
        let Ok(json) = serde_json::from_slice::<&RawValue>(&bytes) else { continue };
        match decode_block(json) {
            Ok(block) => {
                assert_eq!(block, original);
                accepted += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
}

#[derive(Deserialize)]
struct Sidecars {
    data: Vec<Sidecar>,
}

#[derive(Deserialize)]
struct Sidecar {
    index: String,
    blob: Bytes,
}

#[derive(Deserialize)]
struct Expected {
    sidecars: Vec<ExpectedSidecar>,
}

#[derive(Deserialize)]
struct ExpectedSidecar {
    index: u64,
    versioned_hash: B256,
    blob_sha256: String,
}

#[test]
fn recorded_blobs_have_their_versioned_hashes() {
    let Some(root) = vectors() else { return };
    let expected = std::fs::read_to_string(root.join("beacon/expected.json")).unwrap();
    let expected: Expected = serde_json::from_str(&expected).unwrap();
    let mut text = String::new();
    let file = File::open(root.join("beacon/goerli-blob-sidecars-slot-7422094.json.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let recorded: Sidecars = serde_json::from_str(&text).unwrap();
    assert_eq!(recorded.data.len(), expected.sidecars.len());
    for (recorded, expected) in recorded.data.iter().zip(&expected.sidecars) {
        assert_eq!(recorded.index, expected.index.to_string());
        assert_eq!(hex::encode(Sha256::digest(&recorded.blob)), expected.blob_sha256);
        let mut blob = blob_from(&recorded.blob).expect("as long as a blob");
        assert_eq!(versioned_hash(&blob), Some(expected.versioned_hash));
        blob[1] ^= 1;
        assert_ne!(versioned_hash(&blob), Some(expected.versioned_hash));
    }
    let no_field_elements = Box::new(Blob::repeat_byte(0xff));
    assert_eq!(versioned_hash(&no_field_elements), None);
}
