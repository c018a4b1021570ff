use alloy_consensus::Transaction as _;
use alloy_primitives::{Bytes, U256, hex};
use op_alloy_consensus::TxDeposit;
use op_revm::OpSpecId;
use phala_chainspec::{
    Profile,
    addresses::{BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT},
};
use phala_evm::{ExecutionError, ExecutionOutput, InvalidReason, L1FeeParams, TxOutcome, da_usage};
use serde_json::Value;

use crate::{
    asm::{Asm, STOP},
    world::{
        ALICE, BASE_FEE, BOB, CONTRACT, L1Fees, Send, Tx, World, deposit, execute, gain, vector,
    },
};

fn params(spec: OpSpecId) -> L1FeeParams {
    L1FeeParams::zero(spec)
}

fn number(value: &Value) -> U256 {
    match value {
        Value::String(text) => text.parse().expect("decimal"),
        value => U256::from(value.as_u64().expect("integer")),
    }
}

fn bytes(value: &Value) -> Bytes {
    hex::decode(value.as_str().expect("hex string")).expect("hex").into()
}

#[test]
fn fees_are_those_of_the_vectors() {
    let Some(file) = vector("vectors/fees.json") else { return };
    let file: Value = serde_json::from_slice(&file).expect("json");
    let list = |value: &Value| value.as_array().expect("array").clone();

    for case in list(&file["fastlz"]) {
        let len = case["fastlz_len"].as_u64().expect("integer");
        let expected = phala_chainspec::da_usage(len);
        assert_eq!(da_usage(&bytes(&case["input"])), expected, "{}", case["name"]);
    }
    let mut sizes = std::collections::HashMap::new();
    for case in list(&file["l1_fee"]) {
        let info = phala_primitives::decode_transaction(&bytes(&case["l1_info_tx"])).expect("tx");
        let attributes = phala_chainspec::L1Attributes::decode(info.input()).expect("attributes");
        let params = L1FeeParams::from_attributes(&attributes, OpSpecId::KARST);
        let tx = bytes(&case["tx"]);
        assert_eq!(params.l1_cost(&tx), number(&case["l1_fee"]), "{}", case["name"]);
        assert_eq!(params.l1_gas_used(&tx), number(&case["l1_gas_used"]), "{}", case["name"]);
        let scaled = case["estimated_size_scaled"].as_u64().expect("integer");
        assert_eq!(da_usage(&tx), scaled / 1_000_000);
        sizes.insert(case["tx_hash"].as_str().expect("hash").to_owned(), tx);
    }
    for case in list(&file["numbers"]) {
        // Only the compressed length is given: the shortest input of that length.
        let expected = number(&case["l1_fee"]);
        let size = 836_500 * case["fastlz_len"].as_u64().expect("integer");
        let size = size.saturating_sub(42_585_600).max(100_000_000);
        let per_byte =
            number(&case["l1_base_fee"]) * U256::from(16) * number(&case["base_fee_scalar"])
                + number(&case["l1_blob_base_fee"]) * number(&case["blob_base_fee_scalar"]);
        let fee = U256::from(size) * per_byte / U256::from(1_000_000_000_000u64);
        assert_eq!(fee, expected);
        assert_eq!(U256::from(size * 16 / 1_000_000), number(&case["l1_gas_used"]));
        if size == 100_000_000 {
            let params = L1FeeParams {
                base_fee: number(&case["l1_base_fee"]),
                blob_base_fee: number(&case["l1_blob_base_fee"]),
                base_fee_scalar: number(&case["base_fee_scalar"]).to(),
                blob_base_fee_scalar: number(&case["blob_base_fee_scalar"]).to(),
                ..params(OpSpecId::KARST)
            };
            assert_eq!(params.l1_cost(&[1]), expected);
        }
    }
    for case in list(&file["operator_fee"]["cases"]) {
        for (spec, key) in [(OpSpecId::ISTHMUS, "isthmus"), (OpSpecId::KARST, "jovian")] {
            let params = L1FeeParams {
                operator_fee_scalar: number(&case["scalar"]).to(),
                operator_fee_constant: number(&case["constant"]).to(),
                ..params(spec)
            };
            assert_eq!(params.operator_fee(number(&case["gas"]).to()), number(&case[key]));
        }
    }
    for case in list(&file["da_footprint"]["cases"]) {
        let tx = &sizes[case["tx_hash"].as_str().expect("hash")];
        let params = L1FeeParams {
            da_footprint_gas_scalar: number(&case["scalar"]).to(),
            ..params(OpSpecId::JOVIAN)
        };
        assert_eq!(U256::from(params.da_footprint(tx)), number(&case["da_footprint"]));
    }
}

#[test]
fn deposits_and_calls_without_encoding_cost_nothing() {
    let params = L1FeeParams {
        base_fee: U256::from(1_000_000_000),
        base_fee_scalar: 1_000_000,
        da_footprint_gas_scalar: 400,
        ..params(OpSpecId::KARST)
    };
    for encoded in [[].as_slice(), &[0x7e, 1, 2, 3]] {
        assert_eq!(params.l1_cost(encoded), 0);
        assert_eq!(params.da_footprint(encoded), 0);
    }
    assert!(!params.l1_cost(&[0x02]).is_zero());
    assert_eq!(params.da_footprint(&[0x02]), 40_000);
}

#[test]
fn extreme_parameters_saturate() {
    let params = L1FeeParams {
        base_fee: U256::MAX,
        blob_base_fee: U256::MAX,
        base_fee_scalar: u32::MAX,
        blob_base_fee_scalar: u32::MAX,
        operator_fee_scalar: u32::MAX,
        operator_fee_constant: u64::MAX,
        da_footprint_gas_scalar: u16::MAX,
        ..params(OpSpecId::KARST)
    };
    assert_eq!(params.l1_cost(&[1; 1_000]), U256::MAX / U256::from(1_000_000_000_000u64));
    assert!(params.operator_fee(u64::MAX) > U256::from(u64::MAX));
}

const FEES: L1Fees = L1Fees {
    base_fee: 30_000_000_000,
    blob_base_fee: 7,
    base_fee_scalar: 5_227,
    blob_base_fee_scalar: 1_014_213,
    operator_scalar: 20_000,
    operator_constant: 500,
    da_scalar: 400,
};

fn expected_params(spec: OpSpecId) -> L1FeeParams {
    let isthmus = spec.is_enabled_in(OpSpecId::ISTHMUS);
    L1FeeParams {
        base_fee: U256::from(FEES.base_fee),
        blob_base_fee: U256::from(FEES.blob_base_fee),
        base_fee_scalar: FEES.base_fee_scalar,
        blob_base_fee_scalar: FEES.blob_base_fee_scalar,
        operator_fee_scalar: if isthmus { FEES.operator_scalar } else { 0 },
        operator_fee_constant: if isthmus { FEES.operator_constant } else { 0 },
        da_footprint_gas_scalar: if spec.is_enabled_in(OpSpecId::JOVIAN) { 400 } else { 0 },
        ..params(spec)
    }
}

#[test]
fn parameters_are_read_from_where_l1_block_keeps_them() {
    for spec in [OpSpecId::ECOTONE, OpSpecId::ISTHMUS, OpSpecId::JOVIAN, OpSpecId::KARST] {
        let mut world = World::new(Profile::Karst);
        world.set_l1_fees(&FEES);
        let got = L1FeeParams::read(&&world.db, spec).expect("infallible");
        assert_eq!(got, expected_params(spec));
    }
}

/// A transaction that gets a refund: it clears a slot.
fn refunded(profile: Profile) -> (World, Tx, TxOutcome, ExecutionOutput) {
    let mut world = World::new(profile);
    world.set_l1_fees(&FEES);
    world.deploy(CONTRACT, Asm::new().store(0, 0).op(STOP).bytes());
    world.set_slot(CONTRACT, 0, U256::from(1));
    let tx = Send::to(CONTRACT).value(12_345).tx(&world.spec);
    let (outcome, output) = world.run_one(tx.clone());
    assert!(outcome.success);
    (world, tx, outcome, output)
}

#[test]
fn every_fee_reaches_its_vault_and_leaves_the_sender() {
    for (profile, spec) in [
        (Profile::Isthmus, OpSpecId::ISTHMUS),
        (Profile::Jovian, OpSpecId::JOVIAN),
        (Profile::Karst, OpSpecId::KARST),
    ] {
        let (_, (_, _, encoded), outcome, output) = refunded(profile);
        // 21,000 + 2,100 + 2,900 + 2 x 2 (PUSH0 is 2) and the refund of 4,800.
        assert_eq!(outcome.gas_used, 21_000 + 5_000 + 4 - 4_800);
        let gas = U256::from(outcome.gas_used);
        let params = expected_params(spec);
        let l1_cost = params.l1_cost(&encoded);
        let operator = params.operator_fee(outcome.gas_used);
        assert!(!l1_cost.is_zero() && !operator.is_zero());
        let tip = gas * U256::from(10);
        let base = gas * U256::from(BASE_FEE);
        assert_eq!(gain(&output, L1_FEE_VAULT), l1_cost);
        assert_eq!(gain(&output, OPERATOR_FEE_VAULT), operator);
        assert_eq!(gain(&output, SEQUENCER_FEE_VAULT), tip);
        assert_eq!(gain(&output, BASE_FEE_VAULT), base);
        let spent = l1_cost + operator + tip + base + U256::from(12_345);
        assert_eq!(U256::ZERO.wrapping_sub(gain(&output, ALICE)), spent);
    }
    let isthmus = expected_params(OpSpecId::ISTHMUS).operator_fee(21_204);
    let jovian = expected_params(OpSpecId::JOVIAN).operator_fee(21_204);
    assert_eq!(isthmus, U256::from(21_204 * 20_000 / 1_000_000 + 500));
    assert_eq!(jovian, U256::from(21_204u64 * 20_000 * 100 + 500));
}

#[test]
fn the_sender_must_afford_the_gas_limit_and_all_fees_up_front() {
    for (profile, spec) in
        [(Profile::Isthmus, OpSpecId::ISTHMUS), (Profile::Karst, OpSpecId::KARST)]
    {
        let mut world = World::new(profile);
        world.set_l1_fees(&FEES);
        let tx = Send::to(BOB).value(777).gas(50_000).tx(&world.spec);
        let params = expected_params(spec);
        let needed = U256::from(777)
            + U256::from(50_000 * 2 * BASE_FEE)
            + params.l1_cost(&tx.2)
            + params.operator_fee(50_000);
        world.fund(ALICE, needed - U256::from(1));
        let error = execute(&mut world.start(), &tx).expect_err("one wei short");
        assert!(matches!(
            error,
            ExecutionError::Invalid { reason: InvalidReason::Rule(_), hash } if hash == tx.0.tx_hash()
        ));
        assert!(!error.is_block_full());
        world.fund(ALICE, needed);
        let (outcome, _) = world.run_one(tx);
        assert!(outcome.success);
    }
}

#[test]
fn a_deposit_pays_none_of_the_fees() {
    let mut world = World::new(Profile::Karst);
    world.set_l1_fees(&FEES);
    let tx =
        deposit(TxDeposit { from: BOB, to: ALICE.into(), gas_limit: 30_000, ..Default::default() });
    let (_, output) = world.run_one(tx);
    // Only Bob's nonce.
    assert_eq!(output.changes.accounts.len(), 1);
}

#[test]
fn fees_follow_the_blocks_own_l1_attributes() {
    // The contract at L1Block copies calldata words to the slots 1, 3, 7 and 8.
    let mut code = Asm::new();
    for (word, slot) in [(0u64, 1u64), (1, 3), (2, 7), (3, 8)] {
        code = code
            .push(U256::from(word * 32))
            .op(crate::asm::CALLDATALOAD)
            .push(U256::from(slot))
            .op(crate::asm::SSTORE);
    }
    let mut filled = World::new(Profile::Karst);
    filled.set_l1_fees(&FEES);
    let slot = |slot: u64| {
        let account = &filled.db.cache.accounts[&phala_chainspec::addresses::L1_BLOCK];
        account.storage[&U256::from(slot)].to_be_bytes::<32>()
    };
    let calldata = [slot(1), slot(3), slot(7), slot(8)].concat();

    let mut world = World::new(Profile::Karst);
    world.deploy(phala_chainspec::addresses::L1_BLOCK, code.op(STOP).bytes());
    let info = deposit(TxDeposit {
        from: phala_chainspec::addresses::L1_ATTRIBUTES_DEPOSITOR,
        to: phala_chainspec::addresses::L1_BLOCK.into(),
        gas_limit: 1_000_000,
        input: calldata.into(),
        ..Default::default()
    });
    let send = Send::to(BOB).tx(&world.spec);
    let mut execution = world.start();
    assert_eq!(execution.l1_fee_params().expect("readable"), params(OpSpecId::KARST));
    assert!(execute(&mut execution, &info).expect("valid").success);
    assert_eq!(execution.l1_fee_params().expect("readable"), expected_params(OpSpecId::KARST));
    execute(&mut execution, &send).expect("valid");
    let output = execution.finish();
    let params = expected_params(OpSpecId::KARST);
    assert_eq!(gain(&output, L1_FEE_VAULT), params.l1_cost(&send.2));
    assert_eq!(output.da_footprint, params.da_footprint(&send.2));

    // In the first block transactions before any deposit cost no L1 fee.
    let (_, output) = world.run_one(send);
    assert_eq!(gain(&output, L1_FEE_VAULT), 0);
    assert_eq!(output.da_footprint, 0);
}
