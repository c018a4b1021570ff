use std::{
    process::Command,
    time::{Duration, Instant},
};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, TxHash, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::RollupJson;
use phala_devnet::{Devnet, DevnetConfig, L1Mining, Programs};
use phala_genesis::L1Rpc;
use serde_json::{Value, json};

/// Longest time for something that takes a few L1 blocks.
const PATIENCE: Duration = Duration::from_secs(120);

fn config() -> DevnetConfig {
    DevnetConfig {
        l1_mining: L1Mining::Every(Duration::from_secs(1)),
        l2_block_time_secs: Some(1),
        ..DevnetConfig::default()
    }
}

/// Asks until the answer is there.
async fn until<T>(what: &str, devnet: &mut Devnet, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        devnet.ensure_alive().unwrap_or_else(|error| panic!("{what}: {error}"));
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} does not happen; logs in {:?}", devnet.folder());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn safe_number(node: &L1Rpc) -> Option<u64> {
    let status: Value = node.request("optimism_syncStatus", json!([])).await.ok()?;
    status["safe_l2"]["number"].as_u64()
}

async fn hash_at(node: &L1Rpc, number: u64) -> Option<B256> {
    node.block(format!("{number:#x}")).await.ok().map(|block| block.hash)
}

async fn balance(node: &L1Rpc, account: Address) -> U256 {
    node.balance(account).await.unwrap_or_default()
}

async fn send(
    node: &L1Rpc,
    chain_id: u64,
    signer: &PrivateKeySigner,
    to: Address,
    value: u64,
) -> TxHash {
    let transaction = TxEip1559 {
        chain_id,
        nonce: node.nonce(signer.address()).await.unwrap(),
        gas_limit: 500_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        value: U256::from(value),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let signed: TxEnvelope = transaction.into_signed(signature).into();
    node.send_raw(&signed.encoded_2718()).await.expect("sent")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_and_transactions_reach_a_follower_that_reads_l1_only() {
    let mut devnet = Devnet::start(&config()).await.expect("a devnet");
    let (l1, sequencer, follower) =
        (devnet.anvil.rpc().clone(), devnet.sequencer.rpc(), devnet.follower.rpc());
    let user = PrivateKeySigner::from_bytes(&devnet.key("user 5").unwrap()).unwrap();

    // The node starts from the block the files name.
    let genesis = hash_at(&sequencer, 0).await.expect("genesis");
    assert_eq!(genesis, devnet.files.genesis_hash);
    let printed = Command::new(Programs::find(None).unwrap().node)
        .args(["chain", "rollup-json", "--chain"])
        .arg(&devnet.files.chain)
        .output()
        .expect("phala-node runs");
    let printed: RollupJson = serde_json::from_slice(&printed.stdout).expect("rollup.json");
    let written = std::fs::read_to_string(&devnet.files.rollup).unwrap();
    assert_eq!(printed, serde_json::from_str(&written).expect("rollup.json"));

    // A deposit that only L1 knows of, and a transfer that only the sequencer knows of.
    let before = balance(&follower, user.address()).await;
    let portal = devnet.deployment.addresses.optimism_portal;
    send(&l1, 31337, &user, portal, 1_000_000_007).await;
    let to = Address::repeat_byte(0x77);
    let chain_id = devnet.files.spec.chain_id;
    let hash = send(&sequencer, chain_id, &user, to, 5).await;
    let included = until("the transfer", &mut devnet, async || {
        sequencer.receipt(hash).await.ok().flatten().map(|receipt| receipt.block_number)
    })
    .await;
    until("the deposit on the follower", &mut devnet, async || {
        let found = balance(&follower, to).await;
        let deposited = balance(&follower, user.address()).await + U256::from(10_u64.pow(15));
        (found == U256::from(5) && deposited > before).then_some(())
    })
    .await;
    let safe = until("the follower's safe head", &mut devnet, async || {
        safe_number(&follower).await.filter(|number| *number >= included + 5)
    })
    .await;
    assert_eq!(hash_at(&follower, safe).await, hash_at(&sequencer, safe).await);

    // Each part can be killed and started again.
    devnet.follower.kill();
    devnet.batcher.kill();
    assert!(!devnet.follower.is_running());
    devnet.follower.start().await.expect("again");
    devnet.batcher.start().await.expect("again");
    assert!(devnet.sequencer.stop(), "no force");
    devnet.sequencer.start().await.expect("again");
    let later = until("the follower after kills", &mut devnet, async || {
        safe_number(&follower).await.filter(|number| *number > safe + 5)
    })
    .await;
    assert_eq!(hash_at(&follower, later).await, hash_at(&sequencer, later).await);

    let folder = devnet.folder().to_owned();
    let began = Instant::now();
    devnet.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(!folder.exists());
}
