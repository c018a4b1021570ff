use phala_rpc::{HttpConfig, RpcConfig, RpcLimits, RpcServer, ServerError, WsConfig};

use crate::{
    node::{Node, config},
    websocket::WebSocket,
};
use phala_chainspec::ChainSpec;

const PREFLIGHT: &str =
    "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

fn with_origins(origins: &[&str]) -> RpcConfig {
    let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
    let base = config(RpcLimits::default());
    RpcConfig {
        http: base.http.map(|http| HttpConfig { cors_domains: origins.clone(), ..http }),
        ws: base.ws.map(|ws| WsConfig { origins, ..ws }),
        ..base
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_pages_may_call_and_others_not() {
    let node = Node::with_config(ChainSpec::dev(), with_origins(&["https://app.example"])).await;
    let mut http = node.http().await;
    let allowed = "access-control-allow-origin: https://app.example";
    for (origin, is_allowed) in [("https://app.example", true), ("https://evil.example", false)] {
        let headers = format!("origin: {origin}\r\n{PREFLIGHT}");
        let answer = http.request("OPTIONS", &headers, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.head.contains(allowed), is_allowed, "{}", answer.head);
        let headers = format!("origin: {origin}\r\ncontent-type: application/json\r\n");
        let answer = http.request("POST", &headers, CALL).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.head.contains(allowed), is_allowed, "{}", answer.head);
    }
    let ws = node.rpc.ws_addr.unwrap();
    assert!(WebSocket::connect_with(ws, "origin: https://app.example\r\n").await.is_ok());
    let refused = WebSocket::connect_with(ws, "origin: https://evil.example\r\n").await;
    assert!(refused.is_err_and(|head| head.contains(" 403 ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_browsers_stay_out_and_programs_do_not() {
    let node = Node::start().await;
    let mut http = node.http().await;
    let answer =
        http.request("OPTIONS", &format!("origin: https://a.example\r\n{PREFLIGHT}"), "").await;
    assert_eq!(answer.status, 405);
    assert_eq!(http.post(CALL).await.status, 200);
    let ws = node.rpc.ws_addr.unwrap();
    assert!(WebSocket::connect_with(ws, "").await.is_ok());
    assert!(WebSocket::connect_with(ws, "origin: http://localhost:3000\r\n").await.is_ok());
    assert!(WebSocket::connect_with(ws, "origin: https://a.example\r\n").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_page_may_be_allowed() {
    let node = Node::with_config(ChainSpec::dev(), with_origins(&["*"])).await;
    let mut http = node.http().await;
    let answer =
        http.request("OPTIONS", &format!("origin: https://a.example\r\n{PREFLIGHT}"), "").await;
    assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
    let ws = node.rpc.ws_addr.unwrap();
    assert!(WebSocket::connect_with(ws, "origin: https://a.example\r\n").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_serves_both_and_a_port_in_use_is_an_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    let shared = |mut config: RpcConfig| {
        config.http.as_mut().unwrap().addr = addr;
        config.ws.as_mut().unwrap().addr = addr;
        config
    };
    let node = Node::start().await;
    let handles = || phala_rpc::RpcHandles {
        engine: node.engine.clone(),
        pool: node.pool.clone(),
        rollup: None,
    };
    let error =
        RpcServer::start(shared(config(RpcLimits::default())), handles()).await.unwrap_err();
    assert!(matches!(error, ServerError::Bind { .. }), "{error}");
    drop(free);
    let mut different = shared(config(RpcLimits::default()));
    different.ws.as_mut().unwrap().api = phala_rpc::NamespaceSet::parse(["eth"]).unwrap();
    let error = RpcServer::start(different, handles()).await.unwrap_err();
    assert!(matches!(error, ServerError::SharedPortDiffers { .. }), "{error}");
    let rpc = RpcServer::start(shared(config(RpcLimits::default())), handles()).await.unwrap();
    assert_eq!((rpc.http_addr, rpc.ws_addr), (Some(addr), Some(addr)));
    let mut http = crate::client::Client::connect(addr).await;
    assert_eq!(http.post(CALL).await.status, 200);
    let mut ws = WebSocket::connect(addr).await;
    assert_eq!(ws.call("eth_blockNumber", serde_json::json!([])).await, "0x0");
    rpc.stop().await;
}
