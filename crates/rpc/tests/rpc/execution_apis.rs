//! The request and response files of the execution-apis repository: an Ethereum chain, so for each
//! method served here the *shape* of the results is compared with that of our own chain, and values
//! where they do not depend on the chain.

use std::{collections::BTreeMap, io::Read as _};

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use crate::node::{Chain, Node};

/// Files in the archive.
const FILES: usize = 236;

/// Keys that only other chains or forks have.
const OTHER_CHAINS: [&str; 5] =
    ["blobVersionedHashes", "maxFeePerBlobGas", "blobGasPrice", "blobGasUsed", "root"];

struct Exchange {
    file: String,
    method: String,
    params: Value,
    response: Value,
}

/// Every request with its response, by file.
fn exchanges(archive: &std::path::Path) -> (usize, Vec<Exchange>) {
    let file = std::fs::File::open(archive).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut files = 0;
    let mut exchanges = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if entry.header().entry_type().is_file() {
            files += 1;
        }
        if !name.ends_with(".io") {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let parse = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
        let mut request = None;
        for line in text.lines() {
            if let Some(line) = line.strip_prefix(">> ") {
                request = Some(parse(line));
            } else if let Some(line) = line.strip_prefix("<< ") {
                let request = request.take().expect("a request before each response");
                exchanges.push(Exchange {
                    file: name.clone(),
                    method: request["method"].as_str().unwrap().to_owned(),
                    params: request.get("params").cloned().unwrap_or(json!([])),
                    response: parse(line),
                });
            }
        }
    }
    (files, exchanges)
}

/// How a value is written, without what it says.
fn form(text: &str) -> &'static str {
    let Some(digits) = text.strip_prefix("0x") else { return "text" };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return "text";
    }
    match digits.len() {
        64 => "32 bytes",
        40 => "address",
        512 => "bloom",
        _ => "hex",
    }
}

/// Checks that `ours` has all that `theirs` has, written the same way.
fn compare(theirs: &Value, ours: &Value, at: &str) {
    match (theirs, ours) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                if OTHER_CHAINS.contains(&key.as_str()) {
                    continue;
                }
                // Maps by address or nonce have different keys on each chain.
                let by_value = key.starts_with("0x") || key.parse::<u64>().is_ok();
                let other = if by_value { ours.values().next() } else { ours.get(key) };
                match other {
                    Some(other) => compare(value, other, &format!("{at}.{key}")),
                    None => assert!(by_value, "{at} lacks {key}: {ours:?}"),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(theirs), Some(ours)) = (theirs.last(), ours.last()) {
                compare(theirs, ours, &format!("{at}[]"));
            }
        }
        (Value::String(theirs), Value::String(ours)) => {
            let (their_form, our_form) = (form(theirs), form(ours));
            // A long number may happen to look like a hash or an address.
            let is_same = their_form == our_form || (at.ends_with(".r") || at.ends_with(".s"));
            assert!(is_same, "{at}: {theirs} is {their_form}, {ours} is {our_form}");
        }
        (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) => {}
        _ => panic!("{at}: {theirs} against {ours}"),
    }
}

/// What to ask our chain instead, for a result of the same kind.
struct Stand<'a> {
    node: &'a Node,
    chain: &'a Chain,
}

impl Stand<'_> {
    /// Transactions of our chain by type.
    fn transaction(&self, ty: &str) -> B256 {
        let of = |index: usize| self.chain.second.body().transactions[index].tx_hash();
        match ty {
            "0x1" => of(2),
            "0x2" | "0x3" => of(3),
            "0x4" => of(4),
            _ => of(1),
        }
    }

    /// The same question to our chain; `None` if it means the same on both.
    fn params(&self, exchange: &Exchange) -> Option<Value> {
        let Chain { first, second, third, contract } = self.chain;
        let result = &exchange.response["result"];
        let full = exchange.params.get(1).cloned().unwrap_or_default();
        Some(match exchange.method.as_str() {
            "eth_getBlockByHash" if !result.is_null() => json!([second.hash(), full]),
            "eth_getBlockByNumber" if exchange.params[0].as_str()?.starts_with("0x") => {
                if result.is_null() {
                    return None;
                }
                json!([if result["number"] == "0x0" { "0x0" } else { "0x2" }, full])
            }
            "eth_getBlockReceipts" if !result.is_null() => json!([second.hash()]),
            "eth_getTransactionByHash" | "eth_getTransactionReceipt" if !result.is_null() => {
                json!([self.transaction(result["type"].as_str().unwrap())])
            }
            "eth_getTransactionByBlockHashAndIndex" => json!([second.hash(), "0x1"]),
            "eth_getTransactionByBlockNumberAndIndex" => json!(["0x2", "0x1"]),
            "eth_getBlockTransactionCountByHash" => json!([first.hash()]),
            "eth_getBlockTransactionCountByNumber" => json!(["0x1"]),
            "eth_getProof" => json!([contract, exchange.params[1], "latest"]),
            "eth_getStorageAt" if result.is_string() => json!([contract, exchange.params[1]]),
            "eth_getBalance" | "eth_getCode" | "eth_getTransactionCount" => json!([contract]),
            "eth_feeHistory" => json!([exchange.params[0], "latest", exchange.params[2]]),
            "eth_getLogs" if result.is_array() => json!([{"blockHash": third.hash()}]),
            "eth_call" if result.is_string() => {
                json!([{"to": Address::with_last_byte(4), "input": result}])
            }
            "eth_call" | "eth_estimateGas" if exchange.response.get("error").is_some() => {
                let data = exchange.response["error"]["data"].clone();
                json!([{"to": contract, "input": data}])
            }
            "eth_estimateGas" => json!([{"from": self.node.account(0).address(), "to": contract}]),
            "debug_getRawHeader" | "debug_getRawBlock" | "debug_getRawReceipts"
                if !result.is_null() =>
            {
                json!(["0x2"])
            }
            "debug_getRawTransaction" if !result.is_null() => json!([self.transaction("0x2")]),
            _ => return None,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_have_the_shape_of_the_recorded_ones() {
    let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return;
    };
    let archive = std::path::Path::new(&dir).join("opstack/rpc/execution-apis-tests.tar.gz");
    let (files, exchanges) = exchanges(&archive);
    let (node, chain) = Node::with_blocks().await;
    // Something for `txpool_content` to show.
    for nonce in [9, 10] {
        let tx = node.account(0).transfer(nonce, Address::ZERO, 1);
        let tx = phala_primitives::RecoveredTx::recover(tx).unwrap();
        node.pool.add(tx, phala_txpool::Origin::Local).unwrap();
    }
    let stand = Stand { node: &node, chain: &chain };
    let mut http = node.http().await;
    let mut served: BTreeMap<String, usize> = BTreeMap::new();
    let mut not_served: BTreeMap<String, usize> = BTreeMap::new();
    for exchange in &exchanges {
        let Exchange { file, method, response, .. } = exchange;
        // Blobs do not exist here, and what is sent there is signed for another chain.
        if file.contains("4844") || method == "eth_sendRawTransaction" {
            let answer = http.ask(method, exchange.params.clone()).await;
            assert!(answer.get("error").is_some(), "{file}: {answer}");
            continue;
        }
        let params = stand.params(exchange).unwrap_or_else(|| exchange.params.clone());
        let answer = http.ask(method, params.clone()).await;
        if answer["error"]["code"] == -32601 {
            *not_served.entry(method.clone()).or_default() += 1;
            continue;
        }
        *served.entry(method.clone()).or_default() += 1;
        match (response.get("error"), answer.get("error")) {
            (Some(theirs), Some(ours)) => {
                assert_eq!(theirs["code"], ours["code"], "{file}: {answer}");
                if theirs["code"] == 3 {
                    assert_eq!(theirs, ours, "{file}");
                }
            }
            (None, None) => compare(&response["result"], &answer["result"], file),
            _ => panic!("{file}: asked {params}, theirs {response}, ours {answer}"),
        }
    }
    let read: usize = exchanges
        .iter()
        .map(|exchange| exchange.file.as_str())
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    println!("{read} files read; served {served:?}; not served {not_served:?}");
    assert_eq!(files, FILES);
    let missing: Vec<_> = not_served.keys().map(String::as_str).collect();
    assert_eq!(missing, NOT_SERVED);
}

/// Methods of that suite which this node does not serve.
const NOT_SERVED: [&str; 10] = [
    "debug_traceBlockByHash",
    "debug_traceBlockByNumber",
    "debug_traceTransaction",
    "eth_baseFee",
    "eth_capabilities",
    "eth_config",
    "eth_createAccessList",
    "eth_getStorageValues",
    "eth_simulateV1",
    "testing_buildBlockV1",
];
