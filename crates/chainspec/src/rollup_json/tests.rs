use alloy_primitives::address;

use super::*;
use crate::{L1Anchor, L1Contracts, Profile};

/// The development chain after a deployment.
fn deployed() -> ChainSpec {
    let mut spec = ChainSpec::dev();
    let rollup = spec.rollup.as_mut().expect("rollup");
    rollup.l1_anchor = Some(L1Anchor { number: 7, hash: B256::repeat_byte(7) });
    rollup.l1_contracts = Some(L1Contracts {
        deposit_contract: Address::repeat_byte(1),
        system_config: Address::repeat_byte(2),
        protocol_versions: Address::repeat_byte(3),
        ..Default::default()
    });
    spec
}

fn written(spec: &ChainSpec) -> serde_json::Value {
    serde_json::to_value(RollupJson::new(spec, B256::repeat_byte(9)).expect("deployed"))
        .expect("json")
}

fn keys(value: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().expect("object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_chain_without_contracts_has_nothing_to_derive_from() {
    type Change = fn(&mut ChainSpec);
    let missing = |change: Change| {
        let mut spec = deployed();
        change(&mut spec);
        RollupJson::new(&spec, B256::ZERO).expect_err("incomplete").to_string()
    };
    let cases: [(Change, &str); 4] = [
        (|spec| spec.rollup = None, "rollup"),
        (|spec| spec.rollup.as_mut().expect("rollup").l1_anchor = None, "rollup.l1_anchor"),
        (|spec| spec.rollup.as_mut().expect("rollup").l1_contracts = None, "rollup.l1_contracts"),
        (|spec| spec.rollup.as_mut().expect("rollup").system_config = None, "rollup.system_config"),
    ];
    for (change, key) in cases {
        assert_eq!(missing(change), format!("required key {key} is missing"));
    }
}

#[test]
fn each_profile_has_the_fields_its_verifiers_know() {
    const CONFIG: [&str; 6] =
        ["batcherAddr", "eip1559Params", "gasLimit", "operatorFeeParams", "overhead", "scalar"];
    let isthmus = written(&deployed().with_profile(Profile::Isthmus));
    assert_eq!(keys(&isthmus["genesis"]["system_config"]), CONFIG);
    let jovian = written(&deployed().with_profile(Profile::Jovian));
    let since_jovian = ["daFootprintGasScalar", "minBaseFee"];
    let mut expected = [&CONFIG[..], &since_jovian].concat();
    expected.sort_unstable();
    assert_eq!(keys(&jovian["genesis"]["system_config"]), expected);
    let karst = written(&deployed());
    assert_eq!(karst["genesis"], jovian["genesis"]);
    for (json, has_jovian, has_karst) in
        [(&isthmus, false, false), (&jovian, true, false), (&karst, true, true)]
    {
        assert_eq!(json["isthmus_time"], 0);
        assert_eq!(json.get("jovian_time").is_some(), has_jovian);
        assert_eq!(json.get("karst_time").is_some(), has_karst);
        // What only we, or only one of the others, would understand.
        for absent in ["attestation_time", "interop_time", "granite_channel_timeout"] {
            assert_eq!(json.get(absent), None, "{absent}");
        }
    }
}

#[test]
fn an_unusual_channel_timeout_is_said() {
    let mut spec = deployed();
    spec.rollup.as_mut().expect("rollup").granite_channel_timeout = 20;
    assert_eq!(written(&spec)["granite_channel_timeout"], 20);
}

#[test]
fn numbers_and_packed_words_are_written_as_others_read_them() {
    let mut spec = deployed();
    let config = SystemConfig {
        batcher_address: address!("0x000000000000000000000000000000000000beef"),
        base_fee_scalar: 1368,
        blob_base_fee_scalar: 810_949,
        gas_limit: 60_000_000,
        eip1559_denominator: 250,
        eip1559_elasticity: 6,
        operator_fee_scalar: 0xabcd,
        operator_fee_constant: 0xdcba,
        min_base_fee: 1_000_000_000,
        da_footprint_gas_scalar: 200,
    };
    spec.rollup.as_mut().expect("rollup").system_config = Some(config.clone());
    let json = written(&spec);
    assert_eq!(
        json["genesis"]["system_config"],
        serde_json::json!({
            "batcherAddr": "0x000000000000000000000000000000000000beef",
            "overhead": B256::ZERO,
            "scalar": "0x010000000000000000000000000000000000000000000000000c5fc500000558",
            "gasLimit": 60_000_000,
            "eip1559Params": "0x000000fa00000006",
            "operatorFeeParams": "0x00000000000000000000000000000000000000000000abcd000000000000dcba",
            "minBaseFee": 1_000_000_000,
            "daFootprintGasScalar": 200,
        })
    );
    assert_eq!(json["genesis"]["l1"]["number"], 7);
    assert_eq!(json["genesis"]["l2"]["hash"], B256::repeat_byte(9).to_string());
    assert_eq!(json["l2_chain_id"], 20_351_337);
    assert_eq!(json["chain_op_config"]["eip1559DenominatorCanyon"], 250);
    let read: RollupJson = serde_json::from_value(json).expect("our own");
    assert_eq!(SystemConfig::try_from(&read.genesis.system_config), Ok(config));
    assert_eq!(RollupJson::new(&spec, B256::repeat_byte(9)).expect("deployed"), read);
}
