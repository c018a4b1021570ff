//! The predeploys of attestation and GPU job settlement.
//!
//! Layouts are those their sources document; a genesis writes what `initialize` would.

use alloy_primitives::{Address, B256, U256, keccak256};

use super::{
    add_pair,
    storage::{Storage, of_implemented_proxy, word},
};
use crate::{AttestationParams, GenesisAccount};

const COLLATERAL_REGISTRY: u16 = 0x2000;
const ATTESTATION_POLICY: u16 = 0x2001;
const WORKER_REGISTRY: u16 = 0x2002;
const GPU_JOB_SETTLEMENT: u16 = 0x2003;

/// `bondPerGpu` of the policy.
const BONDS_SLOT: u64 = 9;

/// Hands out the four proxies, initialized, and their implementations.
pub(crate) fn add_attestation<E>(
    params: &AttestationParams,
    add: &mut dyn FnMut(Address, GenesisAccount) -> Result<(), E>,
) -> Result<(), E> {
    let registry = of_implemented_proxy(COLLATERAL_REGISTRY);
    add_pair((COLLATERAL_REGISTRY, "CollateralRegistry"), registry, add)?;
    add_pair((ATTESTATION_POLICY, "AttestationPolicy"), policy(params), add)?;
    add_pair((WORKER_REGISTRY, "WorkerRegistry"), workers(params), add)?;
    add_pair((GPU_JOB_SETTLEMENT, "GpuJobSettlement"), settlement(params), add)
}

/// `Governed`: an owner, and the mark that nobody can initialize again.
fn governed(low: u16, params: &AttestationParams) -> Storage {
    of_implemented_proxy(low).slot(0, packed(&[(0, word(params.owner)), (20, U256::from(1))]))
}

fn policy(params: &AttestationParams) -> Storage {
    let statuses = params.tcb_statuses.iter().fold(0_u16, |mask, status| mask | 1_u16 << *status);
    let storage = governed(ATTESTATION_POLICY, params)
        .slot(
            3,
            packed(&[
                (0, word(params.guardian.unwrap_or_default())),
                (20, U256::from(params.loosening_delay_secs)),
                (24, U256::from(params.max_age_secs)),
                (28, U256::from(params.min_eval_data_number)),
            ]),
        )
        .slot(
            4,
            packed(&[
                (0, U256::from(statuses)),
                (2, U256::from(u8::from(params.platform_list_required))),
            ]),
        );
    params.bonds.iter().fold(storage, |storage, bond| {
        storage.with(entry(U256::from(bond.gpu_class), BONDS_SLOT), bond.per_gpu)
    })
}

fn workers(params: &AttestationParams) -> Storage {
    governed(WORKER_REGISTRY, params)
        .address(2, params.token)
        .slot(4, packed(&[(0, word(params.treasury)), (20, U256::from(params.exit_delay_secs))]))
}

fn settlement(params: &AttestationParams) -> Storage {
    governed(GPU_JOB_SETTLEMENT, params)
        .address(2, params.token)
        .slot(
            4,
            packed(&[
                (0, word(params.arbiter)),
                (20, U256::from(params.fee_bps)),
                (22, U256::from(params.missed_bps)),
                (24, U256::from(params.arbiter_timeout_secs)),
            ]),
        )
        .slot(5, packed(&[(0, word(params.treasury)), (20, params.price_cap)]))
}

/// Values side by side in a word, each at its byte counted from the right.
fn packed(values: &[(usize, U256)]) -> U256 {
    values.iter().fold(U256::ZERO, |word, (byte, value)| word | *value << (8 * byte))
}

/// The slot of an entry of a mapping.
fn entry(key: U256, mapping: u64) -> B256 {
    keccak256([key.to_be_bytes::<32>(), U256::from(mapping).to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{b256, uint};

    use super::*;
    use crate::{ChainSpec, addresses};

    fn slot(spec: &ChainSpec, address: Address, slot: u64) -> U256 {
        let slot = B256::from(U256::from(slot));
        spec.genesis.alloc[&address].storage.get(&slot).copied().unwrap_or_default()
    }

    #[test]
    fn words_hold_what_their_sources_say() {
        let spec = ChainSpec::dev();
        let at = |address, number| slot(&spec, address, number);
        let owner = uint!(0x1f39fd6e51aad88f6f4ce6ab8827279cfffb92266_U256);
        for address in [
            addresses::ATTESTATION_POLICY,
            addresses::WORKER_REGISTRY,
            addresses::GPU_JOB_SETTLEMENT,
        ] {
            assert_eq!(at(address, 0), owner, "{address}");
            assert_eq!(at(address, 1), U256::ZERO);
        }
        // minEvalDataNumber 0, maxAge a day, no delay, guardian.
        assert_eq!(
            at(addresses::ATTESTATION_POLICY, 3),
            uint!(0x000151800000000070997970c51812dc3a010c7d01b50e0d17dc79c8_U256)
        );
        assert_eq!(at(addresses::ATTESTATION_POLICY, 4), U256::from(1));
        // keccak256 of class 1 and slot 9.
        let bond = b256!("0x92e85d02570a8092d09a6e3a57665bc3815a2699a4074001bf1ccabf660f5a36");
        let policy = &spec.genesis.alloc[&addresses::ATTESTATION_POLICY];
        assert_eq!(policy.storage[&bond], U256::from(1_250) * U256::from(10).pow(U256::from(18)));
        for address in [addresses::WORKER_REGISTRY, addresses::GPU_JOB_SETTLEMENT] {
            assert_eq!(at(address, 2), word(addresses::PHA));
        }
        // A week, then the treasury.
        assert_eq!(
            at(addresses::WORKER_REGISTRY, 4),
            uint!(0x93a80f39fd6e51aad88f6f4ce6ab8827279cfffb92266_U256)
        );
        // A day, 10 %, 1 %, arbiter.
        assert_eq!(
            at(addresses::GPU_JOB_SETTLEMENT, 4),
            uint!(0x0001518003e800643c44cdddb6a900fa2b585dd299e03d12fa4293bc_U256)
        );
        let cap = U256::from(1_000_000) * U256::from(10).pow(U256::from(18));
        assert_eq!(
            at(addresses::GPU_JOB_SETTLEMENT, 5),
            cap << 160 | uint!(0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266_U256)
        );
        // Nothing but proxy slots: this registry has no settings.
        assert_eq!(spec.genesis.alloc[&addresses::COLLATERAL_REGISTRY].storage.len(), 2);
    }

    #[test]
    fn implementations_are_locked_by_having_no_admin() {
        let spec = ChainSpec::dev();
        for low in 0x2000..0x2004 {
            let account = &spec.genesis.alloc[&addresses::implementation(low)];
            assert!(account.storage.is_empty() && !account.code.is_empty(), "{low:#x}");
            let proxy = &spec.genesis.alloc[&addresses::phala_predeploy(low)];
            assert_eq!(proxy.code.len(), 2059, "{low:#x}");
        }
    }
}
