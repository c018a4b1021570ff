//! Ethereum for tests.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Longest start of anvil on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running anvil; it ends with this value.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
    http: reqwest::Client,
}

fn program() -> PathBuf {
    let path = "../../tests/js/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run `make setup`", path.display());
    path
}

pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("client")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("address").port()
}

impl Anvil {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        let child = Command::new(program())
            .args(["--silent", "--port", &port.to_string(), "--slots-in-an-epoch", "1"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let anvil = Self { child, url: format!("http://127.0.0.1:{port}"), http: http() };
        let begun = Instant::now();
        while anvil.try_call("eth_chainId", json!([])).await.is_err() {
            assert!(begun.elapsed() < START_TIMEOUT, "anvil does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anvil
    }

    async fn try_call(&self, method: &str, params: Value) -> Result<Value, String> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let response = self.http.post(&self.url).json(&body).send().await;
        let response = response.map_err(|error| error.to_string())?;
        let answer: Value = response.json().await.map_err(|error| error.to_string())?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].clone()),
        }
    }

    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        match self.try_call(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// The result, or nothing while anvil is busy or gone.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Option<Value> {
        self.try_call(method, params).await.ok()
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.ok()?;
        response.json().await.ok()
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        for _ in 0..blocks {
            self.call("evm_mine", json!([])).await;
        }
    }

    pub(crate) async fn height(&self) -> u64 {
        number(&self.call("eth_blockNumber", json!([])).await)
    }

    pub(crate) async fn nonce(&self, address: impl std::fmt::Display, tag: &str) -> u64 {
        let params = json!([address.to_string(), tag]);
        number(&self.call("eth_getTransactionCount", params).await)
    }

    /// Transactions in the pool, as (nonce, max fee) by nonce.
    pub(crate) async fn pool(&self) -> Vec<(u64, u64)> {
        let content = self.call("txpool_content", json!([])).await;
        let mut found = Vec::new();
        for part in ["pending", "queued"] {
            for by_nonce in content[part].as_object().expect("accounts").values() {
                for tx in by_nonce.as_object().expect("nonces").values() {
                    found.push((number(&tx["nonce"]), number(&tx["maxFeePerGas"])));
                }
            }
        }
        found.sort_unstable();
        found
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number as JSON-RPC writes it.
pub(crate) fn number(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no quantity"));
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("quantity")
}
