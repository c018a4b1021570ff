use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::{L1Anchor, L1Contracts, SystemConfig};

use crate::{
    ChainTemplate, DeploymentPlan, GenesisError, L1Addresses, L1Rpc,
    anchor::{choose_anchor, ensure_canonical},
    deployer::Deployer,
    deployment_plan::PlanParams,
    progress_file::{FILE_NAME, Progress},
    read_back::{read_back, read_system_config},
};

/// What a deployment needs to know.
#[derive(Debug)]
pub struct DeployConfig {
    /// The L1 endpoint.
    pub rpc: L1Rpc,
    /// The account that pays; it keeps no rights unless it is one of the roles.
    pub signer: PrivateKeySigner,
    /// The chain to be.
    pub template: ChainTemplate,
    /// Who may do what on L1.
    pub roles: L1Roles,
    /// Seconds between a proven output and the withdrawals it allows.
    pub finalization_period_secs: u64,
    /// L1 blocks on top of the anchor before it is taken for certain.
    pub anchor_depth: u64,
    /// Where files go; it is created.
    pub folder: PathBuf,
}

/// Holders of rights on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Roles {
    /// Upgrades contracts, changes the system config, and may pause.
    pub owner: Address,
    /// Signs gossiped blocks.
    pub unsafe_block_signer: Address,
    /// Proposes outputs.
    pub proposer: Address,
    /// Removes wrong outputs.
    pub challenger: Address,
}

impl L1Roles {
    /// All rights to one account.
    pub const fn all(holder: Address) -> Self {
        Self { owner: holder, unsafe_block_signer: holder, proposer: holder, challenger: holder }
    }
}

/// What a deployment was.
#[derive(Clone, Debug)]
pub struct L1Deployment {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Who sent it.
    pub deployer: Address,
    /// The contracts.
    pub addresses: L1Addresses,
    /// The L1 block the chain starts after.
    pub anchor: L1Anchor,
    /// Its time: that of the L2 genesis.
    pub anchor_time: u64,
    /// What `SystemConfig` says at the anchor.
    pub system_config: SystemConfig,
}

impl L1Deployment {
    /// The contracts as a chain file names them.
    pub const fn l1_contracts(&self) -> L1Contracts {
        let at = &self.addresses;
        L1Contracts {
            deposit_contract: at.optimism_portal,
            system_config: at.system_config,
            protocol_versions: at.protocol_versions,
            superchain_config: Some(at.superchain_config),
            cross_domain_messenger: Some(at.l1_cross_domain_messenger),
            standard_bridge: Some(at.l1_standard_bridge),
            erc721_bridge: Some(at.l1_erc721_bridge),
        }
    }
}

/// Deploys the L1 side of a chain, or continues a deployment that was interrupted, and reads it back.
pub async fn deploy(config: &DeployConfig) -> Result<L1Deployment, GenesisError> {
    let spec = config.template.spec()?;
    let system_config = config.template.system_config(&spec)?;
    let rollup = spec.rollup.as_ref().expect("it holds the system config");
    let params = PlanParams {
        l2_chain_id: spec.chain_id,
        l2_block_time_secs: spec.block_time_secs,
        batch_inbox: rollup.batch_inbox_address,
        system_config: system_config.clone(),
        roles: config.roles,
        finalization_period_secs: config.finalization_period_secs,
    };
    std::fs::create_dir_all(&config.folder)
        .map_err(|source| GenesisError::Write { path: config.folder.clone(), source })?;
    let rpc = &config.rpc;
    let l1_chain_id = rpc.chain_id().await?;
    let (mut progress, plan) = begin(config, l1_chain_id, params).await?;
    let deployer = Deployer::new(rpc, &config.signer, l1_chain_id);
    deployer.run(&plan.steps, plan.first_nonce).await?;

    let anchor = match progress.anchor {
        Some(anchor) => anchor,
        None => {
            let anchor = choose_anchor(rpc, config.anchor_depth).await?;
            progress.anchor = Some(anchor);
            progress.write(&config.folder)?;
            anchor
        }
    };
    let after = plan.first_nonce + plan.steps.len() as u64;
    deployer.run(&plan.final_steps(anchor.timestamp), after).await?;
    ensure_canonical(rpc, &anchor).await?;
    let latest = rpc.block("latest").await?;
    read_back(rpc, &plan, anchor.timestamp, latest.hash).await?;
    let found = read_system_config(rpc, plan.addresses.system_config, anchor.hash).await?;
    crate::read_back::ensure_equal("system config at the anchor", &found, &system_config)?;
    tracing::info!(anchor = anchor.number, hash = %anchor.hash, "deployed and read back");
    Ok(L1Deployment {
        l1_chain_id,
        deployer: plan.deployer,
        addresses: plan.addresses,
        anchor: L1Anchor { number: anchor.number, hash: anchor.hash },
        anchor_time: anchor.timestamp,
        system_config: found,
    })
}

/// The plan, and the file that makes it the plan of later runs too.
async fn begin(
    config: &DeployConfig,
    l1_chain_id: u64,
    params: PlanParams,
) -> Result<(Progress, DeploymentPlan), GenesisError> {
    let (rpc, deployer) = (&config.rpc, config.signer.address());
    let l1_genesis = rpc.block("earliest").await?.hash;
    let nonce = rpc.nonce(deployer).await?;
    let Some(progress) = Progress::read(&config.folder)? else {
        let plan = DeploymentPlan::new(deployer, nonce, params);
        let progress = Progress {
            l1_chain_id,
            l1_genesis,
            deployer,
            first_nonce: nonce,
            plan: plan.hash(),
            anchor: None,
        };
        progress.write(&config.folder)?;
        tracing::info!(
            %deployer,
            first_nonce = nonce,
            transactions = plan.steps.len(),
            gas_limit = plan.gas_limit(),
            "deploying to l1"
        );
        return Ok((progress, plan));
    };
    let plan = DeploymentPlan::new(deployer, progress.first_nonce, params);
    let expected = Progress { l1_chain_id, l1_genesis, deployer, plan: plan.hash(), ..progress };
    ensure_same(&progress, &expected, &config.folder)?;
    tracing::info!(%deployer, first_nonce = progress.first_nonce, "continuing a deployment");
    Ok((progress, plan))
}

/// Refuses to continue what another configuration began.
fn ensure_same(written: &Progress, expected: &Progress, folder: &Path) -> Result<(), GenesisError> {
    let differs = if written.l1_chain_id != expected.l1_chain_id {
        Some(format!("l1 chain {}, not {}", written.l1_chain_id, expected.l1_chain_id))
    } else if written.l1_genesis != expected.l1_genesis {
        Some(format!("an l1 with genesis {}, not {}", written.l1_genesis, expected.l1_genesis))
    } else if written.deployer != expected.deployer {
        Some(format!("deployer {}, not {}", written.deployer, expected.deployer))
    } else {
        (written.plan != expected.plan).then(|| "other parameters".to_owned())
    };
    differs.map_or(Ok(()), |what| {
        Err(GenesisError::OtherDeployment {
            path: folder.join(FILE_NAME),
            reason: format!("is of {what}: use another folder, or remove the file"),
        })
    })
}
