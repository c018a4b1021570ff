use std::time::Duration;

use alloy_primitives::{Address, B256};
use phala_rpc::RpcLimits;
use serde_json::json;

use crate::{client::Client, node::Node};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn damaged_requests_get_the_standard_errors() {
    let node = Node::start().await;
    let mut http = node.http().await;
    for (body, code) in [
        ("{", -32700),
        ("\u{1}", -32700),
        ("[1, 2", -32700),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
        (r#"{"id":1,"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#, -32600),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"a":1}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x1"]}"#, -32602),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000000","latest",1]}"#,
            -32602,
        ),
    ] {
        let answer = http.post(body).await;
        let json = if body.starts_with('\u{1}') || body == "[1, 2" || body == "{" {
            // Some are not even HTTP-worthy, and say so in the status too.
            assert!(matches!(answer.status, 200 | 400), "{body}");
            answer.json()
        } else {
            assert_eq!(answer.status, 200, "{body}");
            answer.json()
        };
        assert_eq!(json["error"]["code"], code, "{body}: {json}");
    }
    // A notification is not answered.
    let answer = http.post(r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.is_empty() || answer.text() == "null", "{}", answer.text());
    // The same methods with ids of other kinds.
    for id in [r#""a""#, "null", "0"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_blockNumber"}}"#);
        let answer = http.post(&body).await.json();
        assert_eq!((answer["id"].to_string().as_str(), &answer["result"]), (id, &json!("0x0")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_json_posts_are_served() {
    let node = Node::start().await;
    let mut http = node.http().await;
    assert_eq!(http.request("GET", "", "").await.status, 405);
    assert_eq!(http.request("PUT", "content-type: application/json\r\n", CALL).await.status, 405);
    assert_eq!(http.request("POST", "content-type: text/plain\r\n", CALL).await.status, 415);
    assert_eq!(http.request("POST", "", CALL).await.status, 415);
    let charset = "content-type: application/json; charset=utf-8\r\n";
    assert_eq!(http.request("POST", charset, CALL).await.status, 200);
    let mut ws_port = Client::connect(node.rpc.ws_addr.unwrap()).await;
    assert_eq!(ws_port.post(CALL).await.status, 403);
    let refused = crate::websocket::WebSocket::connect_with(node.rpc.http_addr.unwrap(), "").await;
    assert!(refused.is_err_and(|head| head.contains(" 403 ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_batches_and_responses_have_a_size() {
    let limits = RpcLimits {
        request_bytes_max: 1_000,
        response_bytes_max: 5_000,
        batch_len_max: 3,
        ..Default::default()
    };
    let node = Node::with(limits).await;
    let chain = node.produce(
        &(0..10).map(|nonce| node.account(0).transfer(nonce, Address::ZERO, 1)).collect::<Vec<_>>(),
    );
    let mut http = node.http().await;
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"web3_sha3","params":["0x{}"]}}"#,
        "00".repeat(600)
    );
    let answer = http.post(&long).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (413, json!(-32007)));
    let mut http = node.http().await;
    let answer = http.post(&format!("[{CALL},{CALL},{CALL}]")).await.json();
    assert_eq!(answer.as_array().unwrap().len(), 3);
    let answer = http.post(&format!("[{CALL},{CALL},{CALL},{CALL}]")).await.json();
    assert_eq!(answer["error"]["code"], -32010);
    let full = json!([chain.hash(), true]);
    assert_eq!(http.error("eth_getBlockByHash", full.clone()).await["code"], -32008);
    http.call("eth_getBlockByHash", json!([chain.hash(), false])).await;
    // Together too large.
    let short = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByHash", "params": [chain.hash(), false]});
    let answer = http.post(&json!([short, short, short]).to_string()).await.json();
    assert_eq!(answer["error"]["code"], -32011);
    // Over WebSocket as well.
    let mut ws = node.ws().await;
    ws.send(&long).await;
    assert_eq!(ws.receive().await.unwrap()["error"]["code"], -32007);
    let mut ws = node.ws().await;
    assert_eq!(ws.ask("eth_getBlockByHash", full).await["error"]["code"], -32008);
    ws.send(&format!("[{CALL},{CALL},{CALL},{CALL}]")).await;
    assert_eq!(ws.receive().await.unwrap()["error"]["code"], -32010);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_over_both_ports_together() {
    let limits = RpcLimits { connections_max: 2, ..Default::default() };
    let node = Node::with(limits).await;
    let mut first = node.http().await;
    assert_eq!(first.post(CALL).await.status, 200);
    let mut second = node.ws().await;
    second.call("eth_blockNumber", json!([])).await;
    let mut third = node.http().await;
    let answer = third.read().await.expect("a reason before closing");
    assert_eq!((answer.status, answer.text().as_str()), (503, "too many connections"));
    let refused = crate::websocket::WebSocket::connect_with(node.rpc.ws_addr.unwrap(), "").await;
    assert!(refused.is_err_and(|head| head.contains(" 503 ")));
    // One leaves, another may come; a WebSocket keeps its place as long as it is open.
    drop(first);
    let mut fourth = loop {
        let mut client = node.http().await;
        if client.post(CALL).await.status == 200 {
            break client;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut fifth = node.http().await;
    assert_eq!(fifth.read().await.unwrap().status, 503);
    second.call("eth_blockNumber", json!([])).await;
    assert_eq!(fourth.post(CALL).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_calls_are_few_at_a_time_and_short() {
    let limits = RpcLimits {
        heavy_calls_max: 1,
        heavy_queue_len_max: 1,
        call_gas_max: 16_000_000,
        call_timeout: Duration::from_millis(1),
        ..Default::default()
    };
    let node = Node::with(limits).await;
    // Loops until its gas is gone: JUMPDEST PUSH0 JUMP.
    let target = Address::repeat_byte(0x66);
    let overrides = json!({ target.to_string(): {"code": "0x5b5f56"} });
    let params = json!([{"to": target}, "latest", overrides]);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (mut client, params) = (node.http().await, params.clone());
        calls.spawn(async move { client.error("eth_call", params).await });
    }
    let errors = calls.join_all().await;
    let busy =
        errors.iter().filter(|error| error["message"].as_str().unwrap().contains("busy")).count();
    let late = errors
        .iter()
        .filter(|error| error["message"].as_str().unwrap().contains("timeout"))
        .count();
    assert!(busy >= 1 && late >= 1 && busy + late == 6, "{errors:?}");
    assert!(errors.iter().all(|error| error["code"] == -32005), "{errors:?}");
    // Light calls do not wait behind them, and the lane recovers.
    assert_eq!(node.http().await.call("eth_blockNumber", json!([])).await, "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_and_filters_are_limited() {
    let limits = RpcLimits { proof_slots_max: 2, filters_max: 2, ..Default::default() };
    let node = Node::with(limits).await;
    let mut http = node.http().await;
    let keys = |count: usize| json!([Address::ZERO, vec![B256::ZERO; count], "latest"]);
    http.call("eth_getProof", keys(2)).await;
    assert_eq!(http.error("eth_getProof", keys(3)).await["code"], -32005);
    for _ in 0..2 {
        http.call("eth_newBlockFilter", json!([])).await;
    }
    assert_eq!(http.error("eth_newBlockFilter", json!([])).await["code"], -32005);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_closes_the_ports() {
    let node = Node::start().await;
    let addr = node.rpc.http_addr.unwrap();
    let mut idle = node.http().await;
    assert_eq!(idle.post(CALL).await.status, 200);
    let started = std::time::Instant::now();
    node.rpc.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(idle.read().await.is_none());
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
