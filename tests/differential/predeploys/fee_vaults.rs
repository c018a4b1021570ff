use alloy_primitives::{Address, U256, address, b256, uint};
use phala_chainspec::addresses::{
    BASE_FEE_VAULT, L1_FEE_VAULT, L2_TO_L1_MESSAGE_PASSER, OPERATOR_FEE_VAULT, PROXY_ADMIN,
    SEQUENCER_FEE_VAULT, implementation,
};

use super::{
    call::{call, call_with},
    pair::{OWNER, Pair, SOMEBODY},
};

const VAULTS: [Address; 4] =
    [SEQUENCER_FEE_VAULT, BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT];
const VIEWS: [&str; 12] = [
    "totalProcessed()",
    "minWithdrawalAmount()",
    "recipient()",
    "withdrawalNetwork()",
    "MIN_WITHDRAWAL_AMOUNT()",
    "RECIPIENT()",
    "WITHDRAWAL_NETWORK()",
    "proxyAdmin()",
    "proxyAdminOwner()",
    "l1FeeWallet()",
    "config()",
    "unknown()",
];
const ETHER: U256 = uint!(1_000_000_000_000_000_000_U256);
const L1: u64 = 0;
const L2: u64 = 1;

fn compare_views(pair: &mut Pair, vault: Address) {
    for view in VIEWS {
        pair.view(vault, call(view));
    }
}

fn withdraw(pair: &mut Pair, vault: Address) -> bool {
    pair.send(SOMEBODY, vault, U256::ZERO, call("withdraw()")).success
}

#[test]
fn vaults_pay_their_recipient_on_l2_once_it_is_enough() {
    let Some(mut pair) = Pair::new() else { return };
    for vault in VAULTS {
        compare_views(&mut pair, vault);
        let minimum = pair.view(vault, call("minWithdrawalAmount()")).word();
        assert_eq!(minimum, U256::from(10) * ETHER);
        for (balance, enough) in [
            (U256::ZERO, false),
            (minimum - U256::from(1), false),
            (minimum, true),
            (minimum + U256::from(1), true),
            (U256::from(1) << 90, true),
        ] {
            pair.fund(vault, balance);
            assert_eq!(withdraw(&mut pair, vault), enough);
            compare_views(&mut pair, vault);
        }
        // What is paid in is no call.
        let outcome = pair.send(SOMEBODY, vault, ETHER, Default::default());
        assert!(outcome.success && outcome.logs.is_empty() && outcome.storage.is_empty());
        assert_eq!(outcome.balances[&vault], ETHER);
        assert!(!pair.send(SOMEBODY, vault, ETHER, call("withdraw()")).success, "not payable");
    }
}

#[test]
fn vaults_withdraw_to_l1_through_the_message_passer() {
    let Some(mut pair) = Pair::new() else { return };
    for (count, vault) in (1_u64..).zip(VAULTS) {
        let to_l1 = call_with("setWithdrawalNetwork(uint8)", [L1.into()]);
        assert!(pair.send(OWNER, vault, U256::ZERO, to_l1).success);
        pair.fund(vault, U256::from(11) * ETHER);
        let outcome = pair.send(SOMEBODY, vault, U256::ZERO, call("withdraw()"));
        assert!(outcome.success);
        assert_eq!(outcome.logs.len(), 3);
        assert_eq!(outcome.logs[2].address, L2_TO_L1_MESSAGE_PASSER);
        assert_eq!(
            outcome.logs[2].topics()[0],
            b256!("0x02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054")
        );
        let held = U256::from(11 * count) * ETHER;
        assert_eq!(outcome.balances[&L2_TO_L1_MESSAGE_PASSER], held);
        compare_views(&mut pair, vault);
        pair.fund(vault, U256::from(9) * ETHER);
        assert!(!withdraw(&mut pair, vault));
    }
}

#[test]
fn a_recipient_that_refuses_keeps_the_vault_as_it_is() {
    let Some(mut pair) = Pair::new() else { return };
    let refuses = address!("0x00000000000000000000000000000000000bad01");
    let wastes = address!("0x00000000000000000000000000000000000bad02");
    let answers = address!("0x00000000000000000000000000000000000c0de3");
    // Revert with a word of data; an invalid opcode; return a kilobyte.
    pair.deploy(refuses, &[0x60, 0x20, 0x5f, 0xfd]);
    pair.deploy(wastes, &[0xfe]);
    pair.deploy(answers, &[0x61, 0x04, 0x00, 0x5f, 0xf3]);
    for vault in VAULTS {
        for (recipient, accepts) in [(refuses, false), (wastes, false), (answers, true)] {
            let to = call_with("setRecipient(address)", [recipient.into()]);
            assert!(pair.send(OWNER, vault, U256::ZERO, to).success);
            pair.fund(vault, U256::from(12) * ETHER);
            assert_eq!(withdraw(&mut pair, vault), accepts);
            compare_views(&mut pair, vault);
        }
    }
}

#[test]
fn only_the_owner_of_the_admin_changes_a_vault() {
    let Some(mut pair) = Pair::new() else { return };
    let changes = [
        call_with("setMinWithdrawalAmount(uint256)", [U256::from(7).into()]),
        call_with("setMinWithdrawalAmount(uint256)", [U256::MAX.into()]),
        call_with("setRecipient(address)", [SOMEBODY.into()]),
        call_with("setRecipient(address)", [Address::ZERO.into()]),
        call_with("setRecipient(address)", [U256::MAX.into()]),
        call_with("setWithdrawalNetwork(uint8)", [L1.into()]),
        call_with("setWithdrawalNetwork(uint8)", [L2.into()]),
        call_with("setWithdrawalNetwork(uint8)", [2_u64.into()]),
        call_with("setWithdrawalNetwork(uint8)", [U256::MAX.into()]),
        call("setWithdrawalNetwork(uint8)"),
    ];
    for (low, vault) in [0x11, 0x19, 0x1a, 0x1b].into_iter().zip(VAULTS) {
        for target in [vault, implementation(low)] {
            let mut accepted = 0;
            for change in &changes {
                for from in [SOMEBODY, PROXY_ADMIN, OWNER] {
                    let outcome = pair.send(from, target, U256::ZERO, change.clone());
                    assert!(!outcome.success || from == OWNER);
                    accepted += usize::from(outcome.success);
                    compare_views(&mut pair, target);
                }
            }
            assert_eq!(accepted, 6, "of {target}");
        }
    }
}

#[test]
fn vaults_are_initialized_once_by_whoever_administers_them() {
    let Some(mut pair) = Pair::new() else { return };
    let initialized =
        b256!("0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00").into();
    let initialize = call_with(
        "initialize(address,uint256,uint8)",
        [SOMEBODY.into(), U256::from(5).into(), L1.into()],
    );
    for (low, vault) in [0x11, 0x19, 0x1a, 0x1b].into_iter().zip(VAULTS) {
        for target in [vault, implementation(low)] {
            for from in [SOMEBODY, PROXY_ADMIN, OWNER] {
                assert!(!pair.send(from, target, U256::ZERO, initialize.clone()).success);
            }
            // As a vault that is deployed later would be; 2^64 is "initializing".
            for (word, accepted) in [(0_u128, true), (1, false), (7, false), (1 << 64, false)] {
                for from in [SOMEBODY, PROXY_ADMIN, OWNER] {
                    pair.store(target, initialized, U256::from(word));
                    let outcome = pair.send(from, target, U256::ZERO, initialize.clone());
                    assert_eq!(outcome.success, accepted && from != SOMEBODY, "{from} {word}");
                    compare_views(&mut pair, target);
                }
            }
        }
    }
}
