use std::{ffi::OsString, path::PathBuf};

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use phala_chainspec::Profile;

use crate::{
    NodeError, command,
    config::{
        AuthRpcSettings, BaseSettings, DevSettings, HttpSettings, L1Settings, Layers, Resolved,
        RpcSettings, SequencerSettings, StorageSettings, TxPoolSettings, WsSettings,
    },
    init_logging,
};

/// Variable that names the configuration file when `--config` does not.
const CONFIG_VARIABLE: &str = "PHALA_CONFIG";

/// An OP-stack rollup node: development chain, follower, sequencer, and the operator's tools.
#[derive(Parser, Debug)]
#[command(
    name = "phala-node",
    version,
    max_term_width = 100,
    after_help = "Each setting is a flag (--http.port 8545), a variable (PHALA_HTTP_PORT=8545) or a key of the \
                  file given with --config ([http] port = 8545); the first of these wins."
)]
struct Cli {
    /// Configuration file (TOML); unknown keys are errors.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    base: BaseSettings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a development chain: blocks on a timer, funded accounts, no other program needed.
    Dev(DevFlags),
    /// Run a node that derives the chain from --l1, or one that a consensus client drives over the Engine API.
    Node(NodeFlags),
    /// Create the data directory and write the genesis block.
    Init(StoreFlags),
    /// Show a chain's parameters and genesis.
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Inspect and repair the database; the node must not be running.
    #[command(subcommand)]
    Db(DbCommand),
    /// Write blocks to a file, one RLP block after the other; .gz compresses, - is standard output.
    Export(ExportFlags),
    /// Execute and store the blocks of a file, as export writes them; known blocks are skipped.
    Import(ImportFlags),
    /// Execute one block from a witness file and compare its hash.
    Execute(ExecuteFlags),
    /// Judge attestation evidence as the precompiles do, and frame it for a transaction.
    #[command(subcommand)]
    Attest(AttestCommand),
    /// Check the configuration, or show it with where each value comes from.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Args, Debug)]
struct DevFlags {
    #[command(flatten)]
    dev: DevSettings,
    #[command(flatten)]
    storage: StorageSettings,
    #[command(flatten)]
    http: HttpSettings,
    #[command(flatten)]
    ws: WsSettings,
    #[command(flatten)]
    rpc: RpcSettings,
    #[command(flatten)]
    txpool: TxPoolSettings,
}

#[derive(Args, Debug)]
struct NodeFlags {
    #[command(flatten)]
    storage: StorageSettings,
    #[command(flatten)]
    http: HttpSettings,
    #[command(flatten)]
    ws: WsSettings,
    #[command(flatten)]
    rpc: RpcSettings,
    #[command(flatten)]
    authrpc: AuthRpcSettings,
    #[command(flatten)]
    txpool: TxPoolSettings,
    #[command(flatten)]
    l1: L1Settings,
    #[command(flatten)]
    sequencer: SequencerSettings,
}

#[derive(Args, Debug)]
struct AllFlags {
    #[command(flatten)]
    node: NodeFlags,
    #[command(flatten)]
    dev: DevSettings,
}

#[derive(Args, Debug)]
struct StoreFlags {
    #[command(flatten)]
    storage: StorageSettings,
}

#[derive(Subcommand, Debug)]
enum ChainCommand {
    /// Print the chain's parameters, fork times and genesis hash.
    Show,
    /// Print the genesis as geth-style JSON.
    GenesisJson,
    /// Print how the chain is derived from L1, as op-node and kona-node read it.
    RollupJson {
        /// For another profile: isthmus, jovian or karst.
        #[arg(long, value_name = "PROFILE")]
        profile: Option<Profile>,
    },
    /// Compute genesis hash and state root of any OP-stack genesis JSON; - is standard input.
    GenesisHash {
        /// The genesis file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Subcommand, Debug)]
enum DbCommand {
    /// Print heads, sizes and entry counts.
    Stats(StoreFlags),
    /// Check everything: hashes, the state root from scratch, history, indexes.
    Verify(StoreFlags),
    /// Take back all blocks above a height, and check the state that is left.
    Unwind {
        #[command(flatten)]
        store: StoreFlags,
        /// Height that becomes the head.
        #[arg(long, value_name = "HEIGHT")]
        to: u64,
    },
    /// Print a hash of the logical content up to a height; equal on every node of the chain.
    ///
    /// It covers all header hashes, the state at that height, and bodies, receipts and senders from
    /// the first block. Nodes that keep different parts of the past are compared with --from.
    Digest {
        #[command(flatten)]
        store: StoreFlags,
        /// First block whose body and receipts count [default: the oldest with state].
        #[arg(long, value_name = "HEIGHT")]
        from: Option<u64>,
        /// Height to stop at [default: the head].
        #[arg(long, value_name = "HEIGHT")]
        to: Option<u64>,
    },
}

#[derive(Args, Debug)]
struct ExportFlags {
    #[command(flatten)]
    store: StoreFlags,
    /// File to write; - is standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// First block.
    #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
    from: u64,
    /// Last block [default: the head].
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u64>,
}

#[derive(Args, Debug)]
struct ImportFlags {
    #[command(flatten)]
    store: StoreFlags,
    /// File to read; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args, Debug)]
struct ExecuteFlags {
    /// Witness file (JSON, or .gz of it).
    #[arg(long, value_name = "FILE")]
    witness: PathBuf,
}

#[derive(Subcommand, Debug)]
enum AttestCommand {
    /// Judge a TDX quote; fails if it is refused.
    Tdx(command::TdxFlags),
    /// Judge evidence of NVIDIA GPUs; fails if any of it is refused.
    Gpu(command::GpuFlags),
}

#[derive(Subcommand, Debug)]
enum ConfigCommand {
    /// Check flags, environment, file and the files they name.
    Check(AllFlags),
    /// Print the settings as a configuration file; secrets are in files and never shown.
    Dump(AllFlags),
}

/// Runs the program with these arguments, the first being its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), NodeError> {
    let matches = Cli::command().try_get_matches_from(arguments).map_err(NodeError::Usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(NodeError::Usage)?;
    let resolved = resolve(&cli, innermost(&matches))?;
    init_logging(&resolved.settings.base.log)?;
    for warning in &resolved.warnings {
        tracing::warn!("{warning}");
    }
    let settings = &resolved.settings;
    match cli.command {
        Command::Dev(_) => command::dev(settings),
        Command::Node(_) => command::node(settings),
        Command::Init(_) => command::init(settings),
        Command::Chain(ChainCommand::Show) => command::chain_show(settings),
        Command::Chain(ChainCommand::GenesisJson) => command::chain_genesis_json(settings),
        Command::Chain(ChainCommand::RollupJson { profile }) => {
            command::chain_rollup_json(settings, profile)
        }
        Command::Chain(ChainCommand::GenesisHash { file }) => command::chain_genesis_hash(&file),
        Command::Db(DbCommand::Stats(_)) => command::db_stats(settings),
        Command::Db(DbCommand::Verify(_)) => command::db_verify(settings),
        Command::Db(DbCommand::Unwind { to, .. }) => command::db_unwind(settings, to),
        Command::Db(DbCommand::Digest { from, to, .. }) => command::db_digest(settings, from, to),
        Command::Export(flags) => command::export(settings, &flags.file, flags.from, flags.to),
        Command::Import(flags) => command::import(settings, &flags.file),
        Command::Execute(flags) => command::execute(&flags.witness),
        Command::Attest(AttestCommand::Tdx(flags)) => command::attest_tdx(&flags),
        Command::Attest(AttestCommand::Gpu(flags)) => command::attest_gpu(&flags),
        Command::Config(ConfigCommand::Check(_)) => command::config_check(&resolved),
        Command::Config(ConfigCommand::Dump(_)) => command::config_dump(&resolved),
    }
}

fn resolve(cli: &Cli, flags: &ArgMatches) -> Result<Resolved, NodeError> {
    let mut layers = Layers::default().with_env(std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    }));
    let file = cli.config.clone().or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
    if let Some(file) = file {
        layers = layers.with_file(&file)?;
    }
    if matches!(cli.command, Command::Dev(_)) {
        layers = layers.with_presets([("http", "true".to_owned()), ("ws", "true".to_owned())]);
    }
    Ok(layers.resolve(flags)?)
}

/// The matches of the innermost subcommand, which know all flags that were given.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| innermost(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_found_wherever_they_stand() {
        for arguments in [
            ["phala-node", "--datadir=x", "db", "stats", "--archive"],
            ["phala-node", "db", "--datadir=x", "stats", "--archive"],
            ["phala-node", "db", "stats", "--datadir=x", "--archive"],
        ] {
            let matches = Cli::command().try_get_matches_from(arguments).expect("valid");
            let resolved = Layers::default().resolve(innermost(&matches)).expect("valid");
            assert_eq!(resolved.settings.base.datadir, Some("x".into()), "{arguments:?}");
            assert!(resolved.settings.storage.archive);
        }
    }

    #[test]
    fn a_mistyped_flag_or_command_gets_a_suggestion() {
        for (arguments, meant) in [
            (["phala-node", "node", "--http.prot=1"], "--http.port"),
            (["phala-node", "nod", "--http"], "node"),
        ] {
            let error = Cli::command().try_get_matches_from(arguments).expect_err("mistyped");
            assert!(error.to_string().contains(meant), "{error}");
        }
    }
}
