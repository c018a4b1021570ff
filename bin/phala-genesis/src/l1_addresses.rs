use alloy_primitives::Address;

use crate::contracts::Addresses;

/// The L1 contracts of a chain: the addresses users and nodes know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names of the contracts; those behind proxies are the proxies")]
pub struct L1Addresses {
    pub address_manager: Address,
    pub proxy_admin: Address,
    pub superchain_config: Address,
    pub protocol_versions: Address,
    pub system_config: Address,
    pub optimism_portal: Address,
    pub l2_output_oracle: Address,
    pub l1_cross_domain_messenger: Address,
    pub l1_standard_bridge: Address,
    pub l1_erc721_bridge: Address,
    pub optimism_mintable_erc20_factory: Address,
}

impl L1Addresses {
    /// The contracts behind proxies, in the order in which they are deployed.
    pub(crate) fn by_name(&mut self) -> [(&'static str, &mut Address); 9] {
        [
            ("SuperchainConfig", &mut self.superchain_config),
            ("ProtocolVersions", &mut self.protocol_versions),
            ("SystemConfig", &mut self.system_config),
            ("L2OutputOracle", &mut self.l2_output_oracle),
            ("L1CrossDomainMessenger", &mut self.l1_cross_domain_messenger),
            ("L1StandardBridge", &mut self.l1_standard_bridge),
            ("OptimismPortal", &mut self.optimism_portal),
            ("OptimismMintableERC20Factory", &mut self.optimism_mintable_erc20_factory),
            ("L1ERC721Bridge", &mut self.l1_erc721_bridge),
        ]
    }

    /// What `SystemConfig` names of them.
    pub(crate) const fn named_by_system_config(&self) -> Addresses {
        Addresses {
            l1CrossDomainMessenger: self.l1_cross_domain_messenger,
            l1ERC721Bridge: self.l1_erc721_bridge,
            l1StandardBridge: self.l1_standard_bridge,
            optimismPortal: self.optimism_portal,
            optimismMintableERC20Factory: self.optimism_mintable_erc20_factory,
        }
    }
}
