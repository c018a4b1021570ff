//! Accounts of the real chain come out of the rules.

use std::{fs::File, io::Read as _, path::PathBuf};

use alloy_primitives::hex;
use flate2::read::GzDecoder;
use phala_genesis_lib::ledger::AccountId;
use serde_json::Value;

use crate::mini_state::json;

#[test]
fn named_accounts_have_their_ss58_form() {
    let Some(vectors) = json("vectors/accounts.json") else { return };
    for entry in vectors["accounts"].as_array().unwrap() {
        let bytes = hex::decode(entry["account"].as_str().unwrap()).unwrap();
        let id = AccountId(bytes.try_into().unwrap());
        assert_eq!(id.ss58(), entry["ss58_prefix30"].as_str().unwrap());
    }
}

#[test]
fn all_session_accounts_of_khala_derive_from_pool_and_worker() {
    let Some(vectors) = std::env::var_os("PHALA_VECTORS") else {
        eprintln!("SKIPPED: no vectors");
        return;
    };
    let path = PathBuf::from(vectors).join("parachain/staking/khala-570248-subaccounts.json.gz");
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let data: Value = serde_json::from_str(&text).unwrap();
    let sessions = data["preimage"].as_object().unwrap();
    assert_eq!(sessions.len(), 16_435);
    for (ss58, preimage) in sessions {
        let worker = hex::decode(preimage["worker"].as_str().unwrap()).unwrap();
        let pid = preimage["pid"].as_u64().unwrap();
        assert_eq!(AccountId::of_session(pid, &worker.try_into().unwrap()).ss58(), *ss58);
    }
}

#[test]
fn the_first_pools_of_phala_derive_from_id_and_owner() {
    let Some(data) = json("staking/phala-2426198-pools.json") else { return };
    let pools = data["basePools"].as_array().unwrap();
    assert_eq!(pools.len(), 10);
    for pool in pools {
        let owner = bs58::decode(pool["owner"].as_str().unwrap()).into_vec().unwrap();
        let owner = AccountId(owner[1..33].try_into().unwrap());
        let pid = pool["pid"].as_str().unwrap().parse().unwrap();
        let free = AccountId::of_pool(b"bp/", pid, &owner);
        assert_eq!(free.ss58(), pool["poolAccountId"].as_str().unwrap());
        if let Some(reward) = pool["stakePool"]["ownerRewardAccount"].as_str() {
            assert_eq!(AccountId::of_pool(b"so/", pid, &owner).ss58(), reward);
        }
    }
}
