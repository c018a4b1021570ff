use std::time::Duration;

use alloy_primitives::B256;
use phala_devnet::DevnetConfig;
use phala_genesis::ChainTemplate;
use phala_tests::rollup::{
    Call, ChainRpc, Testnet, eventually, fast_devnet, number_of, stop_gently,
};
use serde_json::{Value, json};

use crate::{
    inbox::{Inbox, assert_nothing_in_flight},
    rederive,
    traffic::Traffic,
};

/// L1 blocks until an epoch without batches is made of nothing.
const SEQ_WINDOW_SIZE: i64 = 12;

/// Blocks derived of nothing until the batcher comes back.
const EMPTY_BLOCKS: u64 = 6;

/// An L1 block waits so long for a batch. A real one is twelve seconds after its parent, and a batch
/// that is due comes with it.
const BATCH_PATIENCE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_made_of_nothing_while_no_batch_comes() {
    let template = ChainTemplate::dev().set("rollup.seq_window_size", SEQ_WINDOW_SIZE);
    let config = DevnetConfig {
        template: template.expect("a key of the file"),
        batcher_arguments: vec!["--sub-safety-margin=4".to_owned()],
        ..fast_devnet()
    };
    let mut net = Testnet::start(&config).await;
    let traffic = Traffic::start(&net);
    net.wait_until_safe(5).await;
    net.settle().await;

    stop_gently(&mut net.devnet.batcher).await;
    assert_nothing_in_flight(&net).await;
    let last = net.sequencer().block_number().await;
    net.wait_until_safe(last + EMPTY_BLOCKS).await;
    for number in last + 1..=last + EMPTY_BLOCKS {
        // Only what says where L1 is; the sequencer has given up what it had put there.
        for node in [net.follower(), net.sequencer()] {
            assert_eq!(transactions(&node, number).await, 1, "block {number}");
        }
    }
    net.assert_same_chain().await;
    println!("blocks {} to {} made of nothing", last + 1, last + EMPTY_BLOCKS);

    let before = net.follower().head("safe").await.0;
    batcher_comes_back(&mut net, before).await;
    let user = net.account("user 2");
    let receipt = user.send_ok(&net.sequencer(), Call::transfer(user.address(), 1)).await;
    net.wait_until_safe(number_of(&receipt["blockNumber"])).await;
    let arrived = net.follower().receipt(hash_of(&receipt)).await;
    assert_eq!(arrived["blockHash"], receipt["blockHash"]);

    drop(traffic);
    net.settle().await;
    stop_gently(&mut net.devnet.batcher).await;
    assert_nothing_in_flight(&net).await;
    Inbox::read(&net).await.assert_frames_once_and_in_order();
    let safe = net.assert_same_chain().await;
    rederive(&mut net, safe).await;
    net.stop_and_compare(safe).await;
}

/// Lets L1 be as patient as a real one until a block of the batcher is safe again.
async fn batcher_comes_back(net: &mut Testnet, before: u64) {
    let anvil = &net.devnet.anvil;
    anvil.set_interval(None).await.expect("anvil waits");
    net.devnet.batcher.start().await.expect("a batcher");
    let mut number = before;
    eventually("the follower has a block with transactions of users", async || {
        let mined = net.l1().block_number().await;
        wait_for_batch(net).await;
        net.devnet.anvil.mine(1).await.expect("anvil mines");
        eventually("both nodes have read it", async || {
            for node in [net.sequencer(), net.follower()] {
                let status = node.sync_status().await;
                if status["current_l1"]["number"].as_u64()? <= mined {
                    return None;
                }
            }
            Some(())
        })
        .await;
        let (safe, _) = net.follower().head("safe").await;
        while number < safe {
            number += 1;
            if transactions(&net.follower(), number).await > 1 {
                println!("block {number} has transactions again");
                return Some(());
            }
        }
        None
    })
    .await;
    net.devnet.anvil.set_interval(Some(Duration::from_secs(1))).await.expect("anvil mines");
}

/// Waits for something in the pool of L1, but not for long.
async fn wait_for_batch(net: &Testnet) {
    let wait = async {
        loop {
            let pool: Value = net.l1().call("txpool_status", json!([])).await;
            if number_of(&pool["pending"]) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // A batcher that has nothing to say does not stop L1.
    let _ = tokio::time::timeout(BATCH_PATIENCE, wait).await;
}

async fn transactions(node: &ChainRpc, number: u64) -> usize {
    node.block(number).await["transactions"].as_array().expect("transactions").len()
}

fn hash_of(receipt: &Value) -> B256 {
    serde_json::from_value(receipt["transactionHash"].clone()).expect("a hash")
}
