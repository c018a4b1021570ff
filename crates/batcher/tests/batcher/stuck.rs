//! Transactions that are not mined.

use std::time::Duration;

use phala_batcher_lib::DaType;

use crate::world::World;

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
