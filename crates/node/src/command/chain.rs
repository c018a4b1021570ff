use std::io::{self, Write as _};

use phala_chainspec::{ChainSpec, Fork, Profile, RollupJson, write_genesis_json};

use crate::{NodeError, config::Settings};

use super::genesis_hash::hash_genesis;

/// Prints a chain's parameters.
pub(crate) fn chain_show(settings: &Settings) -> Result<(), NodeError> {
    let spec = ChainSpec::load(&settings.base.chain)?;
    let genesis = hash_genesis(&spec)?;
    let mut out = io::stdout().lock();
    print_spec(&mut out, &spec, &genesis).map_err(NodeError::Output)
}

fn print_spec(
    out: &mut impl io::Write,
    spec: &ChainSpec,
    genesis: &super::genesis_hash::GenesisHash,
) -> io::Result<()> {
    writeln!(out, "name             {}", spec.name)?;
    writeln!(out, "chain id         {}", spec.chain_id)?;
    writeln!(out, "L1 chain id      {}", spec.l1_chain_id)?;
    writeln!(out, "block time       {} s", spec.block_time_secs)?;
    writeln!(out, "gas limit        {}", spec.genesis.gas_limit)?;
    writeln!(
        out,
        "EIP-1559         elasticity {}, denominator {} ({} since Canyon)",
        spec.fees.elasticity, spec.fees.denominator, spec.fees.denominator_canyon
    )?;
    writeln!(out, "genesis hash     {}", genesis.hash)?;
    writeln!(out, "state root       {}", genesis.state_root)?;
    writeln!(out, "genesis time     {}", spec.genesis.timestamp)?;
    writeln!(out, "genesis accounts {}", genesis.accounts)?;
    writeln!(out, "forks")?;
    for fork in Fork::ALL {
        match spec.forks.time(fork) {
            Some(time) if time <= spec.genesis.timestamp => {
                writeln!(out, "  {:<14} at genesis", fork.to_string())?
            }
            Some(time) => writeln!(out, "  {:<14} at {time}", fork.to_string())?,
            None => writeln!(out, "  {:<14} off", fork.to_string())?,
        }
    }
    Ok(())
}

/// Prints a chain's genesis as geth-style JSON.
pub(crate) fn chain_genesis_json(settings: &Settings) -> Result<(), NodeError> {
    let spec = ChainSpec::load(&settings.base.chain)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    write_genesis_json(&spec, &mut out)?;
    writeln!(out).and_then(|()| out.flush()).map_err(NodeError::Output)
}

/// Prints how the chain is derived from L1 as other verifiers read it. Another profile than the
/// chain's own is another chain, or the same as older verifiers see it.
pub(crate) fn chain_rollup_json(
    settings: &Settings,
    profile: Option<Profile>,
) -> Result<(), NodeError> {
    let mut spec = ChainSpec::load(&settings.base.chain)?;
    if let Some(profile) = profile {
        spec = spec.with_profile(profile);
    }
    let rollup = RollupJson::new(&spec, hash_genesis(&spec)?.hash)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, &rollup)
        .map_err(|error| NodeError::Output(error.into()))?;
    writeln!(out).and_then(|()| out.flush()).map_err(NodeError::Output)
}
