//! What operators do on an ordinary day: stop and start, hand over, change settings.

use alloy_primitives::{Address, B256};
use phala_batch::Batch;
use phala_devnet::Service;
use phala_tests::rollup::{Call, Testnet, eventually, fast_devnet, stop_gently};
use serde_json::{Value, json};

use crate::posted::{self, Channel};

#[tokio::test(flavor = "multi_thread")]
async fn operators_stop_start_and_change_settings() {
    let mut net = Testnet::start(&fast_devnet()).await;
    transfers(&net, 3).await;
    net.settle().await;
    sequencing_stops_and_goes_on(&net).await;
    each_service_restarts(&mut net).await;
    batches_change_their_form(&mut net).await;
    let safe = net.assert_same_chain().await;
    net.stop_and_compare(safe).await;
}

/// Something for batches to carry; the last is mined.
async fn transfers(net: &Testnet, count: u64) {
    let (user, l2) = (net.account("user 1"), net.sequencer());
    let mut last = B256::ZERO;
    for value in 1..=count {
        last = user.submit(&l2, Call::transfer(Address::repeat_byte(0x33), value)).await;
    }
    assert_eq!(l2.receipt(last).await["status"], "0x1");
}

async fn sequencing_stops_and_goes_on(net: &Testnet) {
    let l2 = net.sequencer();
    let active = async || l2.call("admin_sequencerActive", json!([])).await;
    assert_eq!(active().await, json!(true));
    let last: B256 = serde_json::from_value(l2.call("admin_stopSequencer", json!([])).await)
        .expect("the hash of the last block");
    let (number, hash) = l2.head("latest").await;
    assert_eq!((active().await, hash), (json!(false), last));

    // Everything there is becomes safe, and nothing is added.
    let l1_number = net.l1().block_number().await;
    net.wait_until_safe(number).await;
    net.l1().wait_for_head("latest", l1_number + 4).await;
    assert_eq!(l2.head("latest").await, (number, last));
    assert_eq!(net.follower().head("latest").await, (number, last));

    let params = json!([B256::repeat_byte(1)]);
    let error = l2.try_call("admin_startSequencer", params).await.expect_err("another chain");
    assert!(error.to_string().contains("does not match"), "{error}");
    assert_eq!(active().await, json!(false));
    l2.call("admin_startSequencer", json!([last])).await;
    assert_eq!(active().await, json!(true));
    transfers(net, 2).await;
    // It makes up for the time it lost: the newest block is again not older than L1's.
    eventually("the sequencer catches up", async || {
        let (l1, l2) = (net.l1().block_at("latest").await, l2.block_at("latest").await);
        let time = |block: &Value| phala_tests::rollup::number_of(&block["timestamp"]);
        (time(&l2) >= time(&l1)).then_some(())
    })
    .await;
    net.settle().await;
}

async fn each_service_restarts(net: &mut Testnet) {
    let (number, hash) = net.sequencer().head("latest").await;
    restart(&mut net.devnet.sequencer).await;
    assert_eq!(net.sequencer().hash(number).await, Some(hash), "no block is lost");
    transfers(net, 2).await;
    net.settle().await;

    let (safe, hash) = net.follower().head("safe").await;
    restart(&mut net.devnet.follower).await;
    assert!(net.follower().head("safe").await.0 >= safe, "what is safe stays so");
    assert_eq!(net.follower().hash(safe).await, Some(hash));
    transfers(net, 2).await;
    net.settle().await;

    restart(&mut net.devnet.batcher).await;
    transfers(net, 2).await;
    net.settle().await;
}

async fn restart(service: &mut Service) {
    stop_gently(service).await;
    service.start().await.expect("it starts again");
}

/// Restarts the batcher with other settings and waits until it posted; what is new in the inbox.
async fn restart_batcher(net: &mut Testnet, settings: &[&str]) -> Vec<posted::Posted> {
    stop_gently(&mut net.devnet.batcher).await;
    let since = net.l1().block_number().await;
    let name = |argument: &str| argument.split('=').next().map(str::to_owned);
    let replaced: Vec<_> = settings.iter().map(|setting| name(setting)).collect();
    let arguments = &mut net.devnet.batcher.arguments;
    arguments.retain(|argument| !replaced.contains(&name(argument)));
    arguments.extend(settings.iter().map(|setting| (*setting).to_owned()));
    net.devnet.batcher.start().await.expect("the batcher with other settings");
    transfers(net, 4).await;
    net.settle().await;
    posted::since(net, since + 1).await
}

async fn batches_change_their_form(net: &mut Testnet) {
    let singular = ["--data-availability-type=calldata", "--batch-type=0", "--compression=zlib"];
    let posted = restart_batcher(net, &singular).await;
    let found = posted::channels(net, &posted);
    let is_singular = |channel: &Channel| {
        // The low half of zlib's first byte is the method, deflate.
        channel.data[0] & 0x0f == 8
            && channel.batches.iter().all(|batch| matches!(batch, Batch::Singular(_)))
    };
    assert!(found.iter().any(|channel| is_singular(channel) && !channel.batches.is_empty()));

    let span = ["--batch-type=1", "--compression=brotli"];
    let posted = restart_batcher(net, &span).await;
    let found = posted::channels(net, &posted);
    let is_span = |channel: &Channel| {
        channel.data[0] == 1 && channel.batches.iter().all(|batch| matches!(batch, Batch::Span(_)))
    };
    assert!(found.iter().any(|channel| is_span(channel) && !channel.batches.is_empty()));

    let posted = restart_batcher(net, &["--data-availability-type=auto"]).await;
    assert!(!posted.is_empty());
    let posted = restart_batcher(net, &["--data-availability-type=blobs", "--batch-type=0"]).await;
    assert!(posted.iter().any(|tx| tx.is_blob));
}
