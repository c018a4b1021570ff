use alloy_primitives::{Address, U256};
use phala_chainspec::{ChainSpec, Profile};
use phala_evm::da_usage;
use phala_rpc::RpcLimits;
use serde_json::{Value, json};

use crate::node::{Node, attributes, config};

/// What only rollups have in receipts.
const L1_FIELDS: [&str; 6] =
    ["l1GasPrice", "l1GasUsed", "l1Fee", "l1BaseFeeScalar", "l1BlobBaseFee", "l1BlobBaseFeeScalar"];

#[tokio::test(flavor = "multi_thread")]
async fn receipts_agree_with_the_block_and_parse_as_the_library_type() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    for block in [&chain.first, &chain.second, &chain.third] {
        let all = http.call("eth_getBlockReceipts", json!([block.hash()])).await;
        let all = all.as_array().unwrap();
        assert_eq!(all.len(), block.body().transactions.len());
        let mut gas = 0;
        let mut logs = 0;
        for (index, (tx, json)) in block.body().transactions.iter().zip(all).enumerate() {
            let one = http.call("eth_getTransactionReceipt", json!([tx.tx_hash()])).await;
            assert_eq!(&one, json);
            // The library puts logs of receipts and fields of deposits where it wants them.
            let library: op_alloy_rpc_types::OpTransactionReceipt =
                serde_json::from_value(one.clone()).unwrap();
            assert_eq!(library.inner.transaction_hash, tx.tx_hash());
            gas += library.inner.gas_used;
            assert_eq!(one["cumulativeGasUsed"], format!("{gas:#x}"));
            assert_eq!(one["blockNumber"], format!("{:#x}", block.number));
            assert_eq!(one["transactionIndex"], format!("{index:#x}"));
            for log in one["logs"].as_array().unwrap() {
                assert_eq!(log["logIndex"], format!("{logs:#x}"));
                assert_eq!(log["transactionHash"], one["transactionHash"]);
                assert_eq!(log["removed"], false);
                logs += 1;
            }
        }
        assert_eq!(gas, block.gas_used);
        let bloom =
            http.call("eth_getBlockByHash", json!([block.hash()])).await["logsBloom"].take();
        assert_eq!(bloom, json!(block.logs_bloom));
    }
    let created = http
        .call("eth_getTransactionReceipt", json!([chain.first.body().transactions[1].tx_hash()]))
        .await;
    assert_eq!(created["contractAddress"], json!(chain.contract));
    assert_eq!(created["to"], Value::Null);
    let failed = http
        .call("eth_getTransactionReceipt", json!([chain.third.body().transactions[2].tx_hash()]))
        .await;
    assert_eq!(failed["status"], "0x0");
    assert_eq!(http.call("eth_getBlockReceipts", json!(["0x99"])).await, Value::Null);
    assert_eq!(http.call("eth_getBlockReceipts", json!(["0x0"])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_come_from_the_attributes_of_the_block() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let tx = &chain.second.body().transactions[1];
    let receipt = http.call("eth_getTransactionReceipt", json!([tx.tx_hash()])).await;
    let usage = da_usage(&alloy_eips::eip2718::Encodable2718::encoded_2718(tx));
    // 16 * 1368 * 7 gwei + 810949 * 3 wei, for each millionth of a byte; the transaction is small.
    let price =
        U256::from(16u64 * 1_368) * U256::from(7_000_000_000u64) + U256::from(3u64 * 810_949);
    assert_eq!(usage, 100);
    let fee = price * U256::from(100) / U256::from(1_000_000);
    assert_eq!(receipt["l1Fee"], format!("{fee:#x}"));
    assert_eq!(receipt["l1GasUsed"], format!("{:#x}", 1_600));
    assert_eq!(receipt["l1GasPrice"], format!("{:#x}", 7_000_000_000u64));
    assert_eq!(receipt["l1BaseFeeScalar"], format!("{:#x}", 1_368));
    assert_eq!(receipt["l1BlobBaseFee"], "0x3");
    assert_eq!(receipt["l1BlobBaseFeeScalar"], format!("{:#x}", 810_949));
    assert_eq!(receipt["daFootprintGasScalar"], format!("{:#x}", 400));
    assert_eq!(receipt["blobGasUsed"], format!("{:#x}", 40_000));
    // Nobody charges an operator fee here.
    assert!(receipt.get("operatorFeeScalar").is_none());
    assert!(receipt.get("operatorFeeConstant").is_none());
    assert!(receipt.get("l1FeeScalar").is_none());
    assert!(receipt.get("depositNonce").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_pay_nothing_and_show_their_nonce() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    for (nonce, block) in [&chain.first, &chain.second, &chain.third].into_iter().enumerate() {
        let hash = block.body().transactions[0].tx_hash();
        let receipt = http.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["type"], "0x7e");
        assert_eq!(receipt["depositNonce"], format!("{nonce:#x}"));
        assert_eq!(receipt["depositReceiptVersion"], "0x1");
        assert_eq!(receipt["effectiveGasPrice"], "0x0");
        for field in L1_FIELDS.into_iter().chain(["daFootprintGasScalar", "blobGasUsed"]) {
            assert!(receipt.get(field).is_none(), "{field}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_fee_shows_when_it_is_charged() {
    let node = Node::start().await;
    let tx = node.account(0).transfer(0, Address::repeat_byte(9), 1);
    let mut attributes =
        attributes(node.engine.spec(), &node.latest(), std::slice::from_ref(&tx), 0);
    let transactions = attributes.transactions.as_mut().unwrap();
    let deposit = phala_primitives::decode_transaction(&transactions[0]).unwrap();
    let mut l1 =
        phala_chainspec::L1Attributes::decode(&deposit.as_deposit().unwrap().input).unwrap();
    l1.operator_fee_constant = 5;
    let timestamp = attributes.payload_attributes.timestamp;
    let deposit = l1.to_deposit(node.engine.spec().l1_attributes_fork(timestamp));
    transactions[0] = alloy_eips::eip2718::Encodable2718::encoded_2718(&deposit).into();
    node.engine.produce(&attributes).unwrap();
    let mut http = node.http().await;
    let receipt = http.call("eth_getTransactionReceipt", json!([tx.tx_hash()])).await;
    assert_eq!(receipt["operatorFeeScalar"], "0x0");
    assert_eq!(receipt["operatorFeeConstant"], "0x5");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_jovian_there_is_no_footprint() {
    let spec = ChainSpec::dev().with_profile(Profile::Isthmus);
    let node = Node::with_config(spec, config(RpcLimits::default())).await;
    let tx = node.account(0).transfer(0, Address::repeat_byte(9), 1);
    node.produce(std::slice::from_ref(&tx));
    let mut http = node.http().await;
    let receipt = http.call("eth_getTransactionReceipt", json!([tx.tx_hash()])).await;
    for field in L1_FIELDS {
        assert!(receipt[field].is_string(), "{field}");
    }
    assert!(receipt.get("daFootprintGasScalar").is_none());
    assert!(receipt.get("blobGasUsed").is_none());
}
