use std::time::{Duration, Instant};

use phala_l1::{ConfigError, L1Client, L1Config, L1Error};

use crate::{
    chain::TestChain,
    client, honest,
    server::{Reply, Server},
};

#[tokio::test]
async fn failing_endpoint_rests_and_comes_back() {
    let chain = TestChain::new(3);
    let server = Server::start(|_| Reply::Status(500, None)).await;
    let client = client(&[&server], |_| {});
    client.head().await.unwrap_err();
    let asked = server.asked().len();
    let error = client.head().await.unwrap_err();
    assert_eq!(server.asked().len(), asked, "it rests: {error}");
    let L1Error::NoEndpoint { retry_after, .. } = error else { panic!("{error}") };
    assert!(retry_after <= Duration::from_millis(250), "{retry_after:?}");
    server.set(move |asked| chain.honest(3, asked));
    tokio::time::sleep(retry_after).await;
    assert_eq!(client.head().await.unwrap().number, 2);
    assert!(!client.status().execution[0].is_resting);
}

#[tokio::test]
async fn slow_and_large_answers_are_cut_off() {
    let chain = TestChain::new(2);
    let stalling = Server::start(|_| Reply::Stall).await;
    let large = Server::start(|_| Reply::Body(vec![b' '; 200_000])).await;
    let good = honest(&chain).await;
    let client = client(&[&stalling, &large, &good], |config| config.response_bytes_max = 100_000);
    let started = Instant::now();
    assert_eq!(client.head().await.unwrap().number, 1);
    assert!(started.elapsed() < Duration::from_secs(5));
    let failures: Vec<_> =
        client.status().execution.iter().map(|status| status.last_failure.clone()).collect();
    assert!(failures[0].as_ref().unwrap().contains("500 ms"), "{failures:?}");
    assert!(failures[1].as_ref().unwrap().contains("larger"), "{failures:?}");
    assert_eq!(failures[2], None);
}

#[tokio::test]
async fn budget_ends_reading_but_not_sending_and_survives_restarts() {
    let chain = TestChain::new(4);
    let server = honest(&chain).await;
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        client(&[&server], |config| {
            config.requests_per_day_max = Some(5);
            config.cache_dir = Some(dir.path().to_owned());
        })
    };
    let first = open();
    first.head().await.unwrap();
    first.block_by_number(2).await.unwrap();
    assert_eq!(first.status().requests_today, 4, "chain id, head, body, receipts");
    drop(first);
    let second = open();
    assert_eq!(second.status().requests_today, 4);
    // The chain id is asked again, and with that the budget is used up.
    let error = second.header_by_number(1).await.unwrap_err();
    assert!(matches!(error, L1Error::BudgetExhausted { used: 5, max: 5, .. }), "{error}");
    assert!(error.is_transient());
    second.head().await.expect("the head is read slowly");
    second.head().await.unwrap_err();
    assert!(second.block(chain.header(2).hash()).await.is_ok(), "what is kept needs no request");
    second.send_raw_transaction(&[2, 1]).await.expect("sending is never held back");
    assert_eq!(server.count("eth_sendRawTransaction"), 1);
}

#[tokio::test]
async fn cache_survives_a_restart_and_a_flipped_byte() {
    let chain = TestChain::new(4);
    let server = honest(&chain).await;
    let dir = tempfile::tempdir().unwrap();
    let open = || client(&[&server], |config| config.cache_dir = Some(dir.path().to_owned()));
    let hash = chain.header(3).hash();
    open().block(hash).await.unwrap();
    let asked = server.asked().len();
    let block = open().block(hash).await.unwrap();
    assert_eq!(server.asked().len(), asked, "no request");
    assert_eq!(block.receipts(), chain.blocks[3].receipts);
    assert_eq!(block.header(), chain.header(3));
    assert_eq!(open().block_by_number(3).await.unwrap().hash(), hash);
    assert_eq!(server.count("eth_getBlockReceipts"), 1, "the header was enough");
    let files: Vec<_> = std::fs::read_dir(dir.path().join("data")).unwrap().collect();
    let path = files[0].as_ref().unwrap().path();
    assert_eq!(files.len(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let block = open().block(hash).await.unwrap();
    assert_eq!(block.receipts(), chain.blocks[3].receipts);
    assert_eq!(server.count("eth_getBlockReceipts"), 2, "fetched again");
    open().block(hash).await.unwrap();
    assert_eq!(server.count("eth_getBlockReceipts"), 2, "and kept again");
}

#[tokio::test]
async fn configurations_that_cannot_work_are_refused() {
    let refused = |config| match L1Client::new(config) {
        Err(L1Error::Config(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused(L1Config::default()), ConfigError::NoEndpoint));
    let ws = L1Config::new(vec!["ws://localhost/SECRET".parse().unwrap()], Vec::new());
    let error = refused(ws);
    assert!(matches!(error, ConfigError::Scheme { .. }));
    assert!(!error.to_string().contains("SECRET"));
    let mut config = L1Config::new(vec!["http://localhost".parse().unwrap()], Vec::new());
    config.cache_dir = Some("/dev/null/cache".into());
    assert!(matches!(refused(config), ConfigError::CacheDir { .. }));
}
