use alloy_primitives::{U256, address, keccak256};

use super::*;
use crate::Profile;

const NETWORKS: [&str; 3] = [
    include_str!("../../../../chainspec/dev.toml"),
    include_str!("../../../../chainspec/testnet.toml"),
    include_str!("../../../../chainspec/mainnet.toml"),
];

/// A chain file that has every key at least once.
const EVERY_KEY: &str = include_str!("every_key.toml");

fn message(text: &str) -> String {
    match read_chain_file(text, None) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// The development chain with one text replaced by another.
fn dev_with(from: &str, to: &str) -> String {
    assert!(NETWORKS[0].contains(from), "{from}");
    NETWORKS[0].replacen(from, to, 1)
}

#[test]
fn every_listed_key_is_read_and_explained() {
    let spec = read_chain_file(EVERY_KEY, None).expect("valid");
    assert_eq!(spec.forks.time(Fork::Karst), Some(9));
    let document = DeTable::parse(EVERY_KEY).expect("toml");
    let missing: Vec<_> = keys::missing_in(document.get_ref()).collect();
    // An alloc file would need a file.
    assert_eq!(missing, ["genesis.alloc_file"]);
    let page = include_str!("../../../../docs/chain-file.md");
    for key in keys::KEYS {
        assert!(page.contains(&format!("| `{key}` |")), "{key} is not in docs/chain-file.md");
    }
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let key = line.split('`').next().expect("a first part");
        assert!(keys::KEYS.contains(&key), "{key} in docs/chain-file.md is no key");
    }
}

#[test]
fn networks_differ_where_they_must() {
    let [dev, testnet, mainnet] = NETWORKS.map(|text| read_chain_file(text, None).expect("valid"));
    assert_eq!([dev.chain_id, testnet.chain_id, mainnet.chain_id], [20351337, 20350002, 20350001]);
    assert_eq!([testnet.l1_chain_id, mainnet.l1_chain_id], [11155111, 1]);
    for spec in [&dev, &testnet, &mainnet] {
        assert_eq!(spec.forks, Forks::profile(Profile::Karst));
        assert_eq!(spec.genesis.gas_limit, 60_000_000);
        assert_eq!(spec.genesis.base_fee_per_gas, 1_000_000_000);
        assert_eq!(spec.genesis.extra_data.to_string(), "0x01000000fa000000060000000000000000");
        assert_eq!(spec.genesis.coinbase, SEQUENCER_FEE_VAULT);
        let rollup = spec.rollup.as_ref().expect("rollup");
        assert_eq!(rollup.batch_inbox_address, inbox(spec.chain_id), "{}", spec.name);
    }
    dev.ensure_startable().expect("complete");
    for spec in [testnet, mainnet] {
        assert!(spec.genesis.alloc.is_empty());
        let error = spec.ensure_startable().expect_err("incomplete").to_string();
        for key in [
            "genesis.timestamp",
            "genesis.alloc_file",
            "roles",
            "rollup.l1_anchor",
            "rollup.l1_contracts",
            "rollup.system_config",
        ] {
            assert!(error.contains(key), "{error}");
        }
    }
}

/// The convention for batch inboxes: a zero byte, then the hash of the chain id.
fn inbox(chain_id: u64) -> Address {
    let hash = keccak256(U256::from(chain_id).to_be_bytes::<32>());
    let mut inbox = Address::ZERO;
    inbox[1..].copy_from_slice(&hash[..19]);
    inbox
}

#[test]
fn the_batch_inbox_convention_is_that_of_published_chains() {
    assert_eq!(inbox(420_130_015).to_string(), "0x00ab2D21A3e869A42603c37731699D1EedF89eB3");
    assert_eq!(inbox(5371).to_string(), "0x003E40D3125591bD722aB1bB880c78e4D74d0977");
}

#[test]
fn dev_accounts_are_funded_and_their_keys_are_right() {
    let spec = ChainSpec::dev();
    assert_eq!(spec.dev_accounts.len(), 10);
    for account in &spec.dev_accounts {
        let signer = alloy_signer_local::PrivateKeySigner::from_bytes(&account.key).expect("key");
        assert_eq!(signer.address(), account.address);
        let funded = &spec.genesis.alloc[&account.address];
        assert_eq!(funded.balance, U256::from(10_000) * U256::from(10).pow(U256::from(18)));
    }
    for (address, code) in [
        (BEACON_ROOTS_ADDRESS, &BEACON_ROOTS_CODE),
        (HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE),
    ] {
        assert_eq!(spec.genesis.alloc[&address].code, **code);
        assert_eq!(spec.genesis.alloc[&address].nonce, 1);
    }
    // Beside them: EIP-4788 and EIP-2935, a wei for each lowest address, predeploys with their
    // implementations, preinstalls, and pairs of the chain's own: PHA with its record, attestation.
    assert_eq!(spec.genesis.alloc.len(), 10 + 4 + 256 + 2047 + 18 + 13 + 2 * (2 + 4));
}

#[test]
fn profiles_change_forks_and_the_extra_data_format() {
    let extra = |profile| ChainSpec::dev().with_profile(profile).genesis.extra_data.to_string();
    assert_eq!(extra(Profile::Isthmus), "0x00000000fa00000006");
    assert_eq!(extra(Profile::Jovian), "0x01000000fa000000060000000000000000");
    for profile in [Profile::Isthmus, Profile::Jovian, Profile::Karst] {
        ChainSpec::dev().with_profile(profile).ensure_startable().expect("valid");
    }
    let back = ChainSpec::dev().with_profile(Profile::Isthmus).with_profile(Profile::Karst);
    assert_eq!(back, ChainSpec::dev());
    // Without the key, the file's profile decides.
    let text = dev_with("extra_data = \"0x01000000fa000000060000000000000000\"\n", "")
        .replace("profile = \"karst\"", "profile = \"isthmus\"");
    let spec = read_chain_file(&text, None).expect("valid");
    assert_eq!(spec, ChainSpec::dev().with_profile(Profile::Isthmus));
}

#[test]
fn times_beside_a_profile_are_added_to_it() {
    let text = dev_with("profile = \"karst\"", "profile = \"jovian\"\nkarst_time = 1900000000");
    let spec = read_chain_file(&text, None).expect("valid");
    assert_eq!(spec.forks.time(Fork::Jovian), Some(0));
    assert_eq!(spec.forks.time(Fork::Karst), Some(1_900_000_000));
    assert_eq!(spec.forks.time(Fork::Attestation), None);
}

#[test]
fn unknown_keys_are_named_with_the_nearest_one() {
    for (from, to, expected) in [
        ("chain_id =", "chain_di =", "unknown key chain_di, did you mean chain_id?"),
        ("[fees]", "[fee]", "unknown key fee, did you mean fees?"),
        (
            "gas_limit = 60_000_000\nbase",
            "gaslimit = 60_000_000\nbase",
            "unknown key genesis.gaslimit, did you mean genesis.gas_limit?",
        ),
        (
            "name = \"dev\"",
            "name = \"dev\"\ngas_limit = 1",
            "unknown key gas_limit, did you mean genesis.gas_limit?",
        ),
        (
            "profile = \"karst\"",
            "profile = \"karst\"\nkast_time = 0",
            "unknown key forks.kast_time, did you mean forks.karst_time?",
        ),
        (
            "profile = \"karst\"",
            "profile = \"karst\"\ninterop_time = 0",
            "unknown key forks.interop_time",
        ),
        (
            "name = \"prague\"",
            "nam = \"prague\"",
            "unknown key l1.blob_schedule.nam, did you mean l1.blob_schedule.name?",
        ),
        ("[dev]", "[dev]\nqwertyuiop = 1", "unknown key dev.qwertyuiop"),
    ] {
        assert_eq!(message(&dev_with(from, to)), expected);
    }
    let account = "[genesis.alloc.\"0x00000000000000000000000000000000000000aa\"]\nbalanse = 1\n";
    assert_eq!(
        message(&format!("{}{account}", NETWORKS[0])),
        "unknown key genesis.alloc.0x00000000000000000000000000000000000000aa.balanse, did you mean \
         genesis.alloc.0x00000000000000000000000000000000000000aa.balance?"
    );
}

#[test]
fn wrong_values_name_their_key() {
    for (from, to, expected) in [
        ("chain_id = 20351337", "chain_id = \"x\"", "chain_id: invalid type"),
        ("chain_id = 20351337", "chain_id = -1", "chain_id: "),
        ("chain_id = 20351337", "chain_id = 0", "chain_id: must not be 0"),
        ("chain_id = 20351337\n", "", "missing field `chain_id`"),
        ("timestamp = 1767225600", "mix_hash = \"0x1\"", "genesis.mix_hash: "),
        ("timestamp = 1767225600", "", "required key genesis.timestamp is missing"),
        ("predeploys = true", "predeploys = 1", "genesis.predeploys: invalid type"),
        ("elasticity = 6", "elasticity = 0", "fees.elasticity: must not be 0"),
        ("block_time_secs = 2", "block_time_secs = 0", "block_time_secs: must not be 0"),
        ("seq_window_size = 3600", "seq_window_size = 0", "rollup.seq_window_size: must not be 0"),
        (
            "gas_limit = 60_000_000",
            "gas_limit = 20_999_999",
            "genesis.gas_limit: 20999999 is below",
        ),
        (
            "gas_limit = 60_000_000",
            "gas_limit = 60_000_001",
            "rollup.system_config.gas_limit: 60000000 differs from genesis.gas_limit",
        ),
        ("0x01000000fa", "0x0100000000", "genesis.extra_data: eip-1559 denominator is zero"),
        ("0x01000000fa00000006", "0x01000000fa0000000600", "genesis.extra_data: extra data has 18"),
        ("profile = \"karst\"", "profile = \"lagoon\"", "forks.profile: unknown variant `lagoon`"),
        (
            "profile = \"karst\"",
            "profile = \"karst\"\njovian_time = 5",
            "forks.karst_time: 0 is before jovian (5)",
        ),
        (
            "profile = \"karst\"",
            "karst_time = 5",
            "forks.karst_time: set while jovian, its predecessor, is not",
        ),
        (
            "profile = \"karst\"",
            "profile = \"isthmus\"\njovian_time = 1900000000\nkarst_time = 1900000000",
            "genesis.extra_data: ",
        ),
        ("0x70997970C51812dc3A010C7d01b50e0d17dc79C8\", key", "0x7099\", key", "dev.accounts"),
        (
            "base_fee_update_fraction = 5_007_716",
            "base_fee_update_fraction = 0",
            "l1.blob_schedule",
        ),
        ("network = \"l2\"", "network = \"l3\"", "roles.sequencer_fee_vault.network: "),
        (
            "= \"10000000000000000000\"",
            "= \"ten\"",
            "roles.sequencer_fee_vault.min_withdrawal_wei: ",
        ),
        ("name = \"dev\"", "name = \"dev", "line 2: "),
        ("name = \"dev\"", "name = \"dev\"\nname = \"dev\"", "line 3: duplicate key"),
    ] {
        let message = message(&dev_with(from, to));
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
}

#[test]
fn late_forks_do_not_share_a_block_after_genesis() {
    let text = dev_with(
        "profile = \"karst\"",
        "profile = \"isthmus\"\njovian_time = 1900000000\nkarst_time = 1900000000",
    )
    .replace("extra_data = \"0x01000000fa000000060000000000000000\"\n", "");
    assert_eq!(
        message(&text),
        "forks.karst_time: 1900000000 is also the time of jovian, after genesis"
    );
}

#[test]
fn accounts_come_once() {
    let account =
        |address: &str| format!("{}[genesis.alloc.\"{address}\"]\nbalance = 1\n", NETWORKS[0]);
    let address = "0x0000000000000000000000000000000000001Aa0";
    let spec = read_chain_file(&account(address), None).expect("valid");
    assert_eq!(
        spec.genesis.alloc[&address.parse::<Address>().expect("address")].balance,
        U256::from(1)
    );
    let dev = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    assert_eq!(message(&account(dev)), format!("alloc names account {dev} more than once"));
    let system = BEACON_ROOTS_ADDRESS.to_string();
    assert_eq!(message(&account(&system)), format!("alloc names account {system} more than once"));
}

#[test]
fn test_accounts_are_refused_on_public_networks() {
    let dev = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    let text = format!("{}[genesis.alloc.\"{dev}\"]\nbalance = 1\n", NETWORKS[2]);
    assert_eq!(message(&text), format!("genesis.alloc.{dev}: is a test account with a public key"));
    assert_eq!(
        message(&dev_with("chain_id = 20351337", "chain_id = 20350001")),
        "dev: not allowed on a public network"
    );
}

#[test]
fn predeploys_need_roles_and_on_a_public_network_their_bridges() {
    let (with_roles, dev) = NETWORKS[0].split_once("\n[dev]").expect("a section");
    let (without, roles) = with_roles.split_once("[roles]").expect("a section");
    assert_eq!(message(&format!("{without}\n[dev]{dev}")), "required key roles is missing");
    let plain = without.replace("predeploys = true", "predeploys = false");
    let spec = read_chain_file(&plain, None).expect("valid");
    assert_eq!(spec.genesis.alloc.len(), 4);

    let public = |contracts: &str| {
        let text = format!("{without}\n[rollup.l1_contracts]\n{contracts}\n[roles]\n{roles}")
            .replace("chain_id = 20351337", "chain_id = 20350002");
        read_chain_file(&text, None)
            .expect("readable")
            .ensure_startable()
            .expect_err("incomplete")
            .to_string()
    };
    let zero = "= \"0x0000000000000000000000000000000000000000\"\n";
    let contracts = ["deposit_contract ", "system_config ", "protocol_versions ", ""].join(zero);
    let error = public(&contracts);
    for bridge in ["cross_domain_messenger", "standard_bridge", "erc721_bridge"] {
        assert!(error.contains(&format!("rollup.l1_contracts.{bridge}")), "{error}");
    }
    let bridges = ["cross_domain_messenger ", "standard_bridge ", "erc721_bridge ", ""].join(zero);
    let error = public(&format!("{contracts}{bridges}"));
    assert!(!error.contains("l1_contracts"), "{error}");
    assert!(error.contains("genesis.alloc_file"), "{error}");
}

#[test]
fn alloc_files_are_found_beside_the_chain_file() {
    let folder = tempfile::tempdir().expect("tempdir");
    let text = dev_with("system_contracts = true", "alloc_file = \"alloc.json\"");
    let read = || read_chain_file(&text, Some(folder.path())).map_err(|error| error.to_string());
    let write = |json: &str| std::fs::write(folder.path().join("alloc.json"), json).expect("write");

    assert!(read().expect_err("absent").contains("alloc.json"));
    assert!(message(&text).contains("genesis.alloc_file: alloc.json is relative"));
    let accounts = r#"{"00000000000000000000000000000000000001aa": {"balance": "0x5", "nonce": 1,
        "code": "0x00", "storage": {"0x01": "0x2", "0x03": "0x00"}}}"#;
    write(accounts);
    let spec = read().expect("valid");
    let account = &spec.genesis.alloc[&address!("0x00000000000000000000000000000000000001aa")];
    assert_eq!((account.nonce, account.balance), (1, U256::from(5)));
    assert_eq!(account.storage.len(), 1);
    spec.ensure_startable().expect("storage beside code");
    write(&format!("{{\"alloc\": {accounts}}}"));
    assert_eq!(read(), Ok(spec));
    for (json, expected) in [
        (r#"{"config": {}}"#, "\"config\" is neither an address nor alloc"),
        (r#"{"0xaa": {"balance": 1}}"#, "neither an address"),
        (r#"{"00000000000000000000000000000000000001aa": {}}"#, "missing field `balance`"),
        (
            r#"{"00000000000000000000000000000000000001aa": {"balance": 1, "x": 1}}"#,
            "unknown field `x`",
        ),
        (r#"{"f39Fd6e51aad88F6F4ce6aB8827279cffFb92266": {"balance": 1}}"#, "more than once"),
        ("[]", "expected accounts by address"),
    ] {
        write(json);
        if json.contains("f39F") {
            assert!(read().expect_err(json).contains(expected));
            continue;
        }
        let error = read().expect_err(json);
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
    write(r#"{"00000000000000000000000000000000000001aa": {"balance": 1, "storage": {"1": "1"}}}"#);
    let error = read().expect("readable").ensure_startable().expect_err("no code").to_string();
    assert!(error.contains("needs code or a nonce"), "{error}");
}

#[test]
fn files_are_told_apart_by_content() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("chain");
    let load = || ChainSpec::load(path.to_str().expect("utf-8"));
    assert!(matches!(load(), Err(ChainSpecError::UnknownChain(_))));
    std::fs::write(&path, NETWORKS[0]).expect("write");
    assert_eq!(load().expect("toml"), ChainSpec::dev());
    let json = ChainSpec::dev().to_genesis_json().to_string();
    std::fs::write(&path, format!("\n {json}")).expect("write");
    let read = load().expect("json");
    assert_eq!(read.genesis, ChainSpec::dev().genesis);
    assert_eq!(read.forks, ChainSpec::dev().forks);
    assert_eq!(read.fees, ChainSpec::dev().fees);
    assert!(matches!(
        ChainSpec::load(folder.path().to_str().expect("utf-8")),
        Err(ChainSpecError::Io { .. })
    ));
}

#[test]
fn attributes_keep_their_format_in_the_block_of_a_fork() {
    let mut spec = ChainSpec::dev();
    assert_eq!(spec.l1_attributes_fork(spec.genesis.timestamp + 2), Fork::Karst);
    assert_eq!(spec.l1_attributes_fork(0), Fork::Karst);
    let times = Fork::ALL.iter().zip(0..).map(|(fork, i)| (*fork, i * 10));
    spec.forks = Forks::new(times).expect("ordered");
    assert_eq!(spec.l1_attributes_fork(10), Fork::Regolith);
    assert_eq!(spec.l1_attributes_fork(40), Fork::Delta);
    assert_eq!(spec.l1_attributes_fork(41), Fork::Delta);
    assert_eq!(spec.l1_attributes_fork(42), Fork::Ecotone);
    assert_eq!(spec.l1_attributes_fork(90), Fork::Isthmus);
    assert_eq!(spec.l1_attributes_fork(92), Fork::Jovian);
}

#[test]
fn attestation_keeps_to_what_its_contracts_allow() {
    for (from, to, reason) in [
        ("max_age_secs = 86_400", "max_age_secs = 604_801", "max_age_secs"),
        ("max_age_secs = 86_400", "max_age_secs = 0", "max_age_secs"),
        ("loosening_delay_secs = 0", "loosening_delay_secs = 2_592_001", "loosening_delay_secs"),
        ("exit_delay_secs = 604_800", "exit_delay_secs = 604_799", "exit_delay_secs"),
        ("fee_bps = 100", "fee_bps = 1_001", "fee_bps"),
        ("missed_bps = 1_000", "missed_bps = 5_001", "missed_bps"),
        ("arbiter_timeout_secs = 86_400", "arbiter_timeout_secs = 86_399", "arbiter_timeout_secs"),
        ("tcb_statuses = [0]", "tcb_statuses = [0, 6]", "6 is no status"),
        ("gpu_class = 2", "gpu_class = 0", "class 0 is no class"),
        ("gpu_class = 2", "gpu_class = 1", "class 1 occurs twice"),
        ("\"1875000000000000000000\"", "0", "0 for class 2"),
        ("price_cap = \"1", "price_cap = \"792281625142643375935439503361", "price_cap"),
        (
            "treasury = \"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"",
            "treasury = \"0x0000000000000000000000000000000000000000\"",
            "zero address",
        ),
    ] {
        let message = message(&dev_with(from, to));
        assert!(message.contains("attestation") && message.contains(reason), "{message}");
    }
    // Without the section and without PHA there are no such accounts.
    let (before, after) = NETWORKS[0].split_once("[attestation]").expect("the section");
    let (_, dev) = after.split_once("[dev]").expect("the section behind it");
    let text = format!("{before}[dev]{dev}").replace("pha = \"1000000000000000000000000\"\n", "");
    let spec = read_chain_file(&text, None).expect("valid");
    assert_eq!(spec.genesis.alloc.len(), 10 + 4 + 256 + 2047 + 18 + 13);
}
