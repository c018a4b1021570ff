use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U256};
use serde_json::{Value, json};

/// Longest time to wait for an answer, or for something to happen on the chain.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two questions while waiting.
const PAUSE: Duration = Duration::from_millis(25);

/// A client of a node's RPC over HTTP, one connection a call.
#[derive(Clone, Debug)]
pub struct RpcClient {
    address: String,
}

impl RpcClient {
    /// A client of the server at `host:port`.
    pub const fn new(address: String) -> Self {
        Self { address }
    }

    /// Calls a method that must succeed.
    pub fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls a method; the error object is an `Err`.
    pub fn try_call(&self, method: &str, params: Value) -> Result<Value, Value> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (status, body) = http_request(&self.address, "POST", "/", &request.to_string());
        let mut answer: Value = serde_json::from_str(&body)
            .unwrap_or_else(|error| panic!("{method}: {status} {error} {body}"));
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Calls many methods in one request; each must succeed. Answers come in the order of calls.
    pub fn batch(&self, calls: &[(&str, Value)]) -> Vec<Value> {
        let request: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let (status, body) = http_request(&self.address, "POST", "/", &json!(request).to_string());
        let mut answers: Vec<Value> =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status} {error} {body}"));
        assert_eq!(answers.len(), calls.len());
        answers.sort_by_key(|answer| answer["id"].as_u64());
        answers
            .into_iter()
            .zip(calls)
            .map(|(mut answer, (method, params))| {
                assert!(answer.get("error").is_none(), "{method} {params}: {answer}");
                answer["result"].take()
            })
            .collect()
    }

    /// A method that answers a quantity.
    pub fn quantity(&self, method: &str, params: Value) -> u64 {
        let value: U256 = serde_json::from_value(self.call(method, params)).expect("a quantity");
        value.try_into().expect("fits u64")
    }

    /// The newest block number.
    pub fn block_number(&self) -> u64 {
        self.quantity("eth_blockNumber", json!([]))
    }

    /// The hash of a canonical block.
    pub fn block_hash(&self, number: u64) -> B256 {
        let block = self.call("eth_getBlockByNumber", json!([format!("{number:#x}"), false]));
        serde_json::from_value(block["hash"].clone()).expect("a hash")
    }

    /// Waits until there is a block of this number.
    pub fn wait_for_block(&self, number: u64) {
        self.wait_for(&format!("block {number}"), || (self.block_number() >= number).then_some(()));
    }

    /// Waits for a receipt.
    pub fn wait_for_receipt(&self, hash: B256) -> Value {
        self.wait_for(&format!("receipt of {hash}"), || {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash]));
            (!receipt.is_null()).then_some(receipt)
        })
    }

    fn wait_for<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(Instant::now() < deadline, "no {what} from {} in time", self.address);
            thread::sleep(PAUSE);
        }
    }
}

/// Gets a page; answers status and body.
pub fn http_get(address: &str, path: &str) -> (u16, String) {
    http_request(address, "GET", path, "")
}

fn http_request(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream =
        TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
    let status =
        head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    (status, if chunked { unchunked(body) } else { body.to_owned() })
}

fn unchunked(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((len, rest)) = body.split_once("\r\n") {
        let len = usize::from_str_radix(len.trim(), 16).expect("a chunk length");
        if len == 0 {
            break;
        }
        out.push_str(&rest[..len]);
        body = rest[len..].trim_start_matches("\r\n");
    }
    out
}
