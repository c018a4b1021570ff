use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, TxKind, U256, hex};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use phala_primitives::Transaction;
use serde_json::{Value, json};

use crate::{
    batches::post,
    world::{TestNode, World},
};

const SEQUENCER: &[&str] = &["--sequencer", "--sequencer.l1-confs=1"];

/// Sends a transfer from a funded account of the development chain.
async fn transfer(world: &World, node: &TestNode, nonce: u64) -> String {
    let key = world.spec.dev_accounts[0].key;
    let signer = PrivateKeySigner::from_bytes(&key).unwrap();
    let tx = TxEip1559 {
        chain_id: world.spec.chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1 + nonce),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    let tx = Transaction::from(tx.into_signed(signature));
    let raw = hex::encode_prefixed(tx.encoded_2718());
    let hash = node.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
    hash.as_str().unwrap().to_owned()
}

/// The whole loop: what a sequencer makes and a batch carries, a node that knows only L1 derives; both
/// go on after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_derives_what_the_sequencer_made() {
    let Some(world) = World::new().await else { return };
    let sequencer = world.start("sequencer", SEQUENCER).await;
    sequencer.wait("unsafe head", 2, TestNode::latest).await;
    let sent = transfer(&world, &sequencer, 0).await;
    sequencer.wait("unsafe head", 6, TestNode::latest).await;
    let receipt = sequencer.call("eth_getTransactionReceipt", json!([sent])).await.unwrap();
    assert_eq!(receipt["status"], "0x1", "the transfer is in a block");

    let last = sequencer.latest().number;
    post(&world, &sequencer, 1..=last).await;
    let follower = world.start("follower", &[]).await;
    follower.wait("safe head", last, TestNode::safe).await;
    assert_eq!(follower.hash_at(last), sequencer.hash_at(last));
    let receipt = follower.call("eth_getTransactionReceipt", json!([sent])).await.unwrap();
    assert_eq!(receipt["status"], "0x1");
    // The sequencer derives too, and finds its own blocks.
    sequencer.wait("safe head", last, TestNode::safe).await;
    assert_eq!(sequencer.hash_at(last), follower.hash_at(last));
    // Finality follows L1.
    follower.wait("finalized head", last, TestNode::finalized).await;
    assert_eq!(follower.finalized().hash, follower.hash_at(last).unwrap());

    check_methods(&follower, last).await;

    // Both stop, and go on where they were.
    let (head, safe) = (sequencer.latest(), follower.safe());
    sequencer.stop().await;
    follower.stop().await;
    let sequencer = world.start("sequencer", SEQUENCER).await;
    assert!(sequencer.latest().number >= head.number, "nothing acknowledged is lost");
    let follower = world.start("follower", &[]).await;
    assert_eq!(follower.safe(), safe, "the safe head is where it was");
    sequencer.wait("unsafe head", head.number + 4, TestNode::latest).await;
    assert_eq!(sequencer.hash_at(head.number), Some(head.hash));
    let end = sequencer.latest().number;
    post(&world, &sequencer, last + 1..=end).await;
    follower.wait("safe head", end, TestNode::safe).await;
    assert_eq!(follower.hash_at(end), sequencer.hash_at(end));
    assert!(follower.finalized().number >= last, "finality does not go back");
    sequencer.stop().await;
    follower.stop().await;
}

async fn check_methods(node: &TestNode, safe: u64) {
    let status = node.call("optimism_syncStatus", json!([])).await.unwrap();
    assert!(status["safe_l2"]["number"].as_u64().unwrap() >= safe, "{status}");
    assert!(status["current_l1"]["number"].as_u64().unwrap() > 0, "{status}");
    assert!(status["safe_l2"]["l1origin"]["hash"].is_string(), "{status}");
    let number = format!("0x{safe:x}");
    let output = node.call("optimism_outputAtBlock", json!([number])).await.unwrap();
    assert_eq!(output["blockRef"]["number"], safe, "{output}");
    assert_eq!(output["outputRoot"].as_str().unwrap().len(), 66);
    let l1 = status["current_l1"]["number"].as_u64().unwrap();
    let at_l1 = node.call("optimism_safeHeadAtL1Block", json!([format!("0x{l1:x}")])).await;
    assert_eq!(at_l1.unwrap()["safeHead"]["number"], safe);
    let error = node.call("optimism_safeHeadAtL1Block", json!(["0xffffff"])).await.unwrap_err();
    assert!(error.contains("no safe head is known"), "{error}");
    let config = node.call("optimism_rollupConfig", json!([])).await.unwrap();
    assert_eq!(config["block_time"], 1, "{config}");
    assert_eq!(node.call("eth_syncing", json!([])).await.unwrap(), Value::Bool(false));
    let version = node.call("optimism_version", json!([])).await.unwrap();
    assert!(version.as_str().unwrap().starts_with("phala-node/"), "{version}");
}

/// An unsafe chain that the batches contradict gives way to what they say.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_l1_contradicts_are_replaced() {
    let Some(world) = World::new().await else { return };
    let first = world.start("first", SEQUENCER).await;
    let second = world.start("second", SEQUENCER).await;
    first.wait("unsafe head", 4, TestNode::latest).await;
    // The same slots with another content.
    transfer(&world, &second, 0).await;
    second.wait("unsafe head", 8, TestNode::latest).await;
    first.wait("unsafe head", 8, TestNode::latest).await;
    assert_ne!(first.hash_at(8), second.hash_at(8));
    second.call("admin_stopSequencer", json!([])).await.unwrap();
    post(&world, &first, 1..=8).await;
    second.wait("safe head", 8, TestNode::safe).await;
    assert_eq!(second.hash_at(8), first.hash_at(8));
    first.stop().await;
    second.stop().await;
}
