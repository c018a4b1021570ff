//! A withdrawal is in the output root that L1 would be shown.

use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_sol_types::{SolCall as _, SolEvent as _, SolValue as _, sol};
use alloy_trie::{Nibbles, proof::verify_proof};
use phala_tests::rollup::{Call, ChainRpc, Testnet, number_of};
use serde_json::{Value, json};

use crate::blocks::{bytes, hash, same_on_both};

const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");

sol! {
    event MessagePassed(
        uint256 indexed nonce, address indexed sender, address indexed target, uint256 value,
        uint256 gasLimit, bytes data, bytes32 withdrawalHash
    );
    function initiateWithdrawal(address target, uint256 gasLimit, bytes data) external payable;
}

async fn output_at(chain: &ChainRpc, number: u64) -> Value {
    chain.call("optimism_outputAtBlock", json!([format!("{number:#x}")])).await
}

pub(crate) async fn check(net: &Testnet) {
    let (user, l2) = (net.account("user 4"), net.sequencer());
    let target = Address::repeat_byte(0x77);
    let data = Bytes::from_static(b"hello from L2");
    let input = initiateWithdrawalCall { target, gasLimit: U256::from(60_000), data: data.clone() };
    let call =
        Call { value: U256::from(5_000), ..Call::function(MESSAGE_PASSER, input.abi_encode()) };
    let receipt = user.send_ok(&l2, call).await;
    let number = number_of(&receipt["blockNumber"]);
    net.wait_until_safe(number).await;
    let receipt = same_on_both(net, hash(&receipt["transactionHash"])).await;

    let log = &receipt["logs"][0];
    let topics: Vec<B256> = serde_json::from_value(log["topics"].clone()).expect("topics");
    let event = MessagePassed::decode_raw_log(topics, &bytes(&log["data"])).expect("the event");
    assert_eq!((event.sender, event.target), (user.address(), target));
    assert_eq!((event.value, event.gasLimit), (U256::from(5_000), U256::from(60_000)));
    let message = (event.nonce, user.address(), target, event.value, event.gasLimit, data);
    let withdrawal = keccak256(message.abi_encode_params());
    assert_eq!(event.withdrawalHash, withdrawal);

    // Both nodes tell the same output, made of what the header says.
    let follower = net.follower();
    let output = output_at(&follower, number).await;
    let block = follower.block(number).await;
    let parts = [
        B256::ZERO,
        hash(&block["stateRoot"]),
        hash(&block["withdrawalsRoot"]),
        hash(&block["hash"]),
    ];
    let root = keccak256(parts.concat::<u8>());
    assert_eq!(hash(&output["outputRoot"]), root);
    assert_eq!(output["withdrawalStorageRoot"], block["withdrawalsRoot"]);
    assert_eq!(output["stateRoot"], block["stateRoot"]);
    assert_eq!(output["blockRef"]["hash"], block["hash"]);
    assert_eq!(hash(&output_at(&l2, number).await["outputRoot"]), root);
    let before = output_at(&follower, number - 1).await;
    assert_ne!(before["withdrawalStorageRoot"], output["withdrawalStorageRoot"]);

    // Who has the root can prove the message.
    let slot = keccak256((withdrawal, B256::ZERO).abi_encode_params());
    let params = json!([MESSAGE_PASSER, [slot], format!("{number:#x}")]);
    let proof = follower.call("eth_getProof", params).await;
    assert_eq!(proof["storageHash"], output["withdrawalStorageRoot"]);
    let nodes: Vec<Bytes> =
        serde_json::from_value(proof["storageProof"][0]["proof"].clone()).expect("nodes");
    let one = Some(alloy_rlp::encode(U256::from(1)));
    let path = Nibbles::unpack(keccak256(slot));
    verify_proof(hash(&proof["storageHash"]), path, one, &nodes).expect("it is proven");
}
