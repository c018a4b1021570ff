use std::path::Path;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, TxKind};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_primitives::Transaction;

use super::*;
use crate::testing::{CHAIN_ID, address};

fn signed(nonce: u64) -> Vec<u8> {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).expect("a key");
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100,
        to: TxKind::Call(address(9)),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).expect("signs");
    Transaction::from(tx.into_signed(signature)).encoded_2718()
}

fn pool_at(chain: &std::sync::Arc<TestChain>, path: &Path) -> Pool {
    let pool = chain.pool(PoolConfig { journal_path: Some(path.to_owned()), ..Default::default() });
    assert!(pool.flush_journal());
    pool
}

#[test]
fn local_transactions_survive_a_restart() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("txpool/journal.bin");
    let chain = TestChain::new(Default::default(), Default::default());
    let pool = pool_at(&chain, &path);
    let kept = pool.add_raw(&signed(0), Origin::Local).expect("taken");
    let lost = pool.add_raw(&signed(1), Origin::External).expect("taken");
    assert!(pool.flush_journal());
    drop(pool);

    let pool = pool_at(&chain, &path);
    assert!(pool.contains(&kept) && !pool.contains(&lost));
    assert_eq!(pool.status().local, 1);
}

#[test]
fn what_was_mined_meanwhile_is_not_restored() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("journal.bin");
    let chain = TestChain::new(Default::default(), Default::default());
    let pool = pool_at(&chain, &path);
    for nonce in 0..2 {
        pool.add_raw(&signed(nonce), Origin::Local).expect("taken");
    }
    let sender = pool.get(&pool.best(50).next().expect("has one").hash()).expect("has it").sender();
    assert!(pool.flush_journal());
    drop(pool);
    let before = std::fs::metadata(&path).expect("file").len();

    let account = AccountState { nonce: 1, ..chain.account(&sender) };
    chain.extend(&[], chain.terms(), &[(sender, account)]);
    let pool = pool_at(&chain, &path);
    assert_eq!(counts(&pool), (1, 0, 0));
    // Restoring compacts.
    assert!(std::fs::metadata(&path).expect("file").len() < before);
}

#[test]
fn a_damaged_end_loses_only_itself() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("journal.bin");
    let chain = TestChain::new(Default::default(), Default::default());
    let pool = pool_at(&chain, &path);
    for nonce in 0..3 {
        pool.add_raw(&signed(nonce), Origin::Local).expect("taken");
        assert!(pool.flush_journal());
    }
    drop(pool);
    let bytes = std::fs::read(&path).expect("file");
    std::fs::write(&path, &bytes[..bytes.len() - 5]).expect("writes");
    assert_eq!(counts(&pool_at(&chain, &path)), (2, 0, 0));
}

#[test]
fn a_journal_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let chain = TestChain::new(Default::default(), Default::default());
    let config = PoolConfig { journal_path: Some(folder.path().to_owned()), ..Default::default() };
    let error = Pool::on_chain(
        Box::new(std::sync::Arc::clone(&chain)),
        CHAIN_ID,
        config,
        Default::default(),
    )
    .expect_err("a folder is no journal");
    assert!(error.to_string().starts_with(&format!("journal {}", folder.path().display())));
}
