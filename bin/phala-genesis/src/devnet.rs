use std::{fs, io::Write as _, path::PathBuf};

use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use clap::Args;
use eyre::WrapErr as _;
use phala_chainspec::Profile;
use phala_genesis::{
    ChainFiles, ChainTemplate, DeployConfig, L1Deployment, L1Roles, L1Rpc, deploy,
    write_chain_files,
};
use url::Url;

/// Flags of `phala-genesis devnet`.
#[derive(Args, Debug)]
pub(crate) struct DevnetFlags {
    /// L1 endpoint.
    #[arg(long, value_name = "URL")]
    l1: Url,
    /// Chain file to complete: dev or a path.
    #[arg(long, value_name = "CHAIN", default_value = "dev")]
    chain: String,
    /// Forks at genesis instead of the chain file's: isthmus, jovian or karst.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// File with the deployer's private key, 64 hex digits, readable by nobody else.
    #[arg(long, value_name = "FILE", required_unless_present = "dev_key")]
    key_file: Option<PathBuf>,
    /// Deploy with the first development account, whose key everybody knows.
    #[arg(long, conflicts_with = "key_file")]
    dev_key: bool,
    /// Folder for the files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Account that owns the contracts [default: the deployer].
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<Address>,
    /// Account that signs gossiped blocks [default: the owner].
    #[arg(long, value_name = "ADDRESS")]
    unsafe_block_signer: Option<Address>,
    /// Account that proposes outputs [default: the owner].
    #[arg(long, value_name = "ADDRESS")]
    proposer: Option<Address>,
    /// Account that removes wrong outputs [default: the owner].
    #[arg(long, value_name = "ADDRESS")]
    challenger: Option<Address>,
    /// Seconds between a proposed output and the withdrawals it allows.
    #[arg(long, value_name = "SECONDS", default_value_t = 12)]
    finalization_period: u64,
    /// L1 blocks on top of the anchor before it is taken.
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    anchor_depth: u64,
}

/// Deploys a chain and writes its files.
pub(crate) fn devnet(flags: DevnetFlags) -> eyre::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(deploy_chain(flags))
}

async fn deploy_chain(flags: DevnetFlags) -> eyre::Result<()> {
    let signer = signer(&flags)?;
    let mut template = ChainTemplate::load(&flags.chain)?;
    if let Some(profile) = flags.profile {
        template = template.with_profile(profile)?;
    }
    let owner = flags.owner.unwrap_or_else(|| signer.address());
    let config = DeployConfig {
        rpc: L1Rpc::new(flags.l1),
        signer,
        template,
        roles: L1Roles {
            owner,
            unsafe_block_signer: flags.unsafe_block_signer.unwrap_or(owner),
            proposer: flags.proposer.unwrap_or(owner),
            challenger: flags.challenger.unwrap_or(owner),
        },
        finalization_period_secs: flags.finalization_period,
        anchor_depth: flags.anchor_depth,
        folder: flags.out,
    };
    let deployment = deploy(&config).await?;
    let files = write_chain_files(&config.template, &deployment, &config.folder)?;
    print(&deployment, &files).wrap_err("cannot write to standard output")
}

fn signer(flags: &DevnetFlags) -> eyre::Result<PrivateKeySigner> {
    let key = match &flags.key_file {
        Some(path) => {
            ensure_private(path)?;
            let text = fs::read_to_string(path)
                .wrap_err_with(|| format!("cannot read {}", path.display()))?;
            text.trim().parse().map_err(|_| eyre::eyre!("{} is no key", path.display()))?
        }
        None => first_dev_key()?,
    };
    PrivateKeySigner::from_bytes(&key).wrap_err("the deployer's key is not on the curve")
}

fn first_dev_key() -> eyre::Result<B256> {
    let spec = phala_chainspec::ChainSpec::dev();
    let account = spec.dev_accounts.first();
    account.map(|account| account.key).ok_or_else(|| eyre::eyre!("no development accounts"))
}

/// A key that others can read is a key that others have.
fn ensure_private(path: &std::path::Path) -> eyre::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .wrap_err_with(|| format!("cannot read {}", path.display()))?
        .permissions()
        .mode();
    eyre::ensure!(
        mode & 0o077 == 0,
        "{} can be read by others (mode {:o}): chmod 600 it",
        path.display(),
        mode & 0o777
    );
    Ok(())
}

fn print(deployment: &L1Deployment, files: &ChainFiles) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let at = &deployment.addresses;
    writeln!(out, "l1 chain            {}", deployment.l1_chain_id)?;
    writeln!(out, "deployer            {}", deployment.deployer)?;
    for (name, address) in [
        ("OptimismPortal", at.optimism_portal),
        ("SystemConfig", at.system_config),
        ("L2OutputOracle", at.l2_output_oracle),
        ("L1 messenger", at.l1_cross_domain_messenger),
        ("L1StandardBridge", at.l1_standard_bridge),
        ("L1ERC721Bridge", at.l1_erc721_bridge),
        ("ProxyAdmin", at.proxy_admin),
        ("SuperchainConfig", at.superchain_config),
        ("ProtocolVersions", at.protocol_versions),
    ] {
        writeln!(out, "{name:<19} {address}")?;
    }
    writeln!(out, "anchor              {} {}", deployment.anchor.number, deployment.anchor.hash)?;
    writeln!(out, "l2 chain            {} {}", files.spec.chain_id, files.spec.name)?;
    writeln!(out, "l2 genesis          {}", files.genesis_hash)?;
    let rollups = files.rollup_of.iter().map(|(_, path)| path);
    for path in [&files.chain, &files.genesis, &files.rollup].into_iter().chain(rollups) {
        writeln!(out, "wrote               {}", path.display())?;
    }
    Ok(())
}
