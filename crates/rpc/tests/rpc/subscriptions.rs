use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, hex};
use phala_rpc::RpcLimits;
use serde_json::{Value, json};

use crate::node::{Chain, Node};

#[tokio::test(flavor = "multi_thread")]
async fn new_heads_come_as_blocks_do() {
    let node = Node::start().await;
    let mut ws = node.ws().await;
    let id = ws.subscribe(json!(["newHeads"])).await;
    assert!(id.starts_with("0x"));
    for _ in 0..3 {
        let block = node.produce(&[]);
        let head = ws.notification(&id).await;
        assert_eq!(head["hash"], json!(block.hash()));
        assert!(head.get("transactions").is_none() && head.get("size").is_none());
        let library: alloy_rpc_types_eth::Header = serde_json::from_value(head).unwrap();
        assert_eq!(library.inner, *block.header());
    }
    assert_eq!(ws.call("eth_unsubscribe", json!([id])).await, true);
    assert_eq!(ws.call("eth_unsubscribe", json!([id])).await, false);
    node.produce(&[]);
    assert!(ws.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_taken_back_by_a_reorg() {
    let (node, Chain { contract, third, .. }) = Node::with_blocks().await;
    let mut ws = node.ws().await;
    let logs = ws.subscribe(json!(["logs", {"address": contract}])).await;
    let others = ws.subscribe(json!(["logs", {"address": Address::ZERO}])).await;
    let heads = ws.subscribe(json!(["newHeads"])).await;
    let account = node.account(0);
    let fourth = node.produce(&[account.call(9, contract, &[])]);
    let seen = |log: &Value| (log["removed"].as_bool().unwrap(), log["blockHash"].clone());
    assert_eq!(seen(&ws.notification(&logs).await), (false, json!(fourth.hash())));
    let new = node.reorg(third.hash(), &[account.call(9, contract, &[])]);
    assert_eq!(seen(&ws.notification(&logs).await), (true, json!(fourth.hash())));
    assert_eq!(seen(&ws.notification(&logs).await), (false, json!(new)));
    assert_eq!(ws.notification(&heads).await["hash"], json!(fourth.hash()));
    assert_eq!(ws.notification(&heads).await["hash"], json!(new));
    assert!(ws.is_silent().await, "{others} is told nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transactions_come_as_hashes_or_whole() {
    let node = Node::start().await;
    let mut ws = node.ws().await;
    let hashes = ws.subscribe(json!(["newPendingTransactions"])).await;
    let whole = ws.subscribe(json!(["newPendingTransactions", true])).await;
    let tx = node.account(0).transfer(0, Address::repeat_byte(1), 1);
    ws.call("eth_sendRawTransaction", json!([hex::encode_prefixed(tx.encoded_2718())])).await;
    assert_eq!(ws.notification(&hashes).await, json!(tx.tx_hash()));
    let json = ws.notification(&whole).await;
    assert_eq!((&json["hash"], &json["blockHash"]), (&json!(tx.tx_hash()), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_too_many_subscriptions_are_refused() {
    let limits = RpcLimits { subscriptions_max: 2, ..Default::default() };
    let node = Node::with(limits).await;
    let mut ws = node.ws().await;
    for wrong in [json!(["nothing"]), json!([]), json!(["logs", 1]), json!(["newHeads", {}, 1])] {
        let answer = ws.ask("eth_subscribe", wrong.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{wrong}: {answer}");
    }
    // A connection of its own: the place of a refused one is free again a moment after the answer.
    let mut ws = node.ws().await;
    for _ in 0..2 {
        ws.subscribe(json!(["newHeads"])).await;
    }
    assert_eq!(ws.ask("eth_subscribe", json!(["newHeads"])).await["error"]["code"], -32006);
    // Another connection has its own.
    node.ws().await.subscribe(json!(["newHeads"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_batches_work_over_websocket() {
    let (node, chain) = Node::with_blocks().await;
    let mut ws = node.ws().await;
    let mut http = node.http().await;
    for (method, params) in [
        ("eth_blockNumber", json!([])),
        ("eth_getBlockByNumber", json!(["latest", true])),
        ("eth_getBlockReceipts", json!(["0x2"])),
        ("eth_call", json!([{"to": chain.contract}])),
        ("eth_getBalance", json!([Address::ZERO, "0x1"])),
    ] {
        assert_eq!(ws.call(method, params.clone()).await, http.call(method, params).await);
    }
    ws.send(r#"[{"jsonrpc":"2.0","id":7,"method":"eth_chainId"},{"jsonrpc":"2.0","id":8,"method":"no"}]"#).await;
    let batch = ws.receive().await.unwrap();
    assert_eq!(batch[0]["id"], 7);
    assert_eq!(batch[1]["error"]["code"], -32601);
    ws.send("{").await;
    assert_eq!(ws.receive().await.unwrap()["error"]["code"], -32700);
    // Subscriptions need a connection that stays.
    let error = http.error("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(error, json!({"code": -32601, "message": "notifications not supported"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_says_goodbye() {
    let Node { rpc, engine, .. } = Node::start().await;
    let mut ws = crate::websocket::WebSocket::connect(rpc.ws_addr.unwrap()).await;
    let id = ws.subscribe(json!(["newHeads"])).await;
    let started = std::time::Instant::now();
    rpc.stop().await;
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
    assert_eq!(ws.receive().await, None, "{id}");
    drop(engine);
}
