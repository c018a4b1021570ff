//! Deposits and configuration updates of L1 in the blocks of L2.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, Bytes, U256};
use phala_chainspec::L1Attributes;
use phala_derive::{DeriveError, L1Log, Severity};
use phala_primitives::{Transaction, decode_transaction};
use serde_json::Value;

use crate::{
    l1::{ANCHOR, PORTAL, SYSTEM_CONFIG, config_update, deposit},
    world::World,
};

fn deposits_of(transactions: &[Bytes]) -> Vec<&Bytes> {
    transactions[1..].iter().filter(|tx| tx[0] == 0x7e).collect()
}

#[test]
fn deposits_are_in_the_first_block_of_their_epoch_and_in_order() {
    let mut world = World::new(1);
    world.grow(1);
    let users = [Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(1)];
    let mut logs: Vec<_> = users.into_iter().map(|user| deposit(user, 5, b"x")).collect();
    // Other events of the portal, and events of others, are no deposits.
    logs.insert(1, L1Log { topics: vec![B256::ZERO], ..logs[0].clone() });
    logs.insert(1, L1Log { topics: Vec::new(), ..logs[0].clone() });
    logs.insert(1, L1Log { address: SYSTEM_CONFIG, ..logs[0].clone() });
    world.l1.mine_with(12, logs, Vec::new());
    world.sequencer.catch_up(&world.l1, &mut world.rng);
    world.grow(1);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    follower.assert_follows(&world.sequencer.chain);
    for derived in &follower.chain[1..] {
        let block = &derived.block;
        let deposits = deposits_of(&block.all_transactions);
        let origin = block.block.l1_origin.number;
        if origin != ANCHOR + 2 || block.block.sequence_number > 0 {
            assert!(deposits.is_empty());
            continue;
        }
        let senders = deposits.iter().map(|tx| match decode_transaction(tx).unwrap() {
            Transaction::Deposit(deposit) => deposit.from,
            other => panic!("{other:?}"),
        });
        assert_eq!(senders.collect::<Vec<_>>(), users);
        // They stand between the L1 attributes and the batch's transactions.
        let all = &block.all_transactions;
        assert!(all[..4].iter().all(|tx| tx[0] == 0x7e) && all[4..].iter().all(|tx| tx[0] != 0x7e));
    }
}

#[test]
fn a_portal_log_that_is_no_deposit_ends_derivation() {
    let mut world = World::new(2);
    world.grow(1);
    let mut log = deposit(Address::repeat_byte(1), 5, b"x");
    log.topics[3] = B256::with_last_byte(1);
    // The sequencer of this test takes the log for what it was meant to be.
    let tx = world.post();
    world.l1.mine_with(12, vec![log], vec![tx]);
    let mut follower = world.follower();
    follower.run(&world.l1).unwrap();
    // The epoch before it is not concerned.
    assert_eq!(follower.number(), world.posted);
    world.l1.mine_empty(200);
    let error = follower.run(&world.l1).unwrap_err();
    assert!(matches!(error, DeriveError::Deposit(_)), "{error}");
    assert_eq!(error.severity(), Severity::Operator);
    assert_eq!(follower.deriver.step().unwrap_err(), error);
    assert_eq!(follower.head().block.l1_origin.number, ANCHOR + 1);
}

#[test]
fn recorded_deposit_logs_become_recorded_transactions() {
    let Some(folder) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return;
    };
    let path = PathBuf::from(folder).join("opstack/vectors/deposits.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = file["user_deposit_logs"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        fn field<T: serde::de::DeserializeOwned>(case: &Value, key: &str) -> T {
            serde_json::from_value(case[key].clone()).unwrap()
        }
        let mut world = World::new(3);
        world.grow(1);
        world.l1.mine(Vec::new());
        let block = world.l1.blocks.last_mut().unwrap();
        block.header.hash = field(case, "l1_block_hash");
        block.logs.push(L1Log {
            address: PORTAL,
            topics: field(case, "topics"),
            data: field(case, "log_data"),
            log_index: field(case, "log_index"),
        });
        world.sequencer.catch_up(&world.l1, &mut world.rng);
        let tx = world.post();
        world.l1.mine(vec![tx]);
        let follower = world.followed();
        follower.assert_follows(&world.sequencer.chain);
        let first = follower.chain.iter().map(|derived| &derived.block);
        let first = first.rev().find(|block| block.block.sequence_number == 0).unwrap();
        assert_eq!(first.block.l1_origin.number, ANCHOR + 2);
        let expected: Bytes = field(case, "expected_tx");
        assert_eq!(deposits_of(&first.all_transactions), [&expected]);
    }
}

#[test]
fn updates_of_the_configuration_count_from_their_epoch_on() {
    let mut world = World::new(4);
    world.grow(1);
    let mut scalar = B256::with_last_byte(77);
    (scalar[0], scalar[27]) = (1, 88);
    let updates = vec![
        config_update(1, &[U256::from(1234), scalar.into()]),
        config_update(2, &[U256::from(30_000_000)]),
        config_update(4, &[U256::from((500_u64 << 32) + 8)]),
        config_update(5, &[(U256::from(11) << 64) + U256::from(12)]),
        config_update(6, &[U256::from(13)]),
        config_update(7, &[U256::from(14)]),
        // Nonsense is not heard.
        config_update(2, &[U256::MAX]),
        config_update(8, &[U256::from(1)]),
        L1Log { address: PORTAL, ..config_update(2, &[U256::from(1)]) },
    ];
    world.l1.mine_with(12, updates, Vec::new());
    world.sequencer.catch_up(&world.l1, &mut world.rng);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    assert_eq!(follower.number(), world.posted);
    for derived in &follower.chain[1..] {
        let given = derived.attributes.as_ref().unwrap();
        let Transaction::Deposit(first) =
            decode_transaction(&derived.block.all_transactions[0]).unwrap()
        else {
            panic!("a deposit comes first")
        };
        let first = L1Attributes::decode(&first.input).unwrap();
        let is_updated = derived.block.block.l1_origin.number >= ANCHOR + 2;
        let (scalars, operator_fee, footprint) = (
            (first.base_fee_scalar, first.blob_base_fee_scalar),
            (first.operator_fee_scalar, first.operator_fee_constant),
            first.da_footprint_gas_scalar,
        );
        let attributes = &given.attributes;
        let params = attributes.eip_1559_params.unwrap();
        if is_updated {
            assert_eq!((scalars, operator_fee, footprint), ((77, 88), (11, 12), 14));
            assert_eq!(attributes.gas_limit, Some(30_000_000));
            assert_eq!(params.0, [0, 0, 1, 244, 0, 0, 0, 8]);
            assert_eq!(attributes.min_base_fee, Some(13));
        } else {
            assert_eq!((scalars, operator_fee, footprint), ((1368, 810_949), (0, 0), 400));
            assert_eq!(attributes.gas_limit, Some(60_000_000));
            // The first block leaves it to the chain, the others repeat what that came to.
            let is_first = derived.block.block.number == 1;
            let expected = if is_first { [0; 8] } else { [0, 0, 0, 250, 0, 0, 0, 6] };
            assert_eq!(params.0, expected);
            assert_eq!(attributes.min_base_fee, Some(0));
        }
    }
}
