use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use url::Url;

/// Where `make setup` puts it, seen from the root of the workspace.
const BINARY: &str = "tests/js/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";

/// A running anvil; ends with this value.
pub(crate) struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(BINARY);
        assert!(binary.exists(), "{BINARY} is missing: run `make setup`");
        let mut child = Command::new(binary)
            .args(["--port", "0", "--host", "127.0.0.1"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil starts");
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            output.find_map(|line| line.strip_prefix("Listening on 127.0.0.1:")?.parse().ok());
        let port = port.expect("anvil says where it listens");
        // It would stop at a full pipe.
        std::thread::spawn(move || output.for_each(drop));
        Self { child, port }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Makes a block.
    pub(crate) async fn mine(&self) {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": [] });
        let answer = reqwest::Client::builder()
            .tls_certs_only([])
            .build()
            .unwrap()
            .post(self.url())
            .header("content-type", "application/json")
            .body(body.to_string())
            .send();
        assert!(answer.await.unwrap().status().is_success());
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
