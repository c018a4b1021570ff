//! Against a real anvil, which `make setup` installs.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod process;
mod signed;

use std::time::Duration;

use alloy_consensus::{SidecarBuilder, SimpleCoder, Transaction};
use alloy_eips::{
    eip4844::BlobTransactionSidecar,
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use phala_l1::{BlockName, Inclusion, L1Client, L1Config, L1Error, SendOutcome};
use process::Anvil;
use signed::Account;

/// What a contract creation of this runs: emits a log with two topics, then returns no code.
const LOGGING_INIT_CODE: &str = "60ff60aa60006000a260006000f3";

fn client(anvil: &Anvil, change: impl FnOnce(&mut L1Config)) -> L1Client {
    let mut config = L1Config::new(vec![anvil.url()], vec![anvil.url()]);
    change(&mut config);
    L1Client::new(config).unwrap()
}

/// Waits until a transaction is in a block: anvil mines a moment after it has answered.
async fn mined(client: &L1Client, hash: B256) -> Inclusion {
    for _ in 0..200 {
        if let Some(found) = client.transaction_receipt(hash).await.unwrap() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{hash} is not mined after ten seconds");
}

fn sidecars(payload: &[u8]) -> [BlobTransactionSidecarVariant; 2] {
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(payload);
    let old: BlobTransactionSidecar = builder.build_4844().unwrap();
    let new = BlobTransactionSidecarEip7594::try_from_blobs(old.blobs.clone()).unwrap();
    [BlobTransactionSidecarVariant::Eip7594(new), BlobTransactionSidecarVariant::Eip4844(old)]
}

#[tokio::test]
async fn reads_what_it_sent() {
    let anvil = Anvil::start(&[]);
    let client = client(&anvil, |_| {});
    let mut account = Account::dev(&client).await;
    assert_eq!(client.chain_id().await.unwrap(), 31_337);
    let genesis = client.head().await.unwrap();
    assert_eq!(genesis.number, 0);
    assert_eq!(client.block(genesis.hash()).await.unwrap().transactions().len(), 0);

    let creation = account.create(Bytes::from_static(&[0x60, 0, 0x60, 0, 0xf3]));
    let hash = account.send(creation).await;
    let created = mined(&client, hash).await;
    assert!(created.success && created.contract.is_some());
    assert!(client.has_transaction(hash).await.unwrap());
    assert!(!client.has_transaction(B256::repeat_byte(7)).await.unwrap());
    assert_eq!(client.transaction_receipt(B256::repeat_byte(7)).await.unwrap(), None);

    let code: Bytes = LOGGING_INIT_CODE.parse().unwrap();
    let logging = account.create(code);
    let hash = account.send(logging).await;
    let found = mined(&client, hash).await;
    let block = client.block(found.block.hash).await.unwrap();
    let logs: Vec<_> = block.logs().collect();
    assert_eq!((logs.len(), logs[0].log_index, logs[0].success), (1, 0, true));
    assert_eq!(block.sender(0), Some(account.address()));
    assert_eq!(block.sender(1), None);

    let by_number = client.block_by_number(block.number()).await.unwrap();
    assert_eq!(by_number.hash(), block.hash());
    assert_eq!(client.header_by_hash(block.hash()).await.unwrap(), *block.header());
    let mut range = client.blocks(0, 2);
    for number in 0..=2 {
        assert_eq!(range.next().await.unwrap().unwrap().number(), number);
    }
    assert!(range.next().await.is_none());
    let missing = client.header_by_number(1_000).await.unwrap_err();
    assert!(matches!(missing, L1Error::BlockNotFound(BlockName::Number(1_000))), "{missing}");
    assert!(missing.is_transient());
}

#[tokio::test]
async fn blobs_come_back_through_the_beacon_endpoint() {
    let anvil = Anvil::start(&[]);
    let by_hash = client(&anvil, |_| {});
    let mut account = Account::dev(&by_hash).await;
    // Two blobs, then one in a later block, so that heights and slots are not the same.
    let payload: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let mut accepted = Vec::new();
    for sidecar in sidecars(&payload) {
        let raw = account.blobs(sidecar);
        match by_hash.send_raw_transaction(&raw).await.unwrap() {
            SendOutcome::Accepted(hash) => {
                account.nonce += 1;
                accepted.push(hash);
            }
            refused => println!("refused: {refused:?}"),
        }
    }
    assert!(!accepted.is_empty(), "anvil takes one generation of sidecars at least");
    println!("sidecar generations accepted: {}", accepted.len());
    for hash in accepted {
        let found = mined(&by_hash, hash).await;
        let block = by_hash.block(found.block.hash).await.unwrap();
        let wanted = block.blobs_of(0);
        assert_eq!(wanted.len(), 2);
        assert_eq!(block.transactions()[0].blob_versioned_hashes().unwrap()[1], wanted[1].1);
        let mut reversed = wanted.clone();
        reversed.reverse();
        let with_slot = client(&anvil, |config| config.slot_secs = Some(12));
        let only_fallback = client(&anvil, |config| {
            config.beacon_fallbacks = std::mem::take(&mut config.beacon);
        });
        for client in [&by_hash, &with_slot, &only_fallback] {
            let blobs = client.blobs(block.header(), &wanted).await.unwrap();
            for ((_, hash), blob) in wanted.iter().zip(&blobs) {
                assert_eq!(phala_l1::versioned_hash(blob), Some(*hash));
            }
            let other_order = client.blobs(block.header(), &reversed).await.unwrap();
            assert_eq!(other_order, [blobs[1].clone(), blobs[0].clone()]);
        }
        let absent = [(0, B256::repeat_byte(1))];
        let error = by_hash.blobs(block.header(), &absent).await.unwrap_err();
        assert!(error.is_transient() && matches!(error, L1Error::BlobsMissing { .. }), "{error}");
        let none = client(&anvil, |config| config.beacon.clear());
        let error = none.blobs(block.header(), &wanted).await.unwrap_err();
        assert!(matches!(error, L1Error::NoBeacon { .. }), "{error}");
        assert!(by_hash.blobs(block.header(), &[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn outcomes_of_sending_are_told_apart() {
    let anvil = Anvil::start(&["--no-mining"]);
    let client = client(&anvil, |_| {});
    let account = Account::dev(&client).await;
    let raw = account.transfer(Address::repeat_byte(1), 2_000_000_000);
    let SendOutcome::Accepted(hash) = client.send_raw_transaction(&raw).await.unwrap() else {
        panic!("refused");
    };
    assert_eq!(client.nonce_pending(account.address()).await.unwrap(), account.nonce + 1);
    assert_eq!(client.nonce_latest(account.address()).await.unwrap(), account.nonce);
    assert_eq!(client.send_raw_transaction(&raw).await.unwrap(), SendOutcome::AlreadyKnown);
    let same_fee = account.transfer(Address::repeat_byte(2), 2_000_000_000);
    let outcome = client.send_raw_transaction(&same_fee).await.unwrap();
    assert_eq!(outcome, SendOutcome::ReplacementUnderpriced);
    assert_eq!(client.transaction_receipt(hash).await.unwrap(), None, "not mined yet");
    assert!(client.has_transaction(hash).await.unwrap());
    anvil.mine().await;
    assert!(client.transaction_receipt(hash).await.unwrap().unwrap().success);
    let outcome = client.send_raw_transaction(&same_fee).await.unwrap();
    assert_eq!(outcome, SendOutcome::NonceTooLow);
    let garbage = client.send_raw_transaction(&[3, 1, 2]).await.unwrap();
    assert!(matches!(garbage, SendOutcome::Refused { .. }), "{garbage:?}");
}

#[tokio::test]
async fn state_and_fees_are_read() {
    let anvil = Anvil::start(&[]);
    let client = client(&anvil, |_| {});
    let mut account = Account::dev(&client).await;
    // Constructor: storage slot 1 := 0x2a, then returns code that reverts.
    let code: Bytes = "602a600155 6460006000fd 60005260056 01bf3".replace(' ', "").parse().unwrap();
    let creation = account.create(code);
    let hash = account.send(creation).await;
    let created = mined(&client, hash).await;
    let contract = created.contract.unwrap();
    assert_eq!(client.code(contract).await.unwrap().len(), 5);
    let slot = B256::from(U256::from(1));
    let value = client.storage_at(contract, slot, created.block.hash).await.unwrap();
    assert_eq!(value, B256::from(U256::from(0x2a)));
    let before = client.header_by_hash(created.block.hash).await.unwrap().parent_hash;
    assert_eq!(client.storage_at(contract, slot, before).await.unwrap(), B256::ZERO);
    let reverted = client.call(None, contract, Bytes::new()).await.unwrap_err();
    assert!(matches!(reverted, L1Error::Refused { .. }), "{reverted}");
    let gas = client.estimate_gas(account.address(), Some(Address::repeat_byte(1)), Bytes::new());
    assert_eq!(gas.await.unwrap(), 21_000);
    assert!(client.balance(account.address()).await.unwrap() > U256::ZERO);
    let fees = client.suggest_fees().await.unwrap();
    assert_eq!(fees.head.hash, client.head().await.unwrap().hash());
    assert!(fees.base_fee_wei > 0 && fees.tip_wei > 0 && fees.blob_base_fee_wei > 0);
}

#[tokio::test]
async fn heads_move() {
    let anvil = Anvil::start(&["--slots-in-an-epoch", "1"]);
    let client = client(&anvil, |_| {});
    for _ in 0..5 {
        anvil.mine().await;
    }
    let (head, safe, finalized) =
        (client.head().await, client.safe().await, client.finalized().await);
    let numbers = [head, safe, finalized].map(|header| header.unwrap().number);
    assert!(numbers[0] == 5 && numbers[1] < 5 && numbers[2] < numbers[1], "{numbers:?}");
}
