use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::{ChainSpec, DevAccount};
use phala_genesis::{
    ChainFiles, DeployConfig, GenesisError, L1Deployment, L1Roles, deploy, write_chain_files,
};
use url::Url;

use crate::{
    Anvil, AnvilConfig, BeaconHelper, DevnetConfig, DevnetError, L1Mining, Programs, Service,
    config::NodePorts,
    folder::{Folder, file_error},
    parts::{Parts, local},
    ports::claim,
    state_file::{DevnetAccount, DevnetState, DevnetUrls},
};

/// L1 blocks come so fast while contracts are deployed.
const DEPLOYMENT_INTERVAL: Duration = Duration::from_secs(1);

/// Time for all children together to end.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Seconds until a proven withdrawal can be finalized, on a chain made to be tried out.
const FINALIZATION_PERIOD_SECS: u64 = 12;

/// What the accounts of the development chain do here; the rest are users.
const ROLES: [&str; 5] = ["owner", "batcher", "sequencer", "proposer", "challenger"];

/// A running devnet. Everything ends with this value.
#[derive(Debug)]
pub struct Devnet {
    /// Makes blocks.
    pub sequencer: Service,
    /// Posts them to L1.
    pub batcher: Service,
    /// Derives them from L1, and knows nothing else.
    pub follower: Service,
    /// L1.
    pub anvil: Anvil,
    /// The beacon API of L1.
    pub beacon: BeaconHelper,
    /// The chain.
    pub files: ChainFiles,
    /// What is on L1.
    pub deployment: L1Deployment,
    state: DevnetState,
    /// Last: what children write to is there until they have ended.
    folder: Folder,
}

impl Devnet {
    /// Starts L1, deploys, starts the nodes and the batcher, and waits until all of it answers.
    pub async fn start(config: &DevnetConfig) -> Result<Self, DevnetError> {
        config.ensure_sensible()?;
        let programs = Programs::find(config.anvil.as_deref())?;
        let ports = &config.ports;
        let l1_port = claim(ports.l1, "L1", "--l1-port")?;
        let beacon_port = claim(ports.beacon, "the beacon API", "--beacon-port")?;
        let sequencer_ports =
            NodePorts::claim(ports.sequencer, "the sequencer", "--sequencer-port")?;
        let follower_ports = NodePorts::claim(ports.follower, "the follower", "--follower-port")?;
        let batcher_port = claim(ports.batcher, "the batcher", "--batcher-port")?;
        let folder = Folder::prepare(config.dir.as_deref(), config.keep)?;
        let logs = folder.make("logs")?;

        let template = config.chain()?;
        let anvil_config = AnvilConfig {
            program: programs.anvil.clone(),
            port: l1_port,
            hardfork: config.l1_hardfork.clone(),
            slots_in_an_epoch: config.l1_epoch_slots,
            chain_id: template.spec()?.l1_chain_id,
        };
        let anvil = Anvil::start(&anvil_config, &logs.join("anvil.log")).await?;
        let beacon = BeaconHelper::start(anvil.rpc(), beacon_port)?;
        let keys = keys(&template.spec()?)?;
        let deploy_config = DeployConfig {
            rpc: anvil.rpc().clone(),
            signer: signer(keys[0].key)?,
            template,
            roles: L1Roles {
                owner: keys[0].address,
                unsafe_block_signer: keys[2].address,
                proposer: keys[3].address,
                challenger: keys[4].address,
            },
            finalization_period_secs: FINALIZATION_PERIOD_SECS,
            anchor_depth: 0,
            folder: folder.path().to_owned(),
        };
        anvil.set_interval(Some(DEPLOYMENT_INTERVAL)).await?;
        let deployment = deploy(&deploy_config).await?;
        set_mining(&anvil, config.l1_mining).await?;
        let files = write_chain_files(&deploy_config.template, &deployment, folder.path())?;

        let parts = Parts { config, programs: &programs, folder: &folder, logs: &logs };
        let urls = |url: &Url| url.to_string();
        let l1 =
            ["--l1".to_owned(), urls(anvil.url()), "--l1.beacon".to_owned(), urls(beacon.url())];
        let sequencer = parts.sequencer(&files, &l1, sequencer_ports)?;
        let follower = parts.follower(&files, &l1, follower_ports)?;
        let batcher = parts.batcher(anvil.url(), sequencer.url(), batcher_port, &keys)?;
        let state = DevnetState {
            urls: DevnetUrls {
                l1: anvil.url().clone(),
                l1_beacon: beacon.url().clone(),
                sequencer: sequencer.url().clone(),
                sequencer_ws: local("ws", sequencer_ports.ws),
                follower: follower.url().clone(),
                follower_ws: local("ws", follower_ports.ws),
                batcher: batcher.url().clone(),
            },
            l1_chain_id: deployment.l1_chain_id,
            l2_chain_id: files.spec.chain_id,
            chain_file: files.chain.clone(),
            genesis_file: files.genesis.clone(),
            rollup_file: files.rollup.clone(),
            genesis_hash: files.genesis_hash,
            l1_contracts: deployment.addresses,
            batch_inbox: batch_inbox(&files.spec),
            accounts: accounts(&keys),
            log_dir: logs.clone(),
            process_ids: Default::default(),
        };
        let mut devnet =
            Self { sequencer, batcher, follower, anvil, beacon, files, deployment, state, folder };
        devnet.sequencer.launch()?;
        if config.follower {
            devnet.follower.launch()?;
        }
        devnet.sequencer.wait_until_ready().await?;
        if config.batcher {
            devnet.batcher.start().await?;
        }
        if config.follower {
            devnet.follower.wait_until_ready().await?;
        }
        devnet.write_state()?;
        Ok(devnet)
    }

    /// What `state.json` says, with the processes of now.
    pub fn state(&self) -> DevnetState {
        let services = [&self.sequencer, &self.batcher, &self.follower];
        let ids = services.into_iter().filter_map(|one| Some((one.name().to_owned(), one.id()?)));
        let own =
            [("devnet".to_owned(), std::process::id()), ("anvil".to_owned(), self.anvil.id())];
        DevnetState { process_ids: ids.chain(own).collect(), ..self.state.clone() }
    }

    /// Writes `state.json` anew.
    pub fn write_state(&self) -> Result<(), DevnetError> {
        let path = self.state_file();
        let text = serde_json::to_string_pretty(&self.state()).expect("plain fields");
        fs::write(&path, text + "\n").map_err(|source| file_error(&path, source))
    }

    /// Where it is.
    pub fn state_file(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    /// Folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An error if anything that should run has ended.
    pub fn ensure_alive(&mut self) -> Result<(), DevnetError> {
        self.anvil.ensure_alive()?;
        self.sequencer.ensure_alive()?;
        self.batcher.ensure_alive()?;
        self.follower.ensure_alive()
    }

    /// Key of an account by its role: `owner`, `batcher`, `sequencer`, `proposer`, `challenger`, or
    /// `user 1` and so on.
    pub fn key(&self, role: &str) -> Option<B256> {
        self.state.accounts.iter().find(|account| account.role == role).map(|account| account.key)
    }

    /// Ends everything, in a few seconds at most. Dropping does the same.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let deadline = Instant::now() + STOP_PATIENCE;
        let mut services = [&mut self.batcher, &mut self.follower, &mut self.sequencer];
        for service in &mut services {
            service.terminate();
        }
        for service in services {
            let left = deadline.saturating_duration_since(Instant::now());
            if !service.finish(left) {
                tracing::warn!(name = service.name(), "had to be killed");
            }
        }
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.end();
    }
}

async fn set_mining(anvil: &Anvil, mining: L1Mining) -> Result<(), DevnetError> {
    match mining {
        L1Mining::OnDemand { step_secs } => {
            anvil.set_interval(None).await?;
            anvil.set_time_step(step_secs).await
        }
        L1Mining::Every(interval) => {
            // By the clock, two blocks a second apart can have the same time.
            if interval.as_secs() == 1 {
                anvil.set_time_step(1).await?;
            }
            anvil.set_interval(Some(interval)).await
        }
    }
}

/// The development accounts, of which each role needs one.
fn keys(spec: &ChainSpec) -> Result<Vec<DevAccount>, DevnetError> {
    let named = &spec.dev_accounts;
    let accounts = if named.is_empty() { ChainSpec::dev().dev_accounts } else { named.clone() };
    if accounts.len() < ROLES.len() {
        return Err(DevnetError::Config("the chain file needs five development accounts"));
    }
    Ok(accounts)
}

fn accounts(keys: &[DevAccount]) -> Vec<DevnetAccount> {
    let role = |at: usize| match ROLES.get(at) {
        Some(role) => (*role).to_owned(),
        None => format!("user {}", at + 1 - ROLES.len()),
    };
    let account = |(at, DevAccount { address, key }): (usize, &DevAccount)| DevnetAccount {
        role: role(at),
        address: *address,
        key: *key,
    };
    keys.iter().enumerate().map(account).collect()
}

fn signer(key: B256) -> Result<PrivateKeySigner, DevnetError> {
    PrivateKeySigner::from_bytes(&key).map_err(|error| GenesisError::Key(error.to_string()).into())
}

fn batch_inbox(spec: &ChainSpec) -> alloy_primitives::Address {
    spec.rollup.as_ref().map(|rollup| rollup.batch_inbox_address).unwrap_or_default()
}
