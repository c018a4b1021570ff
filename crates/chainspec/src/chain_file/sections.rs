use std::{collections::BTreeMap, path::PathBuf};

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;

use crate::{
    AttestationParams, BaseFeeParams, DevAccount, Fork, L1Config, Profile, Roles, RollupParams,
    genesis_json::AccountFields, quantity::deserialize_wei,
};

/// The whole file. `keys.rs` lists the same keys; `docs/chain-file.md` explains them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainFile {
    pub(super) name: String,
    pub(super) chain_id: u64,
    pub(super) l1_chain_id: u64,
    pub(super) block_time_secs: u64,
    pub(super) forks: ForksSection,
    pub(super) fees: BaseFeeParams,
    pub(super) genesis: GenesisSection,
    #[serde(default)]
    pub(super) l1: L1Config,
    pub(super) rollup: Option<RollupParams>,
    pub(super) roles: Option<Roles>,
    pub(super) attestation: Option<AttestationParams>,
    pub(super) dev: Option<DevSection>,
}

/// `[forks]`: a profile, single times, or a profile with times of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForksSection {
    pub(super) profile: Option<Profile>,
    regolith_time: Option<u64>,
    canyon_time: Option<u64>,
    delta_time: Option<u64>,
    ecotone_time: Option<u64>,
    fjord_time: Option<u64>,
    granite_time: Option<u64>,
    holocene_time: Option<u64>,
    isthmus_time: Option<u64>,
    jovian_time: Option<u64>,
    karst_time: Option<u64>,
    attestation_time: Option<u64>,
}

impl ForksSection {
    pub(super) const fn times(&self) -> [(Fork, Option<u64>); 11] {
        [
            (Fork::Regolith, self.regolith_time),
            (Fork::Canyon, self.canyon_time),
            (Fork::Delta, self.delta_time),
            (Fork::Ecotone, self.ecotone_time),
            (Fork::Fjord, self.fjord_time),
            (Fork::Granite, self.granite_time),
            (Fork::Holocene, self.holocene_time),
            (Fork::Isthmus, self.isthmus_time),
            (Fork::Jovian, self.jovian_time),
            (Fork::Karst, self.karst_time),
            (Fork::Attestation, self.attestation_time),
        ]
    }
}

/// `[genesis]`: header fields that a chain chooses, and accounts from up to five sources.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GenesisSection {
    pub(super) timestamp: Option<u64>,
    pub(super) gas_limit: u64,
    pub(super) base_fee_wei: u64,
    pub(super) extra_data: Option<Bytes>,
    #[serde(default)]
    pub(super) mix_hash: B256,
    pub(super) coinbase: Option<Address>,
    #[serde(default)]
    pub(super) system_contracts: bool,
    #[serde(default)]
    pub(super) predeploys: bool,
    pub(super) alloc_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) alloc: BTreeMap<Address, AccountFields>,
}

/// `[dev]`: accounts whose keys everybody knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DevSection {
    #[serde(deserialize_with = "deserialize_wei")]
    pub(super) balance_wei: U256,
    #[serde(default, deserialize_with = "deserialize_wei")]
    pub(super) pha: U256,
    pub(super) accounts: Vec<DevAccount>,
}
