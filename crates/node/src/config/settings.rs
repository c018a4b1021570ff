use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::duration::parse_duration;
use url::Url;

/// Everything an operator can set.
///
/// This struct is the only list of settings: flags, `PHALA_*` variables, keys of the configuration
/// file and the reference page are all derived from its arguments (see [`super::Layers`]).
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Which chain, and where its data is.
    #[command(flatten)]
    pub base: BaseSettings,
    /// How much is kept on disk and in memory.
    #[command(flatten)]
    pub storage: StorageSettings,
    /// Public RPC over HTTP.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Public RPC over WebSocket.
    #[command(flatten)]
    pub ws: WsSettings,
    /// Limits of the public RPC.
    #[command(flatten)]
    pub rpc: RpcSettings,
    /// Engine API for a consensus client.
    #[command(flatten)]
    pub authrpc: AuthRpcSettings,
    /// Pending transactions.
    #[command(flatten)]
    pub txpool: TxPoolSettings,
    /// Deriving the chain from L1.
    #[command(flatten)]
    pub l1: L1Settings,
    /// Making blocks.
    #[command(flatten)]
    pub sequencer: SequencerSettings,
    /// Block production of the development chain.
    #[command(flatten)]
    pub dev: DevSettings,
}

/// Settings every command understands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Chain")]
pub struct BaseSettings {
    /// Chain to run: the name of a built-in chain, or the path of a chain file (TOML) or genesis (JSON).
    #[arg(
        id = "chain",
        long = "chain",
        global = true,
        value_name = "NAME|PATH",
        default_value = "dev"
    )]
    pub chain: String,

    /// Data directory [default: a folder of the chain's name below the user's data folder; `dev`: a temporary one].
    #[arg(id = "datadir", long = "datadir", global = true, value_name = "DIR")]
    pub datadir: Option<PathBuf>,

    /// What the process says about itself.
    #[command(flatten)]
    pub log: LogSettings,

    /// Address of the metrics and health server: /metrics, /healthz, /readyz.
    #[arg(
        id = "metrics",
        long = "metrics",
        global = true,
        value_name = "ADDR:PORT",
        help_heading = "Metrics and health"
    )]
    pub metrics: Option<SocketAddr>,
}

/// Logging.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct LogSettings {
    /// Format of log lines on standard error.
    #[arg(
        id = "log.format",
        long = "log.format",
        global = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// What to log: a level, or directives such as `info,phala_engine=debug`.
    #[arg(
        id = "log.filter",
        long = "log.filter",
        global = true,
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log_filter: String,

    /// When to colour log lines.
    #[arg(
        id = "color",
        long = "color",
        global = true,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub color: ColorMode,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// When to colour log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorMode {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageSettings {
    /// Keep a bounded window of history (the default).
    #[arg(id = "full", long = "full", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false")]
    pub full: bool,

    /// Keep everything: state, receipts and bodies of every block.
    #[arg(id = "archive", long = "archive", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false")]
    pub archive: bool,

    /// Blocks whose state can be read and unwound in full mode.
    #[arg(id = "prune.distance", long = "prune.distance", value_name = "BLOCKS", default_value_t = 43_200,
          value_parser = clap::value_parser!(u64).range(43_200..))]
    pub prune_distance: u64,

    /// Memory for blocks of the database, in MB.
    #[arg(id = "db.cache-size", long = "db.cache-size", value_name = "MB", default_value_t = 96,
          value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    pub db_cache_size_mb: u32,

    /// Memory for trie nodes, in MB.
    #[arg(id = "trie.cache-size", long = "trie.cache-size", value_name = "MB", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub trie_cache_size_mb: u32,
}

/// Public RPC over HTTP.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "RPC over HTTP")]
pub struct HttpSettings {
    /// Serve the public RPC over HTTP.
    #[arg(id = "http", long = "http", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false")]
    pub http: bool,

    /// Address to listen on.
    #[arg(id = "http.addr", long = "http.addr", value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub http_addr: IpAddr,

    /// Port to listen on; 0 picks a free one.
    #[arg(id = "http.port", long = "http.port", value_name = "PORT", default_value_t = 8545)]
    pub http_port: u16,

    /// Namespaces to serve.
    #[arg(
        id = "http.api",
        long = "http.api",
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "eth,net,web3,txpool,debug,phala,optimism"
    )]
    pub http_api: Vec<String>,

    /// Origins that browsers may call from; `*` for any.
    #[arg(
        id = "http.corsdomain",
        long = "http.corsdomain",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub http_corsdomain: Vec<String>,
}

/// Public RPC over WebSocket.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "RPC over WebSocket")]
pub struct WsSettings {
    /// Serve the public RPC over WebSocket.
    #[arg(id = "ws", long = "ws", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false")]
    pub ws: bool,

    /// Address to listen on.
    #[arg(id = "ws.addr", long = "ws.addr", value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub ws_addr: IpAddr,

    /// Port to listen on; 0 picks a free one.
    #[arg(id = "ws.port", long = "ws.port", value_name = "PORT", default_value_t = 8546)]
    pub ws_port: u16,

    /// Namespaces to serve.
    #[arg(
        id = "ws.api",
        long = "ws.api",
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "eth,net,web3,txpool,debug,phala,optimism"
    )]
    pub ws_api: Vec<String>,

    /// Origins that browsers may connect from; `*` for any.
    #[arg(id = "ws.origins", long = "ws.origins", value_name = "ORIGINS", value_delimiter = ',')]
    pub ws_origins: Vec<String>,
}

/// Limits of the public RPC.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "RPC limits")]
pub struct RpcSettings {
    /// Connections served at once, over HTTP and WebSocket together.
    #[arg(id = "rpc.max-connections", long = "rpc.max-connections", value_name = "COUNT", default_value_t = 500,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub rpc_max_connections: u32,

    /// Largest request, in MB.
    #[arg(id = "rpc.max-request-size", long = "rpc.max-request-size", value_name = "MB", default_value_t = 15,
          value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub rpc_max_request_size_mb: u32,

    /// Largest response, in MB.
    #[arg(id = "rpc.max-response-size", long = "rpc.max-response-size", value_name = "MB", default_value_t = 160,
          value_parser = clap::value_parser!(u32).range(1..=4_095))]
    pub rpc_max_response_size_mb: u32,

    /// Calls in one batch.
    #[arg(id = "rpc.max-batch", long = "rpc.max-batch", value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub rpc_max_batch: u32,

    /// Subscriptions of one connection.
    #[arg(id = "rpc.max-subscriptions-per-connection", long = "rpc.max-subscriptions-per-connection",
          value_name = "COUNT", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    pub rpc_max_subscriptions: u32,

    /// Blocks one log query may span.
    #[arg(id = "rpc.max-blocks-per-filter", long = "rpc.max-blocks-per-filter", value_name = "COUNT",
          default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rpc_max_blocks_per_filter: u64,

    /// Logs one query may return.
    #[arg(id = "rpc.max-logs-per-response", long = "rpc.max-logs-per-response", value_name = "COUNT",
          default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rpc_max_logs_per_response: u64,

    /// Gas a call or an estimate may use.
    #[arg(id = "rpc.gascap", long = "rpc.gascap", value_name = "GAS", default_value_t = 50_000_000,
          value_parser = clap::value_parser!(u64).range(21_000..))]
    pub rpc_gascap: u64,

    /// Longest time a call may take.
    #[arg(id = "rpc.timeout", long = "rpc.timeout", value_name = "DURATION", default_value = "10s",
          value_parser = parse_duration)]
    pub rpc_timeout: Duration,
}

/// Engine API.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Engine API")]
pub struct AuthRpcSettings {
    /// Address to listen on.
    #[arg(id = "authrpc.addr", long = "authrpc.addr", value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub authrpc_addr: IpAddr,

    /// Port to listen on; 0 picks a free one.
    #[arg(id = "authrpc.port", long = "authrpc.port", value_name = "PORT", default_value_t = 8551)]
    pub authrpc_port: u16,

    /// File with the shared secret, 64 hex digits [default: jwt.hex in the data directory, created if absent].
    #[arg(id = "authrpc.jwtsecret", long = "authrpc.jwtsecret", value_name = "FILE")]
    pub authrpc_jwtsecret: Option<PathBuf>,
}

/// Pending transactions.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Transaction pool")]
pub struct TxPoolSettings {
    /// Transactions each sub-pool holds.
    #[arg(id = "txpool.max-count", long = "txpool.max-count", value_name = "COUNT", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub txpool_max_count: u32,

    /// Size of the transactions each sub-pool holds, in MB.
    #[arg(id = "txpool.max-size", long = "txpool.max-size", value_name = "MB", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub txpool_max_size_mb: u32,

    /// Transactions of one sender.
    #[arg(id = "txpool.max-account-slots", long = "txpool.max-account-slots", value_name = "COUNT", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub txpool_max_account_slots: u32,

    /// Percentage by which a replacement must raise its fees.
    #[arg(id = "txpool.pricebump", long = "txpool.pricebump", value_name = "PERCENT", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub txpool_pricebump: u32,

    /// Treat transactions sent over the public RPC like those from elsewhere: not journalled, evicted first.
    #[arg(id = "txpool.nolocals", long = "txpool.nolocals", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value = "false")]
    pub txpool_nolocals: bool,
}

/// Reading L1.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "L1")]
pub struct L1Settings {
    /// RPC of L1, the preferred first; derives the chain from it. Without it a consensus client drives the node over the Engine API.
    #[arg(id = "l1", long = "l1", value_name = "URLS", value_delimiter = ',')]
    pub l1: Vec<Url>,

    /// Beacon API of L1, for blobs.
    #[arg(id = "l1.beacon", long = "l1.beacon", value_name = "URLS", value_delimiter = ',')]
    pub l1_beacon: Vec<Url>,

    /// Beacon APIs that keep blobs longer, asked when the others have them no more.
    #[arg(
        id = "l1.beacon-fallbacks",
        long = "l1.beacon-fallbacks",
        value_name = "URLS",
        value_delimiter = ','
    )]
    pub l1_beacon_fallbacks: Vec<Url>,

    /// Requests a day to all L1 endpoints together; reaching it slows reading down [default: no limit].
    #[arg(id = "l1.max-requests-per-day", long = "l1.max-requests-per-day", value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub l1_max_requests_per_day: Option<u64>,

    /// Pause between two looks at the L1 head.
    #[arg(id = "l1.http-poll-interval", long = "l1.http-poll-interval", value_name = "DURATION",
          default_value = "6s", value_parser = parse_duration)]
    pub l1_http_poll_interval: Duration,

    /// Seconds of a beacon slot, where the beacon API does not tell [default: what it tells].
    #[arg(id = "l1.slot-secs", long = "l1.slot-secs", value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub l1_slot_secs: Option<u64>,

    /// Depth below the L1 head up to which the chain is derived.
    #[arg(id = "l1.confs", long = "l1.confs", value_name = "BLOCKS", default_value_t = 0)]
    pub l1_confs: u64,

    /// Folder for what was read of L1 [default: l1 in the data directory].
    #[arg(id = "l1.cache-dir", long = "l1.cache-dir", value_name = "DIR")]
    pub l1_cache_dir: Option<PathBuf>,
}

/// Making blocks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sequencer")]
pub struct SequencerSettings {
    /// Make blocks; needs --l1. One node of a chain at a time.
    #[arg(id = "sequencer", long = "sequencer", alias = "sequencer.enabled", value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pub sequencer: bool,

    /// Depth below the L1 head at which a block becomes an origin.
    #[arg(
        id = "sequencer.l1-confs",
        long = "sequencer.l1-confs",
        value_name = "BLOCKS",
        default_value_t = 4
    )]
    pub sequencer_l1_confs: u64,

    /// Unsafe blocks above the safe head at which no more are made; 0 is no limit.
    #[arg(
        id = "sequencer.max-safe-lag",
        long = "sequencer.max-safe-lag",
        value_name = "BLOCKS",
        default_value_t = 0
    )]
    pub sequencer_max_safe_lag: u64,

    /// Start in recover mode: adopt next origins as soon as possible, without transactions of the pool.
    #[arg(id = "sequencer.recover", long = "sequencer.recover", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value = "false")]
    pub sequencer_recover: bool,

    /// Wait for `admin_startSequencer` before the first block.
    #[arg(id = "sequencer.stopped", long = "sequencer.stopped", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value = "false")]
    pub sequencer_stopped: bool,
}

/// The development chain.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Development chain")]
pub struct DevSettings {
    /// Time between blocks, such as 2s or 250ms [default: the chain's block time].
    #[arg(id = "dev.block-time", long = "dev.block-time", value_name = "DURATION", value_parser = parse_duration)]
    pub dev_block_time: Option<Duration>,

    /// Also build a block as soon as a transaction arrives.
    #[arg(id = "dev.on-demand", long = "dev.on-demand", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false")]
    pub dev_on_demand: bool,

    /// Judge attestation evidence under the roots in this JSON file, as tests make them; not in release builds.
    #[cfg(debug_assertions)]
    #[arg(id = "dev.attestation-roots", long = "dev.attestation-roots", value_name = "FILE")]
    pub dev_attestation_roots: Option<PathBuf>,
}
