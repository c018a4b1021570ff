use std::fs;

use alloy_primitives::{B256, U256};
use phala_chainspec::{ChainSpec, Fork, Profile, RollupJson, SystemConfig};
use phala_genesis::{
    ChainTemplate, GenesisError, ISystemConfig, L1Roles, deploy, genesis_hash, write_chain_files,
};

use crate::test_l1::{TestL1, signer};

#[tokio::test]
async fn a_deployment_is_read_back_and_leaves_the_files_of_a_chain() {
    let (l1, deployment) = TestL1::deployed().await;
    let rpc = l1.anvil.rpc();
    let folder = l1.folder.path().join("out");
    let template = ChainTemplate::dev();
    let files = write_chain_files(&template, &deployment, &folder).expect("valid");

    let spec = ChainSpec::load(files.chain.to_str().unwrap()).expect("a chain file");
    assert_eq!(spec, files.spec);
    let rollup = spec.rollup.as_ref().unwrap();
    assert_eq!(rollup.l1_anchor, Some(deployment.anchor));
    assert_eq!(rollup.system_config.as_ref(), Some(&deployment.system_config));
    assert_eq!(rollup.l1_contracts, Some(deployment.l1_contracts()));
    let anchor = rpc.block(format!("{:#x}", deployment.anchor.number)).await.unwrap();
    assert_eq!((anchor.hash, anchor.timestamp), (deployment.anchor.hash, spec.genesis.timestamp));
    assert_eq!(spec.l1_chain_id, 31337);

    // Another client reads the same block 0.
    let genesis = fs::File::open(&files.genesis).unwrap();
    let genesis = ChainSpec::from_genesis_json(std::io::BufReader::new(genesis)).expect("genesis");
    assert_eq!(genesis_hash(&genesis), files.genesis_hash);

    let read =
        |path| serde_json::from_str::<RollupJson>(&fs::read_to_string(path).unwrap()).unwrap();
    let json = read(&files.rollup);
    assert_eq!(json.genesis.l2.hash, files.genesis_hash);
    assert_eq!(json.genesis.l1.hash, deployment.anchor.hash);
    assert_eq!(json.deposit_contract_address, deployment.addresses.optimism_portal);
    assert_eq!(SystemConfig::try_from(&json.genesis.system_config), Ok(deployment.system_config));
    // Jovian's verifiers know every rule of block 0; Isthmus' would have another block 0.
    let profiles: Vec<_> = files.rollup_of.iter().map(|(profile, _)| *profile).collect();
    assert_eq!(profiles, [Profile::Jovian, Profile::Karst]);
    let jovian = read(&files.rollup_of[0].1);
    assert_eq!((jovian.karst_time, jovian.jovian_time), (None, Some(0)));
    assert_eq!(jovian.genesis, json.genesis);
}

#[tokio::test]
async fn a_run_again_changes_nothing_and_another_configuration_is_refused() {
    let (l1, first) = TestL1::deployed().await;
    let rpc = l1.anvil.rpc();
    let nonce = rpc.nonce(signer(0).address()).await.unwrap();
    let second = deploy(&l1.config(ChainTemplate::dev())).await.expect("the same again");
    assert_eq!(second.addresses, first.addresses);
    assert_eq!(second.anchor, first.anchor);
    assert_eq!(rpc.nonce(signer(0).address()).await.unwrap(), nonce);

    let other = ChainTemplate::dev().set("rollup.system_config.min_base_fee", 5).unwrap();
    let error = deploy(&l1.config(other)).await.expect_err("other parameters").to_string();
    assert!(error.contains("is of other parameters"), "{error}");
    let mut config = l1.config(ChainTemplate::dev());
    config.signer = signer(5);
    let error = deploy(&config).await.expect_err("another deployer").to_string();
    assert!(error.contains("is of deployer 0xf39F"), "{error}");

    // Another L1 with the same chain id.
    let elsewhere = TestL1::start().await;
    elsewhere.anvil.mine(1).await.unwrap();
    let mut config = l1.config(ChainTemplate::dev());
    config.rpc = elsewhere.anvil.rpc().clone();
    let same = rpc.block("earliest").await.unwrap().hash
        == config.rpc.block("earliest").await.unwrap().hash;
    if !same {
        let error = deploy(&config).await.expect_err("another l1").to_string();
        assert!(error.contains("an l1 with genesis"), "{error}");
    }
}

#[tokio::test]
async fn an_interrupted_run_is_continued_where_it_stopped() {
    let l1 = TestL1::start().await;
    let rpc = l1.anvil.rpc().clone();
    let deployer = signer(0).address();
    // The account was used before.
    l1.send(&signer(0), signer(1).address(), [], U256::from(1)).await;
    let first_nonce = rpc.nonce(deployer).await.unwrap();
    for stop_after in [3, 11, 20] {
        let config = l1.config(ChainTemplate::dev());
        let interrupted = async {
            while rpc.nonce(deployer).await.unwrap() < first_nonce + stop_after {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            biased;
            () = interrupted => {}
            result = deploy(&config) => { result.expect("finished first"); }
        }
        // What was sent and not mined is lost, as when the endpoint is another one.
        l1.anvil.drop_all_transactions().await.unwrap();
    }
    let deployment = deploy(&l1.config(ChainTemplate::dev())).await.expect("continued");
    assert_eq!(deployment.addresses.address_manager, deployer.create(first_nonce));
    let end = rpc.nonce(deployer).await.unwrap();
    let again = deploy(&l1.config(ChainTemplate::dev())).await.expect("complete");
    assert_eq!(again.anchor, deployment.anchor);
    assert_eq!(rpc.nonce(deployer).await.unwrap(), end);
}

#[tokio::test]
async fn rights_go_to_the_roles_and_parameters_to_the_contract() {
    let l1 = TestL1::start().await;
    let template = ChainTemplate::dev()
        .set("rollup.system_config.eip1559_denominator", 50)
        .and_then(|template| template.set("rollup.system_config.eip1559_elasticity", 2))
        .and_then(|template| template.set("rollup.system_config.operator_fee_scalar", 7))
        .and_then(|template| template.set("rollup.system_config.operator_fee_constant", 8))
        .and_then(|template| template.set("rollup.system_config.min_base_fee", 9))
        .and_then(|template| template.set("rollup.system_config.da_footprint_gas_scalar", 10))
        .unwrap();
    let mut config = l1.config(template);
    config.roles = L1Roles {
        owner: signer(5).address(),
        unsafe_block_signer: signer(6).address(),
        proposer: signer(7).address(),
        challenger: signer(8).address(),
    };
    let deployment = deploy(&config).await.expect("every role is read back");
    assert_eq!(deployment.system_config.min_base_fee, 9);
    assert_eq!(deployment.system_config.operator_fee_constant, 8);
    let to = deployment.addresses.system_config;
    assert_eq!(l1.call(to, ISystemConfig::ownerCall {}).await, signer(5).address());
    // The signer is where nodes look for it.
    let slot: B256 =
        "0x65a7ed542fb37fe237fdfbdd70b31598523fe5b32879e307bae27a0bd9581c08".parse().unwrap();
    let word: B256 = l1
        .anvil
        .rpc()
        .request("eth_getStorageAt", serde_json::json!([to, slot, "latest"]))
        .await
        .unwrap();
    assert_eq!(word, signer(6).address().into_word());
    let files = write_chain_files(&config.template, &deployment, &config.folder).expect("valid");
    assert_eq!(files.spec.rollup.unwrap().system_config, Some(deployment.system_config));
}

#[tokio::test]
async fn older_profiles_are_chains_of_their_own() {
    let l1 = TestL1::start().await;
    let template = ChainTemplate::dev().with_profile(Profile::Isthmus).unwrap();
    let config = l1.config(template);
    let deployment = deploy(&config).await.expect("deployed");
    let files = write_chain_files(&config.template, &deployment, &config.folder).expect("valid");
    assert_eq!(files.spec.forks.newest(files.spec.genesis.timestamp), Fork::Isthmus);
    assert_eq!(files.rollup_of.len(), 1);
    assert_eq!(files.rollup_of[0].0, Profile::Isthmus);
    let json = fs::read_to_string(&files.rollup).unwrap();
    for unknown in ["jovian", "karst", "minBaseFee", "daFootprint"] {
        assert!(!json.contains(unknown), "{unknown}");
    }
}

#[tokio::test]
async fn a_deployer_without_ether_is_told_so() {
    let l1 = TestL1::start().await;
    let mut config = l1.config(ChainTemplate::dev());
    config.signer =
        alloy_signer_local::PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
    config.roles = L1Roles::all(config.signer.address());
    let error = deploy(&config).await.expect_err("poor");
    assert!(matches!(error, GenesisError::Balance { .. }), "{error}");
}
