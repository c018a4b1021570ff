use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use phala_chainspec::{ChainSpec, Profile, RollupJson, write_genesis_json};
use toml::{Table, Value};

use crate::{
    ChainTemplate, GenesisError, L1Deployment, genesis_hash::genesis_hash,
    progress_file::write_whole,
};

/// What the nodes of a chain start from.
#[derive(Clone, Debug)]
pub struct ChainFiles {
    /// The chain file, for our nodes.
    pub chain: PathBuf,
    /// The genesis, for other execution clients.
    pub genesis: PathBuf,
    /// `rollup.json`, for other rollup nodes that know every fork of the chain.
    pub rollup: PathBuf,
    /// The same for verifiers that know only the forks of a profile. A profile with other rules at
    /// genesis would be another chain and has no file.
    pub rollup_of: Vec<(Profile, PathBuf)>,
    /// The chain.
    pub spec: ChainSpec,
    /// Hash of its block 0.
    pub genesis_hash: B256,
}

/// Completes a template with what was deployed and writes all files.
pub fn write_chain_files(
    template: &ChainTemplate,
    deployment: &L1Deployment,
    folder: &Path,
) -> Result<ChainFiles, GenesisError> {
    let chain = folder.join("chain.toml");
    let invalid = |source| GenesisError::ChainFile { file: chain.display().to_string(), source };
    let text = chain_file(template.clone(), deployment)?;
    let spec = ChainSpec::from_toml(&text, Some(folder)).map_err(invalid)?;
    spec.ensure_startable().map_err(invalid)?;
    let genesis_hash = genesis_hash(&spec);
    let rollup_json = RollupJson::new(&spec, genesis_hash).map_err(invalid)?;

    write_whole(&chain, text.as_bytes())?;
    let genesis = folder.join("genesis.json");
    let mut bytes = Vec::new();
    write_genesis_json(&spec, &mut bytes).map_err(invalid)?;
    bytes.push(b'\n');
    write_whole(&genesis, &bytes)?;
    let rollup = folder.join("rollup.json");
    write_json(&rollup, &rollup_json)?;
    let mut rollup_of = Vec::new();
    for (profile, name) in
        [(Profile::Isthmus, "isthmus"), (Profile::Jovian, "jovian"), (Profile::Karst, "karst")]
    {
        let other = spec.clone().with_profile(profile);
        if self::genesis_hash(&other) == genesis_hash && profile.newest() <= newest_of(&spec) {
            let path = folder.join(format!("rollup-{name}.json"));
            write_json(&path, &RollupJson::new(&other, genesis_hash).map_err(invalid)?)?;
            rollup_of.push((profile, path));
        }
    }
    Ok(ChainFiles { chain, genesis, rollup, rollup_of, spec, genesis_hash })
}

/// The newest fork that is active at genesis.
fn newest_of(spec: &ChainSpec) -> phala_chainspec::Fork {
    let active = |fork: &phala_chainspec::Fork| spec.is_fork_active(*fork, spec.genesis.timestamp);
    phala_chainspec::Fork::ALL.into_iter().rfind(active).expect("Bedrock always is")
}

/// The chain file with the sections only a deployment knows.
fn chain_file(template: ChainTemplate, deployment: &L1Deployment) -> Result<String, GenesisError> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut anchor = Table::new();
    anchor.insert("number".to_owned(), number(deployment.anchor.number).into());
    anchor.insert("hash".to_owned(), deployment.anchor.hash.to_string().into());
    let section = |value: Result<Value, toml::ser::Error>| value.expect("plain fields");
    let contracts = section(Value::try_from(deployment.l1_contracts()));
    let system_config = section(Value::try_from(&deployment.system_config));
    let text = template
        .set("l1_chain_id", number(deployment.l1_chain_id))?
        .set("genesis.timestamp", number(deployment.anchor_time))?
        .set("rollup.l1_anchor", anchor)?
        .set("rollup.l1_contracts", contracts)?
        .set("rollup.system_config", system_config)?
        .to_toml();
    Ok(format!(
        "# Written by phala-genesis: a chain whose L1 contracts {} deployed.\n{text}",
        deployment.deployer
    ))
}

fn write_json(path: &Path, rollup: &RollupJson) -> Result<(), GenesisError> {
    let text = serde_json::to_string_pretty(rollup).expect("plain fields");
    write_whole(path, format!("{text}\n").as_bytes())
}
