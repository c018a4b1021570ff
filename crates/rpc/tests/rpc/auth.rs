use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256};
use phala_rpc::JwtSecret;
use serde_json::{Value, json};

use crate::{
    client::Client,
    node::{JWT, Node, attributes},
    websocket::WebSocket,
};

async fn with_token(node: &Node, header: Option<String>) -> u16 {
    let mut client = Client::connect(node.rpc.auth_addr.unwrap()).await;
    if let Some(header) = header {
        client = client.with_header("authorization", &header);
    }
    let answer = client.post(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#).await;
    if answer.status != 200 {
        assert!(!answer.body.is_empty(), "a reason is given");
    }
    answer.status
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_fresh_token_of_the_right_secret_gets_in() {
    let node = Node::start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let bearer = |token: String| Some(format!("Bearer {token}"));
    assert_eq!(with_token(&node, bearer(JWT.token())).await, 200);
    assert_eq!(with_token(&node, bearer(JWT.token_at(now - 50))).await, 200);
    assert_eq!(with_token(&node, bearer(JWT.token_at(now + 50))).await, 200);
    for refused in [
        None,
        Some(String::new()),
        Some("Basic abc".to_owned()),
        bearer("abc".to_owned()),
        bearer(JwtSecret::new([4; 32]).token()),
        bearer(JWT.token_at(now - 70)),
        bearer(JWT.token_at(now + 70)),
    ] {
        assert_eq!(with_token(&node, refused.clone()).await, 401, "{refused:?}");
    }
    let mut stranger = Client::connect(node.rpc.auth_addr.unwrap()).await;
    let answer = stranger.request("POST", "content-type: application/json\r\n", "garbage").await;
    assert_eq!((answer.status, answer.text().as_str()), (401, "missing bearer token"));
    // The same over WebSocket.
    let addr = node.rpc.auth_addr.unwrap();
    assert!(WebSocket::connect_with(addr, "").await.is_err_and(|head| head.contains(" 401 ")));
    let header = format!("authorization: Bearer {}\r\n", JWT.token());
    let mut ws =
        WebSocket::connect_with(addr, &header).await.unwrap_or_else(|head| panic!("{head}"));
    assert_eq!(ws.call("eth_blockNumber", json!([])).await, "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_port_has_no_engine_and_the_engine_port_not_everything() {
    let node = Node::start().await;
    let (mut http, mut auth) = (node.http().await, node.auth().await);
    for method in [
        "engine_exchangeCapabilities",
        "engine_forkchoiceUpdatedV3",
        "miner_setMaxDASize",
        "admin_nodeInfo",
    ] {
        assert_eq!(http.error(method, json!([[]])).await["code"], -32601, "{method}");
    }
    for method in ["txpool_content", "debug_getRawBlock", "eth_newFilter", "net_version"] {
        assert_eq!(auth.error(method, json!([])).await["code"], -32601, "{method}");
    }
    assert_eq!(auth.call("eth_syncing", json!([])).await, false);
    assert_eq!(auth.call("miner_setMaxDASize", json!(["0x2710", "0x1fbd0"])).await, true);
    assert_eq!(auth.call("miner_setMaxDASize", json!(["0x0", "0x0"])).await, true);
}

/// What a consensus client does for each block, by JSON alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_consensus_client_builds_and_imports_a_block() {
    let node = Node::start().await;
    let mut auth = node.auth().await;
    let ours = auth.call("engine_exchangeCapabilities", json!([["engine_newPayloadV4"]])).await;
    assert!(ours.as_array().unwrap().contains(&json!("engine_getPayloadV5")));
    let version = auth
        .call(
            "engine_getClientVersionV1",
            json!([{"code": "ON", "name": "x", "version": "1", "commit": "00000000"}]),
        )
        .await;
    assert_eq!(version[0]["name"], "phala-node");

    let genesis = node.engine.heads().latest.hash;
    let tx = node.account(0).transfer(0, Address::repeat_byte(1), 1);
    let mut wish = serde_json::to_value(attributes(
        node.engine.spec(),
        &node.latest(),
        std::slice::from_ref(&tx),
        0,
    ))
    .unwrap();
    // As op-node writes it: a number.
    wish["minBaseFee"] = json!(0);
    let state = |head: B256| json!({"headBlockHash": head, "safeBlockHash": genesis, "finalizedBlockHash": genesis});
    let updated = auth.call("engine_forkchoiceUpdatedV3", json!([state(genesis), wish])).await;
    assert_eq!(updated["payloadStatus"]["status"], "VALID");
    let id = updated["payloadId"].clone();
    let envelope = auth.call("engine_getPayloadV5", json!([id])).await;
    let payload = envelope["executionPayload"].clone();
    assert_eq!(payload["blockNumber"], "0x1");
    assert!(payload["withdrawalsRoot"].is_string());
    assert_eq!(envelope["executionRequests"], json!([]));
    let root = envelope["parentBeaconBlockRoot"].clone();

    let params = json!([payload, [], root, []]);
    let status = auth.call("engine_newPayloadV4", params.clone()).await;
    assert_eq!(
        (&status["status"], &status["latestValidHash"]),
        (&json!("VALID"), &payload["blockHash"])
    );
    let head: B256 = serde_json::from_value(payload["blockHash"].clone()).unwrap();
    let updated = auth.call("engine_forkchoiceUpdatedV3", json!([state(head), null])).await;
    assert_eq!(
        updated,
        json!({"payloadStatus": {"status": "VALID", "latestValidHash": head, "validationError": null}, "payloadId": null})
    );
    assert_eq!(auth.call("eth_blockNumber", json!([])).await, "0x1");
    let receipt = auth.call("eth_getTransactionReceipt", json!([tx.tx_hash()])).await;
    assert_eq!(receipt["status"], "0x1");
    let bodies = auth.call("engine_getPayloadBodiesByHashV1", json!([[head, B256::ZERO]])).await;
    assert_eq!(bodies[0]["transactions"], payload["transactions"]);
    assert_eq!(bodies[1], Value::Null);
    let bodies = auth.call("engine_getPayloadBodiesByRangeV1", json!(["0x1", "0x5"])).await;
    assert_eq!(bodies.as_array().unwrap().len(), 1);

    // A payload that lies about itself.
    let mut wrong = payload.clone();
    wrong["blockHash"] = json!(B256::repeat_byte(8));
    let status = auth.call("engine_newPayloadV4", json!([wrong, [], root, []])).await;
    assert_eq!(status["status"], "INVALID");
    // Unknown parent.
    let unknown = json!({"headBlockHash": B256::repeat_byte(9), "safeBlockHash": genesis, "finalizedBlockHash": genesis});
    let updated = auth.call("engine_forkchoiceUpdatedV3", json!([unknown, null])).await;
    assert_eq!(updated["payloadStatus"]["status"], "SYNCING");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_errors_have_their_own_codes() {
    let node = Node::start().await;
    let mut auth = node.auth().await;
    let genesis = node.engine.heads().latest.hash;
    let state =
        json!({"headBlockHash": genesis, "safeBlockHash": genesis, "finalizedBlockHash": genesis});
    let good =
        serde_json::to_value(attributes(node.engine.spec(), &node.latest(), &[], 0)).unwrap();
    for (method, params, code) in [
        ("engine_getPayloadV4", json!(["0x0000000000000001"]), -38001),
        (
            "engine_forkchoiceUpdatedV3",
            json!([{"headBlockHash": genesis, "safeBlockHash": B256::repeat_byte(1), "finalizedBlockHash": genesis}, null]),
            -38002,
        ),
        (
            "engine_forkchoiceUpdatedV3",
            json!([state, with(&good, "gasLimit", Value::Null)]),
            -38003,
        ),
        (
            "engine_forkchoiceUpdatedV3",
            json!([state, with(&good, "eip1559Params", Value::Null)]),
            -38003,
        ),
        (
            "engine_forkchoiceUpdatedV3",
            json!([state, with(&good, "transactions", json!(["0x7d00"]))]),
            -38003,
        ),
        ("engine_forkchoiceUpdatedV2", json!([state, good]), -38005),
        ("engine_getPayloadBodiesByRangeV1", json!(["0x1", "0x401"]), -38004),
        ("engine_getPayloadBodiesByRangeV1", json!(["0x0", "0x1"]), -32602),
        ("engine_forkchoiceUpdatedV3", json!([]), -32602),
        ("engine_forkchoiceUpdatedV3", json!([{}, null]), -32602),
        (
            "engine_forkchoiceUpdatedV3",
            json!([state, with(&good, "minBaseFee", json!("7"))]),
            -32602,
        ),
        ("engine_newPayloadV4", json!([{}, [], B256::ZERO, []]), -32602),
        ("engine_newPayloadV4", json!([]), -32602),
        ("engine_newPayloadV9", json!([]), -32601),
    ] {
        let error = auth.error(method, params.clone()).await;
        assert_eq!(error["code"], code, "{method} {params}: {error}");
    }
}

fn with(object: &Value, key: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[key] = value;
    object
}
