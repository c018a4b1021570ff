//! The health and metrics server over a real socket.

use std::sync::Arc;

use phala_node_lib::{Cause, Health, Metrics, MonitorServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn request(server: &MonitorServer, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    stream
        .write_all(format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer
}

#[tokio::test]
async fn serves_metrics_and_health_with_causes() {
    let health = Arc::new(Health::new(None));
    let metrics = Metrics::install().expect("installed");
    let address = "127.0.0.1:0".parse().expect("address");
    let server =
        MonitorServer::start(address, metrics, Arc::clone(&health)).await.expect("started");

    let answer = request(&server, "GET /readyz HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"starting\""), "{answer}");
    assert!(request(&server, "GET /healthz HTTP/1.1").await.starts_with("HTTP/1.1 200"));

    health.clear(Cause::Starting);
    assert!(request(&server, "GET /readyz HTTP/1.1").await.starts_with("HTTP/1.1 200"));
    health.raise(Cause::DiskError, "write failed");
    let answer = request(&server, "GET /healthz HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("write failed"), "{answer}");

    let answer = request(&server, "GET /metrics HTTP/1.1").await;
    assert!(answer.contains("phala_build_info{version=\""), "{answer}");
    assert!(answer.contains("phala_process_resident_bytes"), "{answer}");
    assert!(request(&server, "GET /other HTTP/1.1").await.starts_with("HTTP/1.1 404"));
    assert!(request(&server, "POST /metrics HTTP/1.1").await.starts_with("HTTP/1.1 405"));
    assert!(request(&server, "nonsense").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = taken.local_addr().expect("address");
    let metrics = Metrics::install().expect("installed");
    let error = MonitorServer::start(address, metrics, Arc::new(Health::new(None)))
        .await
        .expect_err("taken");
    assert!(
        error.to_string().starts_with(&format!("metrics server cannot listen on {address}: ")),
        "{error}"
    );
}
