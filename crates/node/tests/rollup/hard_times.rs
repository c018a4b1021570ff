use alloy_primitives::Bytes;
use phala_batch::BatchType;

use crate::{
    batches::{self, post},
    world::{TestNode, World},
};

/// Without batches the window passes, every node derives the same empty blocks, and the unsafe ones of
/// the sequencer give way to them. It goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_batcher_the_chain_goes_on_empty() {
    let Some(world) = World::with_window(8).await else { return };
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.l1-confs=1"]).await;
    let follower = world.start("follower", &[]).await;
    sequencer.wait("unsafe head", 3, TestNode::latest).await;
    let replaced = sequencer.hash_at(1);
    follower.wait("safe head", 3, TestNode::safe).await;
    sequencer.wait("safe head", 3, TestNode::safe).await;
    for number in 1..=3 {
        assert_eq!(sequencer.hash_at(number), follower.hash_at(number));
        let block = follower.node.engine().store().block_by_number(number).unwrap().unwrap();
        assert_eq!(block.body().transactions.len(), 1, "only the l1 attributes");
    }
    assert_ne!(sequencer.hash_at(1), replaced);
    // A batcher that comes back is heard again. What it posts is within the window by then.
    let mut safe = follower.safe().number;
    for _ in 0..20 {
        let (from, to) = (sequencer.safe().number + 1, sequencer.latest().number);
        if from <= to {
            post(&world, &sequencer, from..=to).await;
        }
        safe = follower.safe().number;
        let same = sequencer.hash_at(safe) == follower.hash_at(safe);
        assert!(same || sequencer.safe().number < safe, "safe blocks are the same everywhere");
        if sequencer.latest().number < safe + 6 {
            break;
        }
    }
    assert!(safe > 3);
    sequencer.stop().await;
    follower.stop().await;
}

/// An L1 that stops answering stops neither block production nor, once it is back, derivation.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_go_on_while_l1_is_silent() {
    let Some(world) = World::new().await else { return };
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.l1-confs=1"]).await;
    sequencer.wait("unsafe head", 3, TestNode::latest).await;
    let origin = sequencer.l1_origin().await;
    world.anvil.pause();
    let head = sequencer.latest().number;
    sequencer.wait("unsafe head", head + 6, TestNode::latest).await;
    world.anvil.resume();
    // Origins move on again, one by one.
    let began = std::time::Instant::now();
    while sequencer.l1_origin().await < origin + 6 {
        assert!(began.elapsed().as_secs() < 60, "origins do not move");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let last = sequencer.latest().number;
    post(&world, &sequencer, 1..=last).await;
    sequencer.wait("safe head", last, TestNode::safe).await;
    sequencer.stop().await;
}

/// A batch with a transaction that cannot be executed leaves its slot with the deposits, and what
/// follows in the channel is not used.
#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_executed_is_replaced_by_its_deposits() {
    let Some(world) = World::new().await else { return };
    let sequencer = world.start("sequencer", &["--sequencer", "--sequencer.l1-confs=1"]).await;
    sequencer.wait("unsafe head", 4, TestNode::latest).await;
    let garbage = Bytes::from_static(&[0x02, 0xc0]);
    let spoil = |number, transactions: &mut Vec<Bytes>| {
        if number == 2 {
            transactions.push(garbage.clone());
        }
    };
    for data in batches::frames(&world, &sequencer, 1..=4, BatchType::Singular, spoil) {
        world.anvil.post(&world.inbox(), &data).await;
    }
    let follower = world.start("follower", &[]).await;
    follower.wait("safe head", 2, TestNode::safe).await;
    assert_eq!(follower.hash_at(1), sequencer.hash_at(1));
    let block = follower.node.engine().store().block_by_number(2).unwrap().unwrap();
    assert_eq!(block.body().transactions.len(), 1);
    // The sequencer's own block had nothing else in it, so it is the same one.
    assert_eq!(follower.hash_at(2), sequencer.hash_at(2));
    assert_eq!(follower.safe().number, 2, "the rest of the channel is not used");
    post(&world, &sequencer, 3..=4).await;
    follower.wait("safe head", 4, TestNode::safe).await;
    assert_eq!(follower.hash_at(4), sequencer.hash_at(4));
    sequencer.stop().await;
    follower.stop().await;
}
