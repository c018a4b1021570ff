#![doc = include_str!("../README.md")]

pub mod addresses;
mod attestation;
mod base_fee;
mod blob_schedule;
mod chain_file;
mod chain_spec;
mod da_footprint;
mod deposit;
mod error;
mod extra_data;
mod forks;
mod genesis;
mod genesis_json;
mod l1_attributes;
mod output_root;
mod payload_id;
mod predeploys;
mod quantity;
mod roles;
mod rollup_json;
mod rollup_params;
mod system_config;
mod validation;

pub use attestation::{AttestationParams, ClassBond};
pub use base_fee::{BaseFeeParams, next_base_fee, next_base_fee_at};
pub use blob_schedule::{BlobScheduleEntry, L1Config, blob_base_fee};
pub use chain_spec::ChainSpec;
pub use da_footprint::{DEFAULT_DA_FOOTPRINT_GAS_SCALAR, da_footprint, da_usage};
pub use deposit::{
    DEPOSIT_EVENT, DepositLog, alias_l1_address, decode_user_deposit, l1_info_source_hash,
    upgrade_source_hash, user_deposit_source_hash,
};
pub use error::{ChainSpecError, DepositError, HeaderError};
pub use extra_data::{ExtraData, resolve_eip1559_params};
pub use forks::{Fork, Forks, Profile};
pub use genesis::{Genesis, GenesisAccount};
pub use genesis_json::{read_genesis_json, write_genesis_json};
pub use l1_attributes::{L1Attributes, L1AttributesFormat};
pub use output_root::output_root;
pub use payload_id::{PayloadIdInput, payload_id};
pub use roles::{DevAccount, FeeVault, Roles, WithdrawalNetwork};
pub use rollup_json::{ChainOpConfig, RollupGenesis, RollupJson, RollupSystemConfig};
pub use rollup_params::{L1Anchor, L1Contracts, RollupParams};
pub use system_config::{FeeScalars, SystemConfig};
