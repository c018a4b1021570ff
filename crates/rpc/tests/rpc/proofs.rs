use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use phala_chainspec::addresses::L2_TO_L1_MESSAGE_PASSER;
use serde_json::{Value, json};

use crate::node::Node;

fn nodes(json: &Value) -> Vec<Bytes> {
    serde_json::from_value(json.clone()).unwrap()
}

/// Checks an answer of `eth_getProof` against a state root, as a light client would.
fn verify(proof: &Value, root: B256) {
    let address: Address = serde_json::from_value(proof["address"].clone()).unwrap();
    let number = |json: &Value| -> U256 { serde_json::from_value(json.clone()).unwrap() };
    let account = TrieAccount {
        nonce: number(&proof["nonce"]).to(),
        balance: number(&proof["balance"]),
        storage_root: serde_json::from_value(proof["storageHash"].clone()).unwrap(),
        code_hash: serde_json::from_value(proof["codeHash"].clone()).unwrap(),
    };
    let exists = account.nonce > 0
        || !account.balance.is_zero()
        || account.code_hash != alloy_consensus::constants::KECCAK_EMPTY;
    let expected = exists.then(|| alloy_rlp::encode(account));
    let path = Nibbles::unpack(keccak256(address));
    verify_proof(root, path, expected, &nodes(&proof["accountProof"])).unwrap();
    for slot in proof["storageProof"].as_array().unwrap() {
        let value = number(&slot["value"]);
        let expected = (!value.is_zero()).then(|| alloy_rlp::encode(value));
        let path = Nibbles::unpack(keccak256(B256::from(number(&slot["key"]))));
        verify_proof(account.storage_root, path, expected, &nodes(&slot["proof"])).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_hold_against_the_header_at_every_height() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    for number in 0..=3 {
        let block = http.call("eth_getBlockByNumber", json!([format!("{number:#x}")])).await;
        let root: B256 = serde_json::from_value(block["stateRoot"].clone()).unwrap();
        for address in [
            chain.contract,
            node.account(0).address(),
            Address::repeat_byte(0xaa),
            Address::repeat_byte(0xbb),
            L2_TO_L1_MESSAGE_PASSER,
        ] {
            let params = json!([address, ["0x0", "0x1", B256::repeat_byte(1)], block["hash"]]);
            verify(&http.call("eth_getProof", params).await, root);
        }
    }
    let latest = http.call("eth_getProof", json!([chain.contract, ["0x0"]])).await;
    assert_eq!(latest["storageProof"][0]["value"], "0x3");
    assert_eq!(latest["storageProof"][0]["key"], "0x0");
    let full = http.call("eth_getProof", json!([chain.contract, [B256::ZERO], "latest"])).await;
    assert_eq!(full["storageProof"][0]["key"], json!(B256::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_blocks_are_refused() {
    let node = Node::start().await;
    let mut http = node.http().await;
    let long = format!("0x{}", "0".repeat(65));
    for params in [
        json!([Address::ZERO, [long], "latest"]),
        json!([Address::ZERO, ["0"], "latest"]),
        json!([Address::ZERO, ["0x\""], "latest"]),
        json!([Address::ZERO, [1], "latest"]),
        json!([Address::ZERO, "0x0", "latest"]),
    ] {
        assert_eq!(http.error("eth_getProof", params).await["code"], -32602);
    }
    assert_eq!(http.error("eth_getProof", json!([Address::ZERO, [], "0x9"])).await["code"], -32001);
}
