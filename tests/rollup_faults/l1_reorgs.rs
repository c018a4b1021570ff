use alloy_primitives::{Address, B256};
use phala_devnet::{BeaconFault, DevnetConfig};
use phala_tests::rollup::{Deposit, Testnet, eventually, fast_devnet, number_of, stop_gently};
use serde_json::json;

use crate::{
    inbox::{Inbox, assert_nothing_in_flight},
    rederive,
    traffic::Traffic,
};

/// Depth at which an L1 block becomes an origin: reorgs up to here leave the L2 chain as it is.
const L1_CONFS: u64 = 5;

/// `finalized` is two such epochs behind the head, deeper than every reorg here.
const L1_EPOCH_SLOTS: u64 = 16;

/// L1 blocks mined upon an origin with a deposit, when it is taken back.
const DEEP: u64 = L1_CONFS + 2;

const RECIPIENT: Address = Address::repeat_byte(0xd1);

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_follows_l1_when_it_takes_blocks_back() {
    let config = DevnetConfig {
        l1_epoch_slots: L1_EPOCH_SLOTS,
        sequencer_l1_confs: L1_CONFS,
        // What is lost is sent again after a quarter of this.
        batcher_arguments: vec!["--resubmission-timeout=12s".to_owned()],
        ..fast_devnet()
    };
    let mut net = Testnet::start(&config).await;
    let traffic = Traffic::start(&net);
    net.wait_until_safe(5).await;

    for depth in [1, 5] {
        batches_are_posted_again(&net, depth).await;
    }
    blobs_of_blocks_that_are_gone_are_not_waited_for(&net).await;
    deposits_leave_with_their_blocks(&net, true).await;
    deposits_leave_with_their_blocks(&net, false).await;

    drop(traffic);
    let safe = net.settle().await;
    stop_gently(&mut net.devnet.batcher).await;
    assert_nothing_in_flight(&net).await;
    let inbox = Inbox::read(&net).await;
    inbox.assert_frames_once_and_in_order();
    inbox.assert_covers(safe);
    rederive(&mut net, safe).await;
    net.stop_and_compare(safe).await;
}

/// Batches in the blocks that are gone are posted again, and the chain they had is kept.
async fn batches_are_posted_again(net: &Testnet, depth: u64) {
    let l1 = net.l1();
    // There is something to lose: the newest block has a batch.
    let inbox = net.batch_inbox();
    eventually("a batch in the newest L1 block", async || {
        let block = l1.block_at("latest").await;
        let transactions = block["transactions"].as_array().expect("transactions");
        transactions.iter().any(|tx| tx["to"] == json!(inbox)).then_some(())
    })
    .await;
    let kept = net.sequencer().head("latest").await;
    let gone = take_back(net, depth, true).await;
    assert_ne!(l1.hash(gone.0).await, Some(gone.1));
    net.wait_until_safe(kept.0).await;
    assert_eq!(net.follower().hash(kept.0).await, Some(kept.1), "block {}", kept.0);
    // What the follower had read before is no proof.
    eventually("the follower has read the new L1 blocks", async || {
        is_on_l1(net, "current_l1", gone.0).await.then_some(())
    })
    .await;
    Inbox::read(net).await.assert_covers(kept.0);
    println!("{depth} L1 blocks replaced, block {} kept", kept.0);
}

/// Both nodes wait for the blobs of a block when it leaves L1, and with it all hope for them.
async fn blobs_of_blocks_that_are_gone_are_not_waited_for(net: &Testnet) {
    let l1 = net.l1();
    let before = l1.block_number().await;
    net.devnet.beacon.set_fault(BeaconFault::Pruned);
    let mut newest = before;
    eventually("a batch whose blobs cannot be had", async || {
        newest += u64::from(l1.block_number().await > newest);
        let transactions = l1.block(newest).await["transactions"].as_array().map_or(0, Vec::len);
        (newest > before && transactions > 0).then_some(())
    })
    .await;
    l1.wait_for_head("latest", newest + 2).await;
    // Also those whose blobs may not have been read before.
    let depth = l1.block_number().await + 3 - before;
    let gone = take_back(net, depth, true).await;
    net.devnet.beacon.set_fault(BeaconFault::None);
    eventually("both have read the new L1 blocks", async || {
        is_on_l1(net, "current_l1", gone.0 + depth).await.then_some(())
    })
    .await;
    net.settle().await;
    net.assert_same_chain().await;
    println!("{depth} L1 blocks replaced whose blobs were waited for");
}

/// A reorg of more blocks than a channel, which takes back a deposit that L2 has already.
async fn deposits_leave_with_their_blocks(net: &Testnet, at_once: bool) {
    let (user, l1, portal) = (net.account("user 2"), net.l1(), net.contracts().optimism_portal);
    let deposit = Deposit::ether(RECIPIENT, 1_000);
    let receipt = user.send_ok(&l1, deposit.call(portal)).await;
    let hash = deposit.l2_hash(user.address(), portal, &receipt);
    let l1_number = number_of(&receipt["blockNumber"]);
    let on_l2 = number_of(&net.sequencer().receipt(hash).await["blockNumber"]);
    net.wait_until_safe(on_l2).await;
    assert_eq!(net.follower().balance(RECIPIENT).await.to::<u64>(), 1_000);
    l1.wait_for_head("latest", l1_number + DEEP).await;

    let depth = l1.block_number().await - l1_number + 2;
    let gone = take_back(net, depth, at_once).await;
    assert!(gone.0 <= l1_number);
    l1.wait_for_head("latest", gone.0 + depth).await;
    let receipt = l1.call("eth_getTransactionReceipt", json!([receipt["transactionHash"]])).await;
    assert!(receipt.is_null(), "L1 still has the deposit: {receipt}");

    let nodes = [net.sequencer(), net.follower()];
    for node in &nodes {
        eventually("the deposit leaves L2", async || {
            let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
            receipt.is_null().then_some(())
        })
        .await;
    }
    eventually("both have read the new L1 blocks", async || {
        is_on_l1(net, "current_l1", gone.0 + depth).await.then_some(())
    })
    .await;
    // The blocks in its place, and some more.
    net.wait_until_safe(on_l2 + 2).await;
    net.settle().await;
    net.assert_same_chain().await;
    for node in &nodes {
        assert_eq!(node.balance(RECIPIENT).await.to::<u64>(), 0, "minted without a deposit");
        assert_origins_on_l1(net, &node.sync_status().await["safe_l2"]).await;
    }
    println!(
        "{depth} L1 blocks replaced {}, the deposit of block {on_l2} gone",
        if at_once { "at once" } else { "one by one" }
    );
}

/// Replaces the newest blocks, at once or one by one; the oldest that is gone.
async fn take_back(net: &Testnet, depth: u64, at_once: bool) -> (u64, B256) {
    let (l1, anvil) = (net.l1(), &net.devnet.anvil);
    let oldest = l1.block_number().await + 1 - depth;
    let hash = l1.hash(oldest).await.expect("below the head");
    if at_once {
        anvil.reorg(depth).await.expect("anvil reorganises");
    } else {
        anvil.rollback(depth).await.expect("anvil goes back");
        anvil.drop_all_transactions().await.expect("anvil forgets");
    }
    (oldest, hash)
}

/// Whether an L1 block in the status of both nodes is at this height at least, and on L1.
async fn is_on_l1(net: &Testnet, name: &str, number: u64) -> bool {
    for node in [net.sequencer(), net.follower()] {
        let block = node.sync_status().await[name].clone();
        let at = block["number"].as_u64().expect("a number");
        let hash = serde_json::from_value(block["hash"].clone()).expect("a hash");
        if at < number || net.l1().hash(at).await != Some(hash) {
            return false;
        }
    }
    true
}

async fn assert_origins_on_l1(net: &Testnet, block: &serde_json::Value) {
    let origin = &block["l1origin"];
    let number = origin["number"].as_u64().expect("a number");
    let hash: B256 = serde_json::from_value(origin["hash"].clone()).expect("a hash");
    assert_eq!(net.l1().hash(number).await, Some(hash), "origin of {block}");
}
