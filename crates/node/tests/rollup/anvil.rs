use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::http;

/// Account 1 of anvil's known mnemonic, the batcher of the development chain.
pub const BATCHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// An L1 of its own for one test, ended when dropped.
pub struct Anvil {
    process: Child,
    pub url: String,
}

impl Anvil {
    /// Starts an L1 of one-second blocks that finalizes within a few of them, and begins so long ago.
    /// `None` if the program is not installed.
    pub async fn start(age_secs: u64) -> Option<Self> {
        let path = binary()?;
        // The system picks a port that is free; it stays so for the moment until anvil has it.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(path);
        command
            .args(["--port", &port.to_string(), "--chain-id", "31337", "--hardfork", "prague"])
            .args(["--slots-in-an-epoch", "2", "--quiet"])
            .args(["--block-time", "1", "--timestamp", &(unix_now() - age_secs).to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let anvil = Self { process, url };
        for _ in 0..200 {
            if anvil.try_call("eth_blockNumber", json!([])).await.is_some() {
                return Some(anvil);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("anvil does not answer");
    }

    async fn try_call(&self, method: &str, params: Value) -> Option<Value> {
        http::call(&self.url, None, method, params).await?.ok()
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.try_call(method, params.clone()).await;
        answer.unwrap_or_else(|| panic!("{method}({params}) failed"))
    }

    /// Number, hash and time of a block.
    pub async fn block(&self, tag: &str) -> (u64, String, u64) {
        let block = self.call("eth_getBlockByNumber", json!([tag, false])).await;
        let number = |field: &str| quantity(&block[field]);
        (number("number"), block["hash"].as_str().unwrap().to_owned(), number("timestamp"))
    }

    /// Sends calldata from the batcher's account, and waits until it is in a block.
    pub async fn post(&self, to: &str, data: &[u8]) -> u64 {
        let data = alloy_primitives::hex::encode_prefixed(data);
        let tx = json!([{"from": BATCHER, "to": to, "data": data, "gas": "0x1c9c380"}]);
        let hash = self.call("eth_sendTransaction", tx).await;
        for _ in 0..400 {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                return quantity(&receipt["blockNumber"]);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("batch is not mined");
    }

    /// Answers nothing until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal(libc::SIGSTOP);
    }

    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.process.id()).unwrap();
        // SAFETY: a signal to a child of this process, which has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Replaces the newest blocks by as many empty ones.
    pub async fn reorg(&self, depth: u64) {
        self.call("anvil_reorg", json!([depth, []])).await;
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn binary() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/js/node_modules");
    let path = root.join("@foundry-rs/anvil-linux-amd64/bin/anvil");
    if !path.exists() {
        println!("SKIPPED: anvil is not installed (make setup)");
        return None;
    }
    Some(path)
}

fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn quantity(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}
