use std::sync::Arc;

use alloy_primitives::B256;
use phala_chainspec::ChainSpec;
use phala_rpc::{
    AdminCommand, AdminError, RollupHandle, RpcLimits, SafeHeadAtL1, SyncProgress, SyncStatus,
};
use serde_json::{Value, json, value::to_raw_value};
use tokio::sync::{mpsc, watch};

use crate::node::{self, Node};

/// A driver that answers as told, and what it shares with the servers.
struct Driver {
    status: watch::Sender<SyncStatus>,
    progress: watch::Sender<Option<SyncProgress>>,
}

impl Driver {
    fn start() -> (Self, RollupHandle) {
        let (status, status_reader) = watch::channel(SyncStatus::default());
        let (progress, progress_reader) = watch::channel(None);
        let (commands, mut inbox) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(command) = inbox.recv().await {
                answer(command);
            }
        });
        let rollup_config = Arc::from(to_raw_value(&json!({"block_time": 2})).unwrap());
        let handle = RollupHandle {
            status: status_reader,
            progress: progress_reader,
            commands,
            rollup_config,
        };
        (Self { status, progress }, handle)
    }
}

fn answer(command: AdminCommand) {
    match command {
        AdminCommand::StartSequencer { unsafe_head, reply } => {
            let head = B256::repeat_byte(1);
            let differs = AdminError::HeadDiffers { head, expected: unsafe_head };
            let _ = reply.send(if unsafe_head == head { Ok(()) } else { Err(differs) });
        }
        AdminCommand::StopSequencer { reply } => {
            let _ = reply.send(Ok(B256::repeat_byte(1)));
        }
        AdminCommand::SequencerActive { reply } => {
            let _ = reply.send(Ok(true));
        }
        AdminCommand::PostUnsafePayload { payload, reply } => {
            let (hash, parent) = (payload.block_hash(), payload.parent_hash());
            let _ = reply.send(Err(AdminError::UnknownParent { hash, parent }));
        }
        AdminCommand::SafeHeadAtL1 { number, reply } => {
            let safe = SafeHeadAtL1 {
                l1_block: phala_primitives::BlockRef { number, hash: B256::repeat_byte(2) },
                safe_head: phala_primitives::BlockRef { number: 7, hash: B256::repeat_byte(3) },
            };
            let unknown = AdminError::SafeHeadUnknown { number, oldest: 1, newest: 9 };
            let _ = reply.send(if number < 10 { Ok(safe) } else { Err(unknown) });
        }
        AdminCommand::SetRecoverMode { reply, .. }
        | AdminCommand::ResetDerivation { reply }
        | AdminCommand::SetLogLevel { reply, .. } => {
            let _ = reply.send(Ok(()));
        }
    }
}

async fn start() -> (Node, Driver) {
    let (driver, handle) = Driver::start();
    let config = node::config(RpcLimits::default());
    (Node::with_rollup(ChainSpec::dev(), config, Some(handle)).await, driver)
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_the_sync_status_as_op_node_does() {
    let (node, driver) = start().await;
    let mut status = SyncStatus::default();
    status.head_l1.number = 5;
    status.safe_l2.l1_origin.number = 4;
    driver.status.send_replace(status);
    let mut client = node.http().await;
    let status = client.call("optimism_syncStatus", json!([])).await;
    assert_eq!(status["head_l1"]["number"], 5, "{status}");
    assert_eq!(status["safe_l2"]["l1origin"]["number"], 4, "{status}");
    for field in ["current_l1", "current_l1_finalized", "head_l1", "safe_l1", "finalized_l1"] {
        assert!(status[field]["parentHash"].is_string(), "{field}: {status}");
    }
    for field in [
        "unsafe_l2",
        "safe_l2",
        "finalized_l2",
        "pending_safe_l2",
        "cross_unsafe_l2",
        "local_safe_l2",
        "queued_unsafe_l2",
    ] {
        assert_eq!(status[field]["sequenceNumber"], 0, "{field}: {status}");
    }
    assert_eq!(client.call("optimism_rollupConfig", json!([])).await["block_time"], 2);
    assert!(client.call("optimism_version", json!([])).await.is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_commit_to_the_header() {
    let (node, _driver) = start().await;
    let mut client = node.http().await;
    let genesis = node.latest();
    let output = client.call("optimism_outputAtBlock", json!(["0x0"])).await;
    assert_eq!(output["stateRoot"], json!(genesis.state_root), "{output}");
    assert_eq!(output["withdrawalStorageRoot"], json!(genesis.withdrawals_root.unwrap()));
    let expected = phala_chainspec::output_root(
        genesis.state_root,
        genesis.withdrawals_root.unwrap(),
        genesis.hash_slow(),
    );
    assert_eq!(output["outputRoot"], json!(expected));
    assert_eq!(output["version"], json!(B256::ZERO));
    assert_eq!(output["blockRef"]["number"], 0);
    assert!(output["syncStatus"]["unsafe_l2"].is_object());
    client.error("optimism_outputAtBlock", json!(["0x99"])).await;
    client.error("optimism_outputAtBlock", json!([])).await;
    let safe = client.call("optimism_safeHeadAtL1Block", json!(["0x5"])).await;
    assert_eq!((&safe["l1Block"]["number"], &safe["safeHead"]["number"]), (&json!(5), &json!(7)));
    let error = client.error("optimism_safeHeadAtL1Block", json!(["0xa"])).await;
    assert!(error["message"].as_str().unwrap().contains("1 to 9"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_the_driver_where_they_may() {
    let (node, driver) = start().await;
    // Not on the public server: `admin` is not among its namespaces.
    let mut public = node.http().await;
    assert_eq!(public.error("admin_sequencerActive", json!([])).await["code"], -32601);
    let mut auth = node.auth().await;
    assert_eq!(auth.call("admin_sequencerActive", json!([])).await, true);
    let head = B256::repeat_byte(1);
    assert_eq!(auth.call("admin_startSequencer", json!([head])).await, Value::Null);
    let error = auth.error("admin_startSequencer", json!([B256::ZERO])).await;
    assert!(error["message"].as_str().unwrap().contains("does not match"), "{error}");
    assert_eq!(auth.call("admin_stopSequencer", json!([])).await, json!(head));
    assert_eq!(auth.call("admin_setRecoverMode", json!([true])).await, Value::Null);
    assert_eq!(auth.call("admin_setLogLevel", json!(["debug"])).await, Value::Null);
    assert_eq!(auth.call("admin_resetDerivationPipeline", json!([])).await, Value::Null);
    assert_eq!(auth.call("admin_conductorEnabled", json!([])).await, false);
    auth.error("admin_overrideLeader", json!([])).await;
    for wrong in [json!([]), json!(["0x1"]), json!([head, 1])] {
        assert_eq!(auth.error("admin_startSequencer", wrong).await["code"], -32602);
    }
    for wrong in [json!([]), json!([{}]), json!([{"executionPayload": {}}]), json!(["0x"])] {
        assert_eq!(auth.error("admin_postUnsafePayload", wrong).await["code"], -32602);
    }
    // The engine has one driver.
    let state = json!({"headBlockHash": head, "safeBlockHash": head, "finalizedBlockHash": head});
    let error = auth.error("engine_forkchoiceUpdatedV3", json!([state, null])).await;
    assert!(error["message"].as_str().unwrap().contains("--l1"), "{error}");
    assert_eq!(auth.call("engine_getClientVersionV1", json!([null])).await[0]["code"], "PH");
    drop(driver);
}

/// Whatever anybody asks a driver that is busy, the operator gets through.
#[tokio::test(flavor = "multi_thread")]
async fn public_questions_do_not_keep_the_operator_out() {
    let (_driver, mut handle) = Driver::start();
    let (commands, mut inbox) = mpsc::channel(4);
    handle.commands = commands;
    let limits = RpcLimits { heavy_queue_len_max: 4, ..RpcLimits::default() };
    let node = Node::with_rollup(ChainSpec::dev(), node::config(limits), Some(handle)).await;
    let mut questions = Vec::new();
    for _ in 0..20 {
        let mut public = node.http().await;
        questions.push(tokio::spawn(async move {
            let _ = public.error("optimism_safeHeadAtL1Block", json!(["0x5"])).await;
        }));
    }
    // As many are on their way as may be; the rest was refused.
    while questions.iter().filter(|question| question.is_finished()).count() < 20 - 6 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut auth = node.auth().await;
    let stop = tokio::spawn(async move { auth.call("admin_stopSequencer", json!([])).await });
    loop {
        match inbox.recv().await.unwrap() {
            AdminCommand::StopSequencer { reply } => break drop(reply.send(Ok(B256::ZERO))),
            // The driver is still at it.
            question => questions.push(tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                drop(question);
            })),
        }
    }
    assert_eq!(stop.await.unwrap(), json!(B256::ZERO));
    questions.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_payload_arrives_whole() {
    let (node, _driver) = start().await;
    let mut auth = node.auth().await;
    let (hash, parent) = (B256::repeat_byte(8), B256::repeat_byte(9));
    let envelope = json!({
        "parentBeaconBlockRoot": B256::ZERO,
        "executionPayload": {
            "parentHash": parent, "feeRecipient": alloy_primitives::Address::ZERO,
            "stateRoot": B256::ZERO, "receiptsRoot": B256::ZERO,
            "logsBloom": alloy_primitives::Bloom::ZERO, "prevRandao": B256::ZERO,
            "blockNumber": "0x1", "gasLimit": "0x1", "gasUsed": "0x0", "timestamp": "0x70000000",
            "extraData": "0x", "baseFeePerGas": "0x1", "blockHash": hash, "transactions": [],
            "withdrawals": [], "blobGasUsed": "0x0", "excessBlobGas": "0x0",
            "withdrawalsRoot": B256::ZERO
        }
    });
    let error = auth.error("admin_postUnsafePayload", json!([envelope])).await;
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&hash.to_string()), "{message}");
    assert!(message.contains(&parent.to_string()), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn eth_syncing_tells_progress_until_the_node_keeps_up() {
    let (node, driver) = start().await;
    let mut client = node.http().await;
    assert_eq!(client.call("eth_syncing", json!([])).await, false);
    let progress = SyncProgress { starting_block: 1, current_block: 16, highest_block: 255 };
    driver.progress.send_replace(Some(progress));
    let syncing = client.call("eth_syncing", json!([])).await;
    let expected = json!({"startingBlock": "0x1", "currentBlock": "0x10", "highestBlock": "0xff"});
    assert_eq!(syncing, expected);
    driver.progress.send_replace(None);
    assert_eq!(client.call("eth_syncing", json!([])).await, false);
}

/// Without a driver in the process the methods are not there.
#[tokio::test(flavor = "multi_thread")]
async fn an_execution_node_has_no_rollup_methods() {
    let node = Node::start().await;
    let mut client = node.http().await;
    assert_eq!(client.error("optimism_syncStatus", json!([])).await["code"], -32601);
    let mut auth = node.auth().await;
    assert_eq!(auth.error("admin_stopSequencer", json!([])).await["code"], -32601);
}
