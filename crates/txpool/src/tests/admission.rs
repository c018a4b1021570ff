use alloy_consensus::{Sealable, SignableTransaction};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_consensus::{OpTxType, TxDeposit};
use op_revm::OpSpecId;
use phala_evm::L1FeeParams;
use phala_primitives::{RecoveredTx, Transaction};

use super::*;
use crate::{
    account_state::SenderCode,
    testing::{CHAIN_ID, Kind, RICH, Terms, address, authorization, l1_price, no_fees},
};

/// A pool at these terms where sender 1 has nonce 5.
fn pool_at(terms: Terms, config: PoolConfig) -> Pool {
    let account = AccountState { nonce: 5, balance: RICH, ..Default::default() };
    TestChain::new(terms, [(address(1), account)].into()).pool(config)
}

fn refusal(spec: TxSpec) -> String {
    let pool = pool_at(Terms::default(), PoolConfig::default());
    let error = add(&pool, spec).expect_err("is refused");
    assert!(error.is_refusal());
    assert_eq!(counts(&pool), (0, 0, 0));
    error.to_string()
}

fn base() -> TxSpec {
    TxSpec { nonce: 5, ..Default::default() }
}

#[test]
fn takes_every_type_of_the_chain() {
    let auth = authorization(1).0;
    for kind in [Kind::Legacy, Kind::AccessList, Kind::DynamicFee, Kind::SetCode(vec![auth])] {
        let pool = pool_at(Terms::default(), PoolConfig::default());
        let hash = add(&pool, TxSpec { kind, gas: 100_000, ..base() }).expect("is taken");
        assert_eq!(counts(&pool), (1, 0, 0));
        assert_eq!(pool.get(&hash).expect("is there").hash(), hash);
        assert_eq!(pool.pending_nonce(&address(1)), Some(6));
    }
}

#[test]
fn refuses_types_that_do_not_enter_by_the_pool() {
    let pool = pool_at(Terms::default(), PoolConfig::default());
    let deposit = Transaction::Deposit(TxDeposit::default().seal_slow());
    for (bytes, ty) in [
        (deposit.encoded_2718(), "0x7e"),
        (vec![0x03, 0xc0], "0x03"),
        (vec![0x7d, 0xc0], "0x7d"),
        (vec![0x05], "0x05"),
    ] {
        let error = pool.add_raw(&bytes, Origin::External).expect_err("is refused");
        assert_eq!(error.to_string(), format!("transaction type not supported: {ty}"));
    }
    let error = pool
        .add(RecoveredTx::new_unchecked(deposit, address(1)), Origin::Local)
        .expect_err("is refused");
    assert_eq!(error.to_string(), "transaction type not supported: 0x7e");
    assert_eq!(OpTxType::Deposit as u8, 0x7e);
}

#[test]
fn refuses_bytes_that_are_no_transaction() {
    let pool = pool_at(Terms::default(), PoolConfig::default());
    for bytes in [&[][..], &[0x02], &[0x02, 0xc0], &[0xf8, 0xff, 0x00], &[0x02, 0xff]] {
        let error = pool.add_raw(bytes, Origin::External).expect_err("is refused");
        assert!(matches!(error, PoolError::Undecodable(_)), "{error}");
    }
}

#[test]
fn takes_signed_bytes_and_refuses_a_bad_signature() {
    let pool = pool_at(Terms::default(), PoolConfig::default());
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).expect("a key");
    let unsigned = alloy_consensus::TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 100,
        to: TxKind::Call(address(9)),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&unsigned.signature_hash()).expect("signs");
    let good = Transaction::from(unsigned.clone().into_signed(signature)).encoded_2718();
    let hash = pool.add_raw(&good, Origin::External).expect("is taken");
    assert_eq!(pool.get(&hash).expect("is there").sender(), signer.address());
    assert!(matches!(pool.add_raw(&good, Origin::External), Err(PoolError::AlreadyKnown)));

    // High s, which EIP-2 forbids, and r = 0.
    for bad in [
        signature.with_parity(!signature.v()).normalized_s(),
        alloy_primitives::Signature::new(U256::ZERO, U256::from(1), false),
    ] {
        let high = alloy_primitives::Signature::new(
            bad.r(),
            // The order of the curve less s.
            alloy_primitives::uint!(
                0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256
            ) - bad.s(),
            bad.v(),
        );
        let bytes = Transaction::from(unsigned.clone().into_signed(high)).encoded_2718();
        let error = pool.add_raw(&bytes, Origin::External).expect_err("is refused");
        assert!(matches!(error, PoolError::InvalidSender(_)), "{error}");
    }
}

#[test]
fn damaged_bytes_are_refused_or_taken_but_never_a_panic() {
    let pool = pool_at(Terms::default(), PoolConfig::default());
    let auth = authorization(1).0;
    let signature = alloy_primitives::Signature::new(U256::from(3), U256::from(1), false);
    let kinds = [Kind::Legacy, Kind::AccessList, Kind::DynamicFee, Kind::SetCode(vec![auth])];
    let mut taken = 0;
    for kind in kinds {
        let spec = TxSpec { kind, gas: 100_000, input: Bytes::from(vec![7; 60]), ..base() };
        let whole = spec.signed(signature).encoded_2718();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xb8, 0xc0, 0xf8, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                taken += usize::from(pool.add_raw(&damaged, Origin::External).is_ok());
                let _ = pool.add_raw(&whole[..at], Origin::External);
            }
        }
    }
    pool.inner.state.read().check_invariants();
    assert!(taken > 0, "a changed byte of input gives another valid transaction");
}

#[test]
fn refuses_another_chain_but_not_no_chain() {
    let wrong = TxSpec { chain_id: 1, ..base() };
    assert_eq!(refusal(wrong), format!("invalid chain id: have 1, want {CHAIN_ID}"));
    let mut tx = alloy_consensus::TxLegacy {
        nonce: 5,
        gas_limit: 21_000,
        gas_price: 100,
        to: TxKind::Call(address(9)),
        ..Default::default()
    };
    tx.chain_id = None;
    let signature = alloy_primitives::Signature::new(U256::from(1), U256::from(1), false);
    let tx = RecoveredTx::new_unchecked(tx.into_signed(signature).into(), address(1));
    let pool = pool_at(Terms::default(), PoolConfig::default());
    pool.add(tx, Origin::External).expect("an unprotected transaction is valid everywhere");
}

#[test]
fn refuses_a_tip_above_the_fee() {
    assert!(
        refusal(TxSpec { max_fee: 100, tip: 101, ..base() })
            .starts_with("max priority fee per gas higher than max fee per gas")
    );
}

#[test]
fn refuses_used_nonces_and_the_last_one() {
    assert_eq!(refusal(TxSpec { nonce: 4, ..base() }), "nonce too low: next nonce 5, tx nonce 4");
    assert!(refusal(TxSpec { nonce: u64::MAX, ..base() }).starts_with("nonce has max value"));
}

#[test]
fn needs_the_gas_a_transaction_costs_before_it_runs() {
    assert_eq!(
        refusal(TxSpec { gas: 20_999, ..base() }),
        "intrinsic gas too low: gas 20999, minimum needed 21000"
    );
    let data = TxSpec { input: Bytes::from(vec![1; 100]), ..base() };
    // 21,000 + 16 a byte to execute; 21,000 + 40 a byte as floor (EIP-7623).
    assert_eq!(
        refusal(TxSpec { gas: 22_599, ..data.clone() }),
        "intrinsic gas too low: gas 22599, minimum needed 22600"
    );
    assert_eq!(
        refusal(TxSpec { gas: 24_999, ..data.clone() }),
        "insufficient gas for floor data gas cost: gas 24999, minimum needed 25000"
    );
    let pool = pool_at(Terms::default(), PoolConfig::default());
    add(&pool, TxSpec { gas: 25_000, ..data }).expect("is taken");
}

#[test]
fn before_isthmus_there_is_no_floor_and_no_set_code() {
    let pool =
        pool_at(Terms { spec_id: OpSpecId::HOLOCENE, ..Default::default() }, PoolConfig::default());
    let set_code = Kind::SetCode(vec![authorization(1).0]);
    let error = add(&pool, TxSpec { kind: set_code, gas: 100_000, ..base() });
    assert_eq!(error.expect_err("refused").to_string(), "transaction type not supported: 0x04");
    let data = Bytes::from(vec![1; 100]);
    add(&pool, TxSpec { input: data, gas: 22_600, ..base() }).expect("is taken");
}

#[test]
fn limits_the_gas_of_a_transaction() {
    let at = |spec_id| pool_at(Terms { spec_id, ..Default::default() }, PoolConfig::default());
    let (below, cap, above) = (16_777_215, 16_777_216, 16_777_217);
    for gas in [below, cap] {
        add(&at(OpSpecId::KARST), TxSpec { gas, ..base() }).expect("is taken");
    }
    assert_eq!(
        refusal(TxSpec { gas: above, ..base() }),
        "transaction gas limit too high (cap 16777216): 16777217"
    );
    let jovian = at(OpSpecId::JOVIAN);
    add(&jovian, TxSpec { gas: 30_000_000, ..base() }).expect("is taken");
    let error = add(&jovian, TxSpec { gas: 30_000_001, nonce: 6, ..base() });
    assert_eq!(
        error.expect_err("refused").to_string(),
        "exceeds block gas limit: gas 30000001, limit 30000000"
    );
}

#[test]
fn limits_the_data_a_transaction_posts() {
    let terms = Terms {
        fees: L1FeeParams { da_footprint_gas_scalar: 400, ..no_fees() },
        ..Default::default()
    };
    let mut seed = 1_u64;
    let mut noise = |len: usize| {
        let bytes = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        });
        Bytes::from(bytes.take(len).collect::<Vec<_>>())
    };
    let pool = pool_at(terms, PoolConfig::default());
    let spec = TxSpec { gas: 8_000_000, ..base() };
    // Footprint of noise: about 400 * 0.84 a byte, against a limit of 30 M.
    add(&pool, TxSpec { input: noise(80_000), ..spec.clone() }).expect("is taken");
    let error = add(&pool, TxSpec { input: noise(100_000), nonce: 6, ..spec });
    assert!(matches!(error, Err(PoolError::ExceedsDaFootprint { limit: 30_000_000, .. })));
}

#[test]
fn limits_the_size_of_a_transaction() {
    let config = PoolConfig { tx_bytes_max: 1_000, ..Default::default() };
    let pool = pool_at(Terms::default(), config);
    let sized = |len| TxSpec { input: Bytes::from(vec![0; len]), gas: 100_000, ..base() };
    let overhead = sized(900).recovered().encoded().len() - 900;
    add(&pool, sized(1_000 - overhead)).expect("is taken");
    let error = add(&pool, sized(1_001 - overhead)).expect_err("is refused");
    assert_eq!(error.to_string(), "oversized data: transaction size 1001, limit 1000");
    // Undecodable, but that is not even looked at.
    let error = pool.add_raw(&[0x02; 1_001], Origin::External).expect_err("is refused");
    assert_eq!(error.to_string(), "oversized data: transaction size 1001, limit 1000");
}

#[test]
fn limits_init_code() {
    let create = |len| TxSpec {
        to: TxKind::Create,
        input: Bytes::from(vec![0; len]),
        gas: 10_000_000,
        ..base()
    };
    let pool = pool_at(Terms::default(), PoolConfig::default());
    add(&pool, create(49_152)).expect("is taken");
    assert_eq!(refusal(create(49_153)), "max initcode size exceeded: code size 49153, limit 49152");
}

#[test]
fn the_balance_must_cover_every_fee() {
    let fees =
        L1FeeParams { operator_fee_scalar: 3, operator_fee_constant: 7, ..l1_price(1_000_000_000) };
    // 100 bytes at least: 100e6 * 1e9 / 1e12 = 100,000. Operator fee: a hundred times the scalar.
    let cost = 21_000 * 100 + 5 + 100_000 + 21_000 * 300 + 7;
    let spec = TxSpec { value: U256::from(5), ..Default::default() };
    for (balance, taken) in [(cost, true), (cost - 1, false)] {
        let account = with_balance(0, balance);
        let terms = Terms { fees, ..Default::default() };
        let chain = TestChain::new(terms, [(address(1), account)].into());
        let pool = chain.pool(PoolConfig::default());
        match add(&pool, spec.clone()) {
            Ok(_) => assert!(taken),
            Err(error) => {
                assert!(!taken);
                assert_eq!(
                    error.to_string(),
                    format!(
                        "insufficient funds for gas * price + value: balance {balance}, \
                         tx cost {cost}, overshot 1"
                    )
                );
            }
        }
    }
}

#[test]
fn a_cost_beyond_all_numbers_is_insufficient_funds() {
    assert!(
        refusal(TxSpec { value: U256::MAX, ..base() }).starts_with("insufficient funds for gas")
    );
    let huge = TxSpec { max_fee: u128::MAX, tip: u128::MAX, ..base() };
    assert!(refusal(huge).starts_with("insufficient funds for gas"));
}

#[test]
fn contracts_do_not_send_but_delegated_accounts_do() {
    let code = B256::repeat_byte(0xcc);
    for (code, taken) in [(SenderCode::Contract(code), false), (SenderCode::Delegation, true)] {
        let account = AccountState { balance: RICH, code, nonce: 0 };
        let chain = TestChain::new(Terms::default(), [(address(1), account)].into());
        let result = add(&chain.pool(PoolConfig::default()), TxSpec::default());
        match result {
            Ok(_) => assert!(taken),
            Err(error) => assert!(error.to_string().starts_with("sender not an eoa"), "{error}"),
        }
    }
}

#[test]
fn authorization_lists_have_a_least_and_a_most() {
    assert_eq!(
        refusal(TxSpec { kind: Kind::SetCode(vec![]), ..base() }),
        "EIP-7702 transaction with empty auth list"
    );
    let many = Kind::SetCode(vec![authorization(1).0; 257]);
    assert_eq!(
        refusal(TxSpec { kind: many, gas: 16_000_000, ..base() }),
        "too many authorizations: have 257, limit 256"
    );
    // 25,000 gas each.
    let two = Kind::SetCode(vec![authorization(1).0; 2]);
    assert_eq!(
        refusal(TxSpec { kind: two, gas: 70_999, ..base() }),
        "intrinsic gas too low: gas 70999, minimum needed 71000"
    );
}

#[test]
fn the_minimum_tip_is_asked_of_others_only() {
    let config = PoolConfig { min_priority_fee_wei: 11, ..Default::default() };
    let pool = pool_at(Terms::default(), config);
    let error = add(&pool, base()).expect_err("is refused");
    assert_eq!(
        error.to_string(),
        "transaction gas price below minimum: gas tip cap 10, minimum needed 11"
    );
    add(&pool, TxSpec { tip: 11, ..base() }).expect("is taken");
    add_local(&pool, TxSpec { nonce: 6, ..base() }).expect("is taken");
    assert_eq!(pool.status().local, 1);
}

#[test]
fn a_failing_disk_is_not_the_sender_s_fault() {
    let (chain, pool) = default_pool();
    chain.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = add(&pool, TxSpec::default()).expect_err("cannot be checked");
    assert!(!error.is_refusal());
    assert_eq!(error.to_string(), "reading state: disk on fire");
}
