//! L2 blocks as JSON-RPC shows them.

use alloy_primitives::{B256, Bytes};
use phala_chainspec::L1Attributes;
use phala_tests::rollup::{ChainRpc, Testnet, eventually};
use serde_json::Value;

pub(crate) fn hash(value: &Value) -> B256 {
    serde_json::from_value(value.clone()).expect("a hash")
}

pub(crate) fn bytes(value: &Value) -> Bytes {
    serde_json::from_value(value.clone()).expect("bytes")
}

/// What the first transaction of a block says of L1.
pub(crate) fn l1_attributes(block: &Value) -> L1Attributes {
    L1Attributes::decode(&bytes(&block["transactions"][0]["input"])).expect("l1 attributes")
}

/// Waits for the sequencer's first block of an epoch; its height.
pub(crate) async fn first_of_epoch(net: &Testnet, l1_number: u64) -> u64 {
    let chain = net.sequencer();
    let origin = async |number| l1_attributes(&chain.block(number).await).number;
    let head = eventually(&format!("epoch {l1_number} on L2"), async || {
        let (head, _) = chain.head("latest").await;
        (head > 0 && origin(head).await >= l1_number).then_some(head)
    })
    .await;
    let mut first = head;
    while first > 1 && origin(first - 1).await >= l1_number {
        first -= 1;
    }
    assert_eq!(origin(first).await, l1_number, "every L1 block has its epoch");
    first
}

/// Asserts that a mined transaction is the same on both nodes once it is safe; its receipt.
pub(crate) async fn same_on_both(net: &Testnet, hash: B256) -> Value {
    let receipt = net.follower().receipt(hash).await;
    assert_eq!(receipt, net.sequencer().receipt(hash).await);
    for method in ["eth_getTransactionByHash", "debug_getRawTransaction"] {
        let ask = async |chain: ChainRpc| chain.call(method, serde_json::json!([hash])).await;
        assert_eq!(ask(net.follower()).await, ask(net.sequencer()).await, "{method}");
    }
    receipt
}
