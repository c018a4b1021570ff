//! What the nodes answer about themselves.

use phala_tests::rollup::{ChainRpc, Testnet, number_of};
use serde_json::{Value, json};

pub(crate) async fn check(net: &Testnet, safe: u64) {
    let rollup_file = std::fs::read_to_string(&net.devnet.files.rollup).expect("rollup.json");
    let rollup: Value = serde_json::from_str(&rollup_file).expect("JSON");
    for chain in [net.sequencer(), net.follower()] {
        assert_eq!(chain.call("optimism_rollupConfig", json!([])).await, rollup);
        let version = chain.call("optimism_version", json!([])).await;
        assert!(version.as_str().is_some_and(|name| name.starts_with("phala-node/")), "{version}");
        check_sync_status(net, &chain, safe).await;
        check_safe_heads(net, &chain, safe).await;
        chain.try_call("optimism_outputAtBlock", json!(["0xffffff"])).await.expect_err("unknown");
        assert_eq!(chain.call("eth_syncing", json!([])).await, json!(false));
    }
    let params = json!([format!("{safe:#x}")]);
    let mut outputs = Vec::new();
    for chain in [net.sequencer(), net.follower()] {
        let mut output = chain.call("optimism_outputAtBlock", params.clone()).await;
        output["syncStatus"].take();
        outputs.push(output);
    }
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(outputs[0]["blockRef"]["number"], safe);
}

/// Every block it names is one of its chain.
async fn check_sync_status(net: &Testnet, chain: &ChainRpc, safe: u64) {
    let status = chain.sync_status().await;
    for name in ["unsafe_l2", "safe_l2", "pending_safe_l2", "cross_unsafe_l2", "local_safe_l2"] {
        assert!(status[name]["number"].as_u64().expect("a number") >= safe, "{name}: {status}");
    }
    let l2 = ["unsafe_l2", "safe_l2", "finalized_l2", "pending_safe_l2", "local_safe_l2"];
    for name in l2 {
        let told = &status[name];
        check_ref(chain, told).await;
        let origin = &told["l1origin"];
        let number = origin["number"].as_u64().expect("a number");
        assert_eq!(
            net.l1().hash(number).await,
            serde_json::from_value(origin["hash"].clone()).ok()
        );
    }
    for name in ["current_l1", "head_l1", "safe_l1", "finalized_l1"] {
        check_ref(&net.l1(), &status[name]).await;
    }
    let number = |name: &str| status[name]["number"].as_u64().expect("a number");
    assert!(number("finalized_l2") <= number("safe_l2"), "{status}");
    assert!(number("safe_l2") <= number("unsafe_l2"), "{status}");
    assert!(number("finalized_l1") <= number("safe_l1"), "{status}");
    assert!(number("safe_l1") <= number("head_l1"), "{status}");
    assert!(number("current_l1") <= number("head_l1"), "{status}");
}

async fn check_ref(chain: &ChainRpc, told: &Value) {
    let number = told["number"].as_u64().expect("a number");
    let block = chain.block(number).await;
    assert_eq!(told["hash"], block["hash"], "{told}");
    assert_eq!(told["parentHash"], block["parentHash"], "{told}");
    assert_eq!(told["timestamp"].as_u64(), Some(number_of(&block["timestamp"])), "{told}");
}

/// Which block was safe when an L1 block had been read.
async fn check_safe_heads(net: &Testnet, chain: &ChainRpc, safe: u64) {
    let current = chain.sync_status().await["current_l1"]["number"].as_u64().expect("a number");
    let ask = async |number: u64| {
        chain.call("optimism_safeHeadAtL1Block", json!([format!("{number:#x}")])).await
    };
    let now = ask(current).await;
    let head = now["safeHead"]["number"].as_u64().expect("a number");
    assert!(head >= safe, "{now}");
    let at = now["l1Block"]["number"].as_u64().expect("a number");
    assert!(at <= current, "{now}");
    let hash = serde_json::from_value(now["l1Block"]["hash"].clone()).ok();
    assert_eq!(net.l1().hash(at).await, hash);
    let before = ask(at - 1).await;
    assert!(before["safeHead"]["number"].as_u64().expect("a number") < head, "{before} {now}");
}
