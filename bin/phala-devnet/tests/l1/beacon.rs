use std::time::Duration;

use alloy_consensus::{
    BlobTransactionSidecar, EthereumTxEnvelope, SidecarBuilder, SignableTransaction as _,
    SimpleCoder, TxEip4844, TxEip4844WithSidecar,
};
use alloy_eips::{
    eip2718::Encodable2718 as _,
    eip4844::{Blob, env_settings::EnvKzgSettings, kzg_to_versioned_hash},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use alloy_signer::SignerSync as _;
use phala_devnet::{BeaconFault, BeaconHelper};
use serde_json::Value;

use crate::test_l1::{CHAIN_ID, TestL1, signer};

/// Sends blobs and gives their hashes and the time of their block.
async fn send_blobs(l1: &TestL1, account: usize, text: &[u8]) -> (Vec<B256>, u64, u64) {
    let rpc = l1.anvil.rpc();
    let signer = signer(account);
    let sidecar: BlobTransactionSidecar =
        SidecarBuilder::<SimpleCoder>::from_slice(text).build_4844().expect("blobs");
    let hashes: Vec<_> = sidecar.versioned_hashes().collect();
    let tx = TxEip4844 {
        chain_id: CHAIN_ID,
        nonce: rpc.nonce(signer.address()).await.unwrap(),
        gas_limit: 100_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        max_fee_per_blob_gas: 10_000_000_000,
        blob_versioned_hashes: hashes.clone(),
        to: Address::repeat_byte(1),
        value: U256::ZERO,
        ..Default::default()
    };
    let tx = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar);
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    let signed: EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecar>> =
        tx.into_signed(signature).into();
    let hash = rpc.send_raw(&signed.encoded_2718()).await.expect("sent");
    for _ in 0..200 {
        if let Some(receipt) = rpc.receipt(hash).await.unwrap() {
            let block = rpc.block(format!("{:#x}", receipt.block_number)).await.unwrap();
            return (hashes, block.timestamp, receipt.block_number);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not mined");
}

struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    async fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.base);
        let response = self.http.get(url).send().await.expect("answers");
        (response.status().as_u16(), response.json().await.expect("json"))
    }

    async fn number(&self, path: &str, key: &str) -> u64 {
        let (_, value) = self.get(path).await;
        value["data"][key].as_str().expect("a string").parse().expect("a number")
    }
}

fn hash_of(blob: &Value) -> B256 {
    let bytes: Bytes = serde_json::from_value(blob.clone()).unwrap();
    let blob = c_kzg::Blob::from_bytes(&bytes).unwrap();
    let commitment = EnvKzgSettings::Default.get().blob_to_kzg_commitment(&blob).unwrap();
    kzg_to_versioned_hash(commitment.to_bytes().as_slice())
}

#[tokio::test]
async fn blobs_are_served_in_both_generations() {
    let l1 = TestL1::start().await;
    let beacon = BeaconHelper::start(l1.anvil.rpc(), 0).unwrap();
    let client = Client { http: reqwest::Client::new(), base: beacon.url().as_str().to_owned() };
    let genesis_time = client.number("eth/v1/beacon/genesis", "genesis_time").await;
    let seconds = client.number("eth/v1/config/spec", "SECONDS_PER_SLOT").await;

    // Two transactions of one block, with one and with three blobs.
    l1.anvil.set_interval(None).await.unwrap();
    let sending =
        async { tokio::join!(send_blobs(&l1, 5, b"one"), send_blobs(&l1, 6, &[7; 300_000])) };
    let mining = async {
        let rpc = l1.anvil.rpc();
        loop {
            let pool: Value = rpc.request("txpool_status", serde_json::json!([])).await.unwrap();
            if pool["pending"] == "0x2" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        l1.anvil.mine(1).await.unwrap();
        std::future::pending::<()>().await
    };
    let ((small, time, block), (large, other_time, other_block)) = tokio::select! {
        sent = sending => sent,
        () = mining => unreachable!(),
    };
    assert_eq!((time, block), (other_time, other_block), "both in one block");
    assert_eq!((small.len(), large.len()), (1, 3));
    let slot = (time - genesis_time) / seconds;

    let (status, all) = client.get(&format!("eth/v1/beacon/blobs/{slot}")).await;
    let served: Vec<B256> = all["data"].as_array().unwrap().iter().map(hash_of).collect();
    assert_eq!((status, served.len()), (200, 4));
    assert!(small.iter().chain(&large).all(|hash| served.contains(hash)));
    let wanted = large[1];
    let (_, one) =
        client.get(&format!("eth/v1/beacon/blobs/{slot}?versioned_hashes={wanted}")).await;
    assert_eq!(one["data"].as_array().unwrap().iter().map(hash_of).collect::<Vec<_>>(), [wanted]);

    let (_, sidecars) = client.get(&format!("eth/v1/beacon/blob_sidecars/{slot}")).await;
    let sidecars = sidecars["data"].as_array().unwrap().clone();
    assert_eq!(sidecars.len(), 4);
    for (index, sidecar) in sidecars.iter().enumerate() {
        assert_eq!(sidecar["index"], index.to_string());
        assert_eq!(hash_of(&sidecar["blob"]), served[index]);
        verify_proof(sidecar);
    }
    let (_, some) = client.get(&format!("eth/v1/beacon/blob_sidecars/{slot}?indices=3,1")).await;
    let indices: Vec<_> =
        some["data"].as_array().unwrap().iter().map(|one| one["index"].clone()).collect();
    assert_eq!(indices, ["1", "3"]);

    // A slot without a block, one without blobs, and no slot.
    assert_eq!(client.get("eth/v1/beacon/blobs/999999999").await.0, 404);
    assert_eq!(client.get("eth/v1/beacon/blobs/0").await.1["data"], Value::Array(vec![]));
    assert_eq!(client.get("eth/v1/beacon/blobs/x").await.0, 400);
    assert_eq!(client.get(&format!("eth/v1/beacon/blobs/{slot}?versioned_hashes=1")).await.0, 400);
    assert_eq!(client.get("eth/v2/beacon/blocks/1").await.0, 404);

    // Faults, and their end.
    beacon.set_fault(BeaconFault::Pruned);
    assert_eq!(client.get(&format!("eth/v1/beacon/blobs/{slot}")).await.0, 404);
    beacon.set_fault(BeaconFault::Unavailable);
    assert_eq!(client.get("eth/v1/beacon/genesis").await.0, 503);
    beacon.set_fault(BeaconFault::Corrupt);
    let (_, wrong) = client.get(&format!("eth/v1/beacon/blobs/{slot}")).await;
    assert!(!served.contains(&hash_of(&wrong["data"][0])));
    beacon.set_fault(BeaconFault::Stalled);
    let stalled = client.get("eth/v1/beacon/genesis");
    assert!(tokio::time::timeout(Duration::from_millis(300), stalled).await.is_err());
    beacon.set_fault(BeaconFault::None);
    assert_eq!(client.get("eth/v1/beacon/genesis").await.0, 200);
    // It ends although somebody still waits.
    drop(beacon);
}

fn verify_proof(sidecar: &Value) {
    let bytes48 = |key: &str| {
        let bytes: FixedBytes<48> = serde_json::from_value(sidecar[key].clone()).unwrap();
        c_kzg::Bytes48::new(bytes.0)
    };
    let blob: Blob = serde_json::from_value(sidecar["blob"].clone()).unwrap();
    let blob = c_kzg::Blob::new(blob.0);
    let settings = EnvKzgSettings::Default;
    let valid = settings
        .get()
        .verify_blob_kzg_proof(&blob, &bytes48("kzg_commitment"), &bytes48("kzg_proof"))
        .unwrap();
    assert!(valid, "{}", sidecar["index"]);
}
