use alloy_primitives::{Address, B256, U256};
use phala_rpc::RpcLimits;
use serde_json::{Value, json};

use crate::node::{Chain, Node};

fn topic() -> B256 {
    B256::from(U256::from(42))
}

fn blocks_of(logs: &Value) -> Vec<u64> {
    let number = |log: &Value| {
        u64::from_str_radix(log["blockNumber"].as_str().unwrap().trim_start_matches("0x"), 16)
            .unwrap()
    };
    logs.as_array().unwrap().iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_by_range_address_topic_and_hash() {
    let (node, Chain { contract, second, .. }) = Node::with_blocks().await;
    let mut http = node.http().await;
    for (filter, blocks) in [
        (json!({"fromBlock": "earliest"}), vec![1, 2, 2, 2, 3, 3]),
        (json!({"fromBlock": "0x2", "toBlock": "0x2"}), vec![2, 2, 2]),
        (json!({}), vec![3, 3]),
        (json!({"fromBlock": "0x1", "address": contract}), vec![1, 2, 2, 3, 3]),
        (
            json!({"fromBlock": "0x0", "address": [Address::ZERO, contract], "topics": [topic()]}),
            vec![1, 2, 2, 3, 3],
        ),
        (json!({"fromBlock": "0x0", "address": Address::ZERO}), vec![]),
        (json!({"fromBlock": "0x0", "topics": [[B256::ZERO, topic()]]}), vec![1, 2, 2, 2, 3, 3]),
        (json!({"fromBlock": "0x0", "topics": [B256::ZERO]}), vec![]),
        (json!({"fromBlock": "0x0", "topics": [null, topic()]}), vec![]),
        (json!({"blockHash": second.hash(), "address": contract}), vec![2, 2]),
    ] {
        let logs = http.call("eth_getLogs", json!([filter])).await;
        assert_eq!(blocks_of(&logs), blocks, "{filter}");
    }
    // A log is the same here and in its receipt.
    let logs = http.call("eth_getLogs", json!([{"blockHash": second.hash()}])).await;
    let receipts = http.call("eth_getBlockReceipts", json!([second.hash()])).await;
    let in_receipts: Vec<_> =
        receipts.as_array().unwrap().iter().flat_map(|r| r["logs"].as_array().unwrap()).collect();
    assert_eq!(logs.as_array().unwrap().iter().collect::<Vec<_>>(), in_receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_ranges_are_refused() {
    let (node, _) = Node::with_blocks().await;
    let mut http = node.http().await;
    for (filter, code) in [
        (json!({"fromBlock": "0x2", "toBlock": "0x1"}), -32602),
        (json!({"fromBlock": "0x1", "toBlock": "0x4"}), -32602),
        (json!({"blockHash": B256::ZERO, "fromBlock": "0x1"}), -32602),
        (json!({"blockHash": B256::repeat_byte(1)}), -32001),
        (json!({"fromBlock": "1"}), -32602),
        (json!({"address": "0x1"}), -32602),
        (json!([]), -32602),
    ] {
        assert_eq!(http.error("eth_getLogs", json!([filter])).await["code"], code, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_results_are_limited() {
    let limits = RpcLimits { log_blocks_max: 2, logs_max: 4, ..Default::default() };
    let node = Node::with(limits).await;
    let account = node.account(0);
    let contract = account.address().create(0);
    node.produce(&[account.deploy(0, &crate::node::CONTRACT)]);
    for block in 0..3 {
        let calls: Vec<_> =
            (0..2).map(|call| account.call(1 + 2 * block + call, contract, &[])).collect();
        node.produce(&calls);
    }
    let mut http = node.http().await;
    let mut ask = async |from: &str, to: &str| {
        http.ask("eth_getLogs", json!([{"fromBlock": from, "toBlock": to}])).await
    };
    assert_eq!(blocks_of(&ask("0x3", "0x4").await["result"]), [3, 3, 4, 4]);
    assert_eq!(ask("0x2", "0x4").await["error"]["code"], -32005);
    node.produce(&(0..3).map(|call| account.call(7 + call, contract, &[])).collect::<Vec<_>>());
    assert_eq!(ask("0x4", "0x5").await["error"]["code"], -32005);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_found_too_much_goes_on_at_the_next_poll() {
    let limits = RpcLimits { logs_max: 3, ..Default::default() };
    let node = Node::with(limits).await;
    let account = node.account(0);
    let contract = account.address().create(0);
    node.produce(&[account.deploy(0, &crate::node::CONTRACT)]);
    let mut http = node.http().await;
    let filter = http.call("eth_newFilter", json!([{}])).await;
    let mut nonce = 1;
    for count in [2, 2, 0, 5, 1, 1] {
        let calls: Vec<_> =
            (nonce..nonce + count).map(|nonce| account.call(nonce, contract, &[])).collect();
        nonce += count;
        node.produce(&calls);
    }
    // Whole blocks only, and one that is too large by itself alone.
    for blocks in [vec![2, 2], vec![3, 3], vec![5, 5, 5, 5, 5], vec![6, 7], vec![]] {
        let changes = http.call("eth_getFilterChanges", json!([filter])).await;
        assert_eq!(blocks_of(&changes), blocks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_report_each_change_once() {
    let (node, Chain { contract, third, .. }) = Node::with_blocks().await;
    let mut http = node.http().await;
    let blocks = http.call("eth_newBlockFilter", json!([])).await;
    let logs = http.call("eth_newFilter", json!([{"address": contract}])).await;
    assert_ne!(blocks, logs);
    for filter in [&blocks, &logs] {
        assert_eq!(http.call("eth_getFilterChanges", json!([filter])).await, json!([]));
    }
    let account = node.account(0);
    let fourth = node.produce(&[account.call(9, contract, &[])]);
    let fifth = node.produce(&[account.call(10, contract, &[])]);
    let changes = http.call("eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(changes, json!([fourth.hash(), fifth.hash()]));
    assert_eq!(blocks_of(&http.call("eth_getFilterChanges", json!([logs])).await), [4, 5]);
    for filter in [&blocks, &logs] {
        assert_eq!(http.call("eth_getFilterChanges", json!([filter])).await, json!([]));
    }

    // A reorg takes two blocks away and brings one.
    let new = node.reorg(third.hash(), &[account.call(9, contract, &[])]);
    assert_eq!(http.call("eth_getFilterChanges", json!([blocks])).await, json!([new]));
    let changes = http.call("eth_getFilterChanges", json!([logs])).await;
    let seen: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["removed"].as_bool().unwrap(), log["blockHash"].clone()))
        .collect();
    assert_eq!(
        seen,
        [(true, json!(fifth.hash())), (true, json!(fourth.hash())), (false, json!(new))]
    );

    // All its logs: those of its own range, which is the latest block.
    assert_eq!(blocks_of(&http.call("eth_getFilterLogs", json!([logs])).await), [4]);
    assert_eq!(http.error("eth_getFilterLogs", json!([blocks])).await["code"], -32000);
    assert_eq!(http.call("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(http.call("eth_uninstallFilter", json!([logs])).await, false);
    let error = http.error("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(error, json!({"code": -32000, "message": "filter not found"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_reports_pending_transactions() {
    let node = Node::start().await;
    let mut http = node.http().await;
    let filter = http.call("eth_newPendingTransactionFilter", json!([])).await;
    let tx = node.account(0).transfer(0, Address::repeat_byte(1), 1);
    let raw = alloy_primitives::hex::encode_prefixed(
        alloy_eips::eip2718::Encodable2718::encoded_2718(&tx),
    );
    http.call("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(http.call("eth_getFilterChanges", json!([filter])).await, json!([tx.tx_hash()]));
    assert_eq!(http.call("eth_getFilterChanges", json!([filter])).await, json!([]));
}
