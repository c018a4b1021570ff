use std::{io::Read, path::PathBuf, sync::Arc};

use alloy_eips::eip4844::Blob;
use alloy_primitives::{B256, Bytes};
use phala_l1::{L1Client, L1Config, L1Error, versioned_hash};
use phala_primitives::{Header, SealedHeader};
use serde_json::{Value, json};

use crate::server::{Reply, Server};

const GENESIS_TIME: u64 = 1_606_824_023;
const SLOT: u64 = 7_422_094;

fn header() -> SealedHeader {
    let timestamp = GENESIS_TIME + SLOT * 12;
    SealedHeader::seal_slow(Header { timestamp, number: 99, ..Header::default() })
}

fn blob(seed: u8) -> Box<Blob> {
    let mut blob = Box::<Blob>::default();
    blob.iter_mut().skip(1).step_by(32).for_each(|byte| *byte = seed);
    blob
}

/// Blobs of a block with their names.
fn blobs(count: u8) -> Arc<Vec<((u64, B256), Bytes)>> {
    let blobs = (0..count).map(|seed| {
        let blob = blob(seed);
        ((seed.into(), versioned_hash(&blob).unwrap()), Bytes::copy_from_slice(&blob[..]))
    });
    Arc::new(blobs.collect())
}

/// What a beacon node answers besides blobs.
fn node(path: &str) -> Reply {
    match path {
        "/SECRET/eth/v1/beacon/genesis?key=SECRET" => {
            Reply::Result(json!({ "data": { "genesis_time": GENESIS_TIME.to_string() } }))
        }
        "/SECRET/eth/v1/config/spec?key=SECRET" => {
            Reply::Result(json!({ "data": { "SECONDS_PER_SLOT": "12" } }))
        }
        _ => Reply::Status(404, None),
    }
}

async fn beacon(blobs: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |asked| {
        let path = asked.params.as_str().unwrap();
        blobs(path).unwrap_or_else(|| node(path))
    })
    .await
}

fn client(
    beacon: &[&Server],
    fallbacks: &[&Server],
    change: impl FnOnce(&mut L1Config),
) -> L1Client {
    let urls = |servers: &[&Server]| servers.iter().map(|server| server.url()).collect();
    let mut config = L1Config::new(vec!["http://127.0.0.1:1".parse().unwrap()], urls(beacon));
    config.beacon_fallbacks = urls(fallbacks);
    change(&mut config);
    L1Client::new(config).unwrap()
}

fn data(blobs: &[((u64, B256), Bytes)], keep: impl Fn(&(u64, B256)) -> bool) -> Reply {
    let kept = blobs.iter().filter(|(name, _)| keep(name)).map(|(_, blob)| json!(blob));
    Reply::Result(json!({ "data": kept.collect::<Vec<Value>>() }))
}

/// The newest generation, filtered or not.
fn newest(blobs: &Arc<Vec<((u64, B256), Bytes)>>) -> impl Fn(&str) -> Option<Reply> + use<> {
    let blobs = Arc::clone(blobs);
    move |path| {
        let path = path.strip_prefix(&format!("/SECRET/eth/v1/beacon/blobs/{SLOT}?key=SECRET"))?;
        Some(data(&blobs, |(_, hash)| path.is_empty() || path.contains(&hash.to_string())))
    }
}

/// The generation before: each blob with its index.
fn sidecars(blobs: &Arc<Vec<((u64, B256), Bytes)>>) -> impl Fn(&str) -> Option<Reply> + use<> {
    let blobs = Arc::clone(blobs);
    move |path| {
        let query = path.strip_prefix(&format!("/SECRET/eth/v1/beacon/blob_sidecars/{SLOT}?"))?;
        let kept =
            blobs.iter().filter(|((index, _), _)| query.contains(&format!("indices={index}")));
        let kept: Vec<Value> = kept
            .map(|((index, _), blob)| json!({ "index": index.to_string(), "blob": blob }))
            .collect();
        Some(Reply::Result(json!({ "data": kept })))
    }
}

#[tokio::test]
async fn both_generations_are_spoken_and_remembered() {
    let blobs = blobs(4);
    let wanted = [blobs[3].0, blobs[1].0];
    for (server, per_fetch) in
        [(beacon(newest(&blobs)).await, 1), (beacon(sidecars(&blobs)).await, 3)]
    {
        let client = client(&[&server], &[], |_| {});
        let got = client.blobs(&header(), &wanted).await.unwrap();
        assert_eq!(got[0][..], blobs[3].1[..]);
        assert_eq!(got[1][..], blobs[1].1[..]);
        assert_eq!(server.asked().len(), 2 + per_fetch, "{:?}", server.asked());
        client.blobs(&header(), &wanted[..1]).await.unwrap();
        assert_eq!(server.asked().len(), 3 + per_fetch, "the way that worked is taken first");
    }
}

#[tokio::test]
async fn missing_and_false_blobs_are_looked_for_elsewhere() {
    let blobs = blobs(3);
    let wanted: Vec<_> = blobs.iter().map(|(name, _)| *name).collect();
    let partial = beacon(newest(&Arc::new(blobs[..1].to_vec()))).await;
    let mut false_blobs = blobs.to_vec();
    for (_, blob) in &mut false_blobs {
        *blob = Bytes::copy_from_slice(&self::blob(77)[..]);
    }
    let lying = beacon(newest(&Arc::new(false_blobs))).await;
    let short =
        beacon(|path| path.contains("/blobs/").then(|| Reply::Result(json!({ "data": ["0x01"] }))))
            .await;
    let archive = beacon(sidecars(&blobs)).await;
    let all = client(&[&short, &lying, &partial], &[&archive], |_| {});
    let got = all.blobs(&header(), &wanted).await.unwrap();
    for (blob, (_, expected)) in got.iter().zip(blobs.iter()) {
        assert_eq!(blob[..], expected[..]);
    }
    let failures: Vec<u64> = all.status().beacon.iter().map(|status| status.failures).collect();
    assert_eq!(failures, [1, 1, 0, 0]);
    let asked = archive.asked().pop().unwrap().params.to_string();
    assert!(
        !asked.contains("indices=0") && asked.contains("indices=2"),
        "only what is missing: {asked}"
    );
    let without = client(&[&lying, &partial], &[], |_| {});
    let error = without.blobs(&header(), &wanted).await.unwrap_err();
    let L1Error::BlobsMissing { ref missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing.len(), 2);
    assert!(error.is_transient() && error.to_string().contains(&SLOT.to_string()), "{error}");
    assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
}

#[tokio::test]
async fn server_without_specification_is_asked_by_hash_or_with_the_slot_given() {
    let blobs = blobs(2);
    let wanted = [blobs[0].0];
    let no_spec = |path: &str| path.contains("/config/spec").then_some(Reply::Status(404, None));
    let by_slot = {
        let newest = newest(&blobs);
        beacon(move |path| no_spec(path).or_else(|| newest(path))).await
    };
    let error = client(&[&by_slot], &[], |_| {}).blobs(&header(), &wanted).await.unwrap_err();
    assert!(error.to_string().contains("--l1.slot-secs"), "{error}");
    let told = client(&[&by_slot], &[], |config| config.slot_secs = Some(12));
    assert_eq!(told.blobs(&header(), &wanted).await.unwrap().len(), 1);
    let by_hash = {
        let (blobs, hash) = (Arc::clone(&blobs), header().hash().to_string());
        beacon(move |path| {
            no_spec(path).or_else(|| path.contains(&hash).then(|| data(&blobs, |_| true)))
        })
        .await
    };
    let client = client(&[&by_hash], &[], |_| {});
    assert_eq!(client.blobs(&header(), &wanted).await.unwrap().len(), 1);
}

#[tokio::test]
async fn blobs_are_kept_on_disk() {
    let blobs = blobs(2);
    let wanted = [blobs[0].0, blobs[1].0, blobs[0].0];
    let dir = tempfile::tempdir().unwrap();
    let server = beacon(newest(&blobs)).await;
    let open = || client(&[&server], &[], |config| config.cache_dir = Some(dir.path().to_owned()));
    assert_eq!(open().blobs(&header(), &wanted).await.unwrap().len(), 3);
    let asked = server.asked().len();
    assert_eq!(open().blobs(&header(), &wanted).await.unwrap().len(), 3);
    assert_eq!(server.asked().len(), asked, "no request");
    for file in std::fs::read_dir(dir.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5000] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    assert_eq!(open().blobs(&header(), &wanted).await.unwrap().len(), 3);
    assert!(server.asked().len() > asked, "damaged ones are fetched again");
}

#[tokio::test]
async fn recorded_beacon_answers_are_read() {
    let Some(root) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return;
    };
    let root = PathBuf::from(root).join("opstack/beacon");
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    let genesis = read("eth_v1_beacon_genesis_goerli.json");
    let spec = read("eth_v1_config_spec_goerli.json");
    let mut recorded = Vec::new();
    let packed = read("goerli-blob-sidecars-slot-7422094.json.gz");
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut recorded).unwrap();
    let expected: Value = serde_json::from_slice(&read("expected.json")).unwrap();
    let wanted: Vec<(u64, B256)> = expected["sidecars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sidecar| {
            let hash = serde_json::from_value(sidecar["versioned_hash"].clone()).unwrap();
            (sidecar["index"].as_u64().unwrap(), hash)
        })
        .collect();
    let server = beacon(move |path| {
        if path.contains("/beacon/genesis") {
            Some(Reply::Body(genesis.clone()))
        } else if path.contains("/config/spec") {
            Some(Reply::Body(spec.clone()))
        } else {
            let sidecars = format!("/blob_sidecars/{SLOT}");
            path.contains(&sidecars).then(|| Reply::Body(recorded.clone()))
        }
    })
    .await;
    let client = client(&[&server], &[], |_| {});
    assert_eq!(wanted.len(), 5);
    let blobs = client.blobs(&header(), &wanted).await.unwrap();
    for (blob, (_, hash)) in blobs.iter().zip(&wanted) {
        assert_eq!(versioned_hash(blob), Some(*hash));
    }
}
