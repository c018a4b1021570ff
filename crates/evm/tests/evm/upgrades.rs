use alloy_primitives::{Address, B256, U256, keccak256};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{
    ChainSpec, Fork, Forks, L1Attributes,
    addresses::{L1_BLOCK, OPERATOR_FEE_VAULT},
};
use phala_evm::{BlockEnvironment, Execution, L1FeeParams};
use revm::{bytecode::Bytecode, database::CacheDB, state::AccountInfo};
use serde_json::Value;

use crate::world::{Db, World, change, execute, vector};

/// EIP-1967 slot of a proxy's implementation.
const IMPLEMENTATION_SLOT: &str =
    "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().expect("string").parse().expect("well-formed")
}

fn genesis_state(spec: &ChainSpec) -> Db {
    let mut db = CacheDB::default();
    for (address, account) in &spec.genesis.alloc {
        let code = Bytecode::new_raw(account.code.clone());
        let info = AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: code.hash_slow(),
            code: Some(code),
            account_id: None,
        };
        db.insert_account_info(*address, info);
        for (slot, value) in &account.storage {
            db.insert_account_storage(*address, (*slot).into(), *value).expect("infallible");
        }
    }
    db
}

fn upgrade(value: &Value) -> crate::world::Tx {
    let to = if value["to"].is_null() {
        alloy_primitives::TxKind::Create
    } else {
        parse::<Address>(&value["to"]).into()
    };
    let tx = TxDeposit {
        source_hash: parse(&value["source_hash"]),
        from: parse(&value["from"]),
        to,
        mint: 0,
        value: U256::ZERO,
        gas_limit: value["gas"].as_u64().expect("integer"),
        is_system_transaction: false,
        input: parse(&value["data"]),
    };
    let from = tx.from;
    let tx = phala_primitives::Transaction::Deposit(alloy_consensus::Sealable::seal_slow(tx));
    if !value["tx_hash"].is_null() {
        assert_eq!(tx.tx_hash(), parse::<B256>(&value["tx_hash"]));
    }
    let encoded = alloy_eips::Encodable2718::encoded_2718(&tx).into();
    (tx, from, encoded)
}

#[test]
fn upgrades_on_a_holocene_genesis_give_the_expected_codes_and_a_working_l1_block() {
    let Some(genesis) = vector("genesis/settlus-mainnet.genesis.json.gz") else { return };
    let file = vector("upgrade-txs/upgrade-txs.json").expect("present with the other vectors");
    let upgrades: Value = serde_json::from_slice(&file).expect("json");
    let mut spec = ChainSpec::from_genesis_json(genesis.as_slice()).expect("genesis");
    let db = genesis_state(&spec);
    let time = spec.genesis.timestamp;
    // Upgrades of Isthmus in the first block, of Jovian in the second.
    let forks = Fork::ALL.into_iter().filter_map(|fork| match fork {
        Fork::Karst | Fork::Attestation => None,
        Fork::Jovian => Some((fork, time + 4)),
        Fork::Isthmus => Some((fork, time + 2)),
        _ => Some((fork, 0)),
    });
    spec.forks = Forks::new(forks).expect("in order");
    let attributes = L1Attributes {
        number: 100,
        timestamp: time,
        base_fee: U256::from(7_000_000_000u64),
        blob_base_fee: U256::from(3),
        base_fee_scalar: 1_368,
        blob_base_fee_scalar: 810_949,
        operator_fee_scalar: 20_000,
        operator_fee_constant: 500,
        da_footprint_gas_scalar: 400,
        ..Default::default()
    };
    let info_tx = |fork| {
        let tx = attributes.to_deposit(fork);
        let encoded = alloy_eips::Encodable2718::encoded_2718(&tx).into();
        (tx, phala_chainspec::addresses::L1_ATTRIBUTES_DEPOSITOR, encoded)
    };
    let env = |number: u64| BlockEnvironment {
        number,
        timestamp: time + 2 * number,
        gas_limit: 60_000_000,
        base_fee: 1,
        parent_beacon_block_root: Some(B256::ZERO),
        ..Default::default()
    };

    // An activation block still uses the format of the fork before.
    let mut db = db;
    for (number, key, before) in [(1, "isthmus", Fork::Holocene), (2, "jovian", Fork::Isthmus)] {
        let list = upgrades[key].as_array().expect("array");
        let mut execution = Execution::new(&spec, &db, &env(number)).expect("starts");
        assert!(execute(&mut execution, &info_tx(before)).expect("valid").success, "{key}");
        for case in list {
            let outcome = execute(&mut execution, &upgrade(case)).expect("valid");
            assert!(outcome.success, "{}", case["intent"]);
        }
        let output = execution.finish();
        for case in list.iter().filter(|case| !case["created_address"].is_null()) {
            let created = change(&output, parse(&case["created_address"])).expect("created");
            let hash = created.after.expect("exists").code_hash;
            assert_eq!(hash, parse::<B256>(&case["expected_code_hash"]), "{}", case["intent"]);
            let (_, code) =
                output.changes.codes.iter().find(|(h, _)| *h == hash).expect("code is reported");
            assert_eq!(keccak256(code), hash);
        }
        assert!(output.changes.accounts.iter().all(|account| !account.wiped));
        World::apply(&mut db, &output);
    }
    let implementation: U256 = IMPLEMENTATION_SLOT.parse().expect("hash");
    let vault = &db.cache.accounts[&OPERATOR_FEE_VAULT].storage[&implementation];
    assert_ne!(*vault, U256::ZERO);

    // The upgraded L1Block stores what `L1FeeParams` reads.
    let mut execution = Execution::new(&spec, &db, &env(3)).expect("starts");
    assert!(execute(&mut execution, &info_tx(Fork::Jovian)).expect("valid").success);
    let params = execution.l1_fee_params().expect("readable");
    let op_spec = spec.forks.op_spec_id(time + 6);
    assert_eq!(params, L1FeeParams::from_attributes(&attributes, op_spec));
    assert_eq!(params.da_footprint_gas_scalar, 400);
    let output = execution.finish();
    assert!(change(&output, L1_BLOCK).is_some());
}
