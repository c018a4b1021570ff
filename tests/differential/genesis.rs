//! Published chains: their registry entry, genesis file and expected hashes, through the store.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, B256, U256, keccak256};
use phala_chainspec::{ChainSpec, Fork, addresses::L2_TO_L1_MESSAGE_PASSER};
use phala_storage::{Store, StoreConfig};
use phala_tests::{Vectors, assert_verified, cases, field};
use serde_json::Value;

const NAMES: [&str; 2] = ["sepolia-devnet-2", "settlus-mainnet"];

fn chain(vectors: &Vectors, name: &str) -> ChainSpec {
    let file = vectors.bytes(&format!("genesis/{name}.genesis.json.gz"));
    ChainSpec::from_genesis_json(file.as_slice()).unwrap()
}

fn stored(spec: &ChainSpec) -> Store {
    let store = Store::in_memory(StoreConfig::default()).unwrap();
    store.init_genesis(spec).unwrap();
    store
}

#[test]
fn stored_genesis_blocks_have_the_published_hashes_and_roots() {
    let Some(vectors) = Vectors::open() else { return };
    let expected = vectors.json("genesis/expected.json");
    for name in NAMES {
        let spec = chain(&vectors, name);
        let store = stored(&spec);
        let head = store.heads().latest;
        assert_eq!(head.hash, field::<B256>(&expected[name], "genesis_hash"), "{name}");
        let header = store.header(head.hash).unwrap().unwrap();
        assert_eq!(header.state_root, field::<B256>(&expected[name], "state_root"), "{name}");
        let passer = store.latest_view().unwrap().account(&keccak256(L2_TO_L1_MESSAGE_PASSER));
        let root = field::<B256>(&expected[name], "message_passer_storage_root");
        assert_eq!(passer.unwrap().unwrap().storage_root, root, "{name}");
        assert_verified(&store);
    }
}

#[test]
fn genesis_files_agree_with_their_registry_entries() {
    let Some(vectors) = Vectors::open() else { return };
    for name in NAMES {
        let entry: toml::Table = vectors.text(&format!("genesis/{name}.toml")).parse().unwrap();
        let spec = chain(&vectors, name);
        let genesis = entry["genesis"].as_table().unwrap();
        let number = |value: &toml::Value| u64::try_from(value.as_integer().unwrap()).unwrap();
        assert_eq!(spec.chain_id, number(&entry["chain_id"]));
        assert_eq!(spec.genesis.timestamp, number(&genesis["l2_time"]));
        assert_eq!(spec.genesis.gas_limit, number(&genesis["system_config"]["gasLimit"]));
        let hash: B256 = genesis["l2"]["hash"].as_str().unwrap().parse().unwrap();
        assert_eq!(stored(&spec).genesis_hash(), Some(hash));
        let fees = entry["optimism"].as_table().unwrap();
        assert_eq!(u64::from(spec.fees.elasticity), number(&fees["eip1559_elasticity"]));
        assert_eq!(u64::from(spec.fees.denominator), number(&fees["eip1559_denominator"]));
        let canyon = number(&fees["eip1559_denominator_canyon"]);
        assert_eq!(u64::from(spec.fees.denominator_canyon), canyon);
        let forks = entry["hardforks"].as_table().unwrap();
        for fork in Fork::ALL {
            let listed = forks.get(&format!("{}_time", fork.to_string().to_lowercase()));
            if let Some(time) = listed {
                assert_eq!(spec.forks.time(fork), Some(number(time)), "{name} {fork}");
            } else {
                let is_later = fork > Fork::Regolith;
                assert!(!is_later || spec.forks.time(fork).is_none(), "{name} {fork}");
            }
        }
    }
}

#[test]
fn predeploys_are_stored_as_summarised() {
    let Some(vectors) = Vectors::open() else { return };
    let summary = vectors.json("genesis/predeploys-karst-summary.json");
    let store = stored(&chain(&vectors, "sepolia-devnet-2"));
    let view = Arc::new(store.latest_view().unwrap());
    let check = |address: Address, code_hash: B256, storage: &Value| {
        let hash = keccak256(address);
        let account = view.account(&hash).unwrap().unwrap();
        assert_eq!(account.code_hash, code_hash, "{address}");
        let slots: BTreeMap<B256, U256> = serde_json::from_value(storage.clone()).unwrap();
        for (slot, value) in &slots {
            assert_eq!(view.slot(&hash, &keccak256(slot)).unwrap(), *value, "{address} {slot}");
        }
        let root = alloy_trie::root::storage_root_unhashed(slots);
        assert_eq!(account.storage_root, root, "{address} has other slots");
    };
    for predeploy in cases(&summary) {
        check(
            field(predeploy, "address"),
            field(predeploy, "account_code_hash"),
            &predeploy["storage"],
        );
        let Some(implementation) = field::<Option<Address>>(predeploy, "implementation") else {
            continue;
        };
        let code_hash: B256 = field(predeploy, "implementation_code_hash");
        check(implementation, code_hash, &predeploy["implementation_storage"]);
        let size: usize = field(predeploy, "implementation_size");
        assert_eq!(view.code(&code_hash).unwrap().len(), size);
    }
}
