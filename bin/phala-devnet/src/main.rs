//! Runs a whole devnet on one machine: L1, contracts, sequencer, batcher, follower.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use phala_chainspec::Profile;
use phala_devnet::{BlockLines, DaType, Devnet, DevnetConfig, DevnetError, L1Mining, Ports};
use phala_genesis::ChainTemplate;
use tokio::signal::unix::{SignalKind, signal};

/// Time between two looks at the children and at the chain.
const TICK: Duration = Duration::from_millis(250);

/// Runs a whole devnet on one machine: L1, contracts, sequencer, batcher, and a follower that reads L1
/// only. Ctrl-C ends all of it.
#[derive(Parser, Debug)]
#[command(name = "phala-devnet", version, max_term_width = 100)]
struct Cli {
    /// Folder for everything; it is removed at the end.
    #[arg(long, value_name = "DIR", default_value = "devnet")]
    dir: PathBuf,
    /// Leave the folder, with databases and logs, when the devnet ends.
    #[arg(long)]
    keep: bool,
    /// Chain file to start from: dev or a path.
    #[arg(long, value_name = "CHAIN", default_value = "dev")]
    chain: String,
    /// Change a key of the chain file: rollup.seq_window_size=20.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Forks at genesis instead of the chain file's: isthmus, jovian or karst.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// Seconds between L1 blocks.
    #[arg(long, value_name = "SECONDS", default_value_t = 6)]
    l1_block_time: u64,
    /// Seconds between L2 blocks [default: the chain file's].
    #[arg(long, value_name = "SECONDS")]
    l2_block_time: Option<u64>,
    /// Rules of L1 as anvil calls them, Prague or newer.
    #[arg(long, value_name = "FORK", default_value = "prague")]
    l1_hardfork: String,
    /// L1 blocks until one is safe; twice as many until it is final.
    #[arg(long, value_name = "BLOCKS", default_value_t = 2)]
    l1_epoch_slots: u64,
    /// How batches are posted: blobs, calldata or auto.
    #[arg(long, value_name = "TYPE", default_value = "blobs")]
    da_type: DaType,
    /// L1 blocks a channel of the batcher stays open.
    #[arg(long, value_name = "BLOCKS", default_value_t = 2)]
    max_channel_duration: u64,
    /// Port of L1; 0 is any.
    #[arg(long, value_name = "PORT", default_value_t = Ports::USUAL.l1)]
    l1_port: u16,
    /// Port of the beacon API.
    #[arg(long, value_name = "PORT", default_value_t = Ports::USUAL.beacon)]
    beacon_port: u16,
    /// Port of the sequencer's RPC; WebSocket, Engine API and metrics follow.
    #[arg(long, value_name = "PORT", default_value_t = Ports::USUAL.sequencer)]
    sequencer_port: u16,
    /// Port of the follower's RPC; WebSocket, Engine API and metrics follow.
    #[arg(long, value_name = "PORT", default_value_t = Ports::USUAL.follower)]
    follower_port: u16,
    /// Port of the batcher's RPC; metrics follow.
    #[arg(long, value_name = "PORT", default_value_t = Ports::USUAL.batcher)]
    batcher_port: u16,
    /// The anvil program [default: the one npm installed, else the one in the path].
    #[arg(long, value_name = "FILE", env = "PHALA_ANVIL")]
    anvil: Option<PathBuf>,
}

impl Cli {
    fn config(&self) -> eyre::Result<DevnetConfig> {
        let mut template = ChainTemplate::load(&self.chain)?;
        for change in &self.overrides {
            let (key, value) = change
                .split_once('=')
                .ok_or_else(|| eyre::eyre!("--set {change}: expected KEY=VALUE"))?;
            // A bare word is a string, as on any command line.
            let value = format!("value = {value}")
                .parse::<toml::Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| value.into());
            template = template.set(key, value)?;
        }
        Ok(DevnetConfig {
            dir: Some(self.dir.clone()),
            keep: self.keep,
            template,
            profile: self.profile,
            l2_block_time_secs: self.l2_block_time,
            l1_mining: L1Mining::Every(Duration::from_secs(self.l1_block_time)),
            l1_hardfork: self.l1_hardfork.clone(),
            l1_epoch_slots: self.l1_epoch_slots,
            da_type: self.da_type,
            max_channel_duration: self.max_channel_duration,
            ports: Ports {
                l1: self.l1_port,
                beacon: self.beacon_port,
                sequencer: self.sequencer_port,
                follower: self.follower_port,
                batcher: self.batcher_port,
            },
            anvil: self.anvil.clone(),
            ..DevnetConfig::default()
        })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_target(false)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> eyre::Result<()> {
    let config = cli.config()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut end = Signals::new()?;
        let devnet = tokio::select! {
            started = Devnet::start(&config) => started?,
            name = end.any() => {
                // What was started so far ends with the future that started it.
                eprintln!("{name}: stopped while starting");
                return Ok(());
            }
        };
        watch(devnet, &mut end, config.keep).await
    })
}

async fn watch(mut devnet: Devnet, end: &mut Signals, keep: bool) -> eyre::Result<()> {
    let mut out = io::stdout();
    print_summary(&devnet, &mut out)?;
    let mut lines = BlockLines::new(devnet.sequencer.rpc(), devnet.follower.rpc());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let stopped: Result<&str, DevnetError> = loop {
        tokio::select! {
            name = end.any() => break Ok(name),
            _ = tick.tick() => {}
        }
        if let Err(error) = devnet.ensure_alive() {
            break Err(error);
        }
        tokio::select! {
            name = end.any() => break Ok(name),
            printed = lines.print_new(&mut out) => printed?,
        }
    };
    let began = Instant::now();
    let folder = devnet.folder().to_owned();
    devnet.stop();
    let name = stopped?;
    let left = if keep { format!(", {} is left", folder.display()) } else { String::new() };
    eprintln!("{name}: everything ended in {:.1?}{left}", began.elapsed());
    Ok(())
}

/// The signals that end a devnet.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}

fn print_summary(devnet: &Devnet, out: &mut impl Write) -> io::Result<()> {
    let state = devnet.state();
    let (urls, at) = (&state.urls, &state.l1_contracts);
    writeln!(out, "\nL1    chain {}", state.l1_chain_id)?;
    writeln!(out, "      RPC                {}", urls.l1)?;
    writeln!(out, "      beacon API         {}", urls.l1_beacon)?;
    writeln!(out, "L2    chain {}", state.l2_chain_id)?;
    writeln!(out, "      sequencer          {}  {}", urls.sequencer, urls.sequencer_ws)?;
    writeln!(out, "      follower           {}  {}", urls.follower, urls.follower_ws)?;
    writeln!(out, "      batcher            {}", urls.batcher)?;
    writeln!(out, "\nL1 contracts")?;
    for (name, address) in [
        ("OptimismPortal", at.optimism_portal),
        ("SystemConfig", at.system_config),
        ("L1StandardBridge", at.l1_standard_bridge),
        ("L1 messenger", at.l1_cross_domain_messenger),
        ("L2OutputOracle", at.l2_output_oracle),
    ] {
        writeln!(out, "      {name:<18} {address}")?;
    }
    writeln!(out, "\nAccounts, with ether on both chains (everybody has these keys)")?;
    for account in &state.accounts {
        writeln!(out, "      {:<12} {}  {}", account.role, account.address, account.key)?;
    }
    writeln!(
        out,
        "\nAll of this is in {}; logs are in {}.",
        devnet.state_file().display(),
        state.log_dir.display()
    )?;
    writeln!(
        out,
        "A deposit:  cast send --rpc-url {} --private-key {} --value 1ether {}",
        urls.l1,
        state.accounts.last().map(|account| account.key).unwrap_or_default(),
        at.optimism_portal
    )?;
    writeln!(out, "Ctrl-C stops it.\n")
}
