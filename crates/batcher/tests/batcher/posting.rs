//! What is posted is what the chain holds.

use phala_batch::{BatchType, Compression};
use phala_batcher_lib::{BatcherConfig, DaChoice, DaType, Phase, SidecarFormat};
use serde_json::{Value, json};

use crate::{derivation::Derived, world::World};

async fn posts(
    anvil: &[&str],
    blocks: usize,
    bytes_max: usize,
    change: impl FnOnce(&mut BatcherConfig),
) -> Derived {
    let world = World::new(anvil, 1).await;
    let head = world.grow(blocks, bytes_max);
    let mut config = world.config(DaType::Blobs);
    change(&mut config);
    let running = world.spawn(config).await;
    world.until_safe(head).await;
    // Blocks that come later follow in channels of their own.
    let head = world.grow(5, bytes_max);
    let derived = world.until_safe(head).await;
    derived.assert_exactly_once(head);
    running.kill().await;
    derived
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_span_batches_as_blobs() {
    let derived = posts(&["--block-time", "1"], 30, 400, |_| {}).await;
    assert!(derived.span >= 2 && derived.singular == 0, "{derived:?}");
    assert_eq!(derived.blobs, derived.with_frames, "one blob is enough for each channel");
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_span_batches_as_calldata() {
    let change = |config: &mut BatcherConfig| config.da = DaChoice::Fixed(DaType::Calldata);
    let derived = posts(&["--block-time", "1"], 30, 400, change).await;
    assert!(derived.span >= 2 && derived.blobs == 0, "{derived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_singular_batches_with_zlib() {
    let change = |config: &mut BatcherConfig| {
        config.da = DaChoice::Fixed(DaType::Calldata);
        config.batch_type = BatchType::Singular;
        config.compression = Compression::Zlib;
    };
    let derived = posts(&["--block-time", "1"], 20, 400, change).await;
    assert_eq!((derived.singular, derived.span), (25, 0), "{derived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_blocks_fill_several_blobs_of_a_transaction() {
    let derived = posts(&["--block-time", "1"], 14, 100_000, |_| {}).await;
    assert!(derived.blobs > derived.with_frames, "{derived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_blocks_fill_several_calldata_transactions_in_flight() {
    let change = |config: &mut BatcherConfig| {
        config.da = DaChoice::Fixed(DaType::Calldata);
        config.pending_tx_max = 4;
    };
    let derived = posts(&["--block-time", "1"], 14, 60_000, change).await;
    assert!(derived.with_frames >= 3, "{derived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_before_osaka_gets_the_older_sidecar() {
    posts(&["--block-time", "1", "--hardfork", "prague"], 5, 200, |_| {}).await;
    let change = |config: &mut BatcherConfig| config.sidecar = Some(SidecarFormat::Eip4844);
    posts(&["--block-time", "1", "--hardfork", "cancun"], 5, 200, change).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_takes_blobs_while_they_cost_less() {
    let change = |config: &mut BatcherConfig| config.da = DaChoice::Auto;
    let derived = posts(&["--block-time", "1"], 10, 200, change).await;
    assert!(derived.blobs > 0, "{derived:?}");
}

async fn call(running: &crate::world::Running, method: &str) -> Value {
    let url = format!("http://{}", running.rpc.expect("served"));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": []});
    let response = crate::anvil::http().post(url).json(&body).send().await.expect("answers");
    response.json().await.expect("json")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_stops_starts_and_flushes() {
    let world = World::new(&["--block-time", "1"], 1).await;
    let mut config = world.config(DaType::Calldata);
    config.rpc = Some(([127, 0, 0, 1], 0).into());
    config.stopped = true;
    config.channel_duration_max = 0;
    let running = world.spawn(config).await;
    let head = world.grow(5, 100);
    running
        .until("stopped", |status| status.phase == Phase::Stopped && status.unsafe_l2 == head)
        .await;
    assert!(call(&running, "admin_stopBatcher").await["error"].is_object());
    assert!(call(&running, "admin_startBatcher").await["error"].is_null());
    running.until("blocks", |status| status.blocks_pending == 5).await;
    // Without a duration the channel stays open until it is flushed.
    assert_eq!((running.status)().channels_closed, 0);
    assert!(call(&running, "admin_flushBatcher").await["error"].is_null());
    world.until_safe(head).await;
    assert!(call(&running, "admin_stopBatcher").await["error"].is_null());
    let more = world.grow(5, 100);
    running.until("more", |status| status.unsafe_l2 == more).await;
    let status = call(&running, "batcher_status").await;
    assert_eq!(status["result"]["phase"]["name"], "stopped", "{status}");
    assert_eq!(status["result"]["blocks_pending"], 0, "{status}");
    call(&running, "admin_startBatcher").await;
    running.until("blocks", |status| status.blocks_pending == 5).await;
    call(&running, "admin_flushBatcher").await;
    world.until_safe(more).await.assert_exactly_once(more);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequencer_is_told_its_limits() {
    let world = World::new(&["--no-mining"], 1).await;
    let mut config = world.config(DaType::Calldata);
    config.throttle.lower_threshold = 1_000;
    config.throttle.upper_threshold = 5_000;
    let running = world.spawn(config).await;
    let told = |limits: [&str; 2]| {
        let state = world.node.state.lock();
        state.limits.iter().any(|(tx, block)| [tx.as_str(), block.as_str()] == limits)
    };
    running.until("relaxed", |_| told(["0x0", "0x1fbd0"])).await;
    world.anvil.mine(2).await;
    world.grow(200, 300);
    // Nothing is mined, so everything stays pending.
    running.until("pressed", |_| told(["0x96", "0xfa0"])).await;
    assert!(running.task_is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_without_the_method_is_left_alone_unless_strict() {
    let world = World::new(&["--block-time", "1"], 1).await;
    world.node.state.lock().throttles = false;
    let running = world.spawn(world.config(DaType::Calldata)).await;
    let head = world.grow(3, 100);
    world.until_safe(head).await;
    running.kill().await;
    let mut config = world.config(DaType::Calldata);
    config.throttle_strict = true;
    let error = world.spawn(config).await.failure().await;
    assert!(error.to_string().contains("miner_setMaxDASize"), "{error}");
}
