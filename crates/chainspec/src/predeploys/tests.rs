use std::collections::BTreeSet;

use alloy_primitives::{B256, address, keccak256, uint};

use super::{
    preinstalls::PREINSTALLS,
    storage::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    *,
};
use crate::{
    ChainSpec, Profile,
    addresses::{GAS_PRICE_ORACLE, PROXY_ADMIN},
};

fn alloc(spec: &ChainSpec) -> &BTreeMap<Address, GenesisAccount> {
    &spec.genesis.alloc
}

#[test]
fn the_namespace_has_proxies_that_the_admin_owns() {
    let spec = ChainSpec::dev();
    let mut implemented = 0;
    for low in NAMESPACE {
        let account = alloc(&spec).get(&predeploy(low));
        if low == GOVERNANCE_TOKEN {
            assert_eq!(account, None);
            continue;
        }
        let account = account.expect("a predeploy");
        assert_eq!((account.nonce, account.balance), (0, U256::ZERO));
        if low == WETH {
            assert!(account.storage.is_empty());
            continue;
        }
        assert_eq!(account.code.len(), 2059);
        assert_eq!(account.storage[&ADMIN_SLOT], U256::from_be_slice(PROXY_ADMIN.as_slice()));
        if let Some(found) = account.storage.get(&IMPLEMENTATION_SLOT) {
            assert_eq!(*found, U256::from_be_slice(implementation(low).as_slice()));
            assert!(!alloc(&spec)[&implementation(low)].code.is_empty());
            implemented += 1;
        } else {
            assert_eq!(account.storage.len(), 1);
        }
    }
    assert_eq!(implemented, IMPLEMENTATIONS.len());
    assert_eq!(predeploy(0x07ff), address!("0x42000000000000000000000000000000000007ff"));
    assert_eq!(implementation(0x1b), address!("0xc0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3001b"));
}

#[test]
fn every_artifact_is_placed_and_is_what_its_line_says() {
    let placed: BTreeSet<_> = IMPLEMENTATIONS
        .into_iter()
        .map(|(_, name)| name)
        .chain(PREINSTALLS.map(|(_, name)| name))
        .chain(["Proxy", "WETH"])
        .chain(["PhaToken", "MigrationRecord", "CollateralRegistry", "AttestationPolicy"])
        .chain(["WorkerRegistry", "GpuJobSettlement"])
        .collect();
    assert!(Contracts::get().names().eq(placed));
    let text = include_str!("../../../../genesis/artifacts/l2.json");
    let lines: Vec<serde_json::Value> = serde_json::from_str(text).expect("json");
    assert!(lines.is_sorted_by_key(|line| line["name"].as_str().expect("name").to_owned()));
    for line in lines {
        let field = |name: &str| line[name].as_str().unwrap_or_default();
        let code: Bytes = field("code").parse().expect("hex");
        assert_eq!(format!("{:x}", keccak256(&code)), field("hash"), "{}", field("name"));
        assert_eq!(field("sha256").len(), 64);
        assert_ne!(field("license"), "");
        let package = !field("package").is_empty() && !field("path").is_empty();
        assert_ne!(package, !field("source").is_empty() && !field("compiler").is_empty());
    }
}

#[test]
fn immutables_are_those_of_the_chain() {
    let contracts = Contracts::get();
    let words = ChainWords { chain_id: 0x1357, l1_chain_id: 0x2468 };
    let code = |name, low| contracts.code(name, predeploy(low), &words);
    let word = |code: &Bytes, at: usize| U256::from_be_slice(&code[at..at + 32]);
    let factory = code("OptimismMintableERC721Factory", 0x17);
    for at in [262, 708] {
        assert_eq!(word(&factory, at), U256::from(0x2468));
    }
    assert_eq!(word(&code("EAS", 0x21), 10033), U256::from(0x1357));
    // Mainnet's Permit2 says the second of itself.
    let permit2 = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");
    let words = ChainWords { chain_id: 1, l1_chain_id: 0 };
    let code = contracts.code("Permit2", permit2, &words);
    assert_eq!(word(&code, 6945), U256::from(1));
    assert_eq!(
        word(&code, 6983),
        uint!(0x866a5aba21966af95d6c7ab78eb2b2fc913915c28be3b9aa07cc04ff903e3f28_U256)
    );
}

#[test]
fn the_oracle_follows_the_profile() {
    for (profile, flags) in [
        (Profile::Isthmus, 0x0001_0101),
        (Profile::Jovian, 0x0101_0101),
        (Profile::Karst, 0x0101_0101),
    ] {
        let spec = ChainSpec::dev().with_profile(profile);
        let oracle = &alloc(&spec)[&GAS_PRICE_ORACLE];
        assert_eq!(oracle.storage[&B256::ZERO], U256::from(flags), "{profile:?}");
    }
    // A contract that only has its address is left alone.
    let mut spec = ChainSpec::dev();
    let other = GenesisAccount { nonce: 1, ..Default::default() };
    spec.genesis.alloc.insert(GAS_PRICE_ORACLE, other.clone());
    assert_eq!(alloc(&spec.with_profile(Profile::Isthmus))[&GAS_PRICE_ORACLE], other);
}
