//! Asks every contract what the plan told it.

use std::fmt::Debug;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use phala_chainspec::SystemConfig;

use crate::{
    DeploymentPlan, GenesisError, L1Rpc,
    contracts::{
        IAddressManager, IL1CrossDomainMessenger, IL1ERC721Bridge, IL1StandardBridge,
        IL2OutputOracle, IOptimismMintableERC20Factory, IOptimismPortal, IProtocolVersions,
        IProxyAdmin, ISuperchainConfig, ISystemConfig,
    },
    deployment_plan::resource_config,
};

/// The L2 ends of the bridges.
const L2_STANDARD_BRIDGE: Address =
    alloy_primitives::address!("0x4200000000000000000000000000000000000010");
const L2_ERC721_BRIDGE: Address =
    alloy_primitives::address!("0x4200000000000000000000000000000000000014");

/// Fails at the first contract that does not answer as planned.
pub(crate) async fn read_back(
    rpc: &L1Rpc,
    plan: &DeploymentPlan,
    anchor_time: u64,
    at: B256,
) -> Result<(), GenesisError> {
    let reader = Reader { rpc, at };
    reader.proxies(plan).await?;
    reader.system_config(plan).await?;
    reader.portal_and_bridges(plan).await?;
    reader.oracle(plan, anchor_time).await
}

/// The parameters derivation starts from.
pub(crate) async fn read_system_config(
    rpc: &L1Rpc,
    to: Address,
    at: B256,
) -> Result<SystemConfig, GenesisError> {
    let batcher = rpc.call(to, ISystemConfig::batcherHashCall {}, at).await?;
    Ok(SystemConfig {
        batcher_address: Address::from_word(batcher),
        base_fee_scalar: rpc.call(to, ISystemConfig::basefeeScalarCall {}, at).await?,
        blob_base_fee_scalar: rpc.call(to, ISystemConfig::blobbasefeeScalarCall {}, at).await?,
        gas_limit: rpc.call(to, ISystemConfig::gasLimitCall {}, at).await?,
        eip1559_denominator: rpc.call(to, ISystemConfig::eip1559DenominatorCall {}, at).await?,
        eip1559_elasticity: rpc.call(to, ISystemConfig::eip1559ElasticityCall {}, at).await?,
        operator_fee_scalar: rpc.call(to, ISystemConfig::operatorFeeScalarCall {}, at).await?,
        operator_fee_constant: rpc.call(to, ISystemConfig::operatorFeeConstantCall {}, at).await?,
        min_base_fee: rpc.call(to, ISystemConfig::minBaseFeeCall {}, at).await?,
        da_footprint_gas_scalar: rpc
            .call(to, ISystemConfig::daFootprintGasScalarCall {}, at)
            .await?,
    })
}

pub(crate) fn ensure_equal<T: Debug + PartialEq>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), GenesisError> {
    if found == expected {
        return Ok(());
    }
    Err(GenesisError::ReadBack {
        what: what.to_owned(),
        found: format!("{found:?}"),
        expected: format!("{expected:?}"),
    })
}

struct Reader<'a> {
    rpc: &'a L1Rpc,
    at: B256,
}

impl Reader<'_> {
    async fn expect<C>(
        &self,
        contract: &str,
        to: Address,
        call: C,
        expected: C::Return,
    ) -> Result<(), GenesisError>
    where
        C: SolCall<Return: Debug + PartialEq>,
    {
        let found = self.rpc.call(to, call, self.at).await?;
        ensure_equal(&format!("{contract}.{}", C::SIGNATURE), &found, &expected)
    }

    async fn expect_code(&self, name: &str, address: Address) -> Result<(), GenesisError> {
        let has_code = !self.rpc.code(address, self.at).await?.is_empty();
        ensure_equal(&format!("code of {name} at {address}"), &has_code, &true)
    }

    async fn proxies(&self, plan: &DeploymentPlan) -> Result<(), GenesisError> {
        let (manager, admin) = (plan.addresses.address_manager, plan.addresses.proxy_admin);
        self.expect_code("AddressManager", manager).await?;
        self.expect_code("ProxyAdmin", admin).await?;
        for one in plan.proxied() {
            let (proxy, name) = (one.proxy, one.name);
            self.expect_code(&format!("the proxy of {name}"), proxy).await?;
            self.expect_code(name, one.implementation).await?;
            let call = IProxyAdmin::getProxyImplementationCall { proxy };
            self.expect(name, admin, call, one.implementation).await?;
            self.expect(name, admin, IProxyAdmin::getProxyAdminCall { proxy }, admin).await?;
        }
        let owner = plan.params().roles.owner;
        self.expect("AddressManager", manager, IAddressManager::ownerCall {}, admin).await?;
        self.expect("ProxyAdmin", admin, IProxyAdmin::addressManagerCall {}, manager).await?;
        self.expect("ProxyAdmin", admin, IProxyAdmin::ownerCall {}, owner).await?;
        let superchain = plan.addresses.superchain_config;
        self.expect("SuperchainConfig", superchain, ISuperchainConfig::guardianCall {}, owner)
            .await?;
        self.expect("SuperchainConfig", superchain, ISuperchainConfig::pausedCall {}, false)
            .await?;
        let versions = plan.addresses.protocol_versions;
        self.expect("ProtocolVersions", versions, IProtocolVersions::ownerCall {}, owner).await
    }

    async fn system_config(&self, plan: &DeploymentPlan) -> Result<(), GenesisError> {
        let (to, params) = (plan.addresses.system_config, plan.params());
        let found = read_system_config(self.rpc, to, self.at).await?;
        ensure_equal("system config", &found, &params.system_config)?;
        let name = "SystemConfig";
        let scalar = U256::from_be_bytes(params.system_config.scalars().encode().0);
        let batcher = params.system_config.batcher_address.into_word();
        self.expect(name, to, ISystemConfig::batcherHashCall {}, batcher).await?;
        self.expect(name, to, ISystemConfig::scalarCall {}, scalar).await?;
        self.expect(name, to, ISystemConfig::overheadCall {}, U256::ZERO).await?;
        self.expect(name, to, ISystemConfig::ownerCall {}, params.roles.owner).await?;
        let signer = params.roles.unsafe_block_signer;
        self.expect(name, to, ISystemConfig::unsafeBlockSignerCall {}, signer).await?;
        self.expect(name, to, ISystemConfig::batchInboxCall {}, params.batch_inbox).await?;
        let chain_id = U256::from(params.l2_chain_id);
        self.expect(name, to, ISystemConfig::l2ChainIdCall {}, chain_id).await?;
        let superchain = plan.addresses.superchain_config;
        self.expect(name, to, ISystemConfig::superchainConfigCall {}, superchain).await?;
        self.expect(name, to, ISystemConfig::isCustomGasTokenCall {}, false).await?;
        self.expect(name, to, ISystemConfig::pausedCall {}, false).await?;
        self.expect(name, to, ISystemConfig::resourceConfigCall {}, resource_config()).await?;
        let addresses = plan.addresses.named_by_system_config();
        self.expect(name, to, ISystemConfig::getAddressesCall {}, addresses).await
    }

    async fn portal_and_bridges(&self, plan: &DeploymentPlan) -> Result<(), GenesisError> {
        let at = &plan.addresses;
        let (superchain, config) = (at.superchain_config, at.system_config);
        let (name, to) = ("OptimismPortal", at.optimism_portal);
        self.expect(name, to, IOptimismPortal::l2OracleCall {}, at.l2_output_oracle).await?;
        self.expect(name, to, IOptimismPortal::systemConfigCall {}, config).await?;
        self.expect(name, to, IOptimismPortal::superchainConfigCall {}, superchain).await?;
        self.expect(name, to, IOptimismPortal::pausedCall {}, false).await?;
        let (name, to) = ("L1CrossDomainMessenger", at.l1_cross_domain_messenger);
        self.expect(name, to, IL1CrossDomainMessenger::portalCall {}, at.optimism_portal).await?;
        self.expect(name, to, IL1CrossDomainMessenger::systemConfigCall {}, config).await?;
        self.expect(name, to, IL1CrossDomainMessenger::superchainConfigCall {}, superchain).await?;
        let messenger = to;
        let (name, to) = ("L1StandardBridge", at.l1_standard_bridge);
        self.expect(name, to, IL1StandardBridge::messengerCall {}, messenger).await?;
        self.expect(name, to, IL1StandardBridge::systemConfigCall {}, config).await?;
        self.expect(name, to, IL1StandardBridge::superchainConfigCall {}, superchain).await?;
        self.expect(name, to, IL1StandardBridge::otherBridgeCall {}, L2_STANDARD_BRIDGE).await?;
        let (name, to) = ("L1ERC721Bridge", at.l1_erc721_bridge);
        self.expect(name, to, IL1ERC721Bridge::messengerCall {}, messenger).await?;
        self.expect(name, to, IL1ERC721Bridge::superchainConfigCall {}, superchain).await?;
        self.expect(name, to, IL1ERC721Bridge::otherBridgeCall {}, L2_ERC721_BRIDGE).await?;
        let (name, to) = ("OptimismMintableERC20Factory", at.optimism_mintable_erc20_factory);
        let call = IOptimismMintableERC20Factory::bridgeCall {};
        self.expect(name, to, call, at.l1_standard_bridge).await
    }

    async fn oracle(&self, plan: &DeploymentPlan, anchor_time: u64) -> Result<(), GenesisError> {
        let (name, to, params) = ("L2OutputOracle", plan.addresses.l2_output_oracle, plan.params());
        let word = U256::from;
        self.expect(name, to, IL2OutputOracle::startingTimestampCall {}, word(anchor_time)).await?;
        self.expect(name, to, IL2OutputOracle::startingBlockNumberCall {}, U256::ZERO).await?;
        let block_time = word(params.l2_block_time_secs);
        self.expect(name, to, IL2OutputOracle::l2BlockTimeCall {}, block_time).await?;
        self.expect(name, to, IL2OutputOracle::proposerCall {}, params.roles.proposer).await?;
        self.expect(name, to, IL2OutputOracle::challengerCall {}, params.roles.challenger).await?;
        let period = word(params.finalization_period_secs);
        self.expect(name, to, IL2OutputOracle::finalizationPeriodSecondsCall {}, period).await
    }
}
