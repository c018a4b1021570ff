use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, hex};
use serde_json::{Value, json};

use crate::node::Node;

#[tokio::test(flavor = "multi_thread")]
async fn blocks_parse_as_the_library_types_and_hash_to_themselves() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    for (number, block) in [(1, &chain.first), (2, &chain.second), (3, &chain.third)] {
        let json = http.call("eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await;
        type Library = alloy_rpc_types_eth::Block<op_alloy_rpc_types::Transaction>;
        let library: Library = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(library.header.inner.hash_slow(), block.hash());
        assert_eq!(library.header.hash, block.hash());
        let transactions = library.transactions.as_transactions().unwrap();
        assert_eq!(transactions.len(), block.body().transactions.len());
        for (index, tx) in transactions.iter().enumerate() {
            assert_eq!(tx.inner.inner.inner(), &block.body().transactions[index]);
            // Field by field the same as the library writes it, `to` of creations and one flag apart.
            let mut ours = json["transactions"][index].clone();
            let mut theirs = serde_json::to_value(tx).unwrap();
            for json in [&mut ours, &mut theirs] {
                json.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            }
            assert_eq!(ours, theirs, "transaction {index} of block {number}");
        }
        let size: u64 = block.rlp_length() as u64;
        assert_eq!(json["size"], format!("{size:#x}"));
        assert_eq!(json["uncles"], json!([]));
        assert_eq!(json["withdrawals"], json!([]));
        let by_hash = http.call("eth_getBlockByHash", json!([block.hash(), true])).await;
        assert_eq!(by_hash, json);
        let short = http.call("eth_getBlockByHash", json!([block.hash()])).await;
        let hashes: Vec<B256> = serde_json::from_value(short["transactions"].clone()).unwrap();
        assert_eq!(
            hashes,
            block.body().transactions.iter().map(|tx| tx.tx_hash()).collect::<Vec<_>>()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_look_like_deposits() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let block = http.call("eth_getBlockByHash", json!([chain.second.hash(), true])).await;
    let deposit = &block["transactions"][0];
    assert_eq!(deposit["type"], "0x7e");
    for zero in ["v", "r", "s", "gasPrice", "mint", "value"] {
        assert_eq!(deposit[zero], "0x0", "{zero}");
    }
    assert_eq!(deposit["depositReceiptVersion"], "0x1");
    // The second deposit of the same sender: its nonce before was one.
    assert_eq!(deposit["nonce"], "0x1");
    assert!(deposit["sourceHash"].is_string());
    assert!(deposit.get("isSystemTx").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_name_blocks() {
    let (node, chain) = Node::with_blocks().await;
    let hash = chain.first.hash();
    node.engine.set_heads(chain.third.hash(), Some(chain.second.hash()), Some(hash)).unwrap();
    let mut http = node.http().await;
    let mut number = async |tag: &str| {
        let block = http.call("eth_getBlockByNumber", json!([tag, false])).await;
        block["number"].as_str().map(str::to_owned)
    };
    assert_eq!(number("latest").await.unwrap(), "0x3");
    assert_eq!(number("pending").await.unwrap(), "0x3");
    assert_eq!(number("safe").await.unwrap(), "0x2");
    assert_eq!(number("finalized").await.unwrap(), "0x1");
    assert_eq!(number("earliest").await.unwrap(), "0x0");
    assert_eq!(number("0x4").await, None);
    assert_eq!(number("0xffffffffffffffff").await, None);
    assert_eq!(http.call("eth_blockNumber", json!([])).await, "0x3");
    assert_eq!(http.call("eth_syncing", json!([])).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn block_ids_of_eip_1898() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let side = chain.third.hash();
    let gone = chain.third.body().transactions[1].tx_hash();
    for _ in 0..2 {
        let receipt = http.call("eth_getTransactionReceipt", json!([gone])).await;
        assert_eq!(receipt["blockHash"], json!(side));
    }
    node.reorg(chain.second.hash(), &[]);
    let address = node.account(0).address();
    let canonical = json!({"blockHash": side, "requireCanonical": true});
    let error = http.error("eth_getBalance", json!([address, canonical])).await;
    assert_eq!(error["code"], -32000, "{error}");
    let anyway = json!({"blockHash": side});
    let balance = http.call("eth_getTransactionCount", json!([address, anyway])).await;
    assert_eq!(balance, "0x9");
    assert_eq!(http.call("eth_getTransactionCount", json!([address, side])).await, "0x9");
    assert_eq!(
        http.call("eth_getTransactionCount", json!([address, {"blockNumber": "0x3"}])).await,
        "0x6"
    );
    let unknown = json!({"blockHash": B256::repeat_byte(1)});
    assert_eq!(http.error("eth_getBalance", json!([address, unknown])).await["code"], -32001);
    assert_eq!(http.error("eth_getBalance", json!([address, "0x99"])).await["code"], -32001);
    // A side block can be read, and a transaction only it had is gone from the chain.
    let block = http.call("eth_getBlockByHash", json!([side, false])).await;
    assert_eq!(block["number"], "0x3");
    assert_eq!(http.call("eth_getTransactionReceipt", json!([gone])).await, Value::Null);
    assert_eq!(http.call("eth_getTransactionByHash", json!([gone])).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_counts_by_place() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let hash = chain.second.hash();
    assert_eq!(http.call("eth_getBlockTransactionCountByNumber", json!(["0x2"])).await, "0x5");
    assert_eq!(http.call("eth_getBlockTransactionCountByHash", json!([hash])).await, "0x5");
    assert_eq!(http.call("eth_getUncleCountByBlockNumber", json!(["0x2"])).await, "0x0");
    assert_eq!(http.call("eth_getUncleCountByBlockHash", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(
        http.call("eth_getUncleByBlockNumberAndIndex", json!(["0x2", "0x0"])).await,
        Value::Null
    );
    for (index, tx) in chain.second.body().transactions.iter().enumerate() {
        let place = format!("{index:#x}");
        let by_hash = http.call("eth_getTransactionByHash", json!([tx.tx_hash()])).await;
        assert_eq!(by_hash["transactionIndex"], place);
        for (method, id) in [
            ("eth_getTransactionByBlockHashAndIndex", json!(hash)),
            ("eth_getTransactionByBlockNumberAndIndex", json!("0x2")),
        ] {
            assert_eq!(http.call(method, json!([id, place])).await, by_hash);
        }
        let raw = hex::encode_prefixed(tx.encoded_2718());
        for (method, params) in [
            ("eth_getRawTransactionByHash", json!([tx.tx_hash()])),
            ("eth_getRawTransactionByBlockHashAndIndex", json!([hash, place])),
            ("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x2", place])),
            ("debug_getRawTransaction", json!([tx.tx_hash()])),
        ] {
            assert_eq!(http.call(method, params).await, raw, "{method}");
        }
    }
    let beyond = json!(["0x2", "0xffffffffffffffff"]);
    assert_eq!(http.call("eth_getTransactionByBlockNumberAndIndex", beyond).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_forms_decode_to_what_they_are() {
    use alloy_rlp::Decodable as _;
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let mut raw = async |method: &str, id: &str| -> Vec<u8> {
        hex::decode(http.call(method, json!([id])).await.as_str().unwrap()).unwrap()
    };
    let header = raw("debug_getRawHeader", "0x2").await;
    assert_eq!(alloy_primitives::keccak256(&header), chain.second.hash());
    let block = raw("debug_getRawBlock", "latest").await;
    let block = phala_primitives::Block::decode(&mut block.as_slice()).unwrap();
    assert_eq!(block.header.hash_slow(), chain.third.hash());
    assert_eq!(block.body.transactions, chain.third.body().transactions);
    let receipts = http.call("debug_getRawReceipts", json!(["0x3"])).await;
    let receipts: Vec<alloy_primitives::Bytes> = serde_json::from_value(receipts).unwrap();
    let root =
        alloy_consensus::proofs::ordered_trie_root_with_encoder(&receipts, |receipt, out| {
            alloy_rlp::BufMut::put_slice(out, receipt);
        });
    assert_eq!(root, chain.third.receipts_root);
    assert_eq!(http.call("debug_getRawReceipts", json!(["0x0"])).await, json!([]));
    assert_eq!(http.error("debug_getRawBlock", json!(["0x99"])).await["code"], -32001);
}
