use alloy_primitives::{Address, B256, Bytes, U256, b256};
use alloy_sol_types::SolCall;
use phala_genesis::ISystemConfig;
use serde_json::Value;

use crate::test_l1::{TestL1, signer};

const UPDATE: B256 = b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

/// The recorded events, by type; `None` without vectors.
fn recorded() -> Option<Vec<(B256, Bytes)>> {
    let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    let path = std::path::PathBuf::from(dir).join("opstack/vectors/system_config.json");
    let json: Value = serde_json::from_slice(&std::fs::read(path).expect("vectors")).expect("json");
    let event = |case: &Value| {
        let parse = |value: &Value| serde_json::from_value::<B256>(value.clone()).unwrap();
        assert_eq!(parse(&case["topics"][0]), UPDATE);
        (parse(&case["topics"][2]), serde_json::from_value(case["data"].clone()).unwrap())
    };
    Some(json["cases"].as_array().unwrap().iter().map(event).collect())
}

#[tokio::test]
async fn every_setter_emits_the_recorded_bytes() {
    let Some(recorded) = recorded() else { return };
    let (l1, deployment) = TestL1::deployed().await;
    let to = deployment.addresses.system_config;
    let beef = Address::left_padding_from(&[0xbe, 0xef]);
    let setters: [(u8, Vec<u8>); 10] = [
        (0, ISystemConfig::setBatcherHashCall { batcherHash: beef.into_word() }.abi_encode()),
        (
            1,
            ISystemConfig::setGasConfigEcotoneCall {
                basefeeScalar: 1368,
                blobbasefeeScalar: 810_949,
            }
            .abi_encode(),
        ),
        (2, ISystemConfig::setGasLimitCall { gasLimit: 60_000_000 }.abi_encode()),
        (3, ISystemConfig::setUnsafeBlockSignerCall { signer: beef }.abi_encode()),
        (4, ISystemConfig::setEIP1559ParamsCall { denominator: 250, elasticity: 6 }.abi_encode()),
        (
            4,
            ISystemConfig::setEIP1559ParamsCall { denominator: 47806, elasticity: 48879 }
                .abi_encode(),
        ),
        (
            5,
            ISystemConfig::setOperatorFeeScalarsCall { scalar: 43981, constant_: 56506 }
                .abi_encode(),
        ),
        (6, ISystemConfig::setMinBaseFeeCall { minBaseFee: 1_000_000_000 }.abi_encode()),
        (7, ISystemConfig::setDAFootprintGasScalarCall { scalar: 200 }.abi_encode()),
        (7, ISystemConfig::setDAFootprintGasScalarCall { scalar: 0 }.abi_encode()),
    ];
    let mut seen = Vec::new();
    for (kind, input) in setters {
        let receipt = l1.send(&signer(0), to, &input, U256::ZERO).await;
        assert_eq!((receipt.status, receipt.logs.len()), (1, 1), "type {kind}");
        let log = &receipt.logs[0];
        assert_eq!(log.address, to);
        let kind = B256::with_last_byte(kind);
        assert_eq!(log.topics, [UPDATE, B256::ZERO, kind]);
        let event = (kind, log.data.clone());
        assert!(recorded.contains(&event), "{event:?}");
        seen.push(event);
    }
    // What is left are the two forms of fee scalars that no setter of ours emits.
    let left: Vec<_> = recorded.iter().filter(|event| !seen.contains(event)).collect();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|(kind, _)| *kind == B256::with_last_byte(1)));
}

#[tokio::test]
async fn a_stranger_changes_nothing() {
    let (l1, deployment) = TestL1::deployed().await;
    let to = deployment.addresses.system_config;
    let call = ISystemConfig::setGasLimitCall { gasLimit: 30_000_000 }.abi_encode();
    let receipt = l1.send(&signer(5), to, &call, U256::ZERO).await;
    assert_eq!((receipt.status, receipt.logs.len()), (0, 0));
    assert_eq!(l1.call(to, ISystemConfig::gasLimitCall {}).await, 60_000_000);
    // Too little for a block's deposits, by the owner.
    let call = ISystemConfig::setGasLimitCall { gasLimit: 20_999_999 }.abi_encode();
    assert_eq!(l1.send(&signer(0), to, &call, U256::ZERO).await.status, 0);
}
