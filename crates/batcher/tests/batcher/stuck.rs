//! Transactions that are not mined.

use std::time::Duration;

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use phala_batcher_lib::DaType;
use serde_json::json;

use crate::world::{KEY, World};

/// Mines blocks, with time for the batcher to look at each.
async fn mine_slowly(world: &World, blocks: u64) {
    for _ in 0..blocks {
        world.anvil.mine(1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn offers_more_until_it_is_mined(da: DaType) {
    let world = World::new(&["--no-mining"], 5).await;
    world.anvil.mine(2).await;
    let mut config = world.config(da);
    config.resend.bump_after = Duration::from_secs(2);
    let running = world.spawn(config).await;
    let head = world.grow(4, 200);
    running.until("blocks", |status| status.blocks_pending == 4).await;
    world.anvil.mine(1).await;
    running.until("posted", |status| status.txs_posted >= 1).await;
    let before = world.anvil.pool().await;
    running.until("bumped", |status| status.in_flight.iter().any(|tx| tx.hashes.len() >= 3)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = world.anvil.pool().await;
    assert_eq!((before.len(), after.len()), (1, 1), "one nonce, one transaction");
    assert!(after[0].1 > before[0].1, "{before:?} {after:?}");
    if da == DaType::Blobs {
        assert!(after[0].1 >= 4 * before[0].1, "blob fees double: {before:?} {after:?}");
    }
    mine_slowly(&world, 2).await;
    world.until_safe(head).await.assert_exactly_once(head);
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calldata_offers_more_until_it_is_mined() {
    offers_more_until_it_is_mined(DaType::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_offer_more_until_they_are_mined() {
    offers_more_until_it_is_mined(DaType::Blobs).await;
}

async fn several_are_in_flight_in_order(da: DaType) {
    let world = World::new(&["--no-mining"], 6).await;
    world.anvil.mine(2).await;
    let mut config = world.config(da);
    config.pending_tx_max = 3;
    config.blocks_max = 2;
    let running = world.spawn(config.clone()).await;
    let head = world.grow(10, 100);
    running.until("three posted", |status| status.txs_posted == 3).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let nonces: Vec<u64> = world.anvil.pool().await.iter().map(|(nonce, _)| *nonce).collect();
    assert_eq!(nonces, [0, 1, 2], "no more than three at once");
    // A kill with three in flight: the next one knows all of them.
    running.kill().await;
    let running = world.spawn(config).await;
    mine_slowly(&world, 12).await;
    world.until_safe(head).await.assert_exactly_once(head);
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calldata_transactions_are_in_flight_in_order() {
    several_are_in_flight_in_order(DaType::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_blob_transactions_are_in_flight_in_order() {
    several_are_in_flight_in_order(DaType::Blobs).await;
}

/// An L2 reorganization makes what is in flight useless: it is replaced by nothing, then the new
/// chain is posted.
async fn useless_transactions_are_cancelled(da: DaType) {
    let world = World::new(&["--no-mining"], 7).await;
    world.anvil.mine(2).await;
    let mut config = world.config(da);
    config.resend.bump_after = Duration::from_secs(2);
    let running = world.spawn(config).await;
    world.grow(4, 100);
    running.until("blocks", |status| status.blocks_pending == 4).await;
    world.anvil.mine(1).await;
    running.until("posted", |status| status.txs_posted >= 1).await;
    let head = {
        let mut state = world.node.state.lock();
        state.chain.reorg(1, 5);
        state.chain.head().number
    };
    running
        .until("cancelled", |status| {
            status.in_flight.iter().any(|tx| tx.hashes.len() >= 2 && tx.channel.is_none())
        })
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    mine_slowly(&world, 8).await;
    let derived = world.until_safe(head).await;
    derived.assert_no_gap();
    assert_eq!(derived.posted, (1..=head).collect::<Vec<_>>(), "the old chain was never posted");
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn useless_calldata_is_cancelled() {
    useless_transactions_are_cancelled(DaType::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn useless_blobs_are_cancelled() {
    useless_transactions_are_cancelled(DaType::Blobs).await;
}

/// A transaction with the batcher's key that the batcher knows nothing of.
fn foreign_transaction(nonce: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: 31_337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 90_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x33)),
        ..TxEip1559::default()
    };
    let key: PrivateKeySigner = KEY.parse().expect("key");
    let signature = key.sign_hash_sync(&tx.signature_hash()).expect("signs");
    let mut raw = Vec::new();
    tx.into_signed(signature).eip2718_encode(&mut raw);
    raw.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_used_by_somebody_else_starts_the_posting_again() {
    let world = World::new(&["--no-mining"], 17).await;
    world.anvil.mine(2).await;
    let mut config = world.config(DaType::Calldata);
    config.blocks_max = 2;
    let running = world.spawn(config).await;
    let head = world.grow(6, 100);
    running.until("posted", |status| status.txs_posted == 2).await;
    world.anvil.call("eth_sendRawTransaction", json!([foreign_transaction(0)])).await;
    mine_slowly(&world, 12).await;
    let derived = world.until_safe(head).await;
    derived.assert_no_gap();
    assert_eq!(derived.with_frames, derived.nonces.len() - 1, "all but the foreign one");
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_pending_transaction_is_waited_for_and_then_replaced() {
    let world = World::new(&["--no-mining"], 18).await;
    world.anvil.mine(2).await;
    world.anvil.call("eth_sendRawTransaction", json!([foreign_transaction(0)])).await;
    let mut config = world.config(DaType::Calldata);
    config.resend.bump_after = Duration::from_secs(2);
    let head = world.grow(3, 100);
    let running = world.spawn(config).await;
    running.until("waits", |status| status.in_flight.is_empty() && status.unsafe_l2 == head).await;
    let offers = |status: &phala_batcher_lib::BatcherStatus| {
        status.in_flight.iter().any(|tx| tx.channel.is_none() && tx.nonce == 0)
    };
    running.until("replaced", offers).await;
    assert_eq!((running.status)().blocks_pending, 0, "nothing is posted meanwhile");
    mine_slowly(&world, 10).await;
    let derived = world.until_safe(head).await;
    derived.assert_no_gap();
    assert_eq!(derived.posted, (1..=head).collect::<Vec<_>>());
    running.kill().await;
}
