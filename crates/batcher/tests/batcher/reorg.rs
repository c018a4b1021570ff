//! Reorganizations of L1 and L2.

use std::time::Duration;

use phala_batcher_lib::DaType;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_l1_reorg_throws_out_is_mined_again() {
    for da in [DaType::Calldata, DaType::Blobs] {
        let world = World::new(&["--block-time", "1"], 8).await;
        let mut config = world.config(da);
        config.resend.confirmations = 20;
        let running = world.spawn(config).await;
        let mut head = 0;
        for _ in 0..3 {
            head = world.grow(4, 200);
            world.until_safe(head).await;
            world.anvil.call("anvil_reorg", json!([2, []])).await;
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        let derived = world.until_safe(head).await;
        derived.assert_exactly_once(head);
        running.kill().await;
    }
}

/// Deeper than the confirmations waited for: the transactions are forgotten, not their blocks.
#[tokio::test(flavor = "multi_thread")]
async fn an_l1_reorg_deeper_than_the_confirmations_heals() {
    let world = World::new(&["--block-time", "1"], 9).await;
    let mut config = world.config(DaType::Calldata);
    config.resend.confirmations = 1;
    let running = world.spawn(config).await;
    let head = world.grow(4, 200);
    world.until_safe(head).await;
    running.until("forgotten", |status| status.in_flight.is_empty()).await;
    let depth = world.anvil.height().await - 1;
    world.anvil.call("anvil_reorg", json!([depth.min(12), []])).await;
    let head = world.grow(4, 200);
    let derived = world.until_safe(head).await;
    derived.assert_no_gap();
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_derivation_dropped_is_posted_again() {
    let world = World::new(&["--block-time", "1"], 19).await;
    world.node.state.lock().ignored_below = 2;
    let running = world.spawn(world.config(DaType::Calldata)).await;
    let head = world.grow(4, 100);
    let derived = world.until_safe(head).await;
    derived.assert_no_gap();
    assert_eq!((derived.with_frames, derived.posted.len()), (1, 4), "the third one counted");
    assert_eq!(derived.nonces.len(), 3, "{derived:?}");
    running.kill().await;
}
