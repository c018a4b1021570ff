use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_op_hardforks::{OpHardfork, OpHardforks};
use alloy_primitives::B256;
use phala_primitives::Header;

use crate::{
    BaseFeeParams, ChainSpecError, DevAccount, ExtraData, Fork, Forks, Genesis, L1Config, Profile,
    Roles, RollupParams,
    chain_file::read_chain_file,
    genesis_json::{read_genesis_json, to_value},
    predeploys::update_oracle,
};

const DEV: &str = include_str!("../../../chainspec/dev.toml");
const TESTNET: &str = include_str!("../../../chainspec/testnet.toml");
const MAINNET: &str = include_str!("../../../chainspec/mainnet.toml");

/// Longest chain file that is read; accounts in bulk belong in an alloc file.
const CHAIN_FILE_LEN_MAX: u64 = 16 << 20;

/// One network: everything two nodes must agree on before they exchange a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    /// Name of the network.
    pub name: String,
    /// Chain id in transactions.
    pub chain_id: u64,
    /// Chain id of L1; 0 where a genesis JSON did not say.
    pub l1_chain_id: u64,
    /// Which rules are active when.
    pub forks: Forks,
    /// EIP-1559 constants.
    pub fees: BaseFeeParams,
    /// Seconds from one block to the next.
    pub block_time_secs: u64,
    /// Block 0.
    pub genesis: Genesis,
    /// How the chain is derived from L1, where it is.
    pub rollup: Option<RollupParams>,
    /// The L1 chain's own configuration.
    pub l1: L1Config,
    /// Who holds the keys of the predeploys.
    pub roles: Option<Roles>,
    /// Funded accounts with public keys; only on development chains.
    pub dev_accounts: Vec<DevAccount>,
    /// Keys that a public network needs and its chain file lacks.
    pub(crate) missing: Vec<&'static str>,
}

impl ChainSpec {
    /// Loads `dev`, `testnet`, `mainnet`, or a file: a chain file (TOML) or a genesis JSON.
    pub fn load(name_or_path: &str) -> Result<Self, ChainSpecError> {
        match name_or_path {
            "dev" => Ok(Self::dev()),
            "testnet" => read_chain_file(TESTNET, None),
            "mainnet" => read_chain_file(MAINNET, None),
            path => Self::load_file(Path::new(path)),
        }
    }

    fn load_file(path: &Path) -> Result<Self, ChainSpecError> {
        let io_error = |source| ChainSpecError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ChainSpecError::UnknownChain(path.display().to_string()),
            _ => io_error(source),
        })?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let first = reader.fill_buf().map_err(io_error)?.trim_ascii_start().first().copied();
        if first == Some(b'{') {
            return Self::from_genesis_json(reader);
        }
        let mut text = String::new();
        let read = reader.take(CHAIN_FILE_LEN_MAX + 1).read_to_string(&mut text);
        if u64::try_from(read.map_err(io_error)?).is_ok_and(|len| len > CHAIN_FILE_LEN_MAX) {
            return Err(ChainSpecError::invalid(
                path.display().to_string(),
                format!("longer than {CHAIN_FILE_LEN_MAX} bytes"),
            ));
        }
        Self::from_toml(&text, path.parent())
    }

    /// Reads a chain file. `folder` is where a relative `genesis.alloc_file` is looked for.
    pub fn from_toml(text: &str, folder: Option<&Path>) -> Result<Self, ChainSpecError> {
        read_chain_file(text, folder)
    }

    /// Reads a geth-style genesis JSON with its alloc in memory; [`read_genesis_json`] streams it.
    pub fn from_genesis_json(reader: impl io::Read) -> Result<Self, ChainSpecError> {
        let mut alloc = std::collections::BTreeMap::new();
        let mut duplicate = None;
        let spec = read_genesis_json(reader, &mut |address, account| {
            if alloc.insert(address, account).is_some() {
                duplicate = Some(address);
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Ok(())
        });
        if let Some(address) = duplicate {
            return Err(ChainSpecError::DuplicateAccount(address));
        }
        let mut spec = spec?;
        spec.genesis.alloc = alloc;
        Ok(spec)
    }

    /// The genesis as other execution clients read it; [`crate::write_genesis_json`] streams it.
    pub fn to_genesis_json(&self) -> serde_json::Value {
        to_value(self)
    }

    /// The built-in development chain, with every fork.
    pub fn dev() -> Self {
        read_chain_file(DEV, None).expect("the built-in development chain is valid")
    }

    /// The same chain with the forks of `profile`, the genesis extra data in their format, and the
    /// gas price oracle, if it is a predeploy, set to them.
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.forks = Forks::profile(profile);
        let given = ExtraData::decode(&self.genesis.extra_data).unwrap_or(ExtraData {
            denominator: self.fees.denominator_canyon,
            elasticity: self.fees.elasticity,
            min_base_fee: None,
        });
        let jovian = self.is_fork_active(Fork::Jovian, self.genesis.timestamp);
        let min_base_fee = jovian.then(|| given.min_base_fee.unwrap_or(0));
        self.genesis.extra_data = ExtraData { min_base_fee, ..given }.encode();
        update_oracle(&mut self.genesis.alloc, &self.forks, self.genesis.timestamp);
        self
    }

    /// The genesis header. `message_passer_root` is the storage root of
    /// [`crate::addresses::L2_TO_L1_MESSAGE_PASSER`] and only matters from Isthmus on.
    pub fn genesis_header(&self, state_root: B256, message_passer_root: B256) -> Header {
        self.genesis.header(&self.forks, state_root, message_passer_root)
    }

    /// Whether a fork's rules hold for a block of this timestamp.
    pub const fn is_fork_active(&self, fork: Fork, timestamp: u64) -> bool {
        self.forks.is_active(fork, timestamp)
    }

    /// The fork whose L1-attributes format a block of this timestamp has: the block in which a fork
    /// activates still has the format before it, since the new setter is deployed within it.
    pub fn l1_attributes_fork(&self, timestamp: u64) -> Fork {
        let newest = self.forks.newest(timestamp);
        let Some(before) = timestamp.checked_sub(self.block_time_secs) else {
            return newest;
        };
        // Regolith changes the deposit's gas, which needs no new contract.
        self.forks.newest(before).max(newest.min(Fork::Regolith))
    }
}

impl EthereumHardforks for ChainSpec {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        self.forks.ethereum_fork_activation(fork)
    }
}

impl OpHardforks for ChainSpec {
    fn op_fork_activation(&self, fork: OpHardfork) -> ForkCondition {
        self.forks.op_fork_activation(fork)
    }
}
