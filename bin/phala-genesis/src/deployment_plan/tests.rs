use std::collections::BTreeSet;

use super::*;

fn plan(
    first_nonce: u64,
    owner: Address,
    change: impl FnOnce(&mut SystemConfig),
) -> DeploymentPlan {
    let dev = phala_chainspec::ChainSpec::dev();
    let mut system_config = dev.rollup.expect("rollup").system_config.expect("system config");
    change(&mut system_config);
    let deployer = Address::repeat_byte(1);
    let params = PlanParams {
        l2_chain_id: 7,
        l2_block_time_secs: 2,
        batch_inbox: Address::repeat_byte(9),
        system_config,
        roles: L1Roles {
            owner,
            unsafe_block_signer: Address::repeat_byte(3),
            proposer: Address::repeat_byte(4),
            challenger: Address::repeat_byte(5),
        },
        finalization_period_secs: 12,
    };
    DeploymentPlan::new(deployer, first_nonce, params)
}

fn names(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.name.as_str()).collect()
}

#[test]
fn addresses_follow_from_nonces_and_differ() {
    let deployer = Address::repeat_byte(1);
    let plan = plan(5, deployer, |_| ());
    assert_eq!(plan.addresses.address_manager, deployer.create(5));
    assert_eq!(plan.addresses.proxy_admin, deployer.create(6));
    let mut all = BTreeSet::from([plan.addresses.address_manager, plan.addresses.proxy_admin]);
    for Proxied { name, proxy, implementation } in plan.proxied() {
        assert!(all.insert(proxy) && all.insert(implementation), "{name}");
        assert_ne!(proxy, Address::ZERO);
    }
    assert_eq!(all.len(), 20);
    let creations = plan.steps.iter().filter(|step| step.to.is_none()).count();
    assert_eq!(creations, all.len());
}

#[test]
fn only_what_is_not_zero_is_set_afterwards() {
    let deployer = Address::repeat_byte(1);
    let setters = |plan: &DeploymentPlan| -> Vec<String> {
        let steps = names(&plan.steps).into_iter();
        steps
            .filter(|name| name.starts_with("SystemConfig.") && *name != "SystemConfig.initialize")
            .map(str::to_owned)
            .collect()
    };
    assert!(setters(&plan(0, deployer, |_| ())).is_empty());
    assert_eq!(names(&plan(0, deployer, |_| ()).final_steps(1)), ["L2OutputOracle.initialize"]);
    let other = plan(0, Address::repeat_byte(2), |config| {
        config.eip1559_denominator = 50;
        config.eip1559_elasticity = 2;
        config.operator_fee_constant = 1;
        config.min_base_fee = 1;
        config.da_footprint_gas_scalar = 1;
    });
    assert_eq!(
        setters(&other),
        [
            "SystemConfig.setEIP1559Params",
            "SystemConfig.setOperatorFeeScalars",
            "SystemConfig.setMinBaseFee",
            "SystemConfig.setDAFootprintGasScalar",
            "SystemConfig.transferOwnership",
        ]
    );
    assert_eq!(
        names(&other.final_steps(1)),
        ["L2OutputOracle.initialize", "ProxyAdmin.transferOwnership",]
    );
}

#[test]
fn another_plan_has_another_hash() {
    let deployer = Address::repeat_byte(1);
    let hash = plan(0, deployer, |_| ()).hash();
    assert_eq!(hash, plan(0, deployer, |_| ()).hash());
    assert_ne!(hash, plan(1, deployer, |_| ()).hash());
    assert_ne!(hash, plan(0, Address::repeat_byte(2), |_| ()).hash());
    assert_ne!(hash, plan(0, deployer, |config| config.gas_limit += 1).hash());
}

#[test]
fn no_transaction_is_larger_than_l1_takes() {
    let plan = plan(0, Address::repeat_byte(2), |_| ());
    for step in &plan.steps {
        assert!(step.gas_limit <= 1 << 24, "{}: {}", step.name, step.gas_limit);
        // EIP-3860.
        assert!(step.to.is_some() || step.input.len() <= 49_152, "{}", step.name);
    }
}
