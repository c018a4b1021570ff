//! What is true of every block, whoever made it.

use alloy_primitives::{Bytes, b256};
use phala_tests::rollup::{Testnet, number_of};
use serde_json::json;

use crate::blocks::{hash, l1_attributes};

/// Walks both chains up to an L2 block.
pub(crate) async fn check(net: &Testnet, upto: u64) {
    let (l1, l2) = (net.l1(), net.follower());
    let genesis = number_of(&l2.block(0).await["timestamp"]);
    let mut origin = net.devnet.deployment.anchor.number;
    let mut sequence = 0;
    for number in 1..=upto {
        let block = l2.block(number).await;
        assert_eq!(number_of(&block["timestamp"]), genesis + number);
        let transactions = block["transactions"].as_array().expect("transactions");
        let told = l1_attributes(&block);
        if told.number == origin {
            sequence += 1;
        } else {
            assert_eq!(told.number, origin + 1, "block {number} skips an epoch");
            (origin, sequence) = (told.number, 0);
        }
        assert_eq!(told.sequence_number, sequence, "block {number}");
        let l1_block = l1.block(origin).await;
        assert_eq!(told.hash, hash(&l1_block["hash"]), "block {number}");
        assert_eq!(told.timestamp, number_of(&l1_block["timestamp"]));
        assert!(told.timestamp <= genesis + number, "block {number} is older than its origin");
        assert_eq!(block["mixHash"], l1_block["mixHash"]);
        let beacon_root = &l1_block["parentBeaconBlockRoot"];
        assert_eq!(hash(&block["parentBeaconBlockRoot"]), hash(beacon_root));

        // Deposits come first, in the order of their events, in the epoch's first block only.
        let deposits = transactions.iter().take_while(|tx| tx["type"] == "0x7e").count() - 1;
        assert!(transactions[deposits + 1..].iter().all(|tx| tx["type"] != "0x7e"));
        let events = if sequence == 0 { deposit_events(net, origin).await } else { Vec::new() };
        assert_eq!(events.len(), deposits, "block {number}");
    }
}

/// Contents of the portal's events in an L1 block.
async fn deposit_events(net: &Testnet, l1_number: u64) -> Vec<Bytes> {
    let topic = b256!("b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");
    let (block, portal) = (format!("{l1_number:#x}"), net.contracts().optimism_portal);
    let filter =
        json!([{"fromBlock": block, "toBlock": block, "address": portal, "topics": [topic]}]);
    let logs = net.l1().call("eth_getLogs", filter).await;
    let logs = logs.as_array().expect("logs").iter();
    logs.map(|log| crate::blocks::bytes(&log["data"])).collect()
}
