use std::{collections::BTreeSet, time::Duration};

use phala_devnet::Service;
use phala_tests::{
    rollup::{Testnet, eventually, fast_devnet, stop_gently},
    seeded_rng, soak_or,
};
use rand::{Rng as _, seq::SliceRandom as _};

use crate::{
    inbox::{Inbox, assert_nothing_in_flight},
    rederive,
    traffic::Traffic,
    witness::Witness,
};

/// Rounds, in each of which one program is killed, sometimes two.
const ROUNDS: usize = 5;
const SOAK_ROUNDS: usize = 50;

/// Time a program runs before it is killed, and stays away.
const LIFETIME_MS: std::ops::Range<u64> = 200..4_000;
const ABSENCE_MS: std::ops::Range<u64> = 0..2_500;

/// Probability that two are killed at the same time.
const TWO_AT_ONCE: f64 = 0.3;

/// L1 blocks that pass while the sequencer is stopped.
const STOPPED_L1_BLOCKS: u64 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Sequencer,
    Follower,
    Batcher,
}

const ALL: [Victim; 3] = [Victim::Sequencer, Victim::Follower, Victim::Batcher];

impl Victim {
    const fn of(self, net: &mut Testnet) -> &mut Service {
        match self {
            Self::Sequencer => &mut net.devnet.sequencer,
            Self::Follower => &mut net.devnet.follower,
            Self::Batcher => &mut net.devnet.batcher,
        }
    }
}

/// Nothing that was shown is ever taken back, and nothing is posted twice.
#[tokio::test(flavor = "multi_thread")]
async fn programs_killed_at_any_moment_go_on_with_the_same_chain() {
    let mut rng = seeded_rng("programs_killed_at_any_moment_go_on_with_the_same_chain");
    let mut net = Testnet::start(&fast_devnet()).await;
    let traffic = Traffic::start(&net);
    let mut witness = Witness::default();
    sequencer_is_stopped_for_a_while(&mut net, &mut witness).await;

    let mut deck = Vec::new();
    for round in 0..soak_or(SOAK_ROUNDS, ROUNDS) {
        let lifetime = Duration::from_millis(rng.random_range(LIFETIME_MS));
        tokio::time::sleep(lifetime).await;
        if deck.len() < 2 {
            let mut all = ALL;
            all.shuffle(&mut rng);
            deck.splice(0..0, all);
        }
        let mut victims = vec![deck.pop().expect("two at least")];
        if rng.random_bool(TWO_AT_ONCE) {
            victims.extend(deck.pop());
            victims.dedup();
        }
        let absence = Duration::from_millis(rng.random_range(ABSENCE_MS));
        println!("round {round}: {victims:?} killed after {lifetime:?}, back after {absence:?}");
        witness.look(&net).await;
        for victim in &victims {
            victim.of(&mut net).kill();
        }
        tokio::time::sleep(absence).await;
        for victim in &victims {
            victim.of(&mut net).start().await.expect("it starts again");
        }
    }

    drop(traffic);
    witness.look(&net).await;
    net.settle().await;
    net.assert_same_chain().await;
    witness.assert_kept(&net.sequencer()).await;
    witness.assert_kept(&net.follower()).await;

    stop_gently(&mut net.devnet.batcher).await;
    assert_nothing_in_flight(&net).await;
    let inbox = Inbox::read(&net).await;
    inbox.assert_frames_once_and_in_order();
    let timestamps = inbox.timestamps();
    let different: BTreeSet<u64> = timestamps.iter().copied().collect();
    assert_eq!(different.len(), timestamps.len(), "a block was posted twice");

    let (safe, _) = net.follower().head("safe").await;
    inbox.assert_covers(safe);
    rederive(&mut net, safe).await;
    witness.assert_kept(&net.follower()).await;
    net.stop_and_compare(safe).await;
}

/// It comes back with the chain it had, and makes up for the time it lost.
async fn sequencer_is_stopped_for_a_while(net: &mut Testnet, witness: &mut Witness) {
    net.wait_until_safe(3).await;
    witness.look(net).await;
    stop_gently(&mut net.devnet.sequencer).await;
    let l1_number = net.l1().block_number().await;
    net.l1().wait_for_head("latest", l1_number + STOPPED_L1_BLOCKS).await;
    let (last, hash) = net.follower().head("safe").await;
    net.devnet.sequencer.start().await.expect("it starts again");
    net.sequencer().wait_for_head("latest", last + STOPPED_L1_BLOCKS).await;
    assert_eq!(net.sequencer().hash(last).await, Some(hash));
    eventually("the follower is told of new blocks", async || {
        (net.follower().head("safe").await.0 > last + STOPPED_L1_BLOCKS).then_some(())
    })
    .await;
}
