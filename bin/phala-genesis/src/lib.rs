#![doc = include_str!("../README.md")]

mod anchor;
mod artifacts;
mod chain_files;
mod chain_template;
mod contracts;
mod deployer;
mod deployment;
mod deployment_plan;
mod error;
mod genesis_hash;
mod l1_addresses;
mod l1_rpc;
mod progress_file;
mod read_back;

pub use chain_files::{ChainFiles, write_chain_files};
pub use chain_template::ChainTemplate;
pub use contracts::{IOptimismPortal, ISystemConfig};
pub use deployment::{DeployConfig, L1Deployment, L1Roles, deploy};
pub use deployment_plan::DeploymentPlan;
pub use error::GenesisError;
pub use genesis_hash::genesis_hash;
pub use l1_addresses::L1Addresses;
pub use l1_rpc::{L1Receipt, L1Rpc, L1Tip};
