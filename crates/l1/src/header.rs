use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use phala_primitives::{Header, SealedHeader};
use serde_json::value::RawValue;

use crate::Unverified;

/// Names of everything known in a block's JSON: the fields that are hashed and those that are not.
const KNOWN_FIELDS: &[&str] = &[
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
    "blockAccessListHash",
    "slotNumber",
    // Not part of the hash.
    "hash",
    "size",
    "totalDifficulty",
    "uncles",
    "transactions",
    "withdrawals",
    "author",
    "sealFields",
    "blockAccessList",
];

/// The fields of a JSON object, not yet looked into.
pub(crate) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Splits a JSON object.
pub(crate) fn fields(json: &RawValue) -> Result<Fields<'_>, Unverified> {
    serde_json::from_str(json.get()).map_err(|error| Unverified::malformed("block", &error))
}

/// Reads a header and proves that it has the hash it claims.
pub(crate) fn decode_header(json: &RawValue) -> Result<SealedHeader, Unverified> {
    header_of(json, &fields(json)?)
}

/// As [`decode_header`], for an object that was split before.
pub(crate) fn header_of(json: &RawValue, fields: &Fields<'_>) -> Result<SealedHeader, Unverified> {
    let malformed = |error| Unverified::malformed("header", &error);
    let claimed = fields.get("hash").map_or("null", |hash| hash.get());
    let claimed: B256 = serde_json::from_str(claimed).map_err(malformed)?;
    let header: Header = serde_json::from_str(json.get()).map_err(malformed)?;
    let computed = keccak256(alloy_rlp::encode(&header));
    if computed == claimed {
        return Ok(SealedHeader::new(header, computed));
    }
    let unknown = fields.keys().filter(|name| !KNOWN_FIELDS.contains(&name.as_str()));
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    if unknown.is_empty() {
        return Err(Unverified::Hash { claimed, computed });
    }
    Err(Unverified::UnknownFields {
        block: claimed,
        fields: crate::fault::shortened(&unknown.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use serde_json::{Value, json};

    use super::*;

    fn glamsterdam() -> Header {
        Header {
            number: 7,
            base_fee_per_gas: Some(9),
            withdrawals_root: Some(B256::repeat_byte(1)),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(3),
            parent_beacon_block_root: Some(B256::repeat_byte(2)),
            requests_hash: Some(B256::repeat_byte(3)),
            block_access_list_hash: Some(B256::repeat_byte(4)),
            slot_number: Some(123_456),
            ..Header::default()
        }
    }

    fn json_of(header: &Header) -> Value {
        let mut json = serde_json::to_value(header).unwrap();
        json["hash"] = json!(keccak256(alloy_rlp::encode(header)));
        json["size"] = json!("0x200");
        json
    }

    fn decode(json: &Value) -> Result<SealedHeader, Unverified> {
        decode_header(&serde_json::value::to_raw_value(json).unwrap())
    }

    #[test]
    fn header_of_the_next_fork_hashes_with_all_its_fields() {
        let json = json_of(&glamsterdam());
        assert!(json["blockAccessListHash"].is_string() && json["slotNumber"] == "0x1e240");
        assert_eq!(decode(&json).unwrap().slot_number, Some(123_456));
        for field in ["blockAccessListHash", "slotNumber"] {
            let mut without = json.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(matches!(decode(&without), Err(Unverified::Hash { .. })), "{field}");
        }
    }

    #[test]
    fn unknown_field_is_ignored_unless_it_is_hashed() {
        let mut json = json_of(&glamsterdam());
        json["l1Extra"] = json!("0x01");
        decode(&json).expect("a field beside the hash does not matter");
        json["hash"] = json!(B256::repeat_byte(9));
        let error = decode(&json).unwrap_err();
        assert!(matches!(&error, Unverified::UnknownFields { fields, .. } if fields == "l1Extra"));
    }

    #[test]
    fn every_changed_field_is_noticed() {
        let json = json_of(&glamsterdam());
        for name in json.as_object().unwrap().keys().filter(|name| *name != "size") {
            let mut changed = json.clone();
            let text = changed[name].as_str().unwrap();
            let (head, last) = text.split_at(text.len() - 1);
            changed[name] = json!(format!("{head}{}", if last == "1" { "2" } else { "1" }));
            assert!(decode(&changed).is_err(), "{name}");
        }
    }
}
