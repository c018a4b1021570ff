//! L2 transactions of each type.

use alloy_consensus::{TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use phala_tests::{
    asm::init_code,
    rollup::{ChainRpc, Testnet},
};
use serde_json::json;

use crate::blocks::same_on_both;

const GAS_PRICE: u128 = 10_000_000_000;

/// Counts its calls in slot 0.
const COUNTER: Bytes = bytes!("5f546001015f5500");

/// Slot 0 of an account.
async fn count(chain: &ChainRpc, of: Address) -> U256 {
    chain.quantity("eth_getStorageAt", json!([of, "0x0", "latest"])).await
}

pub(crate) async fn check(net: &Testnet) {
    let (user, authority) = (net.account("user 2"), net.account("user 3"));
    let (l2, follower) = (net.sequencer(), net.follower());
    let chain_id = l2.chain_id().await;
    let first = l2.next_nonce(user.address()).await;
    let counter = user.address().create(first);
    let access_list =
        AccessList(vec![AccessListItem { address: counter, storage_keys: vec![B256::ZERO] }]);

    let create = user.sign(TxEip1559 {
        chain_id,
        nonce: first,
        gas_limit: 300_000,
        max_fee_per_gas: GAS_PRICE,
        max_priority_fee_per_gas: 1,
        to: TxKind::Create,
        input: init_code(&[], &COUNTER),
        ..Default::default()
    });
    let legacy = user.sign(TxLegacy {
        chain_id: Some(chain_id),
        nonce: first + 1,
        gas_price: GAS_PRICE,
        gas_limit: 100_000,
        to: counter.into(),
        value: U256::from(1),
        input: Bytes::new(),
    });
    // Before chain ids were signed.
    let unprotected = user.sign(TxLegacy {
        chain_id: None,
        nonce: first + 2,
        gas_price: GAS_PRICE,
        gas_limit: 100_000,
        to: counter.into(),
        value: U256::from(2),
        input: Bytes::new(),
    });
    let with_access_list = user.sign(TxEip2930 {
        chain_id,
        nonce: first + 3,
        gas_price: GAS_PRICE,
        gas_limit: 100_000,
        to: counter.into(),
        access_list: access_list.clone(),
        ..Default::default()
    });
    let dynamic_fee = user.sign(TxEip1559 {
        chain_id,
        nonce: first + 4,
        gas_limit: 100_000,
        max_fee_per_gas: GAS_PRICE,
        max_priority_fee_per_gas: 1_000,
        to: counter.into(),
        access_list: access_list.clone(),
        ..Default::default()
    });
    let authorization = Authorization {
        chain_id: U256::from(chain_id),
        address: counter,
        nonce: l2.next_nonce(authority.address()).await,
    };
    let signature = authority.sign_hash(authorization.signature_hash());
    let set_code = user.sign(TxEip7702 {
        chain_id,
        nonce: first + 5,
        gas_limit: 200_000,
        max_fee_per_gas: GAS_PRICE,
        max_priority_fee_per_gas: 1,
        to: authority.address(),
        access_list,
        authorization_list: vec![authorization.into_signed(signature)],
        ..Default::default()
    });

    let mut hashes = Vec::new();
    for raw in [create, legacy, unprotected, with_access_list, dynamic_fee, set_code] {
        hashes.push(l2.send_raw(&raw).await);
    }
    let types = ["0x2", "0x0", "0x0", "0x1", "0x2", "0x4"];
    for (hash, kind) in hashes.into_iter().zip(types) {
        l2.receipt(hash).await;
        let receipt = same_on_both(net, hash).await;
        assert_eq!((&receipt["type"], &receipt["status"]), (&json!(kind), &json!("0x1")));
    }
    assert_eq!(follower.code(counter).await, COUNTER);
    assert_eq!(count(&follower, counter).await, U256::from(4));
    assert_eq!(follower.balance(counter).await, U256::from(3));
    let delegation = [&[0xef, 0x01, 0x00], counter.as_slice()].concat();
    assert_eq!(follower.code(authority.address()).await, Bytes::from(delegation));
    assert_eq!(count(&follower, authority.address()).await, U256::from(1));

    // There are no blobs on L2.
    let blob = user.sign(TxEip4844 {
        chain_id,
        nonce: first + 6,
        gas_limit: 100_000,
        max_fee_per_gas: GAS_PRICE,
        max_fee_per_blob_gas: GAS_PRICE,
        blob_versioned_hashes: vec![B256::with_last_byte(1)],
        ..Default::default()
    });
    l2.try_call("eth_sendRawTransaction", json!([blob])).await.expect_err("a blob transaction");
}
