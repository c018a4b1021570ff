use alloy_primitives::{U256, uint};
use phala_chainspec::addresses::{GAS_PRICE_ORACLE, L1_BLOCK};
use phala_tests::seeded_rng;
use rand::{Rng as _, RngCore as _, rngs::StdRng};

use super::{
    call::{call, call_with},
    l1_block::random_attributes,
    pair::{BASE_FEE, DEPOSITOR, OWNER, Pair, SOMEBODY},
};

const VIEWS: [&str; 15] = [
    "DECIMALS()",
    "decimals()",
    "gasPrice()",
    "baseFee()",
    "overhead()",
    "scalar()",
    "l1BaseFee()",
    "blobBaseFee()",
    "baseFeeScalar()",
    "blobBaseFeeScalar()",
    "isEcotone()",
    "isFjord()",
    "isIsthmus()",
    "isJovian()",
    "unknown()",
];
const SETTERS: [&str; 4] = ["setEcotone()", "setFjord()", "setIsthmus()", "setJovian()"];
/// Flags before Ecotone, and as each fork leaves them.
const FLAGS: [u64; 5] = [0, 1, 0x0101, 0x0001_0101, 0x0101_0101];

/// Bytes that compress more or less well.
fn random_transaction(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..1_500)];
    match rng.random_range(0..4) {
        0 => rng.fill_bytes(&mut bytes),
        1 => bytes.iter_mut().for_each(|byte| *byte = rng.random_range(0..3)),
        2 => {}
        _ => {
            // Runs that come again, as call data has them.
            let pattern: Vec<u8> = (0..rng.random_range(1..80)).map(|_| rng.random()).collect();
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = if rng.random_ratio(1, 40) {
                    rng.random()
                } else {
                    pattern[at % pattern.len()]
                };
            }
        }
    }
    bytes
}

fn random_amount(rng: &mut StdRng) -> U256 {
    let bits = rng.random_range(0..=256_usize);
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    let value = U256::from_be_bytes(bytes);
    if bits == 256 { value } else { value & ((U256::from(1) << bits) - U256::from(1)) }
}

fn compare(pair: &mut Pair, rng: &mut StdRng) {
    for view in VIEWS {
        pair.view(GAS_PRICE_ORACLE, call(view));
    }
    for function in ["getL1Fee(bytes)", "getL1GasUsed(bytes)"] {
        let transaction = random_transaction(rng);
        pair.view(GAS_PRICE_ORACLE, call_with(function, [transaction.as_slice().into()]));
    }
    for function in ["getOperatorFee(uint256)", "getL1FeeUpperBound(uint256)"] {
        let amounts =
            [U256::ZERO, U256::from(21_000), U256::MAX, U256::MAX >> 1, random_amount(rng)];
        for amount in amounts {
            pair.view(GAS_PRICE_ORACLE, call_with(function, [amount.into()]));
        }
    }
}

#[test]
fn the_oracle_knows_the_fees_of_every_fork() {
    let Some(mut pair) = Pair::new() else { return };
    let rng = &mut seeded_rng("the_oracle_knows_the_fees_of_every_fork");
    compare(&mut pair, rng);
    for round in 0..150 {
        pair.send(DEPOSITOR, L1_BLOCK, U256::ZERO, random_attributes(rng));
        if round % 3 != 0 {
            // Fees as they are on L1; with random words almost every product overflows.
            let scalars = U256::from(rng.random::<u64>()) << 64 | U256::from(rng.random::<u64>());
            pair.store(L1_BLOCK, U256::from(3), scalars & (U256::from(u128::MAX) >> 5_usize));
            for slot in [1, 5, 6, 7] {
                let fee = U256::from(rng.random::<u64>() >> rng.random_range(0..64));
                pair.store(L1_BLOCK, U256::from(slot), fee);
            }
        }
        let flags = FLAGS[rng.random_range(0..FLAGS.len())];
        pair.store(GAS_PRICE_ORACLE, U256::ZERO, U256::from(flags));
        compare(&mut pair, rng);
    }
}

#[test]
fn the_oracle_compresses_as_the_published_one() {
    let Some(mut pair) = Pair::new() else { return };
    let rng = &mut seeded_rng("the_oracle_compresses_as_the_published_one");
    pair.store(L1_BLOCK, U256::from(1), uint!(30_000_000_000_U256));
    pair.store(L1_BLOCK, U256::from(7), uint!(1_000_000_000_U256));
    // Scalars 1368 and 810,949.
    pair.store(L1_BLOCK, U256::from(3), U256::from(1368_u64 << 32 | 810_949) << 64_usize);
    let mut fees = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let transaction = random_transaction(rng);
        let data = call_with("getL1Fee(bytes)", [transaction.as_slice().into()]);
        fees.insert(pair.view(GAS_PRICE_ORACLE, data).word());
    }
    assert!(fees.len() > 100, "{} different fees", fees.len());
    assert!(fees.first().is_some_and(|fee| !fee.is_zero()));
}

#[test]
fn forks_are_announced_by_the_depositor_in_order_and_once() {
    let Some(mut pair) = Pair::new() else { return };
    for flags in FLAGS {
        for setter in SETTERS {
            for from in [SOMEBODY, OWNER, DEPOSITOR] {
                pair.store(GAS_PRICE_ORACLE, U256::ZERO, U256::from(flags));
                let outcome = pair.send(from, GAS_PRICE_ORACLE, U256::ZERO, call(setter));
                assert!(!outcome.success || from == DEPOSITOR);
            }
        }
    }
    pair.store(GAS_PRICE_ORACLE, U256::ZERO, U256::ZERO);
    for setter in SETTERS {
        assert!(pair.send(DEPOSITOR, GAS_PRICE_ORACLE, U256::ZERO, call(setter)).success);
    }
    assert_eq!(pair.own.storage(GAS_PRICE_ORACLE, U256::ZERO), U256::from(0x0101_0101));
    assert_eq!(pair.view(GAS_PRICE_ORACLE, call("gasPrice()")).word(), U256::from(BASE_FEE));
}
