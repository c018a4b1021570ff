//! L1 attributes, deposits, upgrade transactions and fee scalars against recorded vectors.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod vectors;

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{
    DepositLog, FeeScalars, Fork, L1Attributes, SystemConfig, decode_user_deposit,
    l1_info_source_hash, upgrade_source_hash, user_deposit_source_hash,
};
use phala_primitives::{Transaction, decode_transaction};
use serde_json::Value;
use vectors::{cases, field, folder, json};

/// The fork that writes a format by the name it has in the vectors.
fn fork(format: &str) -> Fork {
    match format {
        "bedrock" => Fork::Bedrock,
        "ecotone" => Fork::Ecotone,
        "isthmus" => Fork::Isthmus,
        "jovian" => Fork::Jovian,
        other => panic!("unknown format {other}"),
    }
}

fn number<T: Default + serde::de::DeserializeOwned>(decoded: &Value, key: &str) -> T {
    if decoded.get(key).is_some() { field(decoded, key) } else { T::default() }
}

#[test]
fn l1_attributes_decode_and_encode_to_themselves() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/l1_info_tx.json");
    let all = file.as_array().expect("an array of cases");
    let mut formats = std::collections::BTreeSet::new();
    for case in all {
        let decoded = &case["decoded"];
        let calldata: Bytes = field(case, "calldata");
        let format: String = field(decoded, "format");
        let attributes = L1Attributes::decode(&calldata).expect("a recorded transaction");
        let expected = L1Attributes {
            number: field(decoded, "number"),
            timestamp: field(decoded, "time"),
            base_fee: U256::from(field::<u64>(decoded, "base_fee")),
            blob_base_fee: U256::from(number::<u64>(decoded, "blob_base_fee")),
            hash: field(decoded, "block_hash"),
            sequence_number: field(decoded, "sequence_number"),
            batcher_hash: field::<Address>(decoded, "batcher").into_word(),
            base_fee_scalar: number(decoded, "base_fee_scalar"),
            blob_base_fee_scalar: number(decoded, "blob_base_fee_scalar"),
            operator_fee_scalar: number(decoded, "operator_fee_scalar"),
            operator_fee_constant: number(decoded, "operator_fee_constant"),
            da_footprint_gas_scalar: number(decoded, "da_footprint_gas_scalar"),
            l1_fee_overhead: U256::from(number::<u64>(decoded, "l1_fee_overhead")),
            l1_fee_scalar: U256::from(number::<u64>(decoded, "l1_fee_scalar")),
        };
        assert_eq!(attributes, expected, "{case}");
        assert_eq!(attributes.batcher(), field::<Address>(decoded, "batcher"));
        assert_eq!(expected.encode(fork(&format)), calldata, "{case}");
        if let Some(tx) = case.get("tx") {
            let tx: Bytes = serde_json::from_value(tx.clone()).unwrap();
            let deposit = expected.to_deposit(fork(&format));
            assert_eq!(deposit.encoded_2718(), tx);
            assert_eq!(deposit.tx_hash(), field::<B256>(case, "tx_hash"));
        }
        formats.insert(format);
    }
    assert_eq!(formats.len(), 4, "every format occurs");
}

/// Compares a deposit with its fields as the vectors spell them.
fn assert_deposit(deposit: &TxDeposit, decoded: &Value) {
    assert_eq!(deposit.source_hash, field::<B256>(decoded, "source_hash"));
    assert_eq!(deposit.from, field::<Address>(decoded, "from"));
    assert_eq!(deposit.to.to().copied(), field::<Option<Address>>(decoded, "to"));
    assert_eq!(deposit.mint.to_string(), field::<String>(decoded, "mint"));
    assert_eq!(deposit.value.to_string(), field::<String>(decoded, "value"));
    assert_eq!(deposit.gas_limit, field::<u64>(decoded, "gas"));
    assert_eq!(deposit.is_system_transaction, field::<bool>(decoded, "is_system_tx"));
    assert_eq!(deposit.input, field::<Bytes>(decoded, "data"));
}

#[test]
fn recorded_deposits_carry_valid_l1_attributes() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/deposits.json");
    for case in cases(&file, "deposit_txs") {
        let bytes: Bytes = field(case, "tx");
        let tx = decode_transaction(&bytes).expect("a recorded deposit");
        let deposit = tx.as_deposit().expect("type 0x7e");
        assert_deposit(deposit.inner(), &case["decoded"]);
        assert_eq!(tx.tx_hash(), field::<B256>(&case["decoded"], "tx_hash"));
        let attributes = L1Attributes::decode(&deposit.input).expect("an attributes deposit");
        let fork = if deposit.is_system_transaction { Fork::Bedrock } else { Fork::Ecotone };
        assert_eq!(attributes.to_deposit(fork).encoded_2718(), bytes);
    }
}

#[test]
fn user_deposit_logs_become_deposits() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/deposits.json");
    for case in cases(&file, "user_deposit_logs") {
        let topics: Vec<B256> = field(case, "topics");
        let data: Bytes = field(case, "log_data");
        let log = DepositLog {
            l1_block: field(case, "l1_block_hash"),
            log_index: field(case, "log_index"),
            topics: &topics,
            data: &data,
        };
        let deposit = decode_user_deposit(&log).expect("a well-formed log");
        assert_deposit(&deposit, &case["decoded"]);
        assert_eq!(deposit.source_hash, user_deposit_source_hash(log.l1_block, log.log_index));
        let tx = Transaction::from(deposit);
        assert_eq!(tx.encoded_2718(), field::<Bytes>(case, "expected_tx"));
        assert_eq!(tx.tx_hash(), field::<B256>(&case["decoded"], "tx_hash"));

        // The index within the block counts, and a damaged log is an error.
        let other = DepositLog { log_index: log.log_index + 1, ..log };
        assert_ne!(decode_user_deposit(&other).unwrap().source_hash, tx_source(&tx));
        for len in [0, 31, data.len() - 1, data.len() - 32] {
            assert!(decode_user_deposit(&DepositLog { data: &data[..len], ..log }).is_err());
        }
        for n in 0..4 {
            assert!(decode_user_deposit(&DepositLog { topics: &topics[..n], ..log }).is_err());
        }
    }
}

fn tx_source(tx: &Transaction) -> B256 {
    tx.as_deposit().expect("type 0x7e").source_hash
}

#[test]
fn source_hashes_have_their_domain() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/deposits.json");
    for case in cases(&file, "source_hashes") {
        let hash = match field::<String>(case, "kind").as_str() {
            "l1-info" => {
                l1_info_source_hash(field(case, "l1_block_hash"), field(case, "seq_number"))
            }
            "upgrade" => upgrade_source_hash(&field::<String>(case, "intent")),
            other => panic!("unknown kind {other}"),
        };
        assert_eq!(hash, field::<B256>(case, "source_hash"), "{case}");
    }
    let file = json(&folder, "upgrade-txs/upgrade-txs.json");
    let mut count = 0;
    for fork in ["ecotone", "fjord", "isthmus", "jovian"] {
        for case in cases(&file, fork) {
            let hash = upgrade_source_hash(&field::<String>(case, "intent"));
            assert_eq!(hash, field::<B256>(case, "source_hash"), "{case}");
            count += 1;
        }
    }
    assert_eq!(count, 22);
}

#[test]
fn fee_scalars_unpack() {
    let Some(folder) = folder() else { return };
    let file = json(&folder, "vectors/system_config.json");
    let mut seen = 0;
    for case in cases(&file, "cases") {
        let name: String = field(case, "name");
        let data: Bytes = field(case, "data");
        let expected = &case["expected"];
        if name.starts_with("FEE_SCALARS") {
            // offset, length, overhead, scalar
            let scalars = FeeScalars::decode(B256::from_slice(&data[96..128]));
            if expected.get("unchanged").is_some() {
                assert!(scalars.is_err(), "{name}");
            } else {
                let expected = FeeScalars {
                    base_fee_scalar: field(expected, "base_fee_scalar"),
                    blob_base_fee_scalar: field(expected, "blob_base_fee_scalar"),
                };
                assert_eq!(scalars, Ok(expected), "{name}");
                if data[96] == 1 {
                    assert_eq!(expected.encode()[..], data[96..128]);
                }
            }
            seen += 1;
        }
        if let Some(effective) = expected.get("effective") {
            let config = SystemConfig {
                da_footprint_gas_scalar: field(expected, "daFootprintGasScalar"),
                batcher_address: Address::ZERO,
                base_fee_scalar: 0,
                blob_base_fee_scalar: 0,
                gas_limit: 0,
                eip1559_denominator: 0,
                eip1559_elasticity: 0,
                operator_fee_scalar: 0,
                operator_fee_constant: 0,
                min_base_fee: 0,
            };
            assert_eq!(
                u64::from(config.effective_da_footprint_gas_scalar()),
                effective.as_u64().unwrap()
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 4);
}
