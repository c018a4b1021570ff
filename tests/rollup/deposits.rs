//! Deposits through the portal, good and bad.

use alloy_primitives::{Address, B256, TxKind, U256, bytes};
use phala_chainspec::alias_l1_address;
use phala_tests::{
    asm::init_code,
    rollup::{Account, Call, Deposit, Testnet, number_of},
};
use serde_json::{Value, json};

use crate::blocks::same_on_both;

/// Contract code on L1 that hands input and ether on to the portal.
fn forwarder(portal: Address) -> Vec<u8> {
    let mut code = bytes!("3660006000376000600036600034").to_vec();
    code.push(0x73);
    code.extend_from_slice(portal.as_slice());
    code.extend_from_slice(&bytes!("5af150"));
    code
}

/// Deposits, waits for the L2 transaction, and asserts what is true of every deposit; its receipt.
async fn deposit(net: &Testnet, from: &Account, deposit: &Deposit) -> Value {
    let portal = net.contracts().optimism_portal;
    let l1_receipt = from.send(&net.l1(), deposit.call(portal)).await;
    arrive(net, from.address(), deposit, &l1_receipt).await
}

async fn arrive(net: &Testnet, sender: Address, deposit: &Deposit, l1_receipt: &Value) -> Value {
    let hash = deposit.l2_hash(sender, net.contracts().optimism_portal, l1_receipt);
    net.follower().receipt(hash).await;
    let receipt = same_on_both(net, hash).await;
    assert_eq!(receipt["type"], "0x7e");
    assert_eq!(receipt["from"], json!(sender));
    assert_eq!(receipt["depositReceiptVersion"], "0x1");
    assert_eq!(receipt["effectiveGasPrice"], "0x0");
    receipt
}

pub(crate) async fn check(net: &Testnet) {
    let (l1, l2, follower) = (net.l1(), net.sequencer(), net.follower());
    let user = net.account("user 1");

    // Ether for somebody who has none.
    let to = Address::repeat_byte(0xd1);
    let receipt = deposit(net, &user, &Deposit::ether(to, 1_234_567)).await;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["depositNonce"], "0x0");
    assert_eq!(follower.balance(to).await, U256::from(1_234_567));

    // Somebody who is unknown on L2 sends more than comes along: it fails, and what came along stays.
    let stranger = Account::new(B256::repeat_byte(0x5a));
    user.send_ok(&l1, Call::transfer(stranger.address(), 10_u64.pow(18))).await;
    let too_much = Deposit { mint: 1_000, value: 1_001, ..Deposit::ether(to, 0) };
    let receipt = deposit(net, &stranger, &too_much).await;
    assert_eq!(receipt["status"], "0x0");
    assert_eq!(number_of(&receipt["gasUsed"]), too_much.gas_limit, "all of it is gone");
    assert_eq!(follower.balance(stranger.address()).await, U256::from(1_000));
    assert_eq!(l2.next_nonce(stranger.address()).await, 1, "it counts");
    assert_eq!(follower.balance(to).await, U256::from(1_234_567));

    // Code that reverts leaves no contract, keeps its ether with the sender, and burns only what it used.
    let reverts = Deposit {
        to: TxKind::Create,
        mint: 500,
        value: 400,
        gas_limit: 200_000,
        input: bytes!("60006000fd"),
    };
    let receipt = deposit(net, &stranger, &reverts).await;
    assert_eq!(receipt["status"], "0x0");
    assert!(number_of(&receipt["gasUsed"]) < reverts.gas_limit, "{receipt}");
    assert_eq!(follower.balance(stranger.address()).await, U256::from(1_500));
    assert!(follower.code(stranger.address().create(1)).await.is_empty());

    // A contract, at the address of the nonce the receipt tells.
    let code = bytes!("5f545f5260205ff3");
    let creation = Deposit {
        to: TxKind::Create,
        mint: 7,
        value: 7,
        gas_limit: 300_000,
        input: init_code(&[], &code),
    };
    let receipt = deposit(net, &stranger, &creation).await;
    assert_eq!((&receipt["status"], &receipt["depositNonce"]), (&json!("0x1"), &json!("0x2")));
    let contract = stranger.address().create(2);
    assert_eq!(receipt["contractAddress"], json!(contract));
    assert_eq!(follower.code(contract).await, code);
    assert_eq!(follower.balance(contract).await, U256::from(7));

    // A contract on L1 has an alias on L2; ether that is kept belongs to it.
    let portal = net.contracts().optimism_portal;
    let made = user.send_ok(&l1, Call::create(init_code(&[], &forwarder(portal)))).await;
    let forwarder: Address =
        serde_json::from_value(made["contractAddress"].clone()).expect("an address");
    let through = Deposit { mint: 90, value: 60, ..Deposit::ether(to, 0) };
    let sent = user.send(&l1, through.call(forwarder)).await;
    let alias = alias_l1_address(forwarder);
    let receipt = arrive(net, alias, &through, &sent).await;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(follower.balance(to).await, U256::from(1_234_567 + 60));
    assert_eq!(follower.balance(alias).await, U256::from(30));
    assert_eq!(follower.balance(forwarder).await, U256::ZERO);
}
