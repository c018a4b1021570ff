//! The predeploys beside those of a published genesis with the same parameters: the same accounts with
//! the same storage, and the same code where it has not changed.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod vectors;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, address, b256};
use phala_chainspec::{
    ChainSpec, GenesisAccount,
    addresses::{L2_TO_L1_MESSAGE_PASSER, implementation, predeploy},
};
use vectors::{bytes, folder};

/// What a chain file says to get the genesis of `sepolia-devnet-2`.
const DEVNET: &str = r#"
name = "sepolia-devnet-2"
chain_id = 420130015
l1_chain_id = 11155111
block_time_secs = 2
forks.profile = "karst"
fees = { elasticity = 6, denominator = 50, denominator_canyon = 250 }

[genesis]
timestamp = 1783536096
gas_limit = 60_000_000
base_fee_wei = 1_000_000_000
system_contracts = true
predeploys = true

[rollup]
max_sequencer_drift_secs = 600
seq_window_size = 3600
channel_timeout = 300
granite_channel_timeout = 50
batch_inbox_address = "0x00ab2D21A3e869A42603c37731699D1EedF89eB3"

[rollup.l1_contracts]
deposit_contract = "0xCe313e6d194260417FF9Fee5C58f487D1da9fce0"
system_config = "0x5F91Ea5EEA70E505b457A442Dc7A8e5D9641b937"
protocol_versions = "0x0000000000000000000000000000000000000000"
cross_domain_messenger = "0x152be8d40bbaf237a23baa831be24ab318244fc5"
standard_bridge = "0x9982b5a612b42da6f6c5d4de076082a8e22760c6"
erc721_bridge = "0xbdba8dc0b4f6ed91d6643dc1aeaf366e6b86b4b6"

[roles]
proxy_admin_owner = "0xb6d9389acc41e019254579f8102d2809296076ae"
[roles.sequencer_fee_vault]
recipient = "0x2f271a739ef168d122b7c2c42ddedbfba60101c7"
network = "l2"
min_withdrawal_wei = "10000000000000000000"
[roles.base_fee_vault]
recipient = "0x01fb1c06bfb351e37127de92fa81d90b6ee36f29"
network = "l2"
min_withdrawal_wei = "10000000000000000000"
[roles.l1_fee_vault]
recipient = "0x279eeb296a77da6c7a9640d608a3cdb33d88e3dd"
network = "l2"
min_withdrawal_wei = "10000000000000000000"
[roles.operator_fee_vault]
recipient = "0x0e883ffd76c659119b52066e1d0306611d4cdb5e"
network = "l2"
min_withdrawal_wei = "10000000000000000000"
"#;

/// Behind these predeploys is other code than in the published genesis: ours, or of an older version.
const OTHER_CODE: [u16; 18] = [
    0x00, 0x02, 0x07, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,
    0x20, 0x21,
];
const CREATE_X: Address = address!("0xba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed");
const PROXY_ADMIN_OWNER: Address = address!("0xb6d9389acc41e019254579f8102d2809296076ae");
const ADMIN_SLOT: B256 =
    b256!("0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");

type Alloc = BTreeMap<Address, GenesisAccount>;

fn both() -> Option<(Alloc, Alloc)> {
    let file = bytes(&folder()?, "genesis/sepolia-devnet-2.genesis.json.gz");
    let published = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
    let own = ChainSpec::from_toml(DEVNET, None).expect("a chain file");
    own.ensure_startable().expect("complete");
    Some((own.genesis.alloc, published.genesis.alloc))
}

#[test]
fn accounts_are_those_of_a_published_genesis() {
    let Some((own, published)) = both() else { return };
    let test_account = |account: &GenesisAccount| {
        account.balance == U256::from(10_000) * U256::from(10).pow(U256::from(18))
    };
    let absent: Vec<_> = published
        .iter()
        .filter(|(address, account)| !own.contains_key(*address) && !test_account(account))
        .map(|(address, _)| *address)
        .collect();
    let mut expected =
        vec![CREATE_X, PROXY_ADMIN_OWNER, implementation(0x2c), implementation(0x2d)];
    expected.sort_unstable();
    assert_eq!(absent, expected);
    assert!(own.keys().all(|address| published.contains_key(address)));
}

#[test]
fn balances_nonces_and_storage_are_those_of_a_published_genesis() {
    let Some((own, published)) = both() else { return };
    let without_implementation = |low| {
        let storage = BTreeMap::from([(ADMIN_SLOT, own[&predeploy(low)].storage[&ADMIN_SLOT])]);
        (predeploy(low), storage)
    };
    // Contracts that are not here; and a factory whose two parameters are immutables here.
    let mut different =
        BTreeMap::from([without_implementation(0x2c), without_implementation(0x2d)]);
    for address in [predeploy(0x17), implementation(0x17)] {
        let mut storage = published[&address].storage.clone();
        storage.retain(|slot, _| *slot > B256::from(U256::from(2)));
        different.insert(address, storage);
    }
    for (address, account) in &own {
        let other = &published[address];
        assert_eq!((account.nonce, account.balance), (other.nonce, other.balance), "{address}");
        let storage = different.remove(address).unwrap_or_else(|| other.storage.clone());
        assert_eq!(account.storage, storage, "{address}");
    }
    assert!(different.is_empty());
    assert_eq!(
        own[&L2_TO_L1_MESSAGE_PASSER].storage, published[&L2_TO_L1_MESSAGE_PASSER].storage,
        "the withdrawals root of every genesis"
    );
}

#[test]
fn code_is_that_of_a_published_genesis_where_it_has_not_changed() {
    let Some((own, published)) = both() else { return };
    let mut different: Vec<_> = own
        .iter()
        .filter(|(address, account)| account.code != published[*address].code)
        .map(|(address, _)| *address)
        .collect();
    let mut expected: Vec<_> =
        OTHER_CODE.into_iter().map(implementation).chain([predeploy(0x06)]).collect();
    different.sort_unstable();
    expected.sort_unstable();
    assert_eq!(different, expected);
}
