//! Published genesis files: header, hash and export.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod vectors;

use alloy_primitives::{B256, Bytes};
use phala_chainspec::{
    ChainSpec, Fork, Profile, addresses::L2_TO_L1_MESSAGE_PASSER, read_genesis_json,
    write_genesis_json,
};
use serde_json::Value;
use vectors::{bytes, field, folder, json};

const FILES: [(&str, Fork); 2] =
    [("sepolia-devnet-2", Fork::Karst), ("settlus-mainnet", Fork::Holocene)];

#[test]
fn headers_have_the_published_hashes() {
    let Some(folder) = folder() else { return };
    let expected = json(&folder, "genesis/expected.json");
    for (name, newest) in FILES {
        let expected = &expected[name];
        let file = bytes(&folder, &format!("genesis/{name}.genesis.json.gz"));
        let spec = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
        assert_eq!(spec.forks.newest(spec.genesis.timestamp), newest);
        assert_eq!(spec.forks.time(Fork::Attestation), None);
        assert!(spec.genesis.alloc.contains_key(&L2_TO_L1_MESSAGE_PASSER));
        spec.ensure_startable().expect("a chain this node could store");

        let header = spec.genesis_header(
            field(expected, "state_root"),
            field(expected, "message_passer_storage_root"),
        );
        let mut rlp = Vec::new();
        alloy_rlp::Encodable::encode(&header, &mut rlp);
        assert_eq!(rlp, field::<Bytes>(expected, "header_rlp"), "{name}");
        assert_eq!(header.hash_slow(), field::<B256>(expected, "genesis_hash"), "{name}");

        let other = spec.genesis_header(B256::ZERO, field(expected, "message_passer_storage_root"));
        assert_ne!(other.hash_slow(), field::<B256>(expected, "genesis_hash"));
    }
}

#[test]
fn another_fork_combination_gives_another_hash() {
    let Some(folder) = folder() else { return };
    let expected = json(&folder, "genesis/expected.json");
    for (name, _) in FILES {
        let file = bytes(&folder, &format!("genesis/{name}.genesis.json.gz"));
        let spec = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
        let spec = spec.with_profile(Profile::Isthmus);
        let header = spec.genesis_header(
            field(&expected[name], "state_root"),
            field(&expected[name], "message_passer_storage_root"),
        );
        assert_ne!(header.hash_slow(), field::<B256>(&expected[name], "genesis_hash"), "{name}");
    }
}

#[test]
fn export_is_the_file_that_was_read() {
    let Some(folder) = folder() else { return };
    for (name, _) in FILES {
        let file = bytes(&folder, &format!("genesis/{name}.genesis.json.gz"));
        let spec = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
        let mut original: Value = serde_json::from_slice(&file).expect("json");
        for fields in [&mut original].into_iter().filter_map(Value::as_object_mut) {
            fields.retain(|_, value| !value.is_null());
        }
        // Written out by some tools, absent where zero in others.
        for account in original["alloc"].as_object_mut().expect("alloc").values_mut() {
            let account = account.as_object_mut().expect("account");
            account.retain(|key, value| key != "nonce" || value != "0x0");
        }
        let exported = spec.to_genesis_json();
        for key in ["config", "alloc"] {
            assert_eq!(exported[key], original[key], "{name} {key}");
        }
        assert_eq!(exported, original, "{name}");

        let mut written = Vec::new();
        write_genesis_json(&spec, &mut written).expect("memory takes it");
        let read = ChainSpec::from_genesis_json(written.as_slice()).expect("own export");
        assert_eq!(read, spec);
    }
}

#[test]
fn streaming_hands_out_every_account_and_stops_on_demand() {
    let Some(folder) = folder() else { return };
    let file = bytes(&folder, "genesis/sepolia-devnet-2.genesis.json.gz");
    let whole = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
    let mut alloc = std::collections::BTreeMap::new();
    let mut spec = read_genesis_json(file.as_slice(), &mut |address, account| {
        assert!(alloc.insert(address, account).is_none());
        Ok(())
    })
    .expect("a published genesis");
    assert_eq!(alloc.len(), 2372);
    assert!(spec.genesis.alloc.is_empty());
    spec.genesis.alloc = alloc;
    assert_eq!(spec, whole);

    let mut left = 10;
    let error = read_genesis_json(file.as_slice(), &mut |_, _| {
        left -= 1;
        if left == 0 { Err(std::io::Error::other("disk full")) } else { Ok(()) }
    });
    assert_eq!(error.unwrap_err().to_string(), "account consumer failed: disk full");
    assert_eq!(left, 0);
}

#[test]
fn truncated_files_are_errors() {
    let Some(folder) = folder() else { return };
    let file = bytes(&folder, "genesis/settlus-mainnet.genesis.json.gz");
    for len in (0..file.len()).step_by(file.len() / 50) {
        assert!(ChainSpec::from_genesis_json(&file[..len]).is_err(), "{len}");
    }
    let trailing = [file.as_slice(), b"x"].concat();
    assert!(ChainSpec::from_genesis_json(trailing.as_slice()).is_err());
}
