use std::time::Duration;

use alloy_primitives::Address;
use phala_devnet::{BeaconFault, BeaconHelper, DevnetConfig, L1Mining, Service, free_port};
use phala_tests::rollup::{Deposit, Testnet, eventually, fast_devnet, stop_gently};
use serde_json::json;

use crate::{
    l1_proxy::{L1Fault, L1Proxy},
    rederive,
    traffic::Traffic,
    witness::Witness,
};

/// Blocks that the sequencer makes while its only endpoint is of no use.
const BLOCKS_WITHOUT_L1: u64 = 3;

/// How far an endpoint can be behind: as far as the oldest L1 block the nodes have use for.
const BLOCKS_BEHIND: u64 = 12;

const RECIPIENT: Address = Address::repeat_byte(0xd2);

/// The sequencer has one endpoint, which goes wrong in every way; the follower has that and a good one.
#[tokio::test(flavor = "multi_thread")]
async fn no_endpoint_stops_the_sequencer_or_deceives_a_node() {
    let config = DevnetConfig {
        follower: false,
        // A sequencer whose origins are old gets at most one L1 block further with each of its own.
        l1_mining: L1Mining::Every(Duration::from_secs(2)),
        ..fast_devnet()
    };
    let mut net = Testnet::start(&config).await;
    let proxy = L1Proxy::start(net.devnet.anvil.rpc()).await;
    let archive =
        BeaconHelper::start(net.devnet.anvil.rpc(), free_port()).expect("a second helper");
    point_to(&mut net, &proxy, &archive).await;
    let traffic = Traffic::start(&net);
    let mut witness = Witness::default();
    net.wait_until_safe(5).await;

    for fault in [
        L1Fault::Cut,
        L1Fault::ServerError,
        L1Fault::Garbage,
        L1Fault::Null,
        L1Fault::FalseBlocks,
        L1Fault::Stall,
    ] {
        endure(&net, &proxy, fault, &mut witness).await;
    }
    let head = net.l1().block_number().await;
    endure(&net, &proxy, L1Fault::Behind(head.saturating_sub(BLOCKS_BEHIND)), &mut witness).await;
    receipts_are_not_believed(&net, &proxy, &mut witness).await;
    blobs_are_found_elsewhere(&net, &mut witness).await;

    drop(traffic);
    net.settle().await;
    for node in [net.sequencer(), net.follower()] {
        witness.assert_kept(&node).await;
    }
    let safe = net.assert_same_chain().await;
    // Nothing is in the first beacon any more: a new node gets every blob from the archive.
    net.devnet.beacon.set_fault(BeaconFault::Pruned);
    rederive(&mut net, safe).await;
    net.stop_and_compare(safe).await;
}

/// Tells both nodes whom to ask, and starts them.
async fn point_to(net: &mut Testnet, proxy: &L1Proxy, archive: &BeaconHelper) {
    stop_gently(&mut net.devnet.sequencer).await;
    let both = format!("{},{}", proxy.url(), net.devnet.anvil.url());
    set_flag(&mut net.devnet.sequencer, "--l1", proxy.url().as_str());
    set_flag(&mut net.devnet.follower, "--l1", &both);
    for node in [&mut net.devnet.sequencer, &mut net.devnet.follower] {
        set_flag(node, "--l1.beacon-fallbacks", archive.url().as_str());
        node.start().await.expect("it starts");
    }
}

fn set_flag(service: &mut Service, flag: &str, value: &str) {
    let arguments = &mut service.arguments;
    match arguments.iter().position(|argument| argument == flag) {
        Some(at) => arguments[at + 1] = value.to_owned(),
        None => arguments.extend([flag.to_owned(), value.to_owned()]),
    }
}

/// The sequencer goes on with nothing but the fault, the follower with the other endpoint; when it is
/// over both have the same chain.
async fn endure(net: &Testnet, proxy: &L1Proxy, fault: L1Fault, witness: &mut Witness) {
    begin(net, proxy, fault, witness).await;
    end(net, proxy, fault, witness).await;
}

async fn begin(net: &Testnet, proxy: &L1Proxy, fault: L1Fault, witness: &mut Witness) {
    witness.look(net).await;
    let (head, _) = net.sequencer().head("latest").await;
    let answers = proxy.faulty_answers();
    proxy.set_fault(fault);
    eventually("the fault is met", async || (proxy.faulty_answers() > answers).then_some(())).await;
    net.sequencer().wait_for_head("latest", head + BLOCKS_WITHOUT_L1).await;
    net.follower().wait_for_head("safe", head + BLOCKS_WITHOUT_L1).await;
    net.assert_same_chain().await;
    witness.look(net).await;
}

async fn end(net: &Testnet, proxy: &L1Proxy, fault: L1Fault, witness: &mut Witness) {
    let (head, _) = net.sequencer().head("latest").await;
    proxy.set_fault(L1Fault::None);
    net.wait_until_safe(head).await;
    witness.look(net).await;
    println!("{fault:?}: {} answers so far, block {head} safe", proxy.faulty_answers());
}

/// A deposit whose amount is another one in each answer arrives as it is on L1, once that is shown.
async fn receipts_are_not_believed(net: &Testnet, proxy: &L1Proxy, witness: &mut Witness) {
    begin(net, proxy, L1Fault::FalseReceipts, witness).await;
    let (user, portal) = (net.account("user 2"), net.contracts().optimism_portal);
    let deposit = Deposit::ether(RECIPIENT, 1_000);
    let receipt = user.send_ok(&net.l1(), deposit.call(portal)).await;
    let hash = deposit.l2_hash(user.address(), portal, &receipt);
    begin(net, proxy, L1Fault::FalseReceipts, witness).await;
    for node in [net.sequencer(), net.follower()] {
        let early = node.call("eth_getTransactionReceipt", json!([hash])).await;
        assert!(early.is_null(), "nobody has shown this deposit: {early}");
        assert_eq!(node.balance(RECIPIENT).await.to::<u64>(), 0);
    }
    end(net, proxy, L1Fault::FalseReceipts, witness).await;
    for node in [net.sequencer(), net.follower()] {
        assert_eq!(node.receipt(hash).await["status"], "0x1");
        assert_eq!(node.balance(RECIPIENT).await.to::<u64>(), 1_000);
    }
}

/// The first beacon loses, changes or refuses blobs; the archive has them.
async fn blobs_are_found_elsewhere(net: &Testnet, witness: &mut Witness) {
    for fault in
        [BeaconFault::Pruned, BeaconFault::Corrupt, BeaconFault::Unavailable, BeaconFault::Stalled]
    {
        net.devnet.beacon.set_fault(fault);
        let (head, _) = net.sequencer().head("latest").await;
        net.wait_until_safe(head + BLOCKS_WITHOUT_L1).await;
        witness.look(net).await;
        println!("beacon {fault:?}: block {} safe", head + BLOCKS_WITHOUT_L1);
    }
    net.devnet.beacon.set_fault(BeaconFault::None);
}
