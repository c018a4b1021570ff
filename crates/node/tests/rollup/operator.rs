use alloy_primitives::B256;
use serde_json::json;

use crate::{
    http::call,
    world::{TestNode, World},
};

/// What the admin namespace says, and what it does.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_starts_and_stops_the_sequencer() {
    let Some(world) = World::new().await else { return };
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.stopped"]).await;
    let active = || sequencer.call("admin_sequencerActive", json!([]));
    assert_eq!(active().await.unwrap(), false);
    assert!(
        sequencer.call("admin_stopSequencer", json!([])).await.unwrap_err().contains("not running")
    );
    let wrong = B256::repeat_byte(1);
    let error = sequencer.call("admin_startSequencer", json!([wrong])).await.unwrap_err();
    assert!(error.contains("does not match"), "{error}");
    assert_eq!(sequencer.latest().number, 0);
    let head = sequencer.latest().hash;
    sequencer.call("admin_startSequencer", json!([head])).await.unwrap();
    assert_eq!(active().await.unwrap(), true);
    let error = sequencer.call("admin_startSequencer", json!([head])).await.unwrap_err();
    assert!(error.contains("already running"), "{error}");
    sequencer.wait("unsafe head", 2, TestNode::latest).await;
    sequencer.call("admin_setRecoverMode", json!([true])).await.unwrap();
    sequencer.call("admin_resetDerivationPipeline", json!([])).await.unwrap();
    let now = sequencer.latest().number;
    sequencer.wait("unsafe head", now + 2, TestNode::latest).await;
    let last = sequencer.call("admin_stopSequencer", json!([])).await.unwrap();
    assert_eq!(last, json!(sequencer.latest().hash));
    let stopped = sequencer.latest();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(sequencer.latest(), stopped, "a stopped sequencer makes no blocks");
    assert_eq!(sequencer.call("admin_conductorEnabled", json!([])).await.unwrap(), false);
    sequencer.call("admin_overrideLeader", json!([])).await.unwrap_err();
    let error = sequencer.call("admin_setLogLevel", json!(["loud"])).await.unwrap_err();
    assert!(error.contains("no log level"), "{error}");

    // A follower is no sequencer, and takes the blocks of one only in order.
    let follower = world.start("follower", &[]).await;
    let error = follower.call("admin_startSequencer", json!([head])).await.unwrap_err();
    assert!(error.contains("--sequencer"), "{error}");
    sequencer.stop().await;
    follower.stop().await;
}

/// Nobody else may move the heads of a node that derives them.
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_api_takes_no_heads_from_outside() {
    let Some(world) = World::new().await else { return };
    let follower = world.start("follower", &[]).await;
    let secret = std::fs::read_to_string(world.folder().join("follower/jwt.hex")).unwrap();
    let secret: [u8; 32] =
        alloy_primitives::hex::decode(secret.trim()).unwrap().try_into().unwrap();
    let state = json!({"headBlockHash": follower.latest().hash, "safeBlockHash": B256::ZERO,
        "finalizedBlockHash": B256::ZERO});
    let token = phala_rpc::JwtSecret::new(secret).token();
    let (url, params) = (follower.url("engine"), json!([state, null]));
    let answer = call(&url, Some(&token), "engine_forkchoiceUpdatedV3", params).await.unwrap();
    let error = answer.unwrap_err();
    assert!(error.contains("derives the chain from L1 itself"), "{error}");
    // An operator reaches the driver there too.
    let active = call(&url, Some(&token), "admin_sequencerActive", json!([])).await.unwrap();
    assert_eq!(active.unwrap(), false);
    // Nobody reaches it on the public server.
    follower.call("engine_getClientVersionV1", json!([])).await.unwrap_err();
    follower.stop().await;
}
