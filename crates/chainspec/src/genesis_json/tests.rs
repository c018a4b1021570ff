use alloy_primitives::B256;
use serde_json::{Value, json};

use crate::{ChainSpec, ChainSpecError, Fork, Profile};

/// A genesis with the forks up to one, all at 0.
fn genesis(newest: Fork) -> Value {
    let mut spec = ChainSpec::dev();
    let times = Fork::ALL.into_iter().filter(|fork| *fork <= newest).map(|fork| (fork, 0));
    spec.forks = crate::Forks::new(times).expect("ordered");
    spec.to_genesis_json()
}

fn read(value: &Value) -> Result<ChainSpec, ChainSpecError> {
    ChainSpec::from_genesis_json(value.to_string().as_bytes())
}

fn message(value: &Value) -> String {
    match read(value) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// The message after one change to an otherwise good file.
fn message_with(pointer: &str, value: Value) -> String {
    let mut genesis = genesis(Fork::Karst);
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = genesis.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    match value {
        Value::Null => parent.remove(key),
        value => parent.insert(key.to_owned(), value),
    };
    message(&genesis)
}

#[test]
fn every_fork_combination_round_trips() {
    for newest in Fork::ALL {
        let value = genesis(newest);
        let spec = read(&value).expect("own export");
        for fork in Fork::ALL {
            // Execution clients have no key for Delta: it comes with Ecotone, or under its own name.
            assert_eq!(spec.is_fork_active(fork, 0), fork <= newest, "{fork} up to {newest}");
        }
        assert_eq!(spec.to_genesis_json(), value, "{newest}");
        let header = spec.genesis_header(B256::ZERO, B256::ZERO);
        assert_eq!(header.withdrawals_root.is_some(), newest >= Fork::Canyon);
        assert_eq!(header.requests_hash.is_some(), newest >= Fork::Isthmus);
    }
}

#[test]
fn only_attestation_is_a_key_of_our_own() {
    let config = genesis(Fork::Attestation)["config"].as_object().expect("config").clone();
    assert!(config.contains_key("attestationTime"));
    assert!(!config.contains_key("deltaTime"));
    assert!(!config.contains_key("osakaTime"));
    let isthmus = ChainSpec::dev().with_profile(Profile::Isthmus).to_genesis_json();
    assert!(isthmus["config"].get("attestationTime").is_none());
    assert!(isthmus["config"].get("jovianTime").is_none());
}

#[test]
fn nulls_and_spellings_of_other_tools_are_read() {
    let mut value = genesis(Fork::Karst);
    let expected = read(&value).expect("own export");
    let object = value.as_object_mut().expect("object");
    object.insert("slotNumber".into(), Value::Null);
    object.insert("timestamp".into(), json!(1767225600));
    object.insert("gasLimit".into(), json!("60000000"));
    object.insert("nonce".into(), json!("0x0000000000000000"));
    let config = value["config"].as_object_mut().expect("config");
    config.insert("interopTime".into(), Value::Null);
    config.insert("osakaTime".into(), json!(0));
    config.insert("blobSchedule".into(), json!({"cancun": {"target": 3}}));
    assert_eq!(read(&value).expect("spellings"), expected);
    value.as_object_mut().expect("object").remove("baseFeePerGas");
    assert_eq!(read(&value).expect("default").genesis.base_fee_per_gas, 1_000_000_000);
}

#[test]
fn what_is_wrong_is_named() {
    for (pointer, value, expected) in [
        ("/config", Value::Null, "required key config is missing"),
        ("/config/chainId", Value::Null, "required key config.chainId is missing"),
        ("/config/bedrockBlock", Value::Null, "required key config.bedrockBlock is missing"),
        ("/config/bedrockBlock", json!(1), "config.bedrockBlock: 1 is not 0"),
        ("/config/berlinBlock", json!(1), "config.berlinBlock: must be 0"),
        ("/config/optimism", Value::Null, "required key config.optimism is missing"),
        (
            "/config/optimism/eip1559Elasticity",
            Value::Null,
            "required key config.optimism.eip1559Elasticity is missing",
        ),
        ("/config/optimism/eip1559Denominator", json!(-1), "config.optimism: "),
        ("/config/interopTime", json!(0), "config.interopTime: this fork is not supported"),
        ("/config/amsterdamTime", json!(0), "config.amsterdamTime: this fork is not supported"),
        ("/config/canyonTime", json!(1), "config.shanghaiTime: 0 differs from canyonTime (1)"),
        ("/config/regolithTime", json!(1), "config.canyonTime: 0 is before regolith (1)"),
        ("/config/deltaTime", json!(1), "config.ecotoneTime: 0 is before delta (1)"),
        ("/config/fjordTime", Value::Null, "config.graniteTime: set while fjord"),
        ("/config/pragueTime", json!(1), "config.pragueTime: 1 differs from isthmusTime (0)"),
        ("/config/karstTime", json!("x"), "config.karstTime: "),
        ("/gasLimit", Value::Null, "required key gasLimit is missing"),
        ("/gasLimit", json!("0x10000000000000000"), "gasLimit: "),
        ("/mixHash", json!("0x00"), "mixHash: "),
        ("/slotNumber", json!("0x0"), "slotNumber: unknown field"),
        ("/requestsHash", json!("0x0"), "requestsHash: unknown field"),
        ("/stateHash", json!("0x0"), "stateHash: unknown field"),
        ("/alloc/zz", json!({"balance": "0x0"}), "alloc: \"zz\" is not an address"),
        (
            "/alloc/00000000000000000000000000000000000000aa",
            json!({"balance": "0x0", "code": "00"}),
            "0x00000000000000000000000000000000000000AA: \"00\" does not start with 0x",
        ),
        (
            "/alloc/00000000000000000000000000000000000000aa",
            json!({"balance": "0x0", "storage": {"0x1": "0x1", "0x01": "0x2"}}),
            "occurs twice",
        ),
        (
            "/alloc/0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            json!({"balance": "0x0"}),
            "alloc names account 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 more than once",
        ),
    ] {
        let message = message_with(pointer, value);
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
    let mut value = genesis(Fork::Karst);
    let config = value["config"].as_object_mut().expect("config");
    config.insert("canyonTime".into(), json!(1));
    config.insert("shanghaiTime".into(), json!(1));
    // The file has no time for Delta, so its name would not help.
    assert_eq!(message(&value), "config.ecotoneTime: 0 is before canyon (1)");
    let error = ChainSpec::from_genesis_json(&b"{"[..]).expect_err("cut off").to_string();
    assert!(error.contains("line 1 column 1"), "{error}");
    assert!(ChainSpec::from_genesis_json(&b"[]"[..]).is_err());
    assert!(ChainSpec::from_genesis_json(&b""[..]).is_err());
}

#[test]
fn a_chain_from_before_ecotone_can_be_hashed_but_not_stored() {
    let mut spec = read(&genesis(Fork::Bedrock)).expect("bedrock only");
    let header = spec.genesis_header(B256::ZERO, B256::ZERO);
    assert_eq!((header.withdrawals_root, header.blob_gas_used), (None, None));
    let error = spec.ensure_startable().expect_err("no ecotone").to_string();
    assert!(error.starts_with("forks.ecotone_time: "), "{error}");
    spec = ChainSpec::dev();
    spec.genesis.number = 1;
    let error = spec.ensure_startable().expect_err("number").to_string();
    assert_eq!(error, "genesis.number: 1 is not 0");
}
