use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, b256};

use super::PredeployParams;
use crate::{
    FeeVault, Fork, Forks, GenesisAccount, WithdrawalNetwork,
    addresses::{
        GAS_PRICE_ORACLE, L2_CROSS_DOMAIN_MESSENGER, L2_STANDARD_BRIDGE, PROXY_ADMIN,
        implementation,
    },
};

/// EIP-1967: who may change the implementation.
pub(super) const ADMIN_SLOT: B256 =
    b256!("0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// EIP-1967: the implementation.
pub(super) const IMPLEMENTATION_SLOT: B256 =
    b256!("0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// ERC-7201 `openzeppelin.storage.Initializable`: how often a contract was initialized.
const INITIALIZABLE_SLOT: B256 =
    b256!("0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");
/// What `xDomainMessageSender` holds outside of a message: never zero, which is cheaper to change.
const NO_SENDER: u64 = 0xdead;

/// Slots that are not zero.
#[derive(Default)]
pub(super) struct Storage(BTreeMap<B256, U256>);

impl Storage {
    pub(super) fn with(mut self, slot: B256, value: U256) -> Self {
        if !value.is_zero() {
            self.0.insert(slot, value);
        }
        self
    }

    pub(super) fn slot(self, slot: u64, value: U256) -> Self {
        self.with(U256::from(slot).into(), value)
    }

    pub(super) fn address(self, slot: u64, value: Address) -> Self {
        self.slot(slot, word(value))
    }
}

impl From<Storage> for BTreeMap<B256, U256> {
    fn from(storage: Storage) -> Self {
        storage.0
    }
}

pub(super) fn word(address: Address) -> U256 {
    address.into_word().into()
}

/// What every proxy has.
fn administered() -> Storage {
    Storage::default().with(ADMIN_SLOT, word(PROXY_ADMIN))
}

/// The proxy's own slots, before an implementation that is there.
pub(super) fn of_implemented_proxy(low: u16) -> Storage {
    administered().with(IMPLEMENTATION_SLOT, word(implementation(low)))
}

/// Storage of the contract at a predeploy's address. Layouts are those of the contracts in
/// `genesis/artifacts`, which are initialized already: nobody can take them over.
pub(super) fn of_proxy(low: u16, implemented: bool, params: &PredeployParams<'_>) -> Storage {
    let storage = if implemented { of_implemented_proxy(low) } else { administered() };
    let (roles, l1) = (params.roles, &params.l1_contracts);
    match low {
        0x07 => storage
            .slot(0, initialized_messenger())
            .slot(0xcc, U256::from(NO_SENDER))
            .address(0xcf, l1.cross_domain_messenger.unwrap_or_default()),
        0x0f => storage.slot(0, oracle_flags(params.forks, params.timestamp)),
        0x10 => storage
            .slot(0, U256::from(1))
            .address(3, L2_CROSS_DOMAIN_MESSENGER)
            .address(4, l1.standard_bridge.unwrap_or_default()),
        0x11 => vault(storage, &roles.sequencer_fee_vault),
        0x12 => storage.slot(0, U256::from(1)).address(1, L2_STANDARD_BRIDGE),
        0x14 => storage
            .slot(0, U256::from(1))
            .address(1, L2_CROSS_DOMAIN_MESSENGER)
            .address(2, l1.erc721_bridge.unwrap_or_default()),
        0x18 => storage.address(0, roles.proxy_admin_owner),
        0x19 => vault(storage, &roles.base_fee_vault),
        0x1a => vault(storage, &roles.l1_fee_vault),
        0x1b => vault(storage, &roles.operator_fee_vault),
        _ => storage,
    }
}

/// Storage of an implementation: initialized as well, to values with which it is of no use to anybody
/// who calls it directly.
pub(super) fn of_implementation(low: u16) -> Storage {
    let administered = administered();
    match low {
        0x07 => administered.slot(0, initialized_messenger()).slot(0xcc, U256::from(NO_SENDER)),
        0x10 => administered.slot(0, U256::from(1)).address(3, L2_CROSS_DOMAIN_MESSENGER),
        0x11 | 0x19..=0x1b => {
            administered.slot(1, U256::MAX).with(INITIALIZABLE_SLOT, U256::from(1))
        }
        0x12 => administered.slot(0, U256::from(1)),
        0x14 => administered.slot(0, U256::from(1)).address(1, L2_CROSS_DOMAIN_MESSENGER),
        // The attestation service is deployed by its own constructor.
        0x21 => Storage::default(),
        _ => administered,
    }
}

/// `_initialized` behind an address that is no longer used.
fn initialized_messenger() -> U256 {
    U256::from(1) << 160
}

fn vault(storage: Storage, vault: &FeeVault) -> Storage {
    let network = match vault.network {
        WithdrawalNetwork::L1 => U256::ZERO,
        WithdrawalNetwork::L2 => U256::from(1) << 160,
    };
    storage
        .slot(1, vault.min_withdrawal_wei)
        .slot(2, network | word(vault.recipient))
        .with(INITIALIZABLE_SLOT, U256::from(1))
}

/// Which fee formulas the oracle uses: a flag a byte, the oldest fork in the lowest.
fn oracle_flags(forks: &Forks, timestamp: u64) -> U256 {
    let flags = [Fork::Ecotone, Fork::Fjord, Fork::Isthmus, Fork::Jovian];
    flags.into_iter().zip([0, 8, 16, 24]).fold(U256::ZERO, |word, (fork, shift)| {
        word | U256::from(u8::from(forks.is_active(fork, timestamp))) << shift
    })
}

/// Sets the oracle's flags to other forks, in an alloc that has the oracle.
pub(crate) fn update_oracle(
    alloc: &mut BTreeMap<Address, GenesisAccount>,
    forks: &Forks,
    timestamp: u64,
) {
    let oracle = alloc.get_mut(&GAS_PRICE_ORACLE);
    if let Some(oracle) = oracle.filter(|oracle| oracle.storage.contains_key(&IMPLEMENTATION_SLOT))
    {
        let flags = oracle_flags(forks, timestamp);
        if flags.is_zero() {
            oracle.storage.remove(&B256::ZERO);
        } else {
            oracle.storage.insert(B256::ZERO, flags);
        }
    }
}
