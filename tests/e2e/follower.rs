//! `phala-node node`: what it needs to start, who may talk to it, how it stops.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};

use phala_tests::{NodeProcess, RpcClient, http_get, run_node};
use serde_json::json;

/// Longest time to wait for a port to open.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port nobody listens on at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port()
}

fn wait_for_port(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on port {port}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn wait_until_ready(metrics: u16) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, body) = http_get(&format!("127.0.0.1:{metrics}"), "/readyz");
        if status == 200 {
            return;
        }
        assert!(Instant::now() < deadline, "not ready: {body}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn serves_the_engine_api_to_who_knows_the_secret_only() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    let (http, auth, metrics) = (free_port(), free_port(), free_port());
    let flags = [
        format!("--http.port={http}"),
        format!("--authrpc.port={auth}"),
        format!("--metrics=127.0.0.1:{metrics}"),
    ];
    let arguments =
        ["node", "--http", &datadir].into_iter().chain(flags.iter().map(String::as_str));
    let node = NodeProcess::start(arguments);
    for port in [http, auth, metrics] {
        wait_for_port(port);
    }
    wait_until_ready(metrics);

    let secret = fs::metadata(folder.path().join("jwt.hex")).expect("a secret was made");
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    let (status, _) = http_get(&format!("127.0.0.1:{auth}"), "/");
    assert_eq!(status, 401, "without a token");
    let public = RpcClient::new(format!("127.0.0.1:{http}"));
    assert_eq!(public.block_number(), 0);
    let error =
        public.try_call("engine_exchangeCapabilities", json!([[]])).expect_err("not public");
    assert_eq!(error["code"], -32601);
    node.terminate().success();
}

#[test]
fn what_it_needs_must_be_right_at_the_start() {
    let folder = tempfile::tempdir().expect("folder");
    let datadir = format!("--datadir={}", folder.path().display());
    let start = |flag: &str| run_node(["node", &datadir, "--authrpc.port=0", flag]);
    let secret = folder.path().join("jwt.hex");
    fs::write(&secret, "ab".repeat(32)).expect("written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).expect("set");
    start("--http=false").failure(2, "chmod 600");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("set");
    fs::write(&secret, "abcd").expect("written");
    start("--http=false").failure(2, "must hold 64 hex digits");
    start("--authrpc.jwtsecret=/nonexistent/jwt").failure(2, "/nonexistent/jwt cannot be read");

    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = taken.local_addr().expect("an address").port();
    fs::write(&secret, "ab".repeat(32)).expect("written");
    start(&format!("--authrpc.port={port}")).failure(2, "cannot be used multiple times");
    run_node(["node", &datadir, &format!("--authrpc.port={port}")]).failure(1, "cannot listen on");
    run_node(["node", &datadir, "--authrpc.port=0", &format!("--metrics=127.0.0.1:{port}")])
        .failure(1, "metrics server cannot listen on");
}
