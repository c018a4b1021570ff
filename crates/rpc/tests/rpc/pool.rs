use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, hex};
use phala_primitives::Transaction;
use serde_json::{Value, json};

use crate::node::Node;

fn raw(tx: &Transaction) -> String {
    hex::encode_prefixed(tx.encoded_2718())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_goes_from_the_pool_into_a_block() {
    let node = Node::start().await;
    let mut http = node.http().await;
    let account = node.account(0);
    let sender = account.address();
    let txs = [
        account.transfer(0, Address::repeat_byte(1), 5),
        account.transfer(1, Address::repeat_byte(1), 6),
    ];
    let gapped = account.transfer(3, Address::repeat_byte(1), 7);
    for tx in txs.iter().chain([&gapped]) {
        let hash = http.call("eth_sendRawTransaction", json!([raw(tx)])).await;
        assert_eq!(hash, json!(tx.tx_hash()));
    }
    let pending = http.call("eth_getTransactionByHash", json!([txs[0].tx_hash()])).await;
    for null in ["blockHash", "blockNumber", "transactionIndex"] {
        assert_eq!(pending[null], Value::Null);
    }
    assert_eq!(
        http.call("eth_getTransactionReceipt", json!([txs[0].tx_hash()])).await,
        Value::Null
    );
    assert_eq!(
        http.call("eth_getRawTransactionByHash", json!([txs[0].tx_hash()])).await,
        raw(&txs[0])
    );
    assert_eq!(http.call("eth_getTransactionCount", json!([sender, "latest"])).await, "0x0");
    assert_eq!(http.call("eth_getTransactionCount", json!([sender, "pending"])).await, "0x2");
    assert_eq!(
        http.call("txpool_status", json!([])).await,
        json!({"pending": "0x2", "queued": "0x1"})
    );

    let content = http.call("txpool_content", json!([])).await;
    let key = sender.to_checksum(None);
    assert_eq!(content["pending"][&key]["0"], pending);
    assert_eq!(content["queued"][&key]["3"]["hash"], json!(gapped.tx_hash()));
    let from = http.call("txpool_contentFrom", json!([sender])).await;
    assert_eq!(
        from,
        json!({"pending": content["pending"][&key], "queued": content["queued"][&key]})
    );
    let nobody = http.call("txpool_contentFrom", json!([Address::ZERO])).await;
    assert_eq!(nobody, json!({"pending": {}, "queued": {}}));
    let inspect = http.call("txpool_inspect", json!([])).await;
    let summary = inspect["pending"][&key]["1"].as_str().unwrap();
    assert!(summary.ends_with("6 wei + 200000 gas × 10000000000 wei"), "{summary}");

    let block = node.produce_from_pool();
    assert_eq!(block.body().transactions.len(), 3);
    let receipt = http.call("eth_getTransactionReceipt", json!([txs[1].tx_hash()])).await;
    assert_eq!((&receipt["status"], &receipt["transactionIndex"]), (&json!("0x1"), &json!("0x2")));
    assert_eq!(http.call("eth_getTransactionCount", json!([sender, "latest"])).await, "0x2");
    assert_eq!(
        http.call("txpool_status", json!([])).await,
        json!({"pending": "0x0", "queued": "0x1"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_transactions_are_refused_with_a_reason() {
    let node = Node::start().await;
    node.produce(&[node.account(0).transfer(0, Address::ZERO, 1)]);
    let mut http = node.http().await;
    let account = node.account(0);
    let deposit: Transaction = op_alloy_consensus::TxDeposit::default().into();
    for (bytes, message) in [
        (raw(&account.transfer(0, Address::ZERO, 1)), "nonce too low"),
        (raw(&deposit), "not supported"),
        ("0x03c0".to_owned(), "not supported"),
        ("0x7dc0".to_owned(), "not supported"),
        ("0x".to_owned(), "empty"),
        ("0x02c0".to_owned(), "decode"),
        (format!("{}00", raw(&account.transfer(1, Address::ZERO, 1))), "decode"),
    ] {
        let error = http.error("eth_sendRawTransaction", json!([bytes])).await;
        assert_eq!(error["code"], -32000, "{bytes}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{bytes}: {error}");
    }
    for wrong in [json!([]), json!(["0x0"]), json!(["02"]), json!([1]), json!(["0x02", 1])] {
        assert_eq!(http.error("eth_sendRawTransaction", wrong).await["code"], -32602);
    }
    let tx = account.transfer(1, Address::ZERO, 1);
    http.call("eth_sendRawTransaction", json!([raw(&tx)])).await;
    let error = http.error("eth_sendRawTransaction", json!([raw(&tx)])).await;
    assert_eq!(error["message"], "already known");
    assert_eq!(http.call("eth_getTransactionByHash", json!([B256::ZERO])).await, Value::Null);
}
