//! The contracts an OP chain starts with, and the accounts around them.
//!
//! Their code is `genesis/artifacts/l2.json`; `genesis/README.md` says where it is from.

mod artifacts;
mod attestation;
mod pha;
mod preinstalls;
mod storage;

use std::{collections::BTreeMap, ops::Range};

use alloy_primitives::{Address, Bytes, U256};

use self::{
    artifacts::{ChainWords, Contracts},
    storage::Storage,
};
pub(crate) use self::{attestation::add_attestation, pha::add_pha, storage::update_oracle};
use crate::{
    Forks, GenesisAccount, L1Contracts, Roles,
    addresses::{implementation, phala_predeploy, predeploy},
};

/// Addresses that belong to predeploys, by their low two bytes.
const NAMESPACE: Range<u16> = 0..0x0800;
/// A contract of its own, without a proxy.
const WETH: u16 = 0x0006;
/// This chain has no such token, and no proxy for one.
const GOVERNANCE_TOKEN: u16 = 0x0042;

/// What is behind the proxies. The other proxies have no implementation: they are for what comes later.
const IMPLEMENTATIONS: [(u16, &str); 18] = [
    (0x0000, "LegacyMessagePasser"),
    (0x0002, "DeployerWhitelist"),
    (0x0007, "L2CrossDomainMessenger"),
    (0x000f, "GasPriceOracle"),
    (0x0010, "L2StandardBridge"),
    (0x0011, "SequencerFeeVault"),
    (0x0012, "OptimismMintableERC20Factory"),
    (0x0013, "L1BlockNumber"),
    (0x0014, "L2ERC721Bridge"),
    (0x0015, "L1Block"),
    (0x0016, "L2ToL1MessagePasser"),
    (0x0017, "OptimismMintableERC721Factory"),
    (0x0018, "ProxyAdmin"),
    (0x0019, "BaseFeeVault"),
    (0x001a, "L1FeeVault"),
    (0x001b, "OperatorFeeVault"),
    (0x0020, "SchemaRegistry"),
    (0x0021, "EAS"),
];

/// What differs from chain to chain.
pub(crate) struct PredeployParams<'a> {
    pub(crate) chain_id: u64,
    pub(crate) l1_chain_id: u64,
    pub(crate) roles: &'a Roles,
    /// Bridges that are not deployed yet are at address zero, and trust nobody.
    pub(crate) l1_contracts: L1Contracts,
    pub(crate) forks: &'a Forks,
    pub(crate) timestamp: u64,
}

/// Hands out every account: predeploys and their implementations, preinstalls, and a wei for each of
/// the lowest addresses, so that calling a precompile never creates an account.
pub(crate) fn add_predeploys<E>(
    params: &PredeployParams<'_>,
    add: &mut dyn FnMut(Address, GenesisAccount) -> Result<(), E>,
) -> Result<(), E> {
    let contracts = Contracts::get();
    let words = ChainWords { chain_id: params.chain_id, l1_chain_id: params.l1_chain_id };
    for byte in 0..=u8::MAX {
        let one_wei = GenesisAccount { balance: U256::from(1), ..Default::default() };
        add(Address::with_last_byte(byte), one_wei)?;
    }
    let implementations: BTreeMap<_, _> = IMPLEMENTATIONS.into_iter().collect();
    let proxy = contracts.code("Proxy", predeploy(0), &words);
    for low in NAMESPACE {
        let address = predeploy(low);
        let name = implementations.get(&low);
        match low {
            GOVERNANCE_TOKEN => continue,
            WETH => {
                add(address, contract(contracts.code("WETH", address, &words), Storage::default()))?
            }
            _ => add(
                address,
                contract(proxy.clone(), storage::of_proxy(low, name.is_some(), params)),
            )?,
        }
        if let Some(name) = name {
            // The words are those of the proxy, where the code runs.
            let code = contracts.code(name, address, &words);
            add(implementation(low), contract(code, storage::of_implementation(low)))?;
        }
    }
    for (address, name) in preinstalls::PREINSTALLS {
        let code = contracts.code(name, address, &words);
        add(address, GenesisAccount { nonce: 1, ..contract(code, Storage::default()) })?;
    }
    Ok(())
}

/// As on other OP chains, predeploys have a nonce of 0.
fn contract(code: Bytes, storage: Storage) -> GenesisAccount {
    GenesisAccount { code, storage: storage.into(), ..Default::default() }
}

/// A proxy of this chain's own and the implementation behind it, which knows of no admin: only through a
/// proxy can such a contract be initialized.
fn add_pair<E>(
    (low, name): (u16, &str),
    storage: Storage,
    add: &mut dyn FnMut(Address, GenesisAccount) -> Result<(), E>,
) -> Result<(), E> {
    let contracts = Contracts::get();
    // These contracts have no words that differ from chain to chain.
    let words = ChainWords { chain_id: 0, l1_chain_id: 0 };
    let address = phala_predeploy(low);
    add(address, contract(contracts.code("Proxy", address, &words), storage))?;
    let code = contracts.code(name, address, &words);
    add(implementation(low), contract(code, Storage::default()))
}

#[cfg(test)]
mod tests;
