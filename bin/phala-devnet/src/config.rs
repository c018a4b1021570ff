use std::{path::PathBuf, time::Duration};

use phala_chainspec::Profile;
use phala_genesis::ChainTemplate;

use crate::{DevnetError, ports::claim};

/// A devnet as it should be. The default is what `make devnet` runs, on free ports.
#[derive(Clone, Debug)]
pub struct DevnetConfig {
    /// Folder of everything; a temporary one if absent.
    pub dir: Option<PathBuf>,
    /// Whether the folder stays when the devnet ends.
    pub keep: bool,
    /// The chain, before its contracts are deployed.
    pub template: ChainTemplate,
    /// Forks at genesis instead of the template's.
    pub profile: Option<Profile>,
    /// Seconds between L2 blocks instead of the template's.
    pub l2_block_time_secs: Option<u64>,
    /// When L1 blocks come, once the contracts are deployed.
    pub l1_mining: L1Mining,
    /// Rules of L1, as anvil calls them.
    pub l1_hardfork: String,
    /// `safe` on L1 is so many blocks behind the head, `finalized` twice as many.
    pub l1_epoch_slots: u64,
    /// Depth at which an L1 block becomes an origin.
    pub sequencer_l1_confs: u64,
    /// How batches are posted.
    pub da_type: DaType,
    /// L1 blocks a channel stays open.
    pub max_channel_duration: u64,
    /// More arguments for the sequencer.
    pub sequencer_arguments: Vec<String>,
    /// More arguments for the follower.
    pub follower_arguments: Vec<String>,
    /// More arguments for the batcher.
    pub batcher_arguments: Vec<String>,
    /// Whether there is a batcher from the start.
    pub batcher: bool,
    /// Whether there is a follower from the start.
    pub follower: bool,
    /// Where everything listens; 0 is any free port.
    pub ports: Ports,
    /// anvil, if it is not where it usually is.
    pub anvil: Option<PathBuf>,
}

/// When L1 blocks come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Mining {
    /// One every so often, by the clock.
    Every(Duration),
    /// When [`crate::Anvil::mine`] is called; each is so many seconds after its parent.
    OnDemand {
        /// Seconds from a block to the next.
        step_secs: u64,
    },
}

/// How batches are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaType {
    /// As blobs.
    Blobs,
    /// As calldata.
    Calldata,
    /// As what costs less.
    Auto,
}

impl DaType {
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Calldata => "calldata",
            Self::Auto => "auto",
        }
    }
}

impl std::str::FromStr for DaType {
    type Err = DevnetError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "blobs" => Ok(Self::Blobs),
            "calldata" => Ok(Self::Calldata),
            "auto" => Ok(Self::Auto),
            _ => Err(DevnetError::Config("data is posted as blobs, calldata or auto")),
        }
    }
}

/// Ports of everything that listens. WebSocket, Engine API and metrics of a node follow its HTTP port,
/// metrics of the batcher its RPC port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// anvil.
    pub l1: u16,
    /// The beacon helper.
    pub beacon: u16,
    /// The sequencer's RPC.
    pub sequencer: u16,
    /// The follower's RPC.
    pub follower: u16,
    /// The batcher's RPC.
    pub batcher: u16,
}

impl Ports {
    /// What `make devnet` uses.
    pub const USUAL: Self =
        Self { l1: 8545, beacon: 5052, sequencer: 9545, follower: 9645, batcher: 8548 };
}

/// Ports of one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodePorts {
    pub(crate) http: u16,
    pub(crate) ws: u16,
    pub(crate) engine: u16,
    pub(crate) metrics: u16,
}

impl NodePorts {
    pub(crate) fn claim(
        first: u16,
        user: &'static str,
        flag: &'static str,
    ) -> Result<Self, DevnetError> {
        let port = |offset: u16| {
            claim(if first == 0 { 0 } else { first.saturating_add(offset) }, user, flag)
        };
        Ok(Self { http: port(0)?, ws: port(1)?, engine: port(2)?, metrics: port(3)? })
    }
}

impl Default for DevnetConfig {
    fn default() -> Self {
        Self {
            dir: None,
            keep: false,
            template: ChainTemplate::dev(),
            profile: None,
            l2_block_time_secs: None,
            l1_mining: L1Mining::Every(Duration::from_secs(6)),
            l1_hardfork: "prague".to_owned(),
            l1_epoch_slots: 2,
            sequencer_l1_confs: 1,
            da_type: DaType::Blobs,
            max_channel_duration: 2,
            sequencer_arguments: Vec::new(),
            follower_arguments: Vec::new(),
            batcher_arguments: Vec::new(),
            batcher: true,
            follower: true,
            ports: Ports::default(),
            anvil: None,
        }
    }
}

impl DevnetConfig {
    /// The template with what this configuration changes of it.
    pub(crate) fn chain(&self) -> Result<ChainTemplate, DevnetError> {
        let mut template = self.template.clone();
        if let Some(seconds) = self.l2_block_time_secs {
            let seconds = i64::try_from(seconds)
                .map_err(|_| DevnetError::Config("the L2 block time is too long"))?;
            template = template.set("block_time_secs", seconds)?;
        }
        match self.profile {
            Some(profile) => Ok(template.with_profile(profile)?),
            None => Ok(template),
        }
    }

    pub(crate) fn ensure_sensible(&self) -> Result<(), DevnetError> {
        let step = match self.l1_mining {
            L1Mining::Every(interval) if interval.subsec_nanos() != 0 => {
                return Err(DevnetError::Config("the L1 block time is a whole number of seconds"));
            }
            L1Mining::Every(interval) => interval.as_secs(),
            L1Mining::OnDemand { step_secs } => step_secs,
        };
        if step == 0 {
            return Err(DevnetError::Config("L1 blocks are at least a second apart"));
        }
        Ok(())
    }
}
