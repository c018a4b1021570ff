//! The chain file: one TOML per network.

mod keys;
mod sections;

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use alloy_eips::{
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
};
use alloy_primitives::{Address, Bytes};
use toml::de::DeTable;

use self::sections::{ChainFile, ForksSection};
use crate::{
    ChainSpec, ChainSpecError, ExtraData, Fork, Forks, Genesis, GenesisAccount, L1Contracts,
    addresses::{BEACON_ROOTS_DEPLOYER, HISTORY_STORAGE_DEPLOYER, SEQUENCER_FEE_VAULT},
    genesis_json::read_alloc_json,
    predeploys::{PredeployParams, add_attestation, add_pha, add_predeploys},
    validation::requires_everything,
};

/// Reads a chain file. `folder` is where a relative `genesis.alloc_file` is looked for.
pub(crate) fn read_chain_file(
    text: &str,
    folder: Option<&Path>,
) -> Result<ChainSpec, ChainSpecError> {
    let document = DeTable::parse(text).map_err(|error| toml_error(text, None, &error))?;
    keys::check(document.get_ref())?;
    let file: ChainFile =
        toml::from_str(text).map_err(|error| toml_error(text, Some(document.get_ref()), &error))?;
    let missing = missing_keys(&file)?;
    let forks = forks(&file.forks)?;
    let timestamp = file.genesis.timestamp.unwrap_or(0);
    let extra_data = file.genesis.extra_data.clone().unwrap_or_else(|| {
        let holocene = forks.is_active(Fork::Holocene, timestamp);
        let default = ExtraData {
            denominator: file.fees.denominator_canyon,
            elasticity: file.fees.elasticity,
            min_base_fee: forks.is_active(Fork::Jovian, timestamp).then_some(0),
        };
        if holocene { default.encode() } else { Bytes::new() }
    });
    let genesis = Genesis {
        timestamp,
        extra_data,
        gas_limit: file.genesis.gas_limit,
        mix_hash: file.genesis.mix_hash,
        coinbase: file.genesis.coinbase.unwrap_or(SEQUENCER_FEE_VAULT),
        base_fee_per_gas: file.genesis.base_fee_wei,
        ..Genesis::default()
    };
    let mut spec = ChainSpec {
        name: file.name,
        chain_id: file.chain_id,
        l1_chain_id: file.l1_chain_id,
        forks,
        fees: file.fees,
        block_time_secs: file.block_time_secs,
        genesis,
        rollup: file.rollup,
        l1: file.l1,
        roles: file.roles,
        dev_accounts: Vec::new(),
        missing,
    };
    let mut alloc = Alloc(&mut spec.genesis.alloc);
    for (address, account) in file.genesis.alloc {
        alloc.add(address, account.into())?;
    }
    if let Some(path) = &file.genesis.alloc_file {
        alloc.add_file(path, folder)?;
    }
    if file.genesis.system_contracts {
        alloc.add_system_contracts()?;
    }
    // A public network without roles cannot start; everything else of its file can be read.
    if file.genesis.predeploys
        && let Some(roles) = &spec.roles
    {
        let rollup = spec.rollup.as_ref();
        let params = PredeployParams {
            chain_id: spec.chain_id,
            l1_chain_id: spec.l1_chain_id,
            roles,
            l1_contracts: rollup.and_then(|rollup| rollup.l1_contracts).unwrap_or_default(),
            forks: &spec.forks,
            timestamp,
        };
        add_predeploys(&params, &mut |address, account| alloc.add(address, account))?;
    }
    if let Some(params) = &file.attestation {
        params.validate()?;
        // Before the fork they only say that evidence cannot be verified yet.
        add_attestation(params, &mut |address, account| alloc.add(address, account))?;
    }
    if let Some(dev) = file.dev {
        if !dev.pha.is_zero() {
            let holders: Vec<_> = dev.accounts.iter().map(|account| account.address).collect();
            let mut add = |address, account| alloc.add(address, account);
            add_pha(&holders, dev.pha, timestamp, &mut add)?;
        }
        for account in &dev.accounts {
            let funded = GenesisAccount { balance: dev.balance_wei, ..Default::default() };
            alloc.add(account.address, funded)?;
        }
        spec.dev_accounts = dev.accounts;
    }
    spec.validate()?;
    Ok(spec)
}

/// What a public network needs before it can start and this file does not say yet. Any other chain
/// needs only a genesis timestamp, and roles if it has predeploys, and those at once.
fn missing_keys(file: &ChainFile) -> Result<Vec<&'static str>, ChainSpecError> {
    let has_timestamp = file.genesis.timestamp.is_some();
    let predeploys = file.genesis.predeploys;
    if !requires_everything(file.chain_id) {
        let needed =
            [(has_timestamp, "genesis.timestamp"), (!predeploys || file.roles.is_some(), "roles")];
        let missing = needed.into_iter().find(|(present, _)| !present);
        return missing.map_or(Ok(Vec::new()), |(_, key)| Err(ChainSpecError::MissingKey(key)));
    }
    let has_alloc = file.genesis.alloc_file.is_some() || !file.genesis.alloc.is_empty();
    let rollup = file.rollup.as_ref();
    // Predeploys of a public network must not trust address zero.
    let contracts = rollup.and_then(|rollup| rollup.l1_contracts).filter(|_| predeploys);
    let has = |bridge: fn(&L1Contracts) -> Option<Address>| {
        contracts.as_ref().is_none_or(|contracts| bridge(contracts).is_some())
    };
    let keys = [
        (has_timestamp, "genesis.timestamp"),
        (has_alloc, "genesis.alloc_file"),
        (file.roles.is_some(), "roles"),
        (rollup.is_some_and(|rollup| rollup.l1_anchor.is_some()), "rollup.l1_anchor"),
        (rollup.is_some_and(|rollup| rollup.l1_contracts.is_some()), "rollup.l1_contracts"),
        (has(|l1| l1.cross_domain_messenger), "rollup.l1_contracts.cross_domain_messenger"),
        (has(|l1| l1.standard_bridge), "rollup.l1_contracts.standard_bridge"),
        (has(|l1| l1.erc721_bridge), "rollup.l1_contracts.erc721_bridge"),
        (rollup.is_some_and(|rollup| rollup.system_config.is_some()), "rollup.system_config"),
    ];
    Ok(keys.into_iter().filter(|(present, _)| !present).map(|(_, key)| key).collect())
}

/// The profile's times, then the times that are named.
fn forks(section: &ForksSection) -> Result<Forks, ChainSpecError> {
    let mut times: BTreeMap<Fork, u64> = BTreeMap::new();
    if let Some(profile) = section.profile {
        let profile = Forks::profile(profile);
        times.extend(Fork::ALL.iter().filter_map(|fork| Some((*fork, profile.time(*fork)?))));
    }
    times.extend(section.times().into_iter().filter_map(|(fork, time)| Some((fork, time?))));
    Forks::new(times)
}

/// Collects accounts, each at most once.
struct Alloc<'a>(&'a mut BTreeMap<Address, GenesisAccount>);

impl Alloc<'_> {
    fn add(&mut self, address: Address, account: GenesisAccount) -> Result<(), ChainSpecError> {
        match self.0.insert(address, account) {
            None => Ok(()),
            Some(_) => Err(ChainSpecError::DuplicateAccount(address)),
        }
    }

    fn add_file(&mut self, path: &Path, folder: Option<&Path>) -> Result<(), ChainSpecError> {
        let path: PathBuf = match folder {
            Some(folder) => folder.join(path),
            None if path.is_absolute() => path.to_owned(),
            None => {
                return Err(ChainSpecError::invalid(
                    "genesis.alloc_file",
                    format!("{} is relative, and the chain file is in no folder", path.display()),
                ));
            }
        };
        let file = File::open(&path).map_err(|source| ChainSpecError::Io { path, source })?;
        let mut duplicate = None;
        let result = read_alloc_json(BufReader::new(file), &mut |address, account| {
            self.add(address, account).map_err(|error| {
                duplicate = Some(error);
                std::io::ErrorKind::AlreadyExists.into()
            })
        });
        duplicate.map_or(result, Err)
    }

    /// EIP-4788 and EIP-2935, which every block calls, and the accounts that would deploy them: with
    /// a nonce used up, nobody can replay the deployment.
    fn add_system_contracts(&mut self) -> Result<(), ChainSpecError> {
        let with_nonce = |code: &Bytes| GenesisAccount {
            nonce: 1,
            code: code.clone(),
            ..GenesisAccount::default()
        };
        self.add(BEACON_ROOTS_ADDRESS, with_nonce(&BEACON_ROOTS_CODE))?;
        self.add(BEACON_ROOTS_DEPLOYER, with_nonce(&Bytes::new()))?;
        self.add(HISTORY_STORAGE_ADDRESS, with_nonce(&HISTORY_STORAGE_CODE))?;
        self.add(HISTORY_STORAGE_DEPLOYER, with_nonce(&Bytes::new()))
    }
}

/// Names the key an error is about, or the line if no key is there.
fn toml_error(
    text: &str,
    document: Option<&DeTable<'_>>,
    error: &toml::de::Error,
) -> ChainSpecError {
    let at = error.span().map(|span| span.start);
    let line = || {
        let before = text.get(..at.unwrap_or(0)).unwrap_or("");
        format!("line {}", before.matches('\n').count() + 1)
    };
    let location =
        at.zip(document).and_then(|(at, document)| keys::key_at(document, at)).unwrap_or_else(line);
    ChainSpecError::Toml { location, message: error.message().to_owned() }
}

#[cfg(test)]
mod tests;
