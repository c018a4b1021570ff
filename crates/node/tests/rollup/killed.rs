use std::{
    process::{Command, Stdio},
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    batches::post_in_frames_of,
    world::{Place, TestNode, World},
};

/// Names the world of a child process.
const CHILD: &str = "ROLLUP_TEST_CHILD";

/// Not a test of its own: the node that the test below kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of another test"]
async fn follows_until_it_is_killed() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let node = Place::from_json(&place).start("follower", &[]).await;
    // Longer than any parent waits.
    tokio::time::sleep(Duration::from_secs(120)).await;
    node.stop().await;
}

/// A follower that is killed at any moment, also within a span, ends on the sequencer's chain.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_follower_goes_on_to_the_same_chain() {
    const BLOCKS: u64 = 150;
    let Some(world) = World::in_the_past(BLOCKS + 10).await else { return };
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.l1-confs=1"]).await;
    sequencer.wait("unsafe head", BLOCKS, TestNode::latest).await;
    let half = BLOCKS / 2;
    post_in_frames_of(150, &world, &sequencer, 1..=half).await;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::follows_until_it_is_killed", "--ignored", "--nocapture"])
            .env(CHILD, world.place.to_json())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if round == 2 {
            post_in_frames_of(150, &world, &sequencer, half + 1..=BLOCKS).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(60..700))).await;
        // SIGKILL: nothing is flushed, nothing is closed.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let follower = world.start("follower", &[]).await;
    follower.wait("safe head", BLOCKS, TestNode::safe).await;
    sequencer.wait("safe head", BLOCKS, TestNode::safe).await;
    assert_eq!(follower.hash_at(BLOCKS), sequencer.hash_at(BLOCKS));
    let digest = |node: &TestNode| node.node.engine().store().digest(BLOCKS).unwrap();
    assert_eq!(digest(&follower), digest(&sequencer));
    sequencer.stop().await;
    follower.stop().await;
}
