//! What does not fit together is told at the start.

use std::os::unix::fs::PermissionsExt as _;

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Bytes, TxKind};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::{RpcModule, server::Server, types::ErrorObjectOwned};
use phala_batcher_lib::{Batcher, BatcherError, DaType, KeySource, SignerError, StartupError};
use serde_json::Value;

use crate::{
    anvil::number,
    rollup_node::INBOX,
    world::{KEY, World, batcher_address, write_key},
};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_chains_are_told() {
    let world = World::new(&[], 11).await;
    world.node.state.lock().l1_chain_id = 5;
    let error = world.spawn(world.config(DaType::Blobs)).await.failure().await;
    assert!(
        matches!(
            error,
            BatcherError::Startup(StartupError::L1Chain { found: 31_337, expected: 5 })
        ),
        "{error}"
    );
    {
        let mut state = world.node.state.lock();
        (state.l1_chain_id, state.l2_chain_id) = (31_337, 6);
    }
    let error = world.spawn(world.config(DaType::Blobs)).await.failure().await;
    assert!(matches!(error, BatcherError::Startup(StartupError::L2Chain { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_the_batchers_is_told_and_what_to_do() {
    let world = World::new(&[], 12).await;
    write_key(&world.folder, &"22".repeat(32));
    for blocks in [0, 3] {
        world.grow(blocks, 100);
        let error = world.spawn(world.config(DaType::Blobs)).await.failure().await;
        let text = error.to_string();
        assert!(
            matches!(error, BatcherError::Startup(StartupError::NotTheBatcher { .. })),
            "{text}"
        );
        assert!(text.contains("setBatcherHash") && text.contains(&batcher_address().to_string()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_others_can_read_is_refused() {
    let world = World::new(&[], 13).await;
    let path = world.folder.path().join("key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode set");
    let error = Batcher::start(world.config(DaType::Blobs)).await.expect_err("refused");
    assert!(matches!(error, BatcherError::Signer(SignerError::TooOpen { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_batchers_do_not_share_a_journal() {
    let world = World::new(&["--block-time", "1"], 14).await;
    let running = world.spawn(world.config(DaType::Calldata)).await;
    let head = world.grow(2, 100);
    world.until_safe(head).await;
    let error = world.spawn(world.config(DaType::Calldata)).await.failure().await;
    assert!(error.to_string().contains("in use by another process"), "{error}");
    running.kill().await;
}

/// A signer that signs what it is asked, or something else.
async fn signer(honest: bool) -> (String, jsonrpsee::server::ServerHandle) {
    let server = Server::builder().build("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}", server.local_addr().expect("address"));
    let mut module = RpcModule::new(honest);
    module
        .register_method("eth_signTransaction", |params, honest, _| {
            let asked: Value = params.one().expect("arguments");
            let wei = |key: &str| u128::from(number(&asked[key]));
            let tx = TxEip1559 {
                chain_id: number(&asked["chainId"]),
                nonce: number(&asked["nonce"]) + u64::from(!honest),
                gas_limit: number(&asked["gas"]),
                max_fee_per_gas: wei("maxFeePerGas"),
                max_priority_fee_per_gas: wei("maxPriorityFeePerGas"),
                to: TxKind::Call(INBOX),
                input: asked["input"].as_str().expect("input").parse().expect("bytes"),
                ..TxEip1559::default()
            };
            let key: PrivateKeySigner = KEY.parse().expect("key");
            let signature = key.sign_hash_sync(&tx.signature_hash()).expect("signs");
            let mut raw = Vec::new();
            tx.into_signed(signature).eip2718_encode(&mut raw);
            Ok::<_, ErrorObjectOwned>(Bytes::from(raw))
        })
        .expect("registers");
    (url, server.start(module))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_signer_signs() {
    let world = World::new(&["--block-time", "1"], 15).await;
    let (url, _server) = signer(true).await;
    let mut config = world.config(DaType::Calldata);
    config.key =
        KeySource::Remote { endpoint: url.parse().expect("url"), address: batcher_address() };
    let running = world.spawn(config).await;
    let head = world.grow(6, 100);
    world.until_safe(head).await.assert_exactly_once(head);
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_signer_that_signs_something_else_is_caught() {
    let world = World::new(&["--block-time", "1"], 16).await;
    let (url, _server) = signer(false).await;
    let mut config = world.config(DaType::Calldata);
    config.key =
        KeySource::Remote { endpoint: url.parse().expect("url"), address: batcher_address() };
    let running = world.spawn(config).await;
    world.grow(2, 100);
    running
        .until("told", |status| {
            status.errors.get("publish").is_some_and(|text| text.contains("another transaction"))
        })
        .await;
    assert_eq!(world.anvil.nonce(batcher_address(), "pending").await, 0);
    running.kill().await;
}
