use crate::{
    batches::post,
    world::{TestNode, World},
};

/// An L1 that takes back what it had finalized takes nothing finalized back here: derivation goes on
/// from there, though an older safe head is better known.
#[tokio::test(flavor = "multi_thread")]
async fn goes_on_from_the_finalized_block_where_l1_went_back_further() {
    let Some(world) = World::new().await else { return };
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.l1-confs=1"]).await;
    let follower = world.start("follower", &[]).await;
    sequencer.wait("unsafe head", 4, TestNode::latest).await;
    post(&world, &sequencer, 1..=2).await;
    follower.wait("safe head", 2, TestNode::safe).await;
    let kept = world.anvil.block("latest").await.0;
    post(&world, &sequencer, 3..=4).await;
    follower.wait("finalized head", 4, TestNode::finalized).await;
    let head = world.anvil.block("latest").await.0;
    world.anvil.reorg(head - kept).await;
    let unsafe_head = sequencer.latest().number;
    sequencer.wait("unsafe head", unsafe_head + 3, TestNode::latest).await;
    let mut safe = follower.safe().number;
    // The sequencer may have had to go back as well.
    while safe < 8 {
        let end = sequencer.latest().number;
        post(&world, &sequencer, 5..=end).await;
        follower.wait("safe head", end, TestNode::safe).await;
        safe = follower.safe().number;
    }
    assert_eq!(follower.hash_at(safe), sequencer.hash_at(safe));
    sequencer.stop().await;
    follower.stop().await;
}

/// A batch whose L1 block is replaced is not safe any more; posted again, it is.
#[tokio::test(flavor = "multi_thread")]
async fn follows_l1_over_reorgs() {
    let Some(world) = World::new().await else { return };
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.l1-confs=0"]).await;
    let follower = world.start("follower", &[]).await;
    sequencer.wait("unsafe head", 4, TestNode::latest).await;
    let first = sequencer.latest().number;
    post(&world, &sequencer, 1..=first).await;
    follower.wait("safe head", first, TestNode::safe).await;
    for depth in [1, 3] {
        let before = follower.safe();
        let head = sequencer.latest().number;
        world.anvil.reorg(depth).await;
        sequencer.wait("unsafe head", head + 4, TestNode::latest).await;
        let end = sequencer.latest().number;
        // What was safe may have gone with the blocks of L1, so all of it is posted again: derivation
        // passes over what it has.
        let from = before.number.min(follower.safe().number) + 1;
        let from = if sequencer.hash_at(from - 1) == follower.hash_at(from - 1) { from } else { 1 };
        post(&world, &sequencer, from..=end).await;
        follower.wait("safe head", end, TestNode::safe).await;
        assert_eq!(follower.hash_at(end), sequencer.hash_at(end), "depth {depth}");
    }
    sequencer.stop().await;
    follower.stop().await;
}
