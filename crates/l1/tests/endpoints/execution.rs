use std::{sync::Arc, time::Duration};

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256};
use phala_l1::{BlockName, L1Error, SendOutcome, Severity};
use serde_json::{Value, json};

use crate::{
    chain::TestChain,
    client, honest, lying,
    server::{Reply, Server},
};

type Lie = Box<dyn Fn() -> Reply + Send + Sync>;

#[tokio::test]
async fn every_type_of_transaction_and_receipt_is_proved() {
    let chain = TestChain::new(3);
    let server = honest(&chain).await;
    let client = client(&[&server], |_| {});
    let expected = &chain.blocks[2];
    let block = client.block(expected.header.hash()).await.unwrap();
    assert_eq!(block.header(), &expected.header);
    assert_eq!(block.receipts(), expected.receipts);
    let bytes = |txs: &[phala_l1::L1Transaction]| -> Vec<_> {
        txs.iter().map(Encodable2718::encoded_2718).collect()
    };
    assert_eq!(bytes(block.transactions()), bytes(&expected.transactions));
    let indices: Vec<u64> = block.logs().map(|log| log.log_index).collect();
    assert_eq!(indices, (0..indices.len() as u64).collect::<Vec<_>>(), "counted by us");
    assert!(block.logs().count() > 3);
    assert_eq!(block.blobs_of(3), [(0, B256::repeat_byte(1)), (1, B256::repeat_byte(2))]);
    assert_eq!(block.blobs_of(5), [(2, B256::repeat_byte(3))]);
    assert!(block.blobs_of(0).is_empty() && block.blobs_of(99).is_empty());
    assert!(block.sender(0).is_some());
}

#[tokio::test]
async fn receipts_come_in_batches_where_the_method_is_missing() {
    let chain = TestChain::new(3);
    let missing = || Reply::Error(-32601, "the method eth_getBlockReceipts does not exist");
    let server = lying(&chain, "eth_getBlockReceipts", missing).await;
    let client = client(&[&server], |_| {});
    for number in 0..3 {
        let block = client.block_by_number(number).await.unwrap();
        assert_eq!(block.receipts(), chain.blocks[number as usize].receipts);
    }
    assert_eq!(server.count("eth_getBlockReceipts"), 1, "it is remembered");
    assert_eq!(client.status().execution[0].failures, 0);
}

/// Each lie about a block, from the preferred endpoint: never believed, and the next one is asked.
#[tokio::test]
async fn lies_are_the_endpoints_failure_and_the_next_is_asked() {
    let chain = TestChain::new(4);
    let other = TestChain::with_salt(4, 1);
    let body = |chain: &TestChain, number: usize| chain.blocks[number].json(true);
    let mut changed_tx = body(&chain, 2);
    changed_tx["transactions"][1]["value"] = json!("0x99");
    let mut fewer_txs = body(&chain, 2);
    fewer_txs["transactions"].as_array_mut().unwrap().pop();
    let mut null_tx = body(&chain, 2);
    null_tx["transactions"][0] = Value::Null;
    let mut future_tx = body(&chain, 2);
    future_tx["transactions"][0] = json!({ "type": "0x6", "hash": B256::ZERO });
    let mut claimed = body(&other, 2);
    claimed["hash"] = body(&chain, 2)["hash"].clone();
    let mut future = body(&chain, 2);
    future["gasLimit"] = json!("0x1");
    future["futureRoot"] = json!(B256::ZERO);
    let lies: Vec<(&str, Lie)> = vec![
        ("null", Box::new(|| Reply::Result(Value::Null))),
        ("text", Box::new(|| Reply::Result(json!("block")))),
        ("html", Box::new(|| Reply::Body(b"<html>busy</html>".to_vec()))),
        ("nothing", Box::new(|| Reply::Body(Vec::new()))),
        ("deep", Box::new(|| Reply::Body(vec![b'['; 100_000]))),
        ("429", Box::new(|| Reply::Status(429, Some(("retry-after", "30"))))),
        ("500", Box::new(|| Reply::Status(500, None))),
        ("redirect", Box::new(|| Reply::Status(302, Some(("location", "http://127.0.0.1:1/"))))),
        ("rate limit", Box::new(|| Reply::Error(-32005, "limit exceeded"))),
        ("stall", Box::new(|| Reply::Stall)),
        ("other block", {
            let json = body(&chain, 1);
            Box::new(move || Reply::Result(json.clone()))
        }),
        ("other chain", {
            let json = body(&other, 2);
            Box::new(move || Reply::Result(json.clone()))
        }),
        ("truncated", {
            let json = body(&chain, 2);
            Box::new(move || Reply::Truncated(json.clone()))
        }),
        ("claimed hash", Box::new(move || Reply::Result(claimed.clone()))),
        ("changed transaction", Box::new(move || Reply::Result(changed_tx.clone()))),
        ("fewer transactions", Box::new(move || Reply::Result(fewer_txs.clone()))),
        ("null transaction", Box::new(move || Reply::Result(null_tx.clone()))),
        ("future transaction", Box::new(move || Reply::Result(future_tx.clone()))),
        ("unknown field", Box::new(move || Reply::Result(future.clone()))),
    ];
    let good = honest(&chain).await;
    let hash = chain.header(2).hash();
    for (name, lie) in lies {
        let liar = lying(&chain, "eth_getBlockByHash", lie).await;
        let both = client(&[&liar, &good], |_| {});
        assert_eq!(both.block(hash).await.unwrap().hash(), hash, "{name}");
        assert_eq!(liar.count("eth_getBlockByHash"), 1, "{name}");
        let status = both.status();
        assert_eq!(status.execution[0].failures, u64::from(name != "null"), "{name}");
        let alone = client(&[&liar], |_| {});
        let error = alone.block(hash).await.unwrap_err();
        match name {
            "null" => assert!(matches!(error, L1Error::BlockNotFound(_)), "{error}"),
            "future transaction" | "unknown field" => {
                assert_eq!(error.severity(), Severity::Operator, "{error}");
                assert!(error.to_string().contains("upgrade"), "{error}");
            }
            _ => assert!(error.is_transient(), "{name}: {error}"),
        }
        assert!(!format!("{error} {error:?} {status:?} {alone:?}").contains("SECRET"), "{name}");
    }
}

#[tokio::test]
async fn lies_about_receipts_are_never_believed() {
    let chain = TestChain::new(3);
    let good = honest(&chain).await;
    let whole = json!(chain.blocks[2].receipts());
    let change = |change: &dyn Fn(&mut Value)| {
        let mut receipts = whole.clone();
        change(&mut receipts);
        receipts
    };
    let lies = [
        change(&|receipts| receipts[1]["status"] = json!("0x1")),
        change(&|receipts| receipts[0]["status"] = json!("0x2")),
        change(&|receipts| receipts[0]["logs"][0]["data"] = json!("0x01")),
        change(&|receipts| receipts[3]["logs"] = json!([])),
        change(&|receipts| receipts[0]["logs"][0]["topics"] = json!(vec![B256::ZERO; 5])),
        change(&|receipts| receipts[0]["cumulativeGasUsed"] = json!("0x1")),
        change(&|receipts| receipts[2]["type"] = json!("0x1")),
        change(&|receipts| receipts[2]["type"] = json!("0x7e")),
        change(&|receipts| receipts.as_array_mut().unwrap().swap(0, 1)),
        change(&|receipts| drop(receipts.as_array_mut().unwrap().pop())),
        change(&|receipts| receipts[0] = Value::Null),
        json!([]),
        json!(chain.blocks[1].receipts()),
        Value::Null,
    ];
    for (index, lie) in lies.into_iter().enumerate() {
        let liar = lying(&chain, "eth_getBlockReceipts", move || Reply::Result(lie.clone())).await;
        let both = client(&[&liar, &good], |_| {});
        let block = both.block(chain.header(2).hash()).await.unwrap();
        assert_eq!(block.receipts(), chain.blocks[2].receipts, "lie {index}");
        client(&[&liar], |_| {}).block(chain.header(2).hash()).await.unwrap_err();
    }
}

#[tokio::test]
async fn endpoint_that_is_behind_is_not_used_for_newer_blocks() {
    let chain = TestChain::new(8);
    let behind = {
        let chain = Arc::clone(&chain);
        Server::start(move |asked| chain.honest(4, asked)).await
    };
    let good = honest(&chain).await;
    let client = client(&[&behind, &good], |_| {});
    assert_eq!(client.head().await.unwrap().number, 7, "the highest is taken");
    let before = behind.count("eth_getBlockByNumber");
    client.block_by_number(6).await.unwrap();
    assert_eq!(behind.count("eth_getBlockByNumber"), before, "it is not asked for what it lacks");
    client.block_by_number(2).await.unwrap();
    assert_eq!(behind.count("eth_getBlockByNumber"), before + 1, "but for what it has");
    assert_eq!(client.status().execution[0].head, Some(3));
    assert_eq!(client.status().execution[0].failures, 0, "being behind is no failure");
    // Now it hides what it has shown.
    behind.set(|asked| match asked.method.as_str() {
        "eth_chainId" => Reply::Result(json!("0x384")),
        _ => Reply::Result(Value::Null),
    });
    assert_eq!(client.header_by_number(3).await.unwrap().number, 3);
    assert_eq!(client.status().execution[0].failures, 1);
}

#[tokio::test]
async fn endpoint_of_another_chain_is_refused() {
    let chain = TestChain::new(2);
    let wrong = lying(&chain, "eth_chainId", || Reply::Result(json!("0x1"))).await;
    let good = honest(&chain).await;
    let both = client(&[&wrong, &good], |config| config.chain_id = Some(900));
    assert_eq!(both.head().await.unwrap().number, 1);
    assert_eq!(wrong.count("eth_getBlockByNumber"), 0);
    assert_eq!(good.count("eth_chainId"), 1, "once");
    let alone = client(&[&wrong], |config| config.chain_id = Some(900));
    let error = alone.head().await.unwrap_err();
    assert!(matches!(error, L1Error::WrongChain { expected: 900, got: 1, .. }), "{error}");
    assert_eq!(error.severity(), Severity::Operator);
}

#[tokio::test]
async fn endpoints_are_checked_against_each_other() {
    let chain = TestChain::new(6);
    let other = TestChain::with_salt(6, 1);
    let (liar, second, third) = (honest(&other).await, honest(&chain).await, honest(&chain).await);
    let two = client(&[&liar, &second], |config| config.cross_check = true);
    let error = two.finalized().await.unwrap_err();
    assert!(matches!(error, L1Error::Disagreement { name: BlockName::Finalized, .. }), "{error}");
    assert!(error.is_transient());
    two.header_by_number(3).await.unwrap_err();
    two.block_by_number(3).await.unwrap_err();
    let three = client(&[&liar, &second, &third], |config| config.cross_check = true);
    let finalized = three.finalized().await.unwrap();
    assert_eq!(finalized.hash(), chain.header(3).hash(), "two outvote one");
    assert_eq!(three.block_by_number(4).await.unwrap().hash(), chain.header(4).hash());
    let agreeing = client(&[&second, &third], |config| config.cross_check = true);
    assert_eq!(agreeing.safe().await.unwrap().hash(), chain.header(3).hash());
    // An endpoint that is down has no say.
    third.set(|_| Reply::Status(503, None));
    assert_eq!(agreeing.header_by_number(5).await.unwrap().hash(), chain.header(5).hash());
}

/// A server that gives the newest block in another form, and is honest about the rest.
async fn with_tag(chain: &Arc<TestChain>, tag: &'static str, block: Value) -> Server {
    let chain = Arc::clone(chain);
    Server::start(move |asked| {
        let is_tag = asked.params[0] == tag;
        let honest = || chain.honest(chain.blocks.len(), asked);
        if is_tag { Reply::Result(block.clone()) } else { honest() }
    })
    .await
}

/// Which block is final cannot be proved, so no endpoint decides it alone.
#[tokio::test]
async fn a_block_is_final_only_if_two_endpoints_say_so() {
    let chain = TestChain::new(8);
    let hasty = with_tag(&chain, "finalized", chain.blocks[7].json(false)).await;
    let slow = with_tag(&chain, "finalized", chain.blocks[1].json(false)).await;
    let good = honest(&chain).await;
    let finalized = async |servers: &[&Server]| {
        let client = client(servers, |config| config.cross_check = true);
        client.finalized().await.unwrap().number
    };
    assert_eq!(finalized(&[&hasty]).await, 7, "there is nobody else to ask");
    assert_eq!(finalized(&[&hasty, &good]).await, 4, "block 7 is on l1, but not final");
    assert_eq!(finalized(&[&good, &hasty]).await, 4);
    assert_eq!(finalized(&[&slow, &good, &hasty]).await, 4, "one that is behind has no veto");
    let trusting = client(&[&hasty, &good], |_| {});
    assert_eq!(trusting.finalized().await.unwrap().number, 7, "it was told not to ask others");
}

/// A head nobody can prove does not make the blocks near the real one count as deep and old.
#[tokio::test]
async fn a_claimed_head_does_not_end_the_confirmation_of_blocks() {
    let (chain, other) = (TestChain::new(8), TestChain::with_salt(8, 1));
    let liar = with_tag(&other, "latest", other.claimed_head(1_000_000)).await;
    let good = honest(&chain).await;
    let both = client(&[&liar, &good], |config| config.cross_check = true);
    assert_eq!(both.head().await.unwrap().number, 1_000_000, "a head cannot be proved");
    let error = both.block_by_number(5).await.unwrap_err();
    assert!(matches!(error, L1Error::Disagreement { .. }), "{error}");
    both.header_by_number(5).await.unwrap_err();
}

#[tokio::test]
async fn range_comes_in_order_and_ends_at_a_reorg() {
    let chain = TestChain::new(40);
    let server = honest(&chain).await;
    let client = client(&[&server], |_| {});
    let mut range = client.blocks(5, 39).after(chain.header(4).hash());
    for number in 5..40 {
        assert_eq!(range.next().await.unwrap().unwrap().hash(), chain.header(number).hash());
    }
    assert!(range.next().await.is_none());
    let error = client.blocks(5, 9).after(B256::ZERO).next().await.unwrap().unwrap_err();
    assert!(matches!(error, L1Error::ParentMismatch { number: 5, .. }), "{error}");
    assert_eq!(error.severity(), Severity::Reset);
    let other = TestChain::with_salt(40, 1);
    let reorged = Server::start(move |asked| {
        let high =
            asked.params[0].as_str().is_some_and(|number| number > "0x14" && number.len() == 4);
        let chain = if high { &other } else { &chain };
        chain.honest(40, asked)
    })
    .await;
    let client = crate::client(&[&reorged], |_| {});
    let mut range = client.blocks(18, 30);
    for _ in 18..=20 {
        range.next().await.unwrap().unwrap();
    }
    let error = range.next().await.unwrap().unwrap_err();
    assert!(!matches!(error, L1Error::Task(_)), "{error}");
    assert!(range.next().await.is_none(), "it ended");
}

#[tokio::test]
async fn transaction_reaches_all_endpoints_and_a_bogus_answer_is_no_acceptance() {
    let chain = TestChain::new(2);
    let raw = chain.blocks[1].transactions[2].encoded_2718();
    let hash = alloy_primitives::keccak256(&raw);
    let send = "eth_sendRawTransaction";
    let taking = lying(&chain, send, move || Reply::Result(json!(hash))).await;
    let bogus = lying(&chain, send, || Reply::Result(json!(B256::ZERO))).await;
    let stalling = lying(&chain, send, || Reply::Stall).await;
    let knowing = lying(&chain, send, || Reply::Error(-32000, "already known")).await;
    let low = lying(&chain, send, || Reply::Error(-32000, "nonce too low")).await;
    let all = client(&[&stalling, &bogus, &taking], |_| {});
    assert_eq!(all.send_raw_transaction(&raw).await.unwrap(), SendOutcome::Accepted(hash));
    let known = client(&[&low, &knowing], |_| {});
    assert_eq!(known.send_raw_transaction(&raw).await.unwrap(), SendOutcome::AlreadyKnown);
    let refused = client(&[&low, &bogus], |_| {});
    assert_eq!(refused.send_raw_transaction(&raw).await.unwrap(), SendOutcome::NonceTooLow);
    let nobody = client(&[&bogus, &stalling], |_| {});
    assert!(nobody.send_raw_transaction(&raw).await.unwrap_err().is_transient());
    assert_eq!(all.nonce_pending(Address::ZERO).await.unwrap(), 5);
}

#[tokio::test]
async fn endpoint_that_keeps_failing_loses_its_preference() {
    let chain = TestChain::new(3);
    let failing = lying(&chain, "eth_getBlockByNumber", || Reply::Status(500, None)).await;
    let good = honest(&chain).await;
    let both = client(&[&failing, &good], |_| {});
    let mut health = 100;
    while health >= 75 {
        // Beyond the rest of the failing one, which grows.
        let before = failing.count("eth_getBlockByNumber");
        while failing.count("eth_getBlockByNumber") == before {
            assert_eq!(both.header_by_number(1).await.unwrap().number, 1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        health = both.status().execution[0].health_percent;
    }
    while both.status().execution[0].is_resting {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = failing.asked().len();
    both.header_by_number(1).await.unwrap();
    assert_eq!(failing.asked().len(), before, "the healthier is asked first");
}
