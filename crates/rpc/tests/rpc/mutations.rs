//! Damaged requests, from a seed: every one is answered, and never with an error of this node.

use alloy_primitives::{Address, B256};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::node::{Chain, Node};

const ROUNDS: usize = 4_000;

/// A good call of each method that takes parameters.
fn good_calls(chain: &Chain) -> Vec<(&'static str, Value)> {
    let hash = json!(chain.second.hash());
    let tx = json!(chain.second.body().transactions[1].tx_hash());
    let address = json!(chain.contract);
    let call = json!({"to": chain.contract, "data": "0x", "gas": "0x10000", "value": "0x0"});
    let filter =
        json!({"fromBlock": "0x1", "toBlock": "0x2", "address": address, "topics": [null]});
    let overrides = json!({ Address::ZERO.to_string(): {"balance": "0x1", "stateDiff": {}} });
    vec![
        ("eth_getBlockByNumber", json!(["0x2", true])),
        ("eth_getBlockByHash", json!([hash, false])),
        ("eth_getBlockTransactionCountByNumber", json!(["latest"])),
        ("eth_getUncleByBlockHashAndIndex", json!([hash, "0x0"])),
        ("eth_getTransactionByHash", json!([tx])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", "0x1"])),
        ("eth_getTransactionReceipt", json!([tx])),
        ("eth_getBlockReceipts", json!([{"blockHash": hash}])),
        ("eth_getBalance", json!([address, "latest"])),
        (
            "eth_getStorageAt",
            json!([address, "0x0", {"blockHash": hash, "requireCanonical": true}]),
        ),
        ("eth_getTransactionCount", json!([address, "pending"])),
        ("eth_getProof", json!([address, ["0x0", B256::ZERO], "0x1"])),
        ("eth_call", json!([call, "latest", overrides, {"number": "0x9"}])),
        ("eth_estimateGas", json!([call, "latest"])),
        ("eth_feeHistory", json!(["0x2", "latest", [10, 90.5]])),
        ("eth_getLogs", json!([filter])),
        ("eth_newFilter", json!([filter])),
        ("eth_getFilterChanges", json!(["0x1"])),
        ("eth_sendRawTransaction", json!(["0x02f86c01"])),
        ("web3_sha3", json!(["0x68656c6c6f"])),
        ("txpool_contentFrom", json!([address])),
        ("debug_getRawBlock", json!(["0x1"])),
        ("debug_getRawTransaction", json!([tx])),
        ("debug_executionWitness", json!(["0x2"])),
    ]
}

/// Something else in the place of a value.
fn other(rng: &mut StdRng, was: &Value) -> Value {
    let text = was.as_str().unwrap_or("0x");
    let edge =
        ["0x", "0x0", "", "latest", "0xffffffffffffffff", "0x1ffffffffffffffff", "-1", "\u{0}"];
    match rng.random_range(0..9) {
        0 => Value::Null,
        1 => json!(rng.random::<i64>()),
        2 => json!(f64::MAX),
        3 => json!([]),
        4 => json!({}),
        5 => json!(edge.choose(rng)),
        6 => json!(format!("0x{}", "f".repeat(rng.random_range(0..200)))),
        7 => {
            let mut bytes = text.as_bytes().to_vec();
            if !bytes.is_empty() {
                let place = rng.random_range(0..bytes.len());
                bytes[place] = rng.random_range(0x20..0x7f);
            }
            json!(String::from_utf8_lossy(&bytes))
        }
        _ => json!(&text[..text.len() / 2]),
    }
}

/// Changes one value somewhere inside.
fn damage(rng: &mut StdRng, value: &mut Value) {
    let is_deep = rng.random_bool(0.7);
    match value {
        Value::Array(list) if is_deep && !list.is_empty() => {
            let place = rng.random_range(0..list.len());
            match rng.random_range(0..8) {
                0 => {
                    list.remove(place);
                }
                1 => list.insert(place, json!("0x0")),
                _ => damage(rng, &mut list[place]),
            }
        }
        Value::Object(map) if is_deep && !map.is_empty() => {
            let place = rng.random_range(0..map.len());
            damage(rng, map.values_mut().nth(place).expect("within the length"));
        }
        value => *value = other(rng, value),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_request_is_answered() {
    let seed = std::env::var("PHALA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (node, chain) = Node::with_blocks().await;
    let calls = good_calls(&chain);
    let mut http = node.http().await;
    for (method, params) in &calls {
        let answer = http.ask(method, params.clone()).await;
        assert_ne!(answer["error"]["code"], -32603, "{method}: {answer}");
    }
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let (method, params) = calls.choose(&mut rng).expect("there are calls");
        let mut params = params.clone();
        for _ in 0..rng.random_range(1..3) {
            damage(&mut rng, &mut params);
        }
        let answer = http.ask(method, params.clone()).await;
        assert_ne!(answer["error"]["code"], -32603, "seed {seed}: {method} {params}: {answer}");
        refused += usize::from(answer.get("error").is_some());
    }
    assert!((ROUNDS / 4..ROUNDS).contains(&refused), "{refused} refused");

    // The text itself.
    let text = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x1", true]});
    for _ in 0..ROUNDS / 4 {
        let mut bytes = text.to_string().into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let place = rng.random_range(0..bytes.len());
            match rng.random_range(0..3) {
                0 => bytes[place] = rng.random_range(0x20..0x7f),
                1 => bytes.truncate(place.max(1)),
                _ => bytes.insert(place, *b"[]{},:\"\\".choose(&mut rng).expect("not empty")),
            }
        }
        let answer = http.post(&String::from_utf8(bytes).expect("ASCII stays ASCII")).await;
        assert!(matches!(answer.status, 200 | 400), "{}: {}", answer.status, answer.text());
        if !answer.body.is_empty() && answer.text() != "null" {
            let json = answer.json();
            assert_ne!(json["error"]["code"], -32603, "seed {seed}: {json}");
        }
    }
}
