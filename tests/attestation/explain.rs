//! What `phala_explain…` and the readers of the predeploys answer.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use phala_tests::NodeProcess;
use serde_json::{Value, json};

use crate::market::{Market, Worker};

#[test]
fn the_reason_of_a_refusal_is_told_and_the_frame_is_what_the_precompile_takes() {
    let (market, worker) = (Market::open(), Worker::new(0, 1));
    let (collateral, blob) = market.collateral(&worker);
    let collateral: Value = serde_json::from_str(&collateral).expect("JSON");
    let nonce = keccak256("nonce");
    let quote = worker.attest(nonce, Address::ZERO, Address::ZERO, 0).quote;
    let hex = Bytes::from(quote.clone());

    let good = market.rpc.call("phala_explainTdxQuote", json!([hex, collateral]));
    assert_eq!((&good["accepted"], &good["reason"]), (&json!(true), &Value::Null));
    assert_eq!(good["reading"]["platform"]["tcbStatus"], "UpToDate");
    assert_eq!(good["reading"]["collateral"], json!(Bytes::from(blob.clone())));
    let report_data = good["reading"]["guest"]["reportData"].as_str().expect("hex");
    assert!(report_data.ends_with(&format!("{nonce:x}")));
    // Services append zeros, which the frame does not have; the precompile says the same of it.
    let trimmed: Bytes = serde_json::from_value(good["reading"]["quote"].clone()).expect("hex");
    assert!(trimmed.len() < quote.len() && quote.starts_with(&trimmed));
    let status = |explained: &Value| {
        let call = json!({"to": explained["to"], "input": explained["calldata"]});
        let answer = market.rpc.call("eth_call", json!([call, "latest"]));
        let output: Bytes = serde_json::from_value(answer).expect("bytes");
        output[31]
    };
    assert_eq!(status(&good), 0);
    // The same in other forms: an array of bytes, an object, a blob.
    for (quote, collateral) in [
        (json!(quote), json!(Bytes::from(blob))),
        (json!({"quote": hex, "event_log": "[]"}), collateral.clone()),
    ] {
        let again = market.rpc.call("phala_explainTdxQuote", json!([quote, collateral]));
        assert_eq!(again["reading"]["quote"], good["reading"]["quote"]);
        assert_eq!(again["accepted"], true);
    }

    let late = json!([hex, collateral, market.now() + 40 * 86_400]);
    let refused = market.rpc.call("phala_explainTdxQuote", late);
    assert_eq!(refused["accepted"], false);
    assert!(refused["reason"].as_str().expect("a reason").len() > 5, "{refused}");
    assert_eq!(refused["reading"]["platform"], Value::Null);
    assert_eq!(status(&refused), 1);

    let gpu = &worker.evidence.gpus[0];
    let device = |nonce: B256| {
        let report = alloy_primitives::hex::encode(gpu.report(keccak256("nonce")));
        json!([{
            "evidence": report,
            "certificate": alloy_primitives::hex::encode(gpu.chain_pem()),
            "nonce": format!("{nonce:x}"),
        }])
    };
    let good = market.rpc.call("phala_explainGpuEvidence", json!([device(nonce)]));
    assert_eq!(good[0]["accepted"], true, "{good}");
    assert_eq!(good[0]["reading"]["device"]["deviceId"], json!(gpu.device_id()));
    assert_eq!(status(&good[0]), 0);
    let other = market.rpc.call("phala_explainGpuEvidence", json!([device(B256::ZERO)]));
    assert_eq!(other[0]["reason"], "report answers another nonce");
    assert_eq!(status(&other[0]), 1);
}

#[test]
fn what_is_no_evidence_is_an_error_of_the_caller() {
    let market = Market::open();
    for (method, params, reason) in [
        ("phala_explainTdxQuote", json!(["0x00"]), "missing value"),
        ("phala_explainTdxQuote", json!(["not hex", "0x"]), "neither hex nor base64"),
        ("phala_explainTdxQuote", json!(["0x00", {}]), "collateral"),
        ("phala_explainTdxQuote", json!(["0x00", "0x00"]), "does not fit the frame"),
        ("phala_explainTdxQuote", json!(["0".repeat(2 << 20), "0x"]), "bytes are more than"),
        ("phala_explainGpuEvidence", json!([[]]), "evidence of 0 devices"),
        ("phala_explainGpuEvidence", json!([{}]), "json is not evidence"),
        ("phala_getJob", json!(["0x00"]), "want 64"),
    ] {
        let error = market.rpc.try_call(method, params).expect_err("no evidence");
        assert_eq!(error["code"], -32602, "{error}");
        assert!(error["message"].as_str().expect("text").contains(reason), "{error}");
    }
}

#[test]
fn a_chain_without_the_predeploys_says_so() {
    let folder = tempfile::tempdir().expect("folder");
    let chain = folder.path().join("plain.toml");
    let dev = include_str!("../../chainspec/dev.toml");
    let (before, after) = dev.split_once("[attestation]").expect("the section");
    let (_, after) = after.split_once("[dev]").expect("the section behind");
    std::fs::write(&chain, format!("{before}[dev]{after}")).expect("written");
    let node = NodeProcess::dev([format!("--chain={}", chain.display()).as_str()]);
    for (method, params, name) in [
        ("phala_getWorker", json!([Address::ZERO]), "WorkerRegistry"),
        ("phala_getJob", json!([B256::ZERO]), "GpuJobSettlement"),
    ] {
        let error = node.rpc().try_call(method, params).expect_err("is not there");
        assert_eq!(error["code"], -32000);
        let message = error["message"].as_str().expect("text");
        assert!(message.contains(&format!("this chain has no {name} at 0x5048")), "{message}");
    }
}
