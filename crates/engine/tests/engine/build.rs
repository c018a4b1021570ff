use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B64, B256, Bytes, TxKind, U256};
use phala_chainspec::{ChainSpec, GenesisAccount, Profile, addresses::L1_BLOCK};
use phala_engine::{AttributesError, EngineConfig, EngineError, PayloadAttributes};
use phala_primitives::Transaction;

use crate::harness::{Node, assert_same, attributes_error, offer, pooled, raw, raw_all};

fn with_pool(mut attributes: PayloadAttributes) -> PayloadAttributes {
    attributes.no_tx_pool = Some(false);
    attributes
}

fn hashes(txs: &[Transaction]) -> Vec<B256> {
    txs.iter().map(|tx| tx.tx_hash()).collect()
}

#[test]
fn pool_transactions_follow_forced_ones_unless_forbidden() {
    let node = Node::new();
    let (alice, bob) = (node.account(0), node.account(1));
    let forced = alice.transfer(0, Address::ZERO, 1);
    let offered = [bob.transfer(0, Address::ZERO, 1), alice.transfer(1, Address::ZERO, 1)];
    offer(&node.engine, offered.to_vec());
    let attributes = node.attributes(node.genesis(), &[raw(&forced)]);
    let alone = node.engine.build(node.genesis(), &attributes).unwrap();
    assert_eq!(hashes(&alone.block.body().transactions[1..]), [forced.tx_hash()]);
    let filled = node.engine.build(node.genesis(), &with_pool(attributes)).unwrap();
    let expected = [forced.tx_hash(), offered[0].tx_hash(), offered[1].tx_hash()];
    assert_eq!(hashes(&filled.block.body().transactions[1..]), expected);
    assert_eq!(filled.value, U256::from(3 * 21_000 * 1_000_000_u64));
    assert!(filled.value > alone.value);
    assert_eq!(
        filled.encoded,
        raw_all(&filled.block.body().transactions),
        "bytes are those of the transactions"
    );
}

#[test]
fn a_sender_whose_transaction_fails_is_skipped() {
    let node = Node::new();
    let (alice, bob) = (node.account(0), node.account(1));
    let offered = vec![
        alice.transfer(0, Address::ZERO, 1),
        alice.transfer(2, Address::ZERO, 1), // a gap
        alice.transfer(1, Address::ZERO, 1), // too late
        bob.transfer(0, Address::ZERO, 1),
    ];
    let expected = [offered[0].tx_hash(), offered[3].tx_hash()];
    offer(&node.engine, offered);
    let attributes = with_pool(node.attributes(node.genesis(), &[]));
    let block = node.engine.produce(&attributes).unwrap().block;
    assert_eq!(hashes(&block.body().transactions[1..]), expected);
}

#[test]
fn an_invalid_forced_transaction_fails_the_build() {
    let node = Node::new();
    let alice = node.account(0);
    let bad = alice.transfer(5, Address::ZERO, 1);
    for no_tx_pool in [true, false] {
        let mut attributes = node
            .attributes(node.genesis(), &[raw(&alice.transfer(0, Address::ZERO, 1)), raw(&bad)]);
        attributes.no_tx_pool = Some(no_tx_pool);
        let error = node.engine.produce(&attributes).unwrap_err();
        let EngineError::Attributes(error) = error else { panic!("{error}") };
        let is_expected = matches!(
            *error,
            AttributesError::InvalidTransaction { index: 2, hash, .. } if hash == bad.tx_hash()
        );
        assert!(is_expected, "{error}");
    }
    assert_eq!(node.engine.heads().latest.number, 0);
    // The deposits alone are still a block.
    node.produce(&[]);
}

#[test]
fn a_forced_transaction_must_be_one_of_this_chain() {
    let node = Node::new();
    let signed = raw(&node.account(0).transfer(0, Address::ZERO, 1));
    let truncated = signed.slice(..signed.len() - 1);
    for (bytes, reason) in [
        (Bytes::from_static(&[0x03, 0xc0]), "type 0x03 is not supported"),
        (Bytes::from_static(&[0x7d, 0xc0]), "type 0x7d is not supported"),
        (Bytes::new(), "transaction is empty"),
        (truncated, "does not decode"),
    ] {
        let attributes = node.attributes(node.genesis(), &[bytes]);
        let error = attributes_error(node.engine.build(node.genesis(), &attributes).unwrap_err());
        assert!(error.starts_with("transaction 1 is malformed: "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn attributes_follow_their_forks() {
    type Change = fn(&mut PayloadAttributes);
    let cases: &[(Profile, &str, Change)] = &[
        (Profile::Karst, "is not after the parent's", |a| a.payload_attributes.timestamp -= 2),
        (Profile::Karst, "gas limit is missing", |a| a.gas_limit = None),
        (Profile::Karst, "gas limit 0", |a| a.gas_limit = Some(0)),
        (Profile::Karst, "gas limit 18446744073709551615", |a| a.gas_limit = Some(u64::MAX)),
        (Profile::Karst, "withdrawals are missing", |a| a.payload_attributes.withdrawals = None),
        (Profile::Karst, "withdrawals are not empty", |a| {
            a.payload_attributes.withdrawals = Some(vec![Default::default()]);
        }),
        (Profile::Karst, "parent beacon block root is missing", |a| {
            a.payload_attributes.parent_beacon_block_root = None;
        }),
        (Profile::Karst, "slotNumber is set", |a| a.payload_attributes.slot_number = Some(1)),
        (Profile::Karst, "eip1559Params is missing", |a| a.eip_1559_params = None),
        (Profile::Karst, "minBaseFee is missing", |a| a.min_base_fee = None),
        (Profile::Isthmus, "minBaseFee is set", |a| a.min_base_fee = Some(0)),
        (Profile::Karst, "denominator is zero", |a| {
            a.eip_1559_params = Some(B64::from([0, 0, 0, 0, 0, 0, 0, 6]));
        }),
        (Profile::Karst, "elasticity is zero", |a| {
            a.eip_1559_params = Some(B64::from([0, 0, 0, 250, 0, 0, 0, 0]));
        }),
    ];
    for (profile, reason, change) in cases {
        let node = Node::with_profile(*profile);
        let mut attributes = node.attributes(node.genesis(), &[]);
        change(&mut attributes);
        let error = attributes_error(node.engine.build(node.genesis(), &attributes).unwrap_err());
        assert!(error.contains(reason), "{error:?}, not {reason:?}");
    }
}

#[test]
fn fee_parameters_of_the_attributes_rule_the_next_block() {
    let node = Node::new();
    let mut attributes = node.attributes(node.genesis(), &[]);
    attributes.eip_1559_params = Some(B64::from([0, 0, 0, 8, 0, 0, 0, 2]));
    attributes.min_base_fee = Some(123_456_789_000);
    let first = node.engine.produce(&attributes).unwrap().block;
    let mut extra_data = vec![1, 0, 0, 0, 8, 0, 0, 0, 2];
    extra_data.extend_from_slice(&123_456_789_000_u64.to_be_bytes());
    assert_eq!(first.extra_data, extra_data);
    assert_eq!(first.base_fee_per_gas, Some(996_000_000), "by the parameters of genesis");
    assert_eq!(node.produce(&[]).block.base_fee_per_gas, Some(123_456_789_000));
}

#[test]
fn gas_is_the_limit_for_pool_transactions() {
    // The data footprint of a transfer would be more than its gas at the usual scalar.
    let node = Node::with_spec(spec_with_footprint_scalar(1));
    let alice = node.account(0);
    let offered = (0..20).map(|nonce| alice.transfer(nonce, Address::ZERO, 1)).collect();
    offer(&node.engine, offered);
    let mut attributes = with_pool(node.attributes(node.genesis(), &[]));
    // The deposit uses a little above 21,000; room for about four transfers.
    attributes.gas_limit = Some(1_000_000);
    let first = node.engine.build(node.genesis(), &attributes).unwrap();
    assert_eq!(first.block.body().transactions.len(), 21, "all fit");
    let deposit_gas = first.block.gas_used - 20 * 21_000;
    attributes.gas_limit = Some(1_000_000.max(deposit_gas));
    let many = (0..100).map(|nonce| alice.transfer(nonce, Address::ZERO, 1)).collect();
    offer(&node.engine, many);
    let full = node.engine.produce(&attributes).unwrap().block;
    let fitting = (1_000_000 - deposit_gas) / 21_000;
    assert_eq!(full.body().transactions.len() as u64, 1 + fitting);
    assert!(full.gas_used <= 1_000_000);
}

/// A chain whose `L1Block` has nothing but a data footprint scalar.
fn spec_with_footprint_scalar(scalar: u64) -> ChainSpec {
    let mut spec = ChainSpec::dev();
    let slot = B256::with_last_byte(8);
    let word = U256::from(scalar) << (8 * 12);
    let account = GenesisAccount {
        nonce: 1,
        code: Bytes::from_static(&[0]),
        storage: [(slot, word)].into(),
        ..Default::default()
    };
    spec.genesis.alloc.insert(L1_BLOCK, account);
    spec
}

#[test]
fn the_data_footprint_is_a_limit_like_gas() {
    let scalar = 10_000;
    let node = Node::with_spec(spec_with_footprint_scalar(scalar));
    let alice = node.account(0);
    offer(&node.engine, (0..20).map(|nonce| alice.transfer(nonce, Address::ZERO, 1)).collect());
    let mut attributes = with_pool(node.attributes(node.genesis(), &[]));
    // Each small transaction counts 100 bytes at 10,000 gas.
    attributes.gas_limit = Some(4_500_000);
    let block = node.engine.produce(&attributes).unwrap().block;
    assert_eq!(block.body().transactions.len(), 1 + 4);
    assert_eq!(block.blob_gas_used, Some(4 * 100 * scalar));
    let follower = node.sibling();
    follower.import_valid(&block);
    // One more, forced, is one too many.
    let txs: Vec<_> = (4..9).map(|nonce| raw(&alice.transfer(nonce, Address::ZERO, 1))).collect();
    let mut attributes = node.attributes(block.hash(), &txs);
    attributes.gas_limit = Some(4_500_000);
    let error = attributes_error(node.engine.produce(&attributes).unwrap_err());
    assert!(error.contains("da footprint 1000000 is above the 500000 left"), "{error}");
    // The footprint moves the base fee, little gas was used.
    assert!(node.produce(&[]).block.base_fee_per_gas > block.base_fee_per_gas);
}

#[test]
fn miner_limits_bind_pool_transactions_only() {
    let node = Node::new();
    let (alice, bob) = (node.account(0), node.account(1));
    let noise: Bytes = (0..2000_u32)
        .map(|n| (n.wrapping_mul(n).wrapping_mul(7919) >> 5) as u8)
        .collect::<Vec<_>>()
        .into();
    let big = |account: &crate::harness::Account, nonce| {
        account.call(nonce, TxKind::Call(Address::ZERO), 0, 200_000, noise.clone())
    };
    offer(
        &node.engine,
        vec![big(&alice, 1), bob.transfer(0, Address::ZERO, 1), bob.transfer(1, Address::ZERO, 1)],
    );
    let attributes = with_pool(node.attributes(node.genesis(), &[raw(&big(&alice, 0))]));
    let count = || {
        let built = node.engine.build(node.genesis(), &attributes).unwrap();
        built.block.body().transactions.len()
    };
    assert_eq!(count(), 5);
    node.engine.set_max_da_size(500, 0);
    assert_eq!(count(), 4, "the big one of the pool is left out, the forced one is not");
    node.engine.set_max_da_size(500, 150);
    assert_eq!(count(), 3, "one small transaction counts 100 bytes");
    node.engine.set_max_da_size(0, 0);
    assert_eq!(count(), 5);
}

#[test]
fn a_build_ends_in_time_however_much_is_offered() {
    let config = EngineConfig {
        build_time_limit: Duration::from_millis(200),
        build_candidates_max: 1_000,
        ..Default::default()
    };
    let node = Node::with_config(config);
    let alice = node.account(0);
    // Every candidate but the first has a gap, and there is no end of them.
    let looked_at = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looked_at);
    let (good, gap) =
        (pooled(alice.transfer(0, Address::ZERO, 1)), alice.transfer(9, Address::ZERO, 1));
    let gap = pooled(gap);
    node.engine.set_transaction_source(Arc::new(move |_| {
        let counter = Arc::clone(&counter);
        let candidates =
            std::iter::once(Arc::clone(&good)).chain(std::iter::repeat(Arc::clone(&gap)));
        Box::new(candidates.inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        }))
    }));
    let attributes = with_pool(node.attributes(node.genesis(), &[]));
    let built = node.engine.build(node.genesis(), &attributes).unwrap();
    assert_eq!(built.block.body().transactions.len(), 2);
    assert_eq!(looked_at.load(Ordering::Relaxed), 1_000);
    // A source that is slow.
    let slow: Vec<_> =
        (0..50).map(|nonce| pooled(alice.transfer(nonce, Address::ZERO, 1))).collect();
    node.engine.set_transaction_source(Arc::new(move |_| {
        let slow = slow.clone().into_iter();
        Box::new(slow.inspect(|_| std::thread::sleep(Duration::from_millis(50))))
    }));
    let began = Instant::now();
    let built = node.engine.build(node.genesis(), &attributes).unwrap();
    assert!((2..20).contains(&built.block.body().transactions.len()));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_source_is_told_about_the_block() {
    let node = Node::new();
    node.engine.set_transaction_source(Arc::new(|context| {
        assert_eq!(context.parent.number, 0);
        assert_eq!(context.gas_limit, 60_000_000);
        assert_eq!(context.base_fee, 996_000_000);
        Box::new(std::iter::empty())
    }));
    let attributes = with_pool(node.attributes(node.genesis(), &[]));
    let block = node.engine.build(node.genesis(), &attributes).unwrap().block;
    assert_eq!(block.base_fee_per_gas, Some(996_000_000));
}

#[test]
fn payloads_are_filled_while_blocks_are_imported() {
    let node = Node::new();
    let (alice, bob) = (node.account(0), node.account(1));
    offer(&node.engine, (0..300).map(|nonce| bob.transfer(nonce, Address::ZERO, 1)).collect());
    for nonce in 0..20 {
        let head = node.engine.heads().latest.hash;
        let attributes = with_pool(node.attributes(head, &[]));
        let id = node.engine.start_payload(head, &attributes).unwrap();
        // Another block on the same parent, and one after it, arrive in the meantime.
        let block = node.build(head, &[raw(&alice.transfer(nonce, Address::ZERO, 1))]);
        node.import_valid(&block);
        node.engine.set_heads(block.hash(), None, None).unwrap();
        node.import_valid(&node.build(block.hash(), &[]));
        let payload = node.engine.resolve_payload(id).unwrap();
        assert_eq!(payload.block.parent_hash, head);
        assert_eq!(payload.block.body().transactions.len(), 301);
        if nonce % 4 == 0 {
            node.import_valid(&payload.block);
        }
    }
}

#[test]
fn a_payload_gets_better_while_it_waits() {
    let node = Node::new();
    let alice = node.account(0);
    let attributes = with_pool(node.attributes(node.genesis(), &[]));
    offer(&node.engine, vec![alice.transfer(0, Address::ZERO, 1)]);
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    assert_eq!(node.engine.start_payload(node.genesis(), &attributes).unwrap(), id);
    let first = node.engine.resolve_payload(id).unwrap();
    assert_eq!(first.block.body().transactions.len(), 2, "the first attempt is waited for");
    assert_eq!(node.engine.resolve_payload(id).unwrap().block.hash(), first.block.hash());

    let attributes = PayloadAttributes { gas_limit: Some(59_000_000), ..attributes };
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    offer(&node.engine, (0..5).map(|nonce| alice.transfer(nonce, Address::ZERO, 1)).collect());
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(node.engine.resolve_payload(id).unwrap().block.body().transactions.len(), 6);
}

#[test]
fn the_number_of_payloads_is_bounded() {
    let node = Node::new();
    let start = |gas_limit| {
        let mut attributes = node.attributes(node.genesis(), &[]);
        attributes.gas_limit = Some(gas_limit);
        node.engine.start_payload(node.genesis(), &attributes).unwrap()
    };
    let ids: Vec<_> = (0..9).map(|n| start(30_000_000 + n)).collect();
    assert!(node.engine.resolve_payload(ids[0]).is_none());
    for id in &ids[1..] {
        assert!(node.engine.resolve_payload(*id).is_some());
    }
}

#[test]
fn what_was_built_is_what_a_follower_imports() {
    let node = Node::new();
    let follower = node.sibling();
    let (alice, bob) = (node.account(0), node.account(1));
    let contract = alice.address().create(0);
    node.produce(&[raw(&alice.deploy(0))]);
    let reverting = bob.call(0, TxKind::Create, 0, 100_000, Bytes::from_static(&[0xfe]));
    let out_of_gas = bob.call(1, TxKind::Call(contract), 0, 21_500, Bytes::new());
    let calls = (1..40).map(|n| {
        let word = Bytes::copy_from_slice(&B256::from(U256::from(n))[..]);
        alice.call(n, TxKind::Call(contract), 0, 100_000, word)
    });
    offer(&node.engine, calls.chain([reverting, out_of_gas]).collect());
    let head = node.engine.heads().latest.hash;
    let block = node.engine.produce(&with_pool(node.attributes(head, &[]))).unwrap().block;
    assert_eq!(block.body().transactions.len(), 1 + 39 + 2);
    assert!(block.body().transactions.iter().skip(1).all(|tx| !tx.is_deposit()));
    assert!(block.body().transactions.iter().any(|tx| tx.gas_limit() == 21_500));
    for number in 1..=2 {
        let store = node.engine.store();
        let hash = store.canonical_hash(number).unwrap().unwrap();
        follower.import_valid(&store.block(hash).unwrap().unwrap());
    }
    follower.engine.set_heads(block.hash(), None, None).unwrap();
    assert_same(&node, &follower, 2);
}
