use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::{Address, B256, Bytes, U256, address};
use op_alloy_consensus::TxPostExec;
use phala_chainspec::Profile;
use phala_evm::{ExecutionError, InvalidReason, TX_GAS_LIMIT_CAP, TxOutcome};
use phala_primitives::{Transaction, TransactionError, decode_transaction};

use crate::{
    asm::{Asm, BLOBBASEFEE, BLOBHASH, CLZ, COINBASE, PREVRANDAO, STOP, forwarder},
    world::{CONTRACT, L1Fees, Send, World, execute, slot},
};

const PAIRING: Address = address!("0x0000000000000000000000000000000000000008");
const MODEXP: Address = address!("0x0000000000000000000000000000000000000005");
const BLS_G1_MSM: Address = address!("0x000000000000000000000000000000000000000c");
const BLS_G2_MSM: Address = address!("0x000000000000000000000000000000000000000e");
const BLS_PAIRING: Address = address!("0x000000000000000000000000000000000000000f");
const P256VERIFY: Address = address!("0x0000000000000000000000000000000000000100");

const PROFILES: [Profile; 3] = [Profile::Isthmus, Profile::Jovian, Profile::Karst];

/// Calls a precompile from a contract, with as much gas as a transaction may have. Answers if the
/// precompile succeeded.
fn call_precompile(profile: Profile, to: Address, input: &[u8]) -> (bool, TxOutcome) {
    let mut world = World::new(profile);
    world.deploy(CONTRACT, forwarder());
    let calldata = [B256::left_padding_from(to.as_slice()).as_slice(), input].concat();
    let gas = if profile == Profile::Karst { TX_GAS_LIMIT_CAP } else { 55_000_000 };
    let (outcome, output) =
        world.run_one(Send::to(CONTRACT).gas(gas).input(calldata).tx(&world.spec));
    assert!(outcome.success);
    match slot(&output, CONTRACT, 0).map(|value| value.to::<u64>()) {
        Some(1) => (true, outcome),
        Some(2) => (false, outcome),
        other => panic!("forwarder wrote {other:?}"),
    }
}

#[track_caller]
fn assert_limit(profile: Profile, precompile: Address, longest: usize, item: usize) {
    assert_eq!(longest % item, 0);
    let (at_limit, _) = call_precompile(profile, precompile, &vec![0; longest]);
    assert!(at_limit, "{profile:?} {precompile} refuses {longest}");
    let (above, outcome) = call_precompile(profile, precompile, &vec![0; longest + item]);
    assert!(!above, "{profile:?} {precompile} accepts {}", longest + item);
    // All gas that was forwarded is gone.
    let gas = if profile == Profile::Karst { TX_GAS_LIMIT_CAP } else { 55_000_000 };
    assert!(outcome.gas_used > gas / 100 * 95);
}

#[test]
fn pairing_input_is_limited() {
    // 112,687 is not a multiple of 192: the longest input below it has 586 pairs.
    assert_limit(Profile::Isthmus, PAIRING, 112_512, 192);
    assert_limit(Profile::Jovian, PAIRING, 81_984, 192);
    assert_limit(Profile::Karst, PAIRING, 57_600, 192);
}

#[test]
fn bls_inputs_are_limited() {
    for (precompile, item, isthmus, since_jovian) in [
        (BLS_G1_MSM, 160, 513_760, 288_960),
        (BLS_G2_MSM, 288, 488_448, 278_784),
        (BLS_PAIRING, 384, 235_008, 156_672),
    ] {
        assert_limit(Profile::Isthmus, precompile, isthmus, item);
        assert_limit(Profile::Jovian, precompile, since_jovian, item);
        assert_limit(Profile::Karst, precompile, since_jovian, item);
    }
}

#[test]
fn p256_verification_costs_3450_and_6900_from_karst_on() {
    let gas = |profile| {
        let (success, outcome) = call_precompile(profile, P256VERIFY, &[1; 160]);
        assert!(success);
        // The same call to an account without code, and cold.
        let (_, nothing) = call_precompile(profile, Address::repeat_byte(0x99), &[1; 160]);
        outcome.gas_used + 2_500 + zero_bytes_saved() - nothing.gas_used
    };
    assert_eq!(gas(Profile::Isthmus), 3_450);
    assert_eq!(gas(Profile::Jovian), 3_450);
    assert_eq!(gas(Profile::Karst), 6_900);
}

/// The address 0x99..99 costs more calldata gas than 0x..0100: 19 bytes that are not zero.
const fn zero_bytes_saved() -> u64 {
    19 * 12
}

#[test]
fn modexp_operands_are_limited_from_karst_on() {
    let input = |len: u64| {
        let word = |value: u64| U256::from(value).to_be_bytes::<32>();
        [word(len).as_slice(), &word(1), &word(1), &vec![1; len as usize + 2]].concat()
    };
    for profile in PROFILES {
        assert!(call_precompile(profile, MODEXP, &input(1_024)).0);
        let above = call_precompile(profile, MODEXP, &input(1_025)).0;
        assert_eq!(above, profile != Profile::Karst);
    }
}

#[test]
fn clz_exists_from_karst_on() {
    for profile in PROFILES {
        let mut world = World::new(profile);
        let code = Asm::new().push(U256::from(1)).op(CLZ).store_top(0).op(STOP).bytes();
        world.deploy(CONTRACT, code);
        let (outcome, output) = world.run_one(Send::to(CONTRACT).tx(&world.spec));
        assert_eq!(outcome.success, profile == Profile::Karst);
        if outcome.success {
            assert_eq!(slot(&output, CONTRACT, 0), Some(U256::from(255)));
        }
    }
}

#[test]
fn a_transaction_may_have_two_to_the_24_gas_from_karst_on() {
    assert_eq!(TX_GAS_LIMIT_CAP, 16_777_216);
    for profile in PROFILES {
        let world = World::new(profile);
        let mut execution = world.start();
        let at = Send::to(CONTRACT).gas(TX_GAS_LIMIT_CAP).tx(&world.spec);
        execute(&mut execution, &at).expect("at the cap");
        let above = Send::to(CONTRACT).nonce(1).gas(TX_GAS_LIMIT_CAP + 1).tx(&world.spec);
        let result = execute(&mut execution, &above);
        if profile == Profile::Karst {
            assert!(matches!(
                result,
                Err(ExecutionError::Invalid { reason: InvalidReason::GasCap(16_777_217), hash })
                    if hash == above.0.tx_hash()
            ));
        } else {
            result.expect("no cap yet");
        }
    }
}

#[test]
fn the_da_footprint_of_a_block_is_limited_by_its_gas_limit() {
    // Four transactions of the smallest size, 100 bytes each.
    const ONE: u64 = 100 * u16::MAX as u64;
    for (gas_limit, fits) in [(4 * ONE, 4), (4 * ONE - 1, 3), (5 * ONE - 1, 4)] {
        let mut world = World::new(Profile::Karst);
        world.env.gas_limit = gas_limit;
        world.set_l1_fees(&L1Fees { da_scalar: u16::MAX, ..Default::default() });
        let mut execution = world.start();
        for nonce in 0..fits {
            let tx = Send::to(CONTRACT).nonce(nonce).gas(30_000).tx(&world.spec);
            execute(&mut execution, &tx).expect("fits");
        }
        assert_eq!(execution.da_footprint(), fits * ONE);
        let tx = Send::to(CONTRACT).nonce(fits).gas(30_000).tx(&world.spec);
        let error = execute(&mut execution, &tx).expect_err("does not fit");
        assert!(error.is_block_full());
        assert!(matches!(
            error,
            ExecutionError::Invalid {
                reason: InvalidReason::BlockDaFootprint { footprint: ONE, available },
                ..
            } if available == gas_limit - fits * ONE
        ));
        let output = execution.finish();
        assert_eq!(output.da_footprint, fits * ONE);
        assert_eq!(output.receipts.len() as u64, fits);
    }
}

#[test]
fn there_is_no_da_footprint_before_jovian() {
    let mut world = World::new(Profile::Isthmus);
    world.set_l1_fees(&L1Fees { da_scalar: u16::MAX, ..Default::default() });
    let (_, output) = world.run_one(Send::to(CONTRACT).tx(&world.spec));
    assert_eq!(output.da_footprint, 0);
}

#[test]
fn types_this_chain_does_not_have_are_refused() {
    assert_eq!(decode_transaction(&[0x03, 0xc0]), Err(TransactionError::UnsupportedType(0x03)));
    assert_eq!(decode_transaction(&[0x7d, 0xc0]), Err(TransactionError::UnsupportedType(0x7d)));
    let world = World::new(Profile::Karst);
    let tx = Transaction::PostExec(alloy_consensus::Sealable::seal_slow(TxPostExec::default()));
    let sender = tx.recover_signer().expect("has a fixed sender");
    let error = world.start().execute(&tx, sender, &Bytes::new()).expect_err("refused");
    assert!(matches!(
        error,
        ExecutionError::Invalid { reason: InvalidReason::UnsupportedType(0x7d), .. }
    ));
}

#[test]
fn the_block_looks_like_one_without_blobs() {
    let mut world = World::new(Profile::Karst);
    let code = Asm::new()
        .push(U256::ZERO)
        .op(BLOBHASH)
        .push(U256::from(7))
        .op(crate::asm::ADD)
        .store_top(0)
        .op(BLOBBASEFEE)
        .store_top(1)
        .op(COINBASE)
        .store_top(2)
        .op(PREVRANDAO)
        .store_top(3)
        .op(STOP);
    world.deploy(CONTRACT, code.bytes());
    let (outcome, output) = world.run_one(Send::to(CONTRACT).tx(&world.spec));
    assert!(outcome.success);
    assert_eq!(slot(&output, CONTRACT, 0), Some(U256::from(7)));
    assert_eq!(slot(&output, CONTRACT, 1), Some(U256::from(1)));
    let coinbase = U256::from_be_slice(world.env.beneficiary.as_slice());
    assert_eq!(slot(&output, CONTRACT, 2), Some(coinbase));
    assert_eq!(slot(&output, CONTRACT, 3), Some(world.env.prev_randao.into()));
}
