//! The whole rollup on anvil while something goes wrong: L1 takes blocks back, its endpoints fail, stall
//! and lie, programs stop and are killed. Afterwards both nodes have the chain that L1 says.
//!
//! Few devnets, each for a scenario of many steps: a devnet takes seconds to deploy.

mod inbox;
mod kills;
mod l1_faults;
mod l1_proxy;
mod l1_reorgs;
mod sequencing_window;
mod traffic;
mod witness;

use std::fs;

use phala_tests::rollup::{Testnet, stop_gently};

/// Empties the follower's database and starts it again: what it says afterwards is what L1 says now. It
/// has to have the sequencer's chain up to a height.
async fn rederive(net: &mut Testnet, upto: u64) {
    stop_gently(&mut net.devnet.follower).await;
    let datadir = net.devnet.folder().join("follower");
    fs::remove_dir_all(&datadir).expect("nobody uses it");
    fs::create_dir(&datadir).expect("its parent is there");
    net.devnet.follower.start().await.expect("a follower");
    net.follower().wait_for_head("safe", upto).await;
    net.assert_same_chain().await;
}
