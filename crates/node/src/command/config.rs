use std::io::{self, Write as _};

use phala_chainspec::ChainSpec;

use crate::{
    JwtSecret, NodeError,
    config::{Resolved, Settings},
    rpc_settings::namespaces,
};

/// Checks the settings and the files they name. Says what is wrong, or nothing.
pub(crate) fn config_check(resolved: &Resolved) -> Result<(), NodeError> {
    check_files(&resolved.settings)?;
    writeln!(io::stdout(), "the configuration is valid").map_err(NodeError::Output)
}

fn check_files(settings: &Settings) -> Result<(), NodeError> {
    ChainSpec::load(&settings.base.chain)?.ensure_startable()?;
    namespaces(&settings.http.http_api)?;
    namespaces(&settings.ws.ws_api)?;
    if let Some(path) = &settings.authrpc.authrpc_jwtsecret {
        JwtSecret::load(path)?;
    }
    Ok(())
}

/// Prints the settings as a configuration file, each with where it comes from.
pub(crate) fn config_dump(resolved: &Resolved) -> Result<(), NodeError> {
    write!(io::stdout(), "{}", resolved.to_toml()).map_err(NodeError::Output)
}
