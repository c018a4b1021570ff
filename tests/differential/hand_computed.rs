//! Cases of Isthmus, Jovian and Karst with results computed on paper.

use alloy_consensus::TxReceipt as _;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::root::storage_root_unhashed;
use phala_chainspec::{
    Profile,
    addresses::{
        BASE_FEE_VAULT, L1_FEE_VAULT, L2_TO_L1_MESSAGE_PASSER, OPERATOR_FEE_VAULT,
        SEQUENCER_FEE_VAULT,
    },
};
use phala_tests::asm::{Asm, op};

use crate::hand_chain::{CONTRACT, Call, HandChain};

const PROFILES: [Profile; 3] = [Profile::Isthmus, Profile::Jovian, Profile::Karst];
const SOMEBODY: Address = Address::repeat_byte(0x5b);

#[test]
fn the_withdrawals_root_is_the_storage_root_of_the_message_passer() {
    let message = keccak256("a withdrawal");
    // What the passer has from genesis on, and what a message adds.
    let seven = (B256::ZERO, U256::from(7));
    let before = storage_root_unhashed([seven]);
    let after = storage_root_unhashed([seven, (message, U256::from(1))]);
    for profile in PROFILES {
        let chain = HandChain::new(profile);
        assert_eq!(chain.head().withdrawals_root, Some(before), "genesis");
        chain.produce(&[]);
        assert_eq!(chain.head().withdrawals_root, Some(before), "a block without messages");
        let input = Bytes::copy_from_slice(&message[..]);
        let call = Call { input, ..Call::to(0, L2_TO_L1_MESSAGE_PASSER) };
        let block = chain.produce(&[chain.sign(call)]);
        assert_eq!(chain.receipts(&block)[1].logs()[0].topics(), [message]);
        assert_eq!(chain.head().withdrawals_root, Some(after), "in the block of the message");
        chain.produce(&[]);
        assert_eq!(chain.head().withdrawals_root, Some(after), "and later");
    }
}

#[test]
fn each_vault_gets_its_fee_and_the_sender_pays_their_sum() {
    // 21,000 gas: Isthmus 21,000 * 20,000 / 10^6 + 500; Jovian 21,000 * 20,000 * 100 + 500.
    let operator_fees = [920_u64, 42_000_000_500, 42_000_000_500];
    for (profile, operator_fee) in PROFILES.into_iter().zip(operator_fees) {
        let mut chain = HandChain::new(profile);
        chain.l1.operator_fee_scalar = 20_000;
        chain.l1.operator_fee_constant = 500;
        chain.l1.base_fee = U256::from(1_000_000_000);
        chain.l1.base_fee_scalar = 2;
        chain.l1.blob_base_fee = U256::from(10_000_000);
        chain.l1.blob_base_fee_scalar = 3;
        // A transfer compresses to less than a hundred bytes:
        // 100 * 10^6 * (16 * 2 * 10^9 + 3 * 10^7) / 10^12.
        let l1_fee = 3_203_000_u64;
        let before = chain.balance(chain.sender());
        let tx = chain.sign(Call { value: U256::from(5), ..Call::to(0, SOMEBODY) });
        let block = chain.produce(&[tx]);
        let base_fee = block.header().base_fee_per_gas.unwrap();
        // 1 gwei less a 250th, the parent being empty.
        assert_eq!(base_fee, 996_000_000);
        assert_eq!(chain.balance(OPERATOR_FEE_VAULT), U256::from(operator_fee), "{profile:?}");
        assert_eq!(chain.balance(L1_FEE_VAULT), U256::from(l1_fee));
        assert_eq!(chain.balance(BASE_FEE_VAULT), U256::from(21_000 * base_fee));
        assert_eq!(chain.balance(SEQUENCER_FEE_VAULT), U256::ZERO, "no tip");
        let paid = 5 + operator_fee + l1_fee + 21_000 * base_fee;
        assert_eq!(before - chain.balance(chain.sender()), U256::from(paid));
    }
}

#[test]
fn the_operator_fee_is_for_gas_after_refunds_and_not_for_deposits() {
    // Sets slot 0 to what it is called with.
    let code = Asm::new().ops(&[op::PUSH0, op::CALLDATALOAD, op::PUSH0, op::SSTORE]).bytes();
    let mut chain = HandChain::with_contract(Profile::Karst, code);
    chain.l1.operator_fee_scalar = 3;
    chain.produce(&[chain.deposit(SOMEBODY, 21_000)]);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), U256::ZERO);
    let word = |n: u64| Bytes::copy_from_slice(&U256::from(n).to_be_bytes::<32>());
    let set = chain.sign(Call { input: word(1), ..Call::to(0, CONTRACT) });
    let clear = chain.sign(Call { input: word(0), ..Call::to(1, CONTRACT) });
    let block = chain.produce(&[set, clear]);
    let receipts = chain.receipts(&block);
    let gas = |index: usize| receipts[index].cumulative_gas_used();
    // 21,000; 31 zero bytes and one other; PUSH0 twice, CALLDATALOAD and PUSH0; SSTORE to a cold
    // slot.
    let executed = 21_000 + 31 * 4 + 16 + 2 + 3 + 2;
    assert_eq!(gas(1) - gas(0), executed + 22_100);
    // 32 zero bytes; SSTORE of a cold slot that was set costs 5,000 and gives 4,800 back.
    assert_eq!(gas(2) - gas(1), executed - 12 + 5_000 - 4_800);
    let gas_paid_for = gas(2) - gas(0);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), U256::from(gas_paid_for * 3 * 100));
}

#[test]
fn the_da_footprint_counts_from_jovian_on_and_raises_the_base_fee() {
    for profile in PROFILES {
        let mut chain = HandChain::new(profile);
        chain.l1.da_footprint_gas_scalar = 20_000;
        chain.gas_limit = 4_000_000;
        let transfers = |chain: &HandChain, count: u64| -> Vec<_> {
            (0..count).map(|nonce| chain.sign(Call::to(nonce, SOMEBODY))).collect()
        };
        // Two transactions of a hundred bytes fill the block to the last unit: 2 * 100 * 20,000.
        let two = chain.produce(&transfers(&chain, 2));
        let next = chain.produce(&[]);
        let base_fee = next.header().base_fee_per_gas.unwrap();
        if profile == Profile::Isthmus {
            assert_eq!(two.header().blob_gas_used, Some(0));
            assert!(base_fee < two.header().base_fee_per_gas.unwrap());
            continue;
        }
        assert_eq!(two.header().blob_gas_used, Some(4_000_000), "{profile:?}");
        assert_eq!(next.header().blob_gas_used, Some(0), "deposits do not count");
        // Target 666,666: 996,000,000 + 996,000,000 * 3,333,334 / 666,666 / 250.
        assert_eq!(two.header().base_fee_per_gas, Some(996_000_000));
        assert_eq!(base_fee, 1_015_920_023);
    }
}

#[test]
fn one_byte_too_many_for_the_da_footprint_is_refused() {
    for profile in PROFILES {
        let mut chain = HandChain::new(profile);
        chain.l1.da_footprint_gas_scalar = 20_000;
        chain.gas_limit = 4_000_000;
        let txs: Vec<_> = (0..3).map(|nonce| chain.sign(Call::to(nonce, SOMEBODY))).collect();
        let fits = chain.build(&txs[..2]);
        if profile == Profile::Isthmus {
            chain.produce(&txs);
            continue;
        }
        let refusal = chain.refusal_with(&fits, txs[2].clone());
        assert!(refusal.contains("footprint"), "{refusal}");
        let error = chain.try_produce(&txs).unwrap_err().to_string();
        assert!(error.contains("footprint"), "{error}");
        // One unit less room, and not even two fit.
        chain.gas_limit = 3_999_999;
        assert!(chain.try_produce(&txs[..2]).unwrap_err().to_string().contains("footprint"));
        chain.produce(&txs[..1]);
    }
}

#[test]
fn the_base_fee_has_a_floor_from_jovian_on() {
    for profile in [Profile::Jovian, Profile::Karst] {
        let mut chain = HandChain::new(profile);
        chain.min_base_fee = 5_000_000_000;
        // The floor is in the extra data of the parent, and genesis has none.
        let first = chain.produce(&[]);
        assert_eq!(first.header().base_fee_per_gas, Some(996_000_000));
        assert_eq!(first.header().extra_data[9..], 5_000_000_000_u64.to_be_bytes());
        chain.min_base_fee = 4_990_000_000;
        let second = chain.produce(&[]);
        assert_eq!(second.header().base_fee_per_gas, Some(5_000_000_000));
        // 5 gwei less a 250th is 4.98; the floor is now 4.99.
        chain.min_base_fee = 0;
        let third = chain.produce(&[]);
        assert_eq!(third.header().base_fee_per_gas, Some(4_990_000_000));
        let fourth = chain.produce(&[]);
        // And without a floor, with a target of 5,000,000 of which only tx 0 used some.
        let gas_used = third.header().gas_used;
        let fall = 4_990_000_000 * (5_000_000 - gas_used) / 5_000_000 / 250;
        assert_eq!(fourth.header().base_fee_per_gas, Some(4_990_000_000 - fall));
    }
}

#[test]
fn deposits_may_have_more_gas_than_the_cap_of_karst() {
    // Stores the gas that is left: 20,000,000 - 21,000 - 2 for asking.
    let code = Asm::new().ops(&[op::GAS, op::PUSH0, op::SSTORE]).bytes();
    for profile in PROFILES {
        let chain = HandChain::with_contract(profile, code.clone());
        let block = chain.produce(&[chain.deposit(CONTRACT, 20_000_000)]);
        assert!(chain.receipts(&block)[1].status());
        assert_eq!(chain.slot(CONTRACT, 0), U256::from(19_978_998), "{profile:?}");
    }
}

#[test]
fn other_transactions_may_not() {
    const CAP: u64 = 16_777_216;
    for profile in PROFILES {
        let chain = HandChain::new(profile);
        let with_gas =
            |nonce, gas_limit| chain.sign(Call { gas_limit, ..Call::to(nonce, SOMEBODY) });
        let block = chain.produce(&[with_gas(0, CAP)]);
        assert!(chain.receipts(&block)[1].status());
        let above = with_gas(1, CAP + 1);
        if profile == Profile::Karst {
            let fits = chain.build(&[]);
            let refusal = chain.refusal_with(&fits, above.clone());
            assert!(refusal.contains("16777217"), "{refusal}");
            let error = chain.try_produce(&[above]).unwrap_err().to_string();
            assert!(error.contains("16777217"), "{error}");
        } else {
            chain.produce(&[above]);
        }
    }
}

/// Calls the precompile in word 0 with as many zero bytes as word 1 says and the gas in word 2;
/// stores 1 or 2 for success or failure in slot 0.
fn caller() -> Bytes {
    Asm::new()
        .push(0)
        .push(0)
        .push(32)
        .ops(&[op::CALLDATALOAD])
        .push(0)
        .push(0)
        .ops(&[op::CALLDATALOAD])
        .push(64)
        .ops(&[op::CALLDATALOAD, op::STATICCALL])
        .push(2)
        .ops(&[op::SUB])
        .store_top(0)
        .bytes()
}

/// Whether a precompile takes `len` zero bytes with `gas`.
fn accepts(profile: Profile, precompile: u64, len: u64, gas: u64) -> bool {
    let chain = HandChain::with_contract(profile, caller());
    let words = [precompile, len, gas].map(|n| U256::from(n).to_be_bytes::<32>());
    let input = Bytes::from(words.concat());
    // A deposit, so that Karst's cap leaves room for the dearest of them.
    let deposit = match chain.deposit(CONTRACT, 28_000_000) {
        phala_primitives::Transaction::Deposit(deposit) => deposit.into_inner(),
        tx => panic!("no deposit: {tx:?}"),
    };
    let deposit = op_alloy_consensus::TxDeposit { input, ..deposit };
    let block = chain.produce(&[alloy_consensus::Sealable::seal_slow(deposit).into()]);
    assert!(chain.receipts(&block)[1].status());
    match chain.slot(CONTRACT, 0).to::<u64>() {
        1 => true,
        2 => false,
        other => panic!("slot holds {other}"),
    }
}

#[test]
fn precompiles_take_as_much_as_their_fork_allows_and_no_more() {
    // Address, bytes per item, and the largest input of Isthmus, Jovian and Karst.
    let limits: [(u64, u64, [u64; 3]); 4] = [
        (0x08, 192, [112_687, 81_984, 57_600]),
        (0x0c, 160, [513_760, 288_960, 288_960]),
        (0x0e, 288, [488_448, 278_784, 278_784]),
        (0x0f, 384, [235_008, 156_672, 156_672]),
    ];
    for (precompile, item, maxima) in limits {
        for (profile, max) in PROFILES.into_iter().zip(maxima) {
            let most = max / item * item;
            let is_accepted = |len| accepts(profile, precompile, len, u64::MAX);
            assert!(is_accepted(most), "{profile:?} {precompile:#x} with {most} bytes");
            assert!(!is_accepted(most + item), "{profile:?} {precompile:#x} above {max} bytes");
        }
    }
}

#[test]
fn checking_a_p256_signature_costs_twice_as_much_from_karst_on() {
    for (profile, gas) in PROFILES.into_iter().zip([3_450, 3_450, 6_900]) {
        assert!(accepts(profile, 0x100, 160, gas), "{profile:?}");
        assert!(!accepts(profile, 0x100, 160, gas - 1), "{profile:?}");
    }
}
