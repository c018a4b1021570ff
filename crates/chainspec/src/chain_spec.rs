use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_op_hardforks::{OpHardfork, OpHardforks};
use alloy_primitives::{Address, B256, U256};
use phala_primitives::Header;
use serde::Deserialize;

use crate::{
    BaseFeeParams, ChainSpecError, ExtraData, Fork, Forks, Genesis, L1Config, Profile,
    RollupParams,
    chain_file::read_chain_file,
    genesis_json::{read_genesis_json, to_value},
    quantity::deserialize_wei,
};

const TESTNET_CHAIN_ID: u64 = 20_350_002;
const MAINNET_CHAIN_ID: u64 = 20_350_001;

const DEV: &str = include_str!("../../../chainspec/dev.toml");
const TESTNET: &str = include_str!("../../../chainspec/testnet.toml");
const MAINNET: &str = include_str!("../../../chainspec/mainnet.toml");

/// Longest chain file that is read; accounts in bulk belong in an alloc file.
const CHAIN_FILE_LEN_MAX: u64 = 16 << 20;

/// Deposits of one L1 block (20 M) and the L1 attributes (1 M) must fit every block.
const GAS_LIMIT_MIN: u64 = 21_000_000;

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

/// Owners and recipients, which differ from chain to chain and have no default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Owner of the `ProxyAdmin` predeploy: can upgrade every predeploy.
    pub proxy_admin_owner: Address,
    /// Where priority fees go.
    pub sequencer_fee_vault: FeeVault,
    /// Where base fees go.
    pub base_fee_vault: FeeVault,
    /// Where L1 data fees go.
    pub l1_fee_vault: FeeVault,
    /// Where operator fees go.
    pub operator_fee_vault: FeeVault,
}

/// Who may be paid from a fee vault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeVault {
    /// The account that receives withdrawals.
    pub recipient: Address,
    /// The chain that account is on.
    pub network: WithdrawalNetwork,
    /// Smallest amount that can be withdrawn, in wei.
    #[serde(deserialize_with = "deserialize_wei")]
    pub min_withdrawal_wei: U256,
}

/// The chain a fee vault pays out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithdrawalNetwork {
    /// Through a withdrawal to L1.
    L1,
    /// Directly on this chain.
    L2,
}

/// An account everybody has the key of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevAccount {
    /// Address of the account.
    pub address: Address,
    /// Its secp256k1 private key.
    pub key: B256,
}

/// Whether a chain is public, so that its chain file must be complete and hold no test accounts.
pub(crate) const fn requires_everything(chain_id: u64) -> bool {
    matches!(chain_id, TESTNET_CHAIN_ID | MAINNET_CHAIN_ID)
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

    /// The same chain with the forks of `profile`, and the genesis extra data in their format.
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

    /// Whether this node can start the chain and store its blocks.
    pub fn ensure_startable(&self) -> Result<(), ChainSpecError> {
        if !self.missing.is_empty() {
            let (name, keys) = (self.name.clone(), self.missing.clone());
            return Err(ChainSpecError::NotReady { name, keys });
        }
        self.validate()?;
        if self.genesis.number != 0 {
            let reason = format!("{} is not 0", self.genesis.number);
            return Err(ChainSpecError::invalid("genesis.number", reason));
        }
        if !self.is_fork_active(Fork::Ecotone, self.genesis.timestamp) {
            return Err(ChainSpecError::invalid(
                "forks.ecotone_time",
                "must be active at genesis: only then no block can delete stored storage",
            ));
        }
        // The collision check of CREATE looks at code and nonce only.
        let unprotected = self.genesis.alloc.iter().find(|(_, account)| {
            !account.storage.is_empty() && account.code.is_empty() && account.nonce == 0
        });
        unprotected.map_or(Ok(()), |(address, _)| {
            Err(ChainSpecError::invalid(
                format!("genesis.alloc.{address}.storage"),
                "needs code or a nonce beside it",
            ))
        })
    }

    /// Everything that can be said without knowing where the values came from.
    pub(crate) fn validate(&self) -> Result<(), ChainSpecError> {
        let positive = [
            (self.chain_id, "chain_id"),
            (self.block_time_secs, "block_time_secs"),
            (self.fees.elasticity.into(), "fees.elasticity"),
            (self.fees.denominator.into(), "fees.denominator"),
            (self.fees.denominator_canyon.into(), "fees.denominator_canyon"),
        ];
        if let Some((_, key)) = positive.into_iter().find(|(value, _)| *value == 0) {
            return Err(ChainSpecError::invalid(key, "must not be 0"));
        }
        self.validate_genesis()?;
        self.validate_activations()?;
        self.validate_blob_schedule()?;
        self.validate_rollup()?;
        self.validate_dev_accounts()
    }

    fn validate_genesis(&self) -> Result<(), ChainSpecError> {
        let genesis = &self.genesis;
        if genesis.gas_limit < GAS_LIMIT_MIN {
            let reason = format!("{} is below {GAS_LIMIT_MIN}", genesis.gas_limit);
            return Err(ChainSpecError::invalid("genesis.gas_limit", reason));
        }
        ExtraData::decode_at(&self.forks, genesis.timestamp, &genesis.extra_data)
            .map(|_| ())
            .map_err(|error| ChainSpecError::invalid("genesis.extra_data", error.to_string()))
    }

    /// From Jovian on, two forks may not activate in one block after genesis; other verifiers refuse
    /// such a schedule too.
    fn validate_activations(&self) -> Result<(), ChainSpecError> {
        for (fork, before) in [(Fork::Jovian, Fork::Isthmus), (Fork::Karst, Fork::Jovian)] {
            let Some(time) = self.forks.time(fork).filter(|t| *t > self.genesis.timestamp) else {
                continue;
            };
            if self.forks.time(before) == Some(time) {
                return Err(ChainSpecError::invalid(
                    format!("forks.{fork}_time"),
                    format!("{time} is also the time of {before}, after genesis"),
                ));
            }
        }
        Ok(())
    }

    fn validate_blob_schedule(&self) -> Result<(), ChainSpecError> {
        let schedule = &self.l1.blob_schedule;
        let key = |field| format!("l1.blob_schedule.{field}");
        if let Some(entry) = schedule.iter().find(|entry| entry.base_fee_update_fraction == 0) {
            let reason = format!("is 0 for {}", entry.name);
            return Err(ChainSpecError::invalid(key("base_fee_update_fraction"), reason));
        }
        for pair in schedule.windows(2) {
            if let [earlier, later] = pair
                && later.time < earlier.time
            {
                let reason = format!("{} is before {}", later.name, earlier.name);
                return Err(ChainSpecError::invalid(key("time"), reason));
            }
        }
        Ok(())
    }

    fn validate_rollup(&self) -> Result<(), ChainSpecError> {
        let Some(rollup) = &self.rollup else {
            return Ok(());
        };
        let positive = [
            (rollup.seq_window_size, "rollup.seq_window_size"),
            (rollup.channel_timeout, "rollup.channel_timeout"),
            (rollup.granite_channel_timeout, "rollup.granite_channel_timeout"),
        ];
        if let Some((_, key)) = positive.into_iter().find(|(value, _)| *value == 0) {
            return Err(ChainSpecError::invalid(key, "must not be 0"));
        }
        let Some(config) = &rollup.system_config else {
            return Ok(());
        };
        if config.gas_limit != self.genesis.gas_limit {
            return Err(ChainSpecError::invalid(
                "rollup.system_config.gas_limit",
                format!("{} differs from genesis.gas_limit", config.gas_limit),
            ));
        }
        if (config.eip1559_denominator == 0) != (config.eip1559_elasticity == 0) {
            return Err(ChainSpecError::invalid(
                "rollup.system_config.eip1559_elasticity",
                "must be 0 if and only if eip1559_denominator is",
            ));
        }
        Ok(())
    }

    /// Everybody could take what a test account holds on a public network.
    fn validate_dev_accounts(&self) -> Result<(), ChainSpecError> {
        if !requires_everything(self.chain_id) {
            return Ok(());
        }
        if !self.dev_accounts.is_empty() {
            return Err(ChainSpecError::invalid("dev", "not allowed on a public network"));
        }
        let alloc = &self.genesis.alloc;
        if alloc.is_empty() {
            return Ok(());
        }
        let found = Self::dev().dev_accounts.into_iter().find(|dev| {
            alloc.contains_key(&dev.address)
        });
        found.map_or(Ok(()), |dev| {
            Err(ChainSpecError::invalid(
                format!("genesis.alloc.{}", dev.address),
                "is a test account with a public key",
            ))
        })
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
