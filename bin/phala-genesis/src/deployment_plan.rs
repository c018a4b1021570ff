use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue as _};
use phala_chainspec::SystemConfig;

use crate::{
    L1Addresses,
    artifacts::creation_code,
    contracts::{
        IAddressManager, IL1CrossDomainMessenger, IL1ERC721Bridge, IL1StandardBridge,
        IL2OutputOracle, IOptimismMintableERC20Factory, IOptimismPortal, IProtocolVersions,
        IProxyAdmin, ISuperchainConfig, ISystemConfig, ResourceConfig,
    },
    deployment::L1Roles,
};

/// The name under which the messenger's proxy asks for its implementation.
const MESSENGER_NAME: &str = "OVM_L1CrossDomainMessenger";

/// Kinds of proxies in the `ProxyAdmin`; the first, EIP-1967, is the default.
const KIND_CHUGSPLASH: u8 = 1;
const KIND_RESOLVED: u8 = 2;

/// Gas of a creation: the transaction and the constructor, and per byte of code what storing it (200),
/// sending it (16) and copying it costs.
const CREATION_GAS: u64 = 800_000;
const CREATION_GAS_PER_BYTE: u64 = 250;

/// Gas of a call: the longest initializes `SystemConfig` with a dozen fresh slots.
const CALL_GAS: u64 = 1_500_000;

/// L2 blocks between two proposed outputs, as on public chains: an hour at 2 s.
const SUBMISSION_INTERVAL: u64 = 1800;

/// Everything a deployment does, before it does it: which transactions in which order, and where the
/// contracts will be.
#[derive(Clone, Debug)]
pub struct DeploymentPlan {
    /// Account that sends it.
    pub deployer: Address,
    /// Nonce of the first step.
    pub first_nonce: u64,
    /// Where the contracts will be.
    pub addresses: L1Addresses,
    /// What is sent before the anchor is chosen, by nonce.
    pub(crate) steps: Vec<Step>,
    params: PlanParams,
}

/// What the plan follows from, besides the deployer.
#[derive(Clone, Debug)]
pub(crate) struct PlanParams {
    pub(crate) l2_chain_id: u64,
    pub(crate) l2_block_time_secs: u64,
    pub(crate) batch_inbox: Address,
    pub(crate) system_config: SystemConfig,
    pub(crate) roles: L1Roles,
    pub(crate) finalization_period_secs: u64,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// Nothing: a creation.
    pub(crate) to: Option<Address>,
    pub(crate) input: Bytes,
    pub(crate) gas_limit: u64,
}

/// A proxy and what will be behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proxied {
    pub(crate) name: &'static str,
    pub(crate) proxy: Address,
    pub(crate) implementation: Address,
}

impl DeploymentPlan {
    pub(crate) fn new(deployer: Address, first_nonce: u64, params: PlanParams) -> Self {
        let mut draft = Draft { deployer, first_nonce, steps: Vec::new() };
        let manager = draft.create("AddressManager", &[]);
        let admin = draft.create("ProxyAdmin", &(deployer,).abi_encode_params());
        let mut addresses =
            L1Addresses { address_manager: manager, proxy_admin: admin, ..Default::default() };
        let call = IProxyAdmin::setAddressManagerCall { manager };
        draft.call("ProxyAdmin.setAddressManager", admin, call);
        let call = IAddressManager::transferOwnershipCall { newOwner: admin };
        draft.call("AddressManager.transferOwnership", manager, call);
        for (name, address) in addresses.by_name() {
            *address = draft.create_proxy(name, manager, admin);
        }
        let plan = Self { deployer, first_nonce, addresses, steps: Vec::new(), params };
        draft.call(
            "ProxyAdmin.setProxyType(L1StandardBridge)",
            admin,
            IProxyAdmin::setProxyTypeCall {
                proxy: addresses.l1_standard_bridge,
                kind: KIND_CHUGSPLASH,
            },
        );
        draft.call(
            "ProxyAdmin.setProxyType(L1CrossDomainMessenger)",
            admin,
            IProxyAdmin::setProxyTypeCall {
                proxy: addresses.l1_cross_domain_messenger,
                kind: KIND_RESOLVED,
            },
        );
        draft.call(
            "ProxyAdmin.setImplementationName",
            admin,
            IProxyAdmin::setImplementationNameCall {
                proxy: addresses.l1_cross_domain_messenger,
                name: MESSENGER_NAME.to_owned(),
            },
        );
        let mut filled = addresses;
        for (name, proxy) in filled.by_name() {
            let implementation = draft.create(name, &[]);
            // The oracle counts from the anchor, which is not known yet.
            if let Some(data) = plan.initializer(name) {
                let fill = IProxyAdmin::upgradeAndCallCall { proxy: *proxy, implementation, data };
                draft.call(&format!("{name}.initialize"), admin, fill);
            }
        }
        plan.set_what_initialize_does_not(&mut draft);
        Self { steps: draft.steps, ..plan }
    }

    /// What follows once the anchor is known: outputs count from it, and the deployer lets go.
    pub(crate) fn final_steps(&self, anchor_time: u64) -> Vec<Step> {
        let mut draft = Draft {
            deployer: self.deployer,
            first_nonce: self.first_nonce + self.steps.len() as u64,
            steps: Vec::new(),
        };
        let roles = &self.params.roles;
        let initialize = IL2OutputOracle::initializeCall {
            submissionInterval: U256::from(SUBMISSION_INTERVAL),
            l2BlockTime: U256::from(self.params.l2_block_time_secs),
            startingBlockNumber: U256::ZERO,
            startingTimestamp: U256::from(anchor_time),
            proposer: roles.proposer,
            challenger: roles.challenger,
            finalizationPeriodSeconds: U256::from(self.params.finalization_period_secs),
        };
        let oracle = self.proxied().into_iter().find(|one| one.name == "L2OutputOracle");
        let oracle = oracle.expect("the oracle is one of the proxies");
        draft.call(
            "L2OutputOracle.initialize",
            self.addresses.proxy_admin,
            IProxyAdmin::upgradeAndCallCall {
                proxy: oracle.proxy,
                implementation: oracle.implementation,
                data: initialize.abi_encode().into(),
            },
        );
        if roles.owner != self.deployer {
            let call = IProxyAdmin::transferOwnershipCall { newOwner: roles.owner };
            draft.call("ProxyAdmin.transferOwnership", self.addresses.proxy_admin, call);
        }
        draft.steps
    }

    /// Every proxy with its implementation.
    pub(crate) fn proxied(&self) -> Vec<Proxied> {
        let mut addresses = self.addresses;
        let creation = |name: &str| {
            let wanted = creation_code(name);
            let at = self.steps.iter().position(|step| step.to.is_none() && step.input == *wanted);
            let at = at.expect("each implementation is created once, without arguments");
            self.deployer.create(self.first_nonce + at as u64)
        };
        let pair = |(name, proxy): (&'static str, &mut Address)| Proxied {
            name,
            proxy: *proxy,
            implementation: creation(name),
        };
        addresses.by_name().into_iter().map(pair).collect()
    }

    pub(crate) const fn params(&self) -> &PlanParams {
        &self.params
    }

    /// Changes with everything the plan does.
    pub(crate) fn hash(&self) -> B256 {
        let mut bytes = Vec::new();
        for step in self.steps.iter().chain(&self.final_steps(0)) {
            bytes.extend_from_slice(step.to.unwrap_or_default().as_slice());
            bytes.extend_from_slice(keccak256(&step.input).as_slice());
        }
        bytes.extend_from_slice(self.deployer.as_slice());
        bytes.extend_from_slice(&self.first_nonce.to_be_bytes());
        keccak256(bytes)
    }

    /// An upper bound of the gas, without the last few calls.
    pub(crate) fn gas_limit(&self) -> u64 {
        self.steps.iter().map(|step| step.gas_limit).sum()
    }

    fn initializer(&self, name: &str) -> Option<Bytes> {
        let (at, roles) = (&self.addresses, &self.params.roles);
        let (superchain, config) = (at.superchain_config, at.system_config);
        let data = match name {
            "SuperchainConfig" => {
                ISuperchainConfig::initializeCall { guardian: roles.owner, paused: false }
                    .abi_encode()
            }
            "ProtocolVersions" => IProtocolVersions::initializeCall {
                owner: roles.owner,
                required: U256::ZERO,
                recommended: U256::ZERO,
            }
            .abi_encode(),
            "SystemConfig" => self.initialize_system_config().abi_encode(),
            "OptimismPortal" => IOptimismPortal::initializeCall {
                l2Oracle: at.l2_output_oracle,
                systemConfig: config,
                superchainConfig: superchain,
            }
            .abi_encode(),
            "L1CrossDomainMessenger" => IL1CrossDomainMessenger::initializeCall {
                superchainConfig: superchain,
                portal: at.optimism_portal,
                systemConfig: config,
            }
            .abi_encode(),
            "L1StandardBridge" => IL1StandardBridge::initializeCall {
                messenger: at.l1_cross_domain_messenger,
                superchainConfig: superchain,
                systemConfig: config,
            }
            .abi_encode(),
            "L1ERC721Bridge" => IL1ERC721Bridge::initializeCall {
                messenger: at.l1_cross_domain_messenger,
                superchainConfig: superchain,
            }
            .abi_encode(),
            "OptimismMintableERC20Factory" => {
                IOptimismMintableERC20Factory::initializeCall { bridge: at.l1_standard_bridge }
                    .abi_encode()
            }
            _ => return None,
        };
        Some(data.into())
    }

    fn initialize_system_config(&self) -> ISystemConfig::initializeCall {
        let config = &self.params.system_config;
        let at = &self.addresses;
        ISystemConfig::initializeCall {
            // The deployer first: there may be more to set.
            owner: self.deployer,
            basefeeScalar: config.base_fee_scalar,
            blobbasefeeScalar: config.blob_base_fee_scalar,
            batcherHash: config.batcher_address.into_word(),
            gasLimit: config.gas_limit,
            unsafeBlockSigner: self.params.roles.unsafe_block_signer,
            config: resource_config(),
            batchInbox: self.params.batch_inbox,
            addresses: at.named_by_system_config(),
            l2ChainId: U256::from(self.params.l2_chain_id),
            superchainConfig: at.superchain_config,
        }
    }

    /// Parameters that start as zero, which is what most chains want, and the owner.
    fn set_what_initialize_does_not(&self, draft: &mut Draft) {
        let (to, config) = (self.addresses.system_config, &self.params.system_config);
        if (config.eip1559_denominator, config.eip1559_elasticity) != (0, 0) {
            draft.call(
                "SystemConfig.setEIP1559Params",
                to,
                ISystemConfig::setEIP1559ParamsCall {
                    denominator: config.eip1559_denominator,
                    elasticity: config.eip1559_elasticity,
                },
            );
        }
        if (config.operator_fee_scalar, config.operator_fee_constant) != (0, 0) {
            draft.call(
                "SystemConfig.setOperatorFeeScalars",
                to,
                ISystemConfig::setOperatorFeeScalarsCall {
                    scalar: config.operator_fee_scalar,
                    constant_: config.operator_fee_constant,
                },
            );
        }
        // Verifiers that know only Isthmus stop at these two, so they are sent only where they say something.
        if config.min_base_fee != 0 {
            let call = ISystemConfig::setMinBaseFeeCall { minBaseFee: config.min_base_fee };
            draft.call("SystemConfig.setMinBaseFee", to, call);
        }
        if config.da_footprint_gas_scalar != 0 {
            let call = ISystemConfig::setDAFootprintGasScalarCall {
                scalar: config.da_footprint_gas_scalar,
            };
            draft.call("SystemConfig.setDAFootprintGasScalar", to, call);
        }
        let owner = self.params.roles.owner;
        if owner != self.deployer {
            let call = ISystemConfig::transferOwnershipCall { newOwner: owner };
            draft.call("SystemConfig.transferOwnership", to, call);
        }
    }
}

/// The market for deposits that all OP chains have.
pub(crate) const fn resource_config() -> ResourceConfig {
    ResourceConfig {
        maxResourceLimit: 20_000_000,
        elasticityMultiplier: 10,
        baseFeeMaxChangeDenominator: 8,
        minimumBaseFee: 1_000_000_000,
        systemTxMaxGas: 1_000_000,
        maximumBaseFee: u128::MAX,
    }
}

/// Steps in order; each has the next nonce.
struct Draft {
    deployer: Address,
    first_nonce: u64,
    steps: Vec<Step>,
}

impl Draft {
    fn create(&mut self, contract: &'static str, arguments: &[u8]) -> Address {
        self.create_as(contract.to_owned(), contract, arguments)
    }

    /// The proxy of a contract, of the kind the contract has always had.
    fn create_proxy(&mut self, contract: &str, manager: Address, admin: Address) -> Address {
        let (kind, arguments) = match contract {
            "L1CrossDomainMessenger" => {
                ("ResolvedDelegateProxy", (manager, MESSENGER_NAME).abi_encode_params())
            }
            "L1StandardBridge" => ("L1ChugSplashProxy", (admin,).abi_encode_params()),
            _ => ("Proxy", (admin,).abi_encode_params()),
        };
        self.create_as(format!("{kind} of {contract}"), kind, &arguments)
    }

    fn create_as(&mut self, name: String, contract: &'static str, arguments: &[u8]) -> Address {
        let address = self.deployer.create(self.first_nonce + self.steps.len() as u64);
        let input: Bytes = [creation_code(contract), arguments].concat().into();
        let gas_limit = CREATION_GAS + CREATION_GAS_PER_BYTE * input.len() as u64;
        self.steps.push(Step { name, to: None, input, gas_limit });
        address
    }

    fn call(&mut self, name: &str, to: Address, call: impl SolCall) {
        let input = call.abi_encode().into();
        self.steps.push(Step { name: name.to_owned(), to: Some(to), input, gas_limit: CALL_GAS });
    }
}

#[cfg(test)]
mod tests;
