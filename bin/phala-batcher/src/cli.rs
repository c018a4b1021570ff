use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use phala_batcher_lib::{
    Address, BLOBS_PER_TX_MAX, BatchType, BatcherConfig, CALLDATA_BYTES_MAX, Compression, DaChoice,
    DaType, FeePolicy, KeySource, ResendPolicy, SidecarFormat, ThrottleKind, ThrottlePolicy, Url,
};

/// Wei of one gwei and of one ether.
const GWEI: f64 = 1e9;
const ETHER: f64 = 1e18;

/// Posts the batches of an OP-stack chain to L1.
///
/// Reads unsafe blocks from the rollup node, packs them into channels and gets these mined as blobs
/// or calldata, in order and exactly once. Needs the key of the chain's batcher address, from a
/// keystore, a key file or a remote signer.
#[derive(Parser, Debug)]
#[command(
    name = "phala-batcher",
    version,
    max_term_width = 100,
    after_help = "Each setting is a flag (--max-pending-tx 4) or a variable \
                  (PHALA_BATCHER_MAX_PENDING_TX=4); the flag wins. Secrets are in files or with the \
                  remote signer, never in arguments."
)]
pub(crate) struct Cli {
    /// L1 execution endpoints; the next one is asked when one does not answer.
    #[arg(
        long,
        env = "PHALA_BATCHER_L1",
        value_name = "URL",
        required = true,
        value_delimiter = ',',
        help_heading = "Chains",
        hide_env_values = true
    )]
    l1: Vec<Url>,

    /// RPC of the rollup node, with the namespaces optimism, eth and (to throttle it) miner.
    #[arg(
        long,
        env = "PHALA_BATCHER_L2",
        value_name = "URL",
        help_heading = "Chains",
        hide_env_values = true
    )]
    l2: Url,

    /// Pause between two looks at both chains.
    #[arg(long, env = "PHALA_BATCHER_POLL_INTERVAL", value_name = "DURATION", default_value = "6s", value_parser = parse_duration, help_heading = "Chains")]
    poll_interval: Duration,

    /// Longest wait for an answer of an endpoint.
    #[arg(long, env = "PHALA_BATCHER_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = parse_duration, help_heading = "Chains")]
    request_timeout: Duration,

    /// Encrypted keystore file.
    #[arg(long, env = "PHALA_BATCHER_KEYSTORE", value_name = "FILE", requires = "keystore_password_file", conflicts_with_all = ["key_file", "signer_endpoint"], help_heading = "Key")]
    keystore: Option<PathBuf>,

    /// File with the password of the keystore; only its owner may access it.
    #[arg(
        long = "keystore.password-file",
        env = "PHALA_BATCHER_KEYSTORE_PASSWORD_FILE",
        value_name = "FILE",
        requires = "keystore",
        help_heading = "Key"
    )]
    keystore_password_file: Option<PathBuf>,

    /// File with the key as 64 hex digits; only its owner may access it.
    #[arg(
        long,
        env = "PHALA_BATCHER_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "signer_endpoint",
        help_heading = "Key"
    )]
    key_file: Option<PathBuf>,

    /// Remote signer that knows eth_signTransaction, as op-signer does.
    #[arg(
        long = "signer.endpoint",
        env = "PHALA_BATCHER_SIGNER_ENDPOINT",
        value_name = "URL",
        requires = "signer_address",
        help_heading = "Key",
        hide_env_values = true
    )]
    signer_endpoint: Option<Url>,

    /// Address the remote signer signs for.
    #[arg(
        long = "signer.address",
        env = "PHALA_BATCHER_SIGNER_ADDRESS",
        value_name = "ADDRESS",
        requires = "signer_endpoint",
        help_heading = "Key"
    )]
    signer_address: Option<Address>,

    /// Folder of the journal of signed transactions; one per chain and key, never shared.
    #[arg(long, env = "PHALA_BATCHER_JOURNAL", value_name = "DIR", help_heading = "Key")]
    journal: PathBuf,

    /// Where data goes; auto takes what costs less when a channel is opened.
    #[arg(
        long,
        env = "PHALA_BATCHER_DATA_AVAILABILITY_TYPE",
        value_name = "TYPE",
        default_value = "blobs",
        help_heading = "Batches"
    )]
    data_availability_type: DaFlag,

    /// Form of blob sidecars; auto asks L1 for its fork.
    #[arg(
        long = "l1.sidecar",
        env = "PHALA_BATCHER_L1_SIDECAR",
        value_name = "FORM",
        default_value = "auto",
        help_heading = "Batches"
    )]
    l1_sidecar: SidecarFlag,

    /// Encoding of blocks: 1 for span batches, 0 for singular ones.
    #[arg(long, env = "PHALA_BATCHER_BATCH_TYPE", value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1), help_heading = "Batches")]
    batch_type: u8,

    /// Compression of channels; brotli takes a quality from 0 to 11 as brotli-10.
    #[arg(long, alias = "compression-algo", env = "PHALA_BATCHER_COMPRESSION", value_name = "ALGORITHM", default_value = "brotli-10", value_parser = parse_compression, help_heading = "Batches")]
    compression: Compression,

    /// L1 blocks a channel stays open at most; 0 for as long as its timeout allows.
    #[arg(
        long,
        env = "PHALA_BATCHER_MAX_CHANNEL_DURATION",
        value_name = "BLOCKS",
        default_value_t = 20,
        help_heading = "Batches"
    )]
    max_channel_duration: u64,

    /// L1 blocks left for mining when a timeout or the sequencing window closes a channel.
    #[arg(
        long,
        env = "PHALA_BATCHER_SUB_SAFETY_MARGIN",
        value_name = "BLOCKS",
        default_value_t = 10,
        help_heading = "Batches"
    )]
    sub_safety_margin: u64,

    /// Frames of a channel posted as blobs, and blobs of one transaction (at most 6).
    #[arg(long, env = "PHALA_BATCHER_TARGET_NUM_FRAMES", value_name = "FRAMES", default_value_t = BLOBS_PER_TX_MAX, help_heading = "Batches")]
    target_num_frames: u16,

    /// Input of one transaction posted as calldata.
    #[arg(long, env = "PHALA_BATCHER_MAX_L1_TX_SIZE_BYTES", value_name = "BYTES", default_value_t = CALLDATA_BYTES_MAX, help_heading = "Batches")]
    max_l1_tx_size_bytes: usize,

    /// L2 blocks of one channel.
    #[arg(
        long,
        env = "PHALA_BATCHER_MAX_BLOCKS_PER_SPAN_BATCH",
        value_name = "BLOCKS",
        default_value_t = 10_000,
        help_heading = "Batches"
    )]
    max_blocks_per_span_batch: u64,

    /// Wait for admin_startBatcher before posting.
    #[arg(long, env = "PHALA_BATCHER_STOPPED", help_heading = "Batches")]
    stopped: bool,

    /// Transactions on their way at once.
    #[arg(
        long,
        env = "PHALA_BATCHER_MAX_PENDING_TX",
        value_name = "COUNT",
        default_value_t = 4,
        help_heading = "Transactions"
    )]
    max_pending_tx: usize,

    /// L1 blocks upon a transaction until it is not watched any longer.
    #[arg(
        long,
        env = "PHALA_BATCHER_NUM_CONFIRMATIONS",
        value_name = "BLOCKS",
        default_value_t = 10,
        help_heading = "Transactions"
    )]
    num_confirmations: u64,

    /// Time after which a transaction that is not mined offers more.
    #[arg(long, env = "PHALA_BATCHER_RESUBMISSION_TIMEOUT", value_name = "DURATION", default_value = "48s", value_parser = parse_duration, help_heading = "Transactions")]
    resubmission_timeout: Duration,

    /// Lowest tip offered, in gwei.
    #[arg(
        long,
        env = "PHALA_BATCHER_MIN_TIP",
        value_name = "GWEI",
        default_value_t = 1.0,
        help_heading = "Transactions"
    )]
    min_tip: f64,

    /// Most times the suggested fee that is offered, above the threshold.
    #[arg(
        long,
        env = "PHALA_BATCHER_FEE_LIMIT_MULTIPLIER",
        value_name = "FACTOR",
        default_value_t = 5,
        help_heading = "Transactions"
    )]
    fee_limit_multiplier: u32,

    /// Fee up to which no limit applies, in gwei.
    #[arg(
        long,
        env = "PHALA_BATCHER_FEE_LIMIT_THRESHOLD",
        value_name = "GWEI",
        default_value_t = 100.0,
        help_heading = "Transactions"
    )]
    fee_limit_threshold: f64,

    /// Balance below which a warning is logged, in ether.
    #[arg(
        long,
        env = "PHALA_BATCHER_MIN_BALANCE",
        value_name = "ETHER",
        default_value_t = 0.1,
        help_heading = "Transactions"
    )]
    min_balance: f64,

    /// How pressure on the sequencer grows with the bytes L1 has not taken yet.
    #[arg(
        long = "throttle.controller",
        env = "PHALA_BATCHER_THROTTLE_CONTROLLER",
        value_name = "KIND",
        default_value = "quadratic",
        help_heading = "Throttling"
    )]
    throttle_controller: ControllerFlag,

    /// Bytes up to which the sequencer is left alone; 0 never throttles.
    #[arg(
        long = "throttle.lower-threshold",
        env = "PHALA_BATCHER_THROTTLE_LOWER_THRESHOLD",
        value_name = "BYTES",
        default_value_t = 1_600_000,
        help_heading = "Throttling"
    )]
    throttle_lower_threshold: u64,

    /// Bytes from which it is held back as much as possible [default: five times the lower one].
    #[arg(
        long = "throttle.upper-threshold",
        env = "PHALA_BATCHER_THROTTLE_UPPER_THRESHOLD",
        value_name = "BYTES",
        help_heading = "Throttling"
    )]
    throttle_upper_threshold: Option<u64>,

    /// Compressed bytes of a block while it is left alone.
    #[arg(
        long = "throttle.block-size-upper-limit",
        env = "PHALA_BATCHER_THROTTLE_BLOCK_SIZE_UPPER_LIMIT",
        value_name = "BYTES",
        default_value_t = 130_000,
        help_heading = "Throttling"
    )]
    throttle_block_upper: u64,

    /// Compressed bytes of a block at most pressure.
    #[arg(
        long = "throttle.block-size-lower-limit",
        env = "PHALA_BATCHER_THROTTLE_BLOCK_SIZE_LOWER_LIMIT",
        value_name = "BYTES",
        default_value_t = 4_000,
        help_heading = "Throttling"
    )]
    throttle_block_lower: u64,

    /// Compressed bytes of a transaction when throttling begins; none are limited before. 0 never
    /// limits them.
    #[arg(
        long = "throttle.tx-size-upper-limit",
        env = "PHALA_BATCHER_THROTTLE_TX_SIZE_UPPER_LIMIT",
        value_name = "BYTES",
        default_value_t = 10_000,
        help_heading = "Throttling"
    )]
    throttle_tx_upper: u64,

    /// Compressed bytes of a transaction at most pressure.
    #[arg(
        long = "throttle.tx-size-lower-limit",
        env = "PHALA_BATCHER_THROTTLE_TX_SIZE_LOWER_LIMIT",
        value_name = "BYTES",
        default_value_t = 150,
        help_heading = "Throttling"
    )]
    throttle_tx_lower: u64,

    /// Builders to throttle with miner_setMaxDASize [default: the rollup node].
    #[arg(
        long = "throttle.endpoint",
        env = "PHALA_BATCHER_THROTTLE_ENDPOINT",
        value_name = "URL",
        value_delimiter = ',',
        help_heading = "Throttling",
        hide_env_values = true
    )]
    throttle_endpoint: Vec<Url>,

    /// Stop when a builder does not know miner_setMaxDASize.
    #[arg(
        long = "throttle.strict",
        env = "PHALA_BATCHER_THROTTLE_STRICT",
        help_heading = "Throttling"
    )]
    throttle_strict: bool,

    /// Address of the admin and status RPC; whoever reaches it can stop the batcher.
    #[arg(long = "rpc.addr", env = "PHALA_BATCHER_RPC_ADDR", value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), help_heading = "Servers")]
    rpc_addr: IpAddr,

    /// Port of the admin and status RPC; 0 takes any free one.
    #[arg(
        long = "rpc.port",
        env = "PHALA_BATCHER_RPC_PORT",
        value_name = "PORT",
        default_value_t = 8_548,
        help_heading = "Servers"
    )]
    rpc_port: u16,

    /// Address of the metrics and health server: /metrics, /healthz, /readyz.
    #[arg(long, env = "PHALA_BATCHER_METRICS", value_name = "ADDR:PORT", help_heading = "Servers")]
    metrics: Option<SocketAddr>,

    /// Format of log lines on standard error.
    #[arg(
        long = "log.format",
        env = "PHALA_BATCHER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Logging"
    )]
    pub(crate) log_format: LogFormat,

    /// What to log: a level, or directives such as `info,phala_batcher_lib=debug`.
    #[arg(
        long = "log.filter",
        env = "PHALA_BATCHER_LOG_FILTER",
        value_name = "FILTER",
        default_value = "info",
        help_heading = "Logging"
    )]
    pub(crate) log_filter: String,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DaFlag {
    Blobs,
    Calldata,
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SidecarFlag {
    /// What the fork of L1 wants.
    Auto,
    /// A proof per blob, before Osaka.
    #[value(name = "4844")]
    Eip4844,
    /// A proof per cell, since Osaka.
    #[value(name = "7594")]
    Eip7594,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ControllerFlag {
    Step,
    Linear,
    Quadratic,
    Pid,
}

impl Cli {
    pub(crate) fn config(&self) -> eyre::Result<BatcherConfig> {
        let mut config =
            BatcherConfig::new(self.l1.clone(), self.l2.clone(), self.key()?, self.journal.clone());
        config.da = match self.data_availability_type {
            DaFlag::Blobs => DaChoice::Fixed(DaType::Blobs),
            DaFlag::Calldata => DaChoice::Fixed(DaType::Calldata),
            DaFlag::Auto => DaChoice::Auto,
        };
        config.sidecar = match self.l1_sidecar {
            SidecarFlag::Auto => None,
            SidecarFlag::Eip4844 => Some(SidecarFormat::Eip4844),
            SidecarFlag::Eip7594 => Some(SidecarFormat::Eip7594),
        };
        config.batch_type =
            if self.batch_type == 0 { BatchType::Singular } else { BatchType::Span };
        config.compression = self.compression;
        config.target_frames = self.target_num_frames;
        config.calldata_bytes_max = self.max_l1_tx_size_bytes;
        config.blocks_max = self.max_blocks_per_span_batch;
        config.channel_duration_max = self.max_channel_duration;
        config.safety_margin = self.sub_safety_margin;
        config.pending_tx_max = self.max_pending_tx;
        config.fees = FeePolicy {
            tip_min: scaled("--min-tip", self.min_tip, GWEI)?,
            limit_factor: u128::from(self.fee_limit_multiplier),
            limit_threshold: scaled("--fee-limit-threshold", self.fee_limit_threshold, GWEI)?,
            ..FeePolicy::default()
        };
        config.resend = ResendPolicy {
            bump_after: self.resubmission_timeout,
            repeat_after: self.resubmission_timeout / 4,
            confirmations: self.num_confirmations,
        };
        config.balance_min = scaled("--min-balance", self.min_balance, ETHER)?;
        config.poll_interval = self.poll_interval;
        config.request_timeout = self.request_timeout;
        config.rpc = Some(SocketAddr::new(self.rpc_addr, self.rpc_port));
        config.metrics = self.metrics;
        config.throttle = self.throttle();
        config.throttle_endpoints = self.throttle_endpoint.clone();
        config.throttle_strict = self.throttle_strict;
        config.stopped = self.stopped;
        Ok(config)
    }

    fn key(&self) -> eyre::Result<KeySource> {
        match (&self.keystore, &self.keystore_password_file, &self.key_file) {
            (Some(file), Some(password_file), _) => {
                Ok(KeySource::Keystore { file: file.clone(), password_file: password_file.clone() })
            }
            (_, _, Some(file)) => Ok(KeySource::KeyFile(file.clone())),
            _ => match (&self.signer_endpoint, self.signer_address) {
                (Some(endpoint), Some(address)) => {
                    Ok(KeySource::Remote { endpoint: endpoint.clone(), address })
                }
                _ => eyre::bail!(
                    "no key: give --keystore and --keystore.password-file, or --key-file, or \
                     --signer.endpoint and --signer.address"
                ),
            },
        }
    }

    fn throttle(&self) -> ThrottlePolicy {
        let policy = ThrottlePolicy::with_lower_threshold(self.throttle_lower_threshold);
        ThrottlePolicy {
            kind: match self.throttle_controller {
                ControllerFlag::Step => ThrottleKind::Step,
                ControllerFlag::Linear => ThrottleKind::Linear,
                ControllerFlag::Quadratic => ThrottleKind::Quadratic,
                ControllerFlag::Pid => ThrottleKind::Pid,
            },
            upper_threshold: self.throttle_upper_threshold.unwrap_or(policy.upper_threshold),
            block_upper: self.throttle_block_upper,
            block_lower: self.throttle_block_lower,
            tx_upper: self.throttle_tx_upper,
            tx_lower: self.throttle_tx_lower,
            ..policy
        }
    }
}

/// An amount in wei.
fn scaled(flag: &str, amount: f64, unit: f64) -> eyre::Result<u128> {
    let wei = amount * unit;
    eyre::ensure!(wei.is_finite() && (0.0..1e30).contains(&wei), "{flag} {amount} is out of range");
    // In range by the line above.
    Ok(wei as u128)
}

/// A number with its unit: `500ms`, `2s`, `1m` or `1h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let wrong = || format!("`{text}` is no duration such as 500ms, 2s, 1m or 1h");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

fn parse_compression(text: &str) -> Result<Compression, String> {
    let wrong = || format!("`{text}` is neither zlib nor brotli nor one of brotli-0 to brotli-11");
    match text {
        "zlib" => Ok(Compression::Zlib),
        "brotli" => Ok(Compression::Brotli { quality: 10 }),
        _ => {
            let quality = text.strip_prefix("brotli-").ok_or_else(wrong)?;
            let quality: u8 = quality.parse().map_err(|_| wrong())?;
            (quality <= 11).then_some(Compression::Brotli { quality }).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const BASE: [&str; 7] =
        ["phala-batcher", "--l1", "http://a:1,http://b:2", "--l2", "http://c:3", "--journal", "j"];

    fn parse(more: &[&str]) -> Result<BatcherConfig, String> {
        let arguments = BASE.iter().chain(more);
        let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        let config = cli.config().map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_arrive_in_the_configuration() {
        let config = parse(&["--key-file", "k"]).expect("defaults");
        assert_eq!(config.l1.len(), 2);
        assert_eq!(config.da, DaChoice::Fixed(DaType::Blobs));
        assert_eq!(config.compression, Compression::Brotli { quality: 10 });
        assert_eq!(config.throttle, ThrottlePolicy::default());
        assert_eq!(config.fees, FeePolicy::default());
        assert_eq!(config.balance_min, 100_000_000_000_000_000);
        assert!(config.rpc.expect("served").ip().is_loopback());
        let config = parse(&[
            "--key-file=k",
            "--data-availability-type=auto",
            "--l1.sidecar=4844",
            "--batch-type=0",
            "--compression=zlib",
            "--max-channel-duration=0",
            "--poll-interval=250ms",
            "--resubmission-timeout=1m",
            "--throttle.controller=pid",
            "--throttle.lower-threshold=100",
            "--min-tip=0.5",
            "--stopped",
        ])
        .expect("valid");
        assert_eq!(config.da, DaChoice::Auto);
        assert_eq!(config.sidecar, Some(SidecarFormat::Eip4844));
        assert_eq!(
            (config.batch_type, config.compression),
            (BatchType::Singular, Compression::Zlib)
        );
        assert_eq!(config.poll_interval, Duration::from_millis(250));
        assert_eq!(config.resend.bump_after, Duration::from_secs(60));
        assert_eq!(
            (config.throttle.upper_threshold, config.throttle.kind),
            (500, ThrottleKind::Pid)
        );
        assert_eq!((config.fees.tip_min, config.stopped), (500_000_000, true));
    }

    #[test]
    fn exactly_one_key_is_asked_for() {
        assert!(parse(&[]).expect_err("no key").contains("--key-file"));
        assert!(parse(&["--keystore", "k"]).expect_err("no password").contains("password-file"));
        parse(&["--keystore", "k", "--keystore.password-file", "p"]).expect("keystore");
        parse(&["--key-file", "k", "--signer.endpoint", "http://s"]).expect_err("two keys");
        parse(&["--signer.endpoint", "http://s"]).expect_err("no address");
        let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        parse(&["--signer.endpoint", "http://s", "--signer.address", address]).expect("remote");
        parse(&["--private-key", "0xabc"]).expect_err("no secrets in arguments");
    }

    #[test]
    fn senseless_values_are_refused() {
        for flag in [
            "--poll-interval=2",
            "--poll-interval=0s",
            "--compression=brotli-12",
            "--compression=lz4",
            "--batch-type=2",
            "--max-pending-tx=0",
            "--target-num-frames=0",
            "--min-tip=-1",
            "--min-tip=nan",
        ] {
            parse(&["--key-file=k", flag]).expect_err(flag);
        }
    }
}
