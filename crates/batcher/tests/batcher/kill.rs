//! A batcher that is killed anywhere posts nothing twice and leaves no gap.

use std::time::Duration;

use phala_batcher_lib::{Batcher, BatcherConfig, DaType};

use crate::{
    proxy::{Proxy, Sends},
    world::{KillAfter, World, batcher_address},
};

/// Runs a batcher for so many polls, then drops it.
async fn run_for(config: BatcherConfig, polls: u32) {
    let batcher = Batcher::start(config).await.expect("starts");
    let future = Box::pin(batcher.run(std::future::pending()));
    // A poll may wait for ever when nothing happens any more.
    let killed = KillAfter { future, polls };
    if let Ok(Some(ended)) = tokio::time::timeout(Duration::from_secs(5), killed).await {
        panic!("the batcher ended: {ended:?}");
    }
}

async fn killed_after_every_few_polls(da: DaType) {
    let world = World::new(&["--block-time", "1"], 2).await;
    let mut head = 0;
    let step = 7;
    for round in 0..24 {
        head = world.grow(2, 200);
        run_for(world.config(da), 8 + round * step).await;
    }
    let running = world.spawn(world.config(da)).await;
    let derived = world.until_safe(head).await;
    derived.assert_exactly_once(head);
    assert_eq!(world.anvil.pool().await, []);
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_every_few_polls_with_calldata() {
    killed_after_every_few_polls(DaType::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_every_few_polls_with_blobs() {
    killed_after_every_few_polls(DaType::Blobs).await;
}

/// Kills the batcher when its first transaction was tried to be sent.
async fn killed_while_sending(da: DaType, mode: Sends, meanwhile: impl AsyncFnOnce(&World)) {
    let world = World::new(&["--block-time", "1"], 3).await;
    let proxy = Proxy::start(world.anvil.url.clone()).await;
    proxy.set(mode);
    let mut config = world.config(da);
    config.l1 = vec![proxy.url.parse().expect("url")];
    let running = world.spawn(config.clone()).await;
    let head = world.grow(4, 200);
    while proxy.sends() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.kill().await;
    proxy.set(Sends::Pass);
    meanwhile(&world).await;
    let running = world.spawn(config).await;
    let derived = world.until_safe(head).await;
    derived.assert_exactly_once(head);
    assert_eq!(derived.nonces.len(), 1, "{derived:?}");
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_transaction_arrived() {
    for da in [DaType::Calldata, DaType::Blobs] {
        killed_while_sending(da, Sends::Lose, async |_| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_answer_arrived() {
    for da in [DaType::Calldata, DaType::Blobs] {
        killed_while_sending(da, Sends::LoseAnswer, async |_| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_mined_meanwhile() {
    killed_while_sending(DaType::Blobs, Sends::LoseAnswer, async |world| {
        while world.anvil.nonce(batcher_address(), "latest").await == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_costs_nothing_but_time() {
    killed_while_sending(DaType::Calldata, Sends::LoseAnswer, async |world| {
        std::fs::remove_dir_all(world.folder.path().join("journal")).expect("removed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_costs_nothing_but_time() {
    killed_while_sending(DaType::Calldata, Sends::LoseAnswer, async |world| {
        let path = world.folder.path().join("journal/journal");
        let mut bytes = std::fs::read(&path).expect("journal");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).expect("written");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_again_and_again_lead_to_no_second_transaction() {
    let world = World::new(&["--block-time", "1"], 4).await;
    let proxy = Proxy::start(world.anvil.url.clone()).await;
    proxy.set(Sends::LoseAnswer);
    let mut config = world.config(DaType::Calldata);
    config.l1 = vec![proxy.url.parse().expect("url")];
    config.blocks_max = 2;
    let running = world.spawn(config).await;
    let head = world.grow(10, 100);
    let derived = world.until_safe(head).await;
    derived.assert_exactly_once(head);
    assert_eq!(derived.nonces.len(), 5, "{derived:?}");
    running.kill().await;
}
