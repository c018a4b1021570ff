use alloy_primitives::{Address, B256, U256, address, hex};
use phala_rpc::RpcLimits;
use serde_json::json;

use crate::node::Node;

const IDENTITY: Address = address!("0x0000000000000000000000000000000000000004");

#[tokio::test(flavor = "multi_thread")]
async fn calls_return_what_contracts_return() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let identity = json!({"to": IDENTITY, "input": "0x1234"});
    assert_eq!(http.call("eth_call", json!([identity, "latest"])).await, "0x1234");
    assert_eq!(http.call("eth_call", json!([identity])).await, "0x1234");
    assert_eq!(http.call("eth_call", json!([{"to": chain.contract}, "0x1"])).await, "0x");
    // Before the contract was there, a call to its address does nothing, with any data.
    assert_eq!(
        http.call("eth_call", json!([{"to": chain.contract, "data": "0x01"}, "0x0"])).await,
        "0x"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_carry_reason_and_data() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let reason = hex::encode_prefixed(hex!(
        "08c379a0"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "000000000000000000000000000000000000000000000000000000000000000a"
        "75736572206572726f7200000000000000000000000000000000000000000000"
    ));
    for (data, message) in [
        (reason.as_str(), "execution reverted: user error"),
        ("0x1234", "execution reverted"),
        (
            "0x4e487b710000000000000000000000000000000000000000000000000000000000000011",
            "execution reverted: arithmetic underflow or overflow",
        ),
    ] {
        for method in ["eth_call", "eth_estimateGas"] {
            let error = http.error(method, json!([{"to": chain.contract, "data": data}])).await;
            assert_eq!(error, json!({"code": 3, "message": message, "data": data}), "{method}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_change_accounts_and_the_block() {
    let (node, _) = Node::with_blocks().await;
    let mut http = node.http().await;
    let target = Address::repeat_byte(0x77);
    let word = |value: u64| B256::from(U256::from(value));
    // SLOAD(0), and for the block: NUMBER; both returned as a word.
    let (load, number) = ("0x5f545f5260205ff3", "0x435f5260205ff3");
    for (change, value) in [
        (json!({"code": load}), 0),
        (json!({"code": load, "state": {B256::ZERO.to_string(): word(7)}}), 7),
        (json!({"code": load, "stateDiff": {B256::ZERO.to_string(): word(8)}}), 8),
        (json!({"code": number}), 3),
    ] {
        let overrides = json!({ target.to_string(): change });
        let result = http.call("eth_call", json!([{"to": target}, "latest", overrides])).await;
        assert_eq!(result, json!(word(value)));
    }
    let overrides = json!({ target.to_string(): {"code": number} });
    let params = json!([{"to": target}, "latest", overrides, {"number": "0x63"}]);
    assert_eq!(http.call("eth_call", params).await, json!(word(0x63)));
    // A balance that is not there can be sent.
    let poor = Address::repeat_byte(0x55);
    let call = json!({"from": poor, "to": target, "value": "0x5", "gasPrice": "0x2540be400", "gas": "0x5208"});
    assert_eq!(http.error("eth_call", json!([call])).await["code"], -32000);
    let rich = json!({ poor.to_string(): {"balance": "0xffffffffffffffff"} });
    assert_eq!(http.call("eth_call", json!([call, "latest", rich])).await, "0x");
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_are_enough_and_not_much_more() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let from = node.account(2).address();
    let transfer = json!({"from": from, "to": Address::repeat_byte(1), "value": "0x1"});
    assert_eq!(http.call("eth_estimateGas", json!([transfer])).await, "0x5208");
    let call = json!({"from": from, "to": chain.contract});
    let estimate = http.call("eth_estimateGas", json!([call, "latest"])).await;
    let gas = u64::from_str_radix(estimate.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!((22_000..60_000).contains(&gas), "{gas}");
    let with = |gas: u64| json!([{"from": from, "to": chain.contract, "gas": format!("{gas:#x}")}]);
    http.call("eth_call", with(gas)).await;
    assert_eq!(http.error("eth_call", with(gas * 9 / 10)).await["code"], -32000);
    // More than there is.
    let dear = json!({"from": Address::repeat_byte(0x33), "to": chain.contract, "value": "0x1"});
    assert_eq!(http.error("eth_estimateGas", json!([dear])).await["code"], -32000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_at_the_gas_cap() {
    let limits = RpcLimits { call_gas_max: 1_000_000, ..Default::default() };
    let node = Node::with(limits).await;
    let mut http = node.http().await;
    let target = Address::repeat_byte(0x66);
    // JUMPDEST PUSH0 JUMP
    let overrides = json!({ target.to_string(): {"code": "0x5b5f56"} });
    let params = json!([{"to": target, "gas": "0xffffffffffff"}, "latest", overrides]);
    let error = http.error("eth_call", params.clone()).await;
    assert_eq!(error["code"], -32000);
    assert!(error["message"].as_str().unwrap().contains("out of gas"), "{error}");
    let error = http.error("eth_estimateGas", params).await;
    assert_eq!(error["message"], "gas required exceeds allowance (1000000)");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_reads_see_the_block_they_name() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let contract = chain.contract;
    assert_eq!(http.call("eth_getCode", json!([contract, "0x0"])).await, "0x");
    let code = http.call("eth_getCode", json!([contract])).await;
    assert_eq!(code, hex::encode_prefixed(&crate::node::CONTRACT[9..]));
    for (block, value) in [("0x0", 0u64), ("0x1", 1), ("0x2", 2), ("latest", 3)] {
        let slot = http.call("eth_getStorageAt", json!([contract, "0x0", block])).await;
        assert_eq!(slot, json!(B256::from(U256::from(value))), "{block}");
    }
    let receiver = Address::repeat_byte(0xaa);
    assert_eq!(http.call("eth_getBalance", json!([receiver, "0x1"])).await, "0x0");
    assert_eq!(http.call("eth_getBalance", json!([receiver, "latest"])).await, "0x1");
    let sender = node.account(0).address();
    for (block, nonce) in [("earliest", "0x0"), ("0x1", "0x2"), ("0x2", "0x6"), ("latest", "0x9")] {
        assert_eq!(http.call("eth_getTransactionCount", json!([sender, block])).await, nonce);
    }
    // The delegation of EIP-7702 is code.
    let delegated = http.call("eth_getCode", json!([node.account(1).address()])).await;
    assert_eq!(
        delegated,
        hex::encode_prefixed([&hex!("ef0100")[..], contract.as_slice()].concat())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_are_suggested_and_remembered() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    for _ in 0..2 {
        assert_eq!(http.call("eth_maxPriorityFeePerGas", json!([])).await, "0xf4240");
        let price = chain.third.base_fee_per_gas.unwrap() + 1_000_000;
        assert_eq!(http.call("eth_gasPrice", json!([])).await, format!("{price:#x}"));
    }
    assert_eq!(http.call("eth_blobBaseFee", json!([])).await, "0x1");
    let history = http.call("eth_feeHistory", json!(["0x2", "latest", [0, 50, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x2");
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(
        history["baseFeePerGas"][1],
        format!("{:#x}", chain.third.base_fee_per_gas.unwrap())
    );
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 2);
    assert_eq!(history["baseFeePerBlobGas"].as_array().unwrap().len(), 3);
    let used = chain.second.blob_gas_used.unwrap() as f64 / chain.second.gas_limit as f64;
    assert_eq!(history["blobGasUsedRatio"][0].as_f64(), Some(used));
    let rewards = history["reward"].as_array().unwrap();
    assert_eq!(rewards.len(), 2);
    assert_eq!(rewards[1], json!(["0xf4240", "0xf4240", "0xf4240"]));
    // More blocks than there are, and none.
    let all = http.call("eth_feeHistory", json!([100, "latest"])).await;
    assert_eq!((&all["oldestBlock"], all.get("reward")), (&json!("0x0"), None));
    assert_eq!(http.call("eth_feeHistory", json!(["0x0", "latest"])).await["oldestBlock"], "0x0");
    for wrong in [json!([50, 20]), json!([101]), json!([-1])] {
        let error = http.error("eth_feeHistory", json!(["0x1", "latest", wrong])).await;
        assert_eq!(error["code"], -32602);
    }
    assert_eq!(http.error("eth_feeHistory", json!(["0x1", "0x99"])).await["code"], -32001);
    let many = vec![1.0; 101];
    assert_eq!(http.error("eth_feeHistory", json!(["0x1", "latest", many])).await["code"], -32005);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_namespaces_answer() {
    let node = Node::start().await;
    let mut http = node.http().await;
    let chain_id = node.engine.spec().chain_id;
    assert_eq!(http.call("eth_chainId", json!([])).await, format!("{chain_id:#x}"));
    assert_eq!(http.call("net_version", json!([])).await, chain_id.to_string());
    assert_eq!(http.call("net_listening", json!([])).await, true);
    assert_eq!(http.call("net_peerCount", json!([])).await, "0x0");
    assert_eq!(http.call("web3_clientVersion", json!([])).await, "phala-node/test");
    let hash = alloy_primitives::keccak256(b"");
    assert_eq!(http.call("web3_sha3", json!(["0x"])).await, json!(hash));
    assert_eq!(http.call("eth_accounts", json!([])).await, json!([]));
}
