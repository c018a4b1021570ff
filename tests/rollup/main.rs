//! The whole rollup on anvil while everybody is honest: what enters on either chain arrives on both
//! nodes, and what is changed on L1 changes the blocks it should.
//!
//! Few devnets, each for a scenario of many steps: a devnet takes seconds to deploy.

mod blocks;
mod chain_rules;
mod deposits;
mod methods;
mod older_rules;
mod operations;
mod posted;
mod system_config;
mod transactions;
mod withdrawal;

use phala_tests::rollup::{Testnet, fast_devnet};

/// Deposits, transactions and a withdrawal, with span batches in blobs.
#[tokio::test(flavor = "multi_thread")]
async fn what_enters_on_either_chain_arrives_on_both_nodes() {
    let mut net = Testnet::start(&fast_devnet()).await;
    let (finalized_at_first, _) = net.follower().head("finalized").await;
    deposits::check(&net).await;
    transactions::check(&net).await;
    withdrawal::check(&net).await;

    let last = net.settle().await;
    methods::check(&net, last).await;
    // L1 finalizes the blocks that brought all this.
    let (finalized, hash) = net.follower().wait_for_head("finalized", last).await;
    assert!(finalized > finalized_at_first);
    net.sequencer().wait_for_head("finalized", finalized).await;
    assert_eq!(net.sequencer().hash(finalized).await, Some(hash));

    let safe = net.assert_same_chain().await;
    chain_rules::check(&net, safe).await;
    let posted = posted::since(&net, 0).await;
    let batcher = net.account("batcher").address();
    assert!(posted.iter().all(|tx| tx.from == batcher && tx.is_blob && tx.input.is_empty()));
    net.stop_and_compare(safe).await;
}
