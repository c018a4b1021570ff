use alloy_primitives::{B256, Bytes, U256};
use phala_chainspec::{
    Fork, L1Attributes,
    addresses::{L1_BLOCK, PROXY_ADMIN, implementation},
};
use phala_tests::seeded_rng;
use rand::{Rng as _, RngCore as _, rngs::StdRng};

use super::{
    call::{call, call_with, selector},
    pair::{DEPOSITOR, OWNER, Pair, SOMEBODY},
};

pub(super) const VIEWS: [&str; 22] = [
    "DEPOSITOR_ACCOUNT()",
    "number()",
    "timestamp()",
    "basefee()",
    "hash()",
    "sequenceNumber()",
    "blobBaseFeeScalar()",
    "baseFeeScalar()",
    "batcherHash()",
    "l1FeeOverhead()",
    "l1FeeScalar()",
    "blobBaseFee()",
    "operatorFeeConstant()",
    "operatorFeeScalar()",
    "daFootprintGasScalar()",
    "gasPayingToken()",
    "gasPayingTokenName()",
    "gasPayingTokenSymbol()",
    "isCustomGasToken()",
    "proxyAdmin()",
    "proxyAdminOwner()",
    "unknown()",
];
const PACKED: [&str; 3] =
    ["setL1BlockValuesEcotone()", "setL1BlockValuesIsthmus()", "setL1BlockValuesJovian()"];

/// What the L1-attributes transaction of some fork could carry, or something near it.
pub(super) fn random_attributes(rng: &mut StdRng) -> Bytes {
    if rng.random_ratio(1, 4) {
        let mut data = selector(
            "setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)",
        )
        .to_vec();
        for small in [true, true, false, false, true, false, false, false] {
            let mut word = [0; 32];
            // Sometimes a word is too large for its type, which is refused.
            let from = if small && rng.random_ratio(19, 20) { 24 } else { 0 };
            rng.fill_bytes(&mut word[from..]);
            data.extend_from_slice(&word);
        }
        return data.into();
    }
    let mut data = selector(PACKED[rng.random_range(0..PACKED.len())]).to_vec();
    // 178 bytes with everything; shorter and longer input is taken as well.
    let length = if rng.random_ratio(3, 4) { 178 } else { rng.random_range(4..260) };
    data.resize(length, 0);
    rng.fill_bytes(&mut data[4..]);
    data.into()
}

fn compare_views(pair: &mut Pair) {
    for view in VIEWS {
        pair.view(L1_BLOCK, call(view));
    }
}

#[test]
fn l1_block_stores_the_attributes_of_every_fork() {
    let Some(mut pair) = Pair::new() else { return };
    let rng = &mut seeded_rng("l1_block_stores_the_attributes_of_every_fork");
    compare_views(&mut pair);
    let mut accepted = 0;
    for _ in 0..200 {
        let attributes = random_attributes(rng);
        let outcome = pair.send(DEPOSITOR, L1_BLOCK, U256::ZERO, attributes.clone());
        accepted += usize::from(outcome.success);
        assert_eq!(outcome.success, !outcome.storage.is_empty());
        compare_views(&mut pair);
        for from in [SOMEBODY, OWNER, PROXY_ADMIN] {
            let outcome = pair.send(from, L1_BLOCK, U256::ZERO, attributes.clone());
            assert!(!outcome.success);
        }
        // Nobody pays it.
        assert!(!pair.send(DEPOSITOR, L1_BLOCK, U256::from(1), attributes).success);
    }
    assert!(accepted > 150, "{accepted} of 200");
    for slot in 0..10 {
        let slot = U256::from(slot);
        assert_eq!(pair.own.storage(L1_BLOCK, slot), pair.published.storage(L1_BLOCK, slot));
    }
}

#[test]
fn l1_block_reads_what_the_node_writes() {
    let Some(mut pair) = Pair::new() else { return };
    let rng = &mut seeded_rng("l1_block_reads_what_the_node_writes");
    for fork in Fork::ALL {
        let packed = fork >= Fork::Ecotone;
        let operator = fork >= Fork::Isthmus;
        let attributes = L1Attributes {
            number: rng.random(),
            timestamp: rng.random(),
            base_fee: U256::from(rng.random::<u128>()),
            blob_base_fee: U256::from(rng.random::<u128>()),
            hash: B256::repeat_byte(rng.random()),
            sequence_number: rng.random(),
            batcher_hash: OWNER.into_word(),
            base_fee_scalar: rng.random(),
            blob_base_fee_scalar: rng.random(),
            operator_fee_scalar: rng.random(),
            operator_fee_constant: rng.random(),
            da_footprint_gas_scalar: rng.random(),
            l1_fee_overhead: U256::from(rng.random::<u64>()),
            l1_fee_scalar: U256::from(rng.random::<u64>()),
        };
        assert!(pair.send(DEPOSITOR, L1_BLOCK, U256::ZERO, attributes.encode(fork)).success);
        for (view, value, written) in [
            ("number()", U256::from(attributes.number), true),
            ("timestamp()", U256::from(attributes.timestamp), true),
            ("basefee()", attributes.base_fee, true),
            ("hash()", attributes.hash.into(), true),
            ("sequenceNumber()", U256::from(attributes.sequence_number), true),
            ("batcherHash()", attributes.batcher_hash.into(), true),
            ("l1FeeOverhead()", attributes.l1_fee_overhead, !packed),
            ("l1FeeScalar()", attributes.l1_fee_scalar, !packed),
            ("blobBaseFee()", attributes.blob_base_fee, packed),
            ("baseFeeScalar()", U256::from(attributes.base_fee_scalar), packed),
            ("blobBaseFeeScalar()", U256::from(attributes.blob_base_fee_scalar), packed),
            ("operatorFeeScalar()", U256::from(attributes.operator_fee_scalar), operator),
            ("operatorFeeConstant()", U256::from(attributes.operator_fee_constant), operator),
            (
                "daFootprintGasScalar()",
                U256::from(attributes.da_footprint_gas_scalar),
                fork >= Fork::Jovian,
            ),
        ] {
            let found = pair.view(L1_BLOCK, call(view)).word();
            assert!(!written || found == value, "{fork} {view}: {found}, wrote {value}");
        }
    }
}

#[test]
fn l1_block_switches_features_on_for_good() {
    let Some(mut pair) = Pair::new() else { return };
    let set = |feature| call_with("setFeature(bytes32)", [B256::repeat_byte(feature).into()]);
    let get = |feature| call_with("isFeatureEnabled(bytes32)", [B256::repeat_byte(feature).into()]);
    for (feature, from, accepted) in [
        (1, SOMEBODY, false),
        (1, DEPOSITOR, true),
        (1, DEPOSITOR, false),
        (2, OWNER, true),
        (3, PROXY_ADMIN, true),
    ] {
        assert_eq!(pair.send(from, L1_BLOCK, U256::ZERO, set(feature)).success, accepted);
    }
    for (feature, enabled) in [(1, 1), (2, 1), (3, 1), (4, 0)] {
        assert_eq!(pair.view(L1_BLOCK, get(feature)).word(), U256::from(enabled));
    }
    // The implementation knows the same admin.
    assert!(pair.send(PROXY_ADMIN, implementation(0x15), U256::ZERO, set(4)).success);
    assert!(!pair.send(SOMEBODY, implementation(0x15), U256::ZERO, set(5)).success);
}

#[test]
fn l1_block_without_an_admin_has_no_owner() {
    let Some(mut pair) = Pair::new() else { return };
    let admin_slot = "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103";
    pair.store(L1_BLOCK, admin_slot.parse().expect("a word"), U256::ZERO);
    for view in ["proxyAdmin()", "proxyAdminOwner()"] {
        assert!(!pair.send(SOMEBODY, L1_BLOCK, U256::ZERO, call(view)).success);
    }
    let set = call_with("setFeature(bytes32)", [B256::ZERO.into()]);
    assert!(!pair.send(OWNER, L1_BLOCK, U256::ZERO, set.clone()).success);
    assert!(pair.send(DEPOSITOR, L1_BLOCK, U256::ZERO, set).success);
}
