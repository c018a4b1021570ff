//! Base fee, extra data, DA footprint, payload id and output root against recorded vectors.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod vectors;

use alloy_primitives::{Address, B64, B256, Bytes, U64};
use phala_chainspec::{
    ChainSpec, ExtraData, PayloadIdInput, Profile, da_footprint, next_base_fee, output_root,
    payload_id, resolve_eip1559_params,
};
use phala_primitives::Header;
use vectors::{cases, field, folder, json};

#[test]
fn base_fees_are_those_of_other_clients() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/base_fee.json");
    let karst = ChainSpec::dev();
    for case in cases(&file["jovian"], "cases") {
        let extra = ExtraData {
            denominator: field(case, "denominator"),
            elasticity: field(case, "elasticity"),
            min_base_fee: Some(field(case, "min_base_fee")),
        };
        let parent = Header {
            base_fee_per_gas: Some(field(case, "parent_base_fee")),
            gas_used: field(case, "gas_used"),
            blob_gas_used: Some(field(case, "blob_gas_used")),
            gas_limit: field(case, "gas_limit"),
            extra_data: extra.encode(),
            ..Default::default()
        };
        assert_eq!(next_base_fee(&karst, &parent), Ok(field(case, "next_base_fee")), "{case}");
    }
    let isthmus = karst.with_profile(Profile::Isthmus);
    for case in cases(&file, "holocene") {
        let parent = Header {
            base_fee_per_gas: Some(field(case, "parent_base_fee")),
            gas_used: field(case, "gas_used"),
            gas_limit: field(case, "gas_limit"),
            extra_data: field(case, "extra_data"),
            ..Default::default()
        };
        assert_eq!(next_base_fee(&isthmus, &parent), Ok(field(case, "next_base_fee")), "{case}");
    }
}

#[test]
fn extra_data_decodes_and_encodes_to_itself() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/extra_data.json");
    let karst = ChainSpec::dev();
    let isthmus = ChainSpec::dev().with_profile(Profile::Isthmus);
    for (spec, fork) in [(&isthmus, "holocene"), (&karst, "jovian")] {
        for case in cases(&file, fork) {
            let bytes: Bytes = field(case, "extra_data");
            if let Some(denominator) = case.get("chain_denominator_canyon") {
                let mut spec = spec.clone();
                spec.fees.denominator_canyon = serde_json::from_value(denominator.clone()).unwrap();
                spec.fees.elasticity = field(case, "chain_elasticity");
                let params: B64 = field(case, "eip1559_params");
                let resolved = resolve_eip1559_params(&spec, 0, Some(params), None).unwrap();
                assert_eq!(resolved.unwrap().encode(), bytes);
                continue;
            }
            let expected = ExtraData {
                denominator: field(case, "denominator"),
                elasticity: field(case, "elasticity"),
                min_base_fee: field(case, "min_base_fee"),
            };
            assert_eq!(ExtraData::decode_at(&spec.forks, 0, &bytes), Ok(Some(expected)), "{case}");
            assert_eq!(ExtraData::decode(&bytes), Ok(expected), "{case}");
            assert_eq!(expected.encode(), bytes, "{case}");
        }
    }
    for case in cases(&file, "invalid_post_jovian") {
        let bytes: Bytes = serde_json::from_value(case.clone()).unwrap();
        assert!(ExtraData::decode_at(&karst.forks, 0, &bytes).is_err(), "{case}");
    }
}

#[test]
fn da_footprints_follow_from_the_compressed_length() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/fees.json");
    for case in cases(&file["da_footprint"], "cases") {
        let footprint = da_footprint(field(case, "fastlz_len"), field(case, "scalar"));
        assert_eq!(footprint, field::<u64>(case, "da_footprint"), "{case}");
    }
}

#[test]
fn payload_ids_are_those_of_op_geth() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/payload_id.json");
    let all = file.as_array().expect("an array of cases");
    assert!(!all.is_empty());
    for case in all {
        let attributes = &case["attributes"];
        let number = |key| attributes.get(key).map(|_| field::<U64>(attributes, key).to::<u64>());
        let transactions: Vec<Bytes> = field(attributes, "transactions");
        let input = PayloadIdInput {
            timestamp: number("timestamp").unwrap(),
            prev_randao: field(attributes, "prevRandao"),
            fee_recipient: field::<Address>(attributes, "suggestedFeeRecipient"),
            withdrawals: Some(&[]),
            parent_beacon_block_root: field(attributes, "parentBeaconBlockRoot"),
            no_tx_pool: false,
            transactions: &transactions,
            gas_limit: number("gasLimit"),
            eip1559_params: field(attributes, "eip1559Params"),
            min_base_fee: number("minBaseFee"),
        };
        let id = |input: &PayloadIdInput<'_>| {
            payload_id(field(case, "parent"), field(case, "version"), input)
        };
        let expected: B64 = field(case, "payload_id");
        assert_eq!(id(&input), expected);

        // Each attribute tells payloads apart.
        let mut changed = input.clone();
        changed.timestamp += 1;
        assert_ne!(id(&changed), expected);
        let changed = PayloadIdInput { no_tx_pool: true, ..input.clone() };
        assert_ne!(id(&changed), expected);
        let changed = PayloadIdInput { eip1559_params: Some(B64::ZERO), ..input.clone() };
        assert_ne!(id(&changed), expected);
        let changed = PayloadIdInput { transactions: &[], ..input.clone() };
        assert_ne!(id(&changed), expected);
    }
}

#[test]
fn output_roots_hash_their_three_roots() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/output_root.json");
    let all = file.as_array().expect("an array of cases");
    assert!(!all.is_empty());
    for case in all {
        let root = |key| field::<B256>(case, key);
        let output = output_root(
            root("state_root"),
            root("message_passer_storage_root"),
            root("block_hash"),
        );
        assert_eq!(output, root("output_root"));
    }
}
