use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use phala_chainspec::{ChainSpec, Profile};
use phala_engine::{BlockError, ImportStatus};
use phala_primitives::{Block, RecoveredBlock, SealedBlock, Transaction};
use phala_storage::TailLimits;

use crate::harness::{Node, assert_same, raw, raw_all};

#[test]
fn builds_and_imports_many_blocks_with_transfers_and_contracts() {
    for profile in [Profile::Isthmus, Profile::Jovian, Profile::Karst] {
        let node = Node::with_profile(profile);
        let follower = node.sibling();
        let (alice, bob) = (node.account(0), node.account(1));
        let contract = alice.address().create(0);
        let mut blocks = Vec::new();
        blocks.push(node.produce(&[raw(&alice.deploy(0))]).block);
        for n in 1..=30_u64 {
            let word = B256::from(U256::from(n * 1000));
            let txs = [
                alice.call(
                    n,
                    TxKind::Call(contract),
                    0,
                    200_000,
                    Bytes::copy_from_slice(&word[..]),
                ),
                bob.transfer(2 * (n - 1), Address::with_last_byte(n as u8), n),
                bob.transfer(2 * n - 1, Address::repeat_byte(0xaa), 1),
            ];
            blocks.push(node.produce(&raw_all(&txs)).block);
        }
        for block in &blocks {
            follower.import_valid(block);
        }
        follower.engine.set_heads(blocks[30].hash(), None, None).unwrap();
        assert_eq!(follower.engine.heads(), node.engine.heads());
        assert_eq!(follower.balance(Address::repeat_byte(0xaa)), U256::from(30));
        let view = follower.engine.store().latest_view().unwrap();
        let slot = |n: u64| {
            view.slot(&keccak256(contract), &keccak256(B256::from(U256::from(n)))).unwrap()
        };
        assert_eq!(slot(7), U256::from(42));
        assert_eq!(slot(1), U256::from(30_000));
        assert_eq!(slot(2), U256::from_be_bytes(blocks[28].hash().0), "hash of the grandparent");
        let receipts = follower.engine.store().receipts(blocks[30].hash()).unwrap().unwrap();
        assert!(receipts.iter().all(|receipt| receipt.status()));
        assert_eq!(receipts[1].logs().len(), 1);
        assert_same(&node, &follower, 30);
    }
}

#[test]
fn blocks_of_deposits_only_are_valid() {
    let node = Node::new();
    let follower = node.sibling();
    for number in 1..=20 {
        let block = node.produce(&[]).block;
        assert_eq!(block.number, number);
        follower.import_valid(&block);
    }
}

#[test]
fn a_known_block_is_valid_without_being_executed_again() {
    let node = Node::new();
    let block = node.build(node.genesis(), &[]);
    node.import_valid(&block);
    assert!(matches!(node.import(&block), ImportStatus::AlreadyKnown));
    // Genesis, too.
    let genesis = node.engine.store().block(node.genesis()).unwrap().unwrap();
    assert!(matches!(node.import(&genesis), ImportStatus::AlreadyKnown));
}

#[test]
fn blocks_wait_for_their_parent() {
    let node = Node::new();
    let follower = node.sibling();
    let blocks: Vec<_> = (0..5).map(|_| node.produce(&[]).block).collect();
    for block in blocks[1..].iter().rev() {
        let status = follower.import(block);
        assert!(
            matches!(status, ImportStatus::Syncing { parent } if parent == block.parent_hash),
            "{status:?}"
        );
    }
    assert_eq!(follower.engine.store().header(blocks[4].hash()).unwrap(), None);
    follower.import_valid(&blocks[0]);
    for block in &blocks {
        assert!(matches!(follower.import(block), ImportStatus::AlreadyKnown));
    }
}

#[test]
fn at_most_64_blocks_wait() {
    let node = Node::new();
    let follower = node.sibling();
    let blocks: Vec<_> = (0..66).map(|_| node.produce(&[]).block).collect();
    for block in &blocks[1..] {
        follower.import(block);
    }
    follower.import_valid(&blocks[0]);
    // The first of the 65 was dropped, so the chain is still cut there.
    assert_eq!(follower.engine.store().header(blocks[1].hash()).unwrap(), None);
    follower.import_valid(&blocks[1]);
    assert!(follower.engine.store().header(blocks[65].hash()).unwrap().is_some());
}

#[test]
fn a_driver_without_fork_choices_is_told_to_wait() {
    let node = Node::new();
    let tail = TailLimits { blocks_max: 10, ..TailLimits::default() };
    let follower = Node::with_tail(ChainSpec::clone(&node.spec), tail);
    let blocks: Vec<_> = (0..25).map(|_| node.produce(&[]).block).collect();
    let mut next = 0;
    for _ in 0..3 {
        while next < blocks.len() {
            match follower.import(&blocks[next]) {
                ImportStatus::Valid { .. } => next += 1,
                ImportStatus::Syncing { parent } => {
                    assert_eq!(parent, blocks[next].parent_hash);
                    break;
                }
                status => panic!("{status:?}"),
            }
            assert!(follower.engine.store().stats().side_blocks <= 10);
        }
        follower.engine.set_heads(blocks[next - 1].hash(), None, None).unwrap();
    }
    assert_eq!(next, blocks.len(), "each fork choice makes room");
    assert_same(&node, &follower, 25);
}

#[test]
fn an_invalid_block_condemns_its_descendants_and_nothing_else() {
    let node = Node::new();
    let good = node.produce(&[]).block;
    let follower = node.sibling();
    follower.import_valid(&good);
    let mut bad = node.build(good.hash(), &[]).clone_sealed_block().into_block();
    bad.header.gas_used += 1;
    let bad = SealedBlock::seal_slow(bad);
    let mut child = bad.clone_block();
    child.header.parent_hash = bad.hash();
    child.header.number += 1;
    child.header.timestamp += 2;
    let child = SealedBlock::seal_slow(child);
    // The child arrives first and waits.
    assert!(matches!(follower.engine.import(child.clone()).unwrap(), ImportStatus::Syncing { .. }));
    for _ in 0..2 {
        let ImportStatus::Invalid { latest_valid, reason } =
            follower.engine.import(bad.clone()).unwrap()
        else {
            panic!("accepted")
        };
        assert_eq!(latest_valid, Some(good.hash()));
        assert!(matches!(*reason, BlockError::GasUsed { .. }), "{reason}");
    }
    let ImportStatus::Invalid { latest_valid, reason } = follower.engine.import(child).unwrap()
    else {
        panic!("accepted")
    };
    assert_eq!(latest_valid, Some(good.hash()));
    assert_eq!(*reason, BlockError::InvalidAncestor(bad.hash()));
    // Kept for study.
    let bundle = follower.bundle_dir().join(format!("2-{}.json", bad.hash()));
    let bundle: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bundle).unwrap()).unwrap();
    let rlp = alloy_primitives::hex::decode(bundle["block_rlp"].as_str().unwrap()).unwrap();
    let decoded: Block = alloy_rlp::Decodable::decode(&mut rlp.as_slice()).unwrap();
    assert_eq!(decoded.header.hash_slow(), bad.hash());
    // The good sibling is still welcome.
    follower.import_valid(&node.build(good.hash(), &[]));
}

#[test]
fn a_wrong_delivery_does_not_condemn_the_hash() {
    let node = Node::new();
    let alice = node.account(0);
    let good = node.build(node.genesis(), &[raw(&alice.transfer(0, Address::ZERO, 1))]);
    // Same header, other body.
    let mut block = good.clone_sealed_block().into_block();
    block.body.transactions.pop();
    let delivered = SealedBlock::new_unchecked(block, good.hash());
    let status = node.engine.import(delivered).unwrap();
    assert!(
        matches!(&status, ImportStatus::Invalid { reason, .. }
            if matches!(**reason, BlockError::TransactionsRoot { .. })),
        "{status:?}"
    );
    // Same hash, other header.
    let mut block = good.clone_sealed_block().into_block();
    block.header.gas_limit += 1;
    let delivered = SealedBlock::new_unchecked(block, good.hash());
    let status = node.engine.import(delivered).unwrap();
    assert!(
        matches!(&status, ImportStatus::Invalid { reason, latest_valid: None }
            if matches!(**reason, BlockError::Hash { .. })),
        "{status:?}"
    );
    node.import_valid(&good);
}

/// A block with other transactions than it was built with, under a header that commits to them.
fn with_transactions(block: &SealedBlock, transactions: Vec<Transaction>) -> Block {
    let mut block = block.clone_block();
    block.header.transactions_root =
        alloy_consensus::proofs::calculate_transaction_root(&transactions);
    block.body.transactions = transactions;
    block
}

#[test]
fn invalid_transactions_are_refused_with_their_place() {
    let node = Node::new();
    let alice = node.account(0);
    let block = node.build(node.genesis(), &[]).clone_sealed_block();
    let deposit = block.body().transactions[0].clone();
    let refusal = |tx: Transaction| {
        let hash = tx.tx_hash();
        let reason = node.refusal(with_transactions(&block, vec![deposit.clone(), tx]));
        assert!(reason.starts_with(&format!("transaction 1 ({hash}) is invalid: ")), "{reason}");
        reason
    };
    assert!(refusal(alice.transfer(1, Address::ZERO, 1)).contains("nonce"));
    let rich = alice.call(0, TxKind::Call(Address::ZERO), u64::MAX, 60_000_001, Bytes::new());
    assert!(refusal(rich).contains("60000001"));
    let over_cap = alice.call(0, TxKind::Call(Address::ZERO), 1, (1 << 24) + 1, Bytes::new());
    assert!(refusal(over_cap).contains("16777217"));
    let other_chain = crate::harness::Account::new(
        alloy_signer_local::PrivateKeySigner::from_bytes(&node.spec.dev_accounts[0].key).unwrap(),
        1,
    );
    assert!(refusal(other_chain.transfer(0, Address::ZERO, 1)).contains("chain"));
}

#[test]
fn an_invalid_signature_is_refused() {
    let node = Node::new();
    let block = node.build(node.genesis(), &[]).clone_sealed_block();
    let deposit = block.body().transactions[0].clone();
    let Transaction::Eip1559(signed) = node.account(0).transfer(0, Address::ZERO, 1) else {
        panic!("not type 2")
    };
    let signature = signed.signature();
    // EIP-2: the other solution of the same signature.
    let order = U256::from_be_bytes(alloy_primitives::hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let high_s =
        alloy_primitives::Signature::new(signature.r(), order - signature.s(), !signature.v());
    let none = alloy_primitives::Signature::new(U256::ZERO, U256::from(1), false);
    for bad in [high_s, none] {
        let tx =
            Transaction::Eip1559(alloy_consensus::Signed::new_unhashed(signed.tx().clone(), bad));
        let reason = node.refusal(with_transactions(&block, vec![deposit.clone(), tx]));
        assert!(reason.contains("invalid signature"), "{reason}");
    }
}

#[test]
fn more_data_or_gas_than_fits_is_refused() {
    let node = Node::new();
    let alice = node.account(0);
    let block = node.build(node.genesis(), &[]).clone_sealed_block();
    let mut txs = vec![block.body().transactions[0].clone()];
    for nonce in 0..4 {
        txs.push(alice.call(nonce, TxKind::Call(Address::ZERO), 0, 16_000_000, Bytes::new()));
    }
    // Gas limits of 64 M in a block of 60 M, of which little is used: each fits when its turn comes.
    let reason = node.refusal(with_transactions(&block, txs.clone()));
    assert!(reason.starts_with("gas used is "), "{reason}");
    let mut small = with_transactions(&block, txs);
    small.header.gas_limit = 15_999_999;
    let reason = node.refusal(small);
    assert!(reason.contains("transaction 1") && reason.contains("16000000"), "{reason}");
}

#[test]
fn the_scheduled_type_0x7d_is_refused_in_a_block() {
    let node = Node::new();
    let block = node.build(node.genesis(), &[]).clone_sealed_block();
    let deposit = block.body().transactions[0].clone();
    let post_exec = Transaction::PostExec(alloy_consensus::Sealable::seal_slow(
        op_alloy_consensus::TxPostExec::default(),
    ));
    let reason = node.refusal(with_transactions(&block, vec![deposit, post_exec]));
    assert_eq!(reason, "transaction 1 is malformed: transaction type 0x7d is not supported");
}

#[test]
fn a_body_that_is_not_the_headers_condemns_nothing_whatever_is_in_it() {
    let post_exec = || {
        Transaction::PostExec(alloy_consensus::Sealable::seal_slow(
            op_alloy_consensus::TxPostExec::default(),
        ))
    };
    let author = Node::new();
    let good = author.produce(&[]).block;
    let next = author.produce(&[]).block;
    let other_body = |block: &RecoveredBlock| {
        let mut bad = block.clone_sealed_block().into_block();
        bad.body.transactions.push(post_exec());
        SealedBlock::new_unchecked(bad, block.hash())
    };
    let is_wrong_root = |status: ImportStatus| {
        assert!(
            matches!(&status, ImportStatus::Invalid { reason, .. }
                if matches!(**reason, BlockError::TransactionsRoot { .. })),
            "{status:?}"
        );
    };
    // The wrong body first.
    let node = author.sibling();
    for _ in 0..2 {
        is_wrong_root(node.engine.import(other_body(&good)).unwrap());
    }
    // Nor does it wait for its parent in the place of the right one.
    is_wrong_root(node.engine.import(other_body(&next)).unwrap());
    assert!(matches!(node.import(&next), ImportStatus::Syncing { .. }));
    node.import_valid(&good);
    assert!(matches!(node.import(&next), ImportStatus::AlreadyKnown), "it waited");
    // The right body first.
    let node = author.sibling();
    node.import_valid(&good);
    let status = node.engine.import(other_body(&good)).unwrap();
    assert!(matches!(status, ImportStatus::AlreadyKnown), "{status:?}");
    // A header that commits to such a transaction is another matter.
    let node = author.sibling();
    let deposit = good.body().transactions[0].clone();
    let sealed = good.clone_sealed_block();
    let bad = SealedBlock::seal_slow(with_transactions(&sealed, vec![deposit, post_exec()]));
    for _ in 0..2 {
        let status = node.engine.import(bad.clone()).unwrap();
        assert!(matches!(status, ImportStatus::Invalid { .. }), "{status:?}");
    }
    let mut child = next.clone_sealed_block().into_block();
    child.header.parent_hash = bad.hash();
    let reason = node.refusal(child);
    assert!(reason.contains(&bad.hash().to_string()), "{reason}");
}

#[test]
fn timings_tell_where_the_time_went() {
    let node = Node::new();
    let alice = node.account(0);
    let txs: Vec<_> =
        (0..50).map(|nonce| raw(&alice.transfer(nonce, Address::repeat_byte(1), 1))).collect();
    let block = node.build(node.genesis(), &txs);
    let follower = node.sibling();
    let ImportStatus::Valid { timings } = follower.import(&block) else { panic!("not valid") };
    assert!(!timings.recover_busy.is_zero());
    assert!(!timings.execute.is_zero() && !timings.root.is_zero() && !timings.write.is_zero());
    assert!(timings.total >= timings.execute + timings.root + timings.write);
}
