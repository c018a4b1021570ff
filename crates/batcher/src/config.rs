use std::{net::SocketAddr, path::PathBuf, time::Duration};

use phala_batch::{BatchType, Compression};
use url::Url;

use crate::{
    BLOBS_PER_TX_MAX, CALLDATA_BYTES_MAX, DaChoice, FeePolicy, KeySource, ResendPolicy,
    SidecarFormat, StartupError, ThrottlePolicy,
};

/// Transactions that may be on their way at once: geth keeps 16 blob transactions of an account.
pub const PENDING_TX_MAX: usize = 16;

/// Largest target of frames in one channel: a hundred transactions of six blobs take most of the
/// 50 blocks a channel may be open.
const TARGET_FRAMES_MAX: u16 = 600;

/// Smallest input worth a transaction.
const CALLDATA_BYTES_MIN: usize = 1_000;

/// Everything an operator can set.
#[derive(Clone, Debug)]
pub struct BatcherConfig {
    /// L1 execution endpoints.
    pub l1: Vec<Url>,
    /// RPC of the rollup node.
    pub l2: Url,
    /// Where the key is.
    pub key: KeySource,
    /// Where data goes.
    pub da: DaChoice,
    /// Form of sidecars; `None` to ask L1.
    pub sidecar: Option<SidecarFormat>,
    /// Encoding of blocks.
    pub batch_type: BatchType,
    /// Compression of channels.
    pub compression: Compression,
    /// Frames of a channel posted as blobs, and blobs of one transaction.
    pub target_frames: u16,
    /// Input of one transaction posted as calldata.
    pub calldata_bytes_max: usize,
    /// Blocks of one channel.
    pub blocks_max: u64,
    /// L1 blocks a channel stays open at most; 0 for no such limit.
    pub channel_duration_max: u64,
    /// L1 blocks left for mining when a channel is closed because of a timeout or the window.
    pub safety_margin: u64,
    /// Transactions on their way at once.
    pub pending_tx_max: usize,
    /// Offers to L1.
    pub fees: FeePolicy,
    /// Patience with L1.
    pub resend: ResendPolicy,
    /// Pause between two looks at both chains.
    pub poll_interval: Duration,
    /// Longest wait for an answer.
    pub request_timeout: Duration,
    /// Folder of the journal.
    pub journal: PathBuf,
    /// Address of the admin and status RPC.
    pub rpc: Option<SocketAddr>,
    /// Address of the metrics and health server.
    pub metrics: Option<SocketAddr>,
    /// How the sequencer is throttled.
    pub throttle: ThrottlePolicy,
    /// Builders that are throttled; the rollup node if there is none.
    pub throttle_endpoints: Vec<Url>,
    /// Whether a builder that cannot be throttled ends the batcher.
    pub throttle_strict: bool,
    /// Wait for `admin_startBatcher` before posting.
    pub stopped: bool,
    /// Balance below which a warning is logged, in wei.
    pub balance_min: u128,
}

impl BatcherConfig {
    /// The defaults for these endpoints, this key and this journal.
    pub fn new(l1: Vec<Url>, l2: Url, key: KeySource, journal: PathBuf) -> Self {
        Self {
            l1,
            l2,
            key,
            da: DaChoice::Fixed(crate::DaType::Blobs),
            sidecar: None,
            batch_type: BatchType::Span,
            compression: Compression::Brotli { quality: 10 },
            target_frames: BLOBS_PER_TX_MAX,
            calldata_bytes_max: CALLDATA_BYTES_MAX,
            blocks_max: 10_000,
            channel_duration_max: 20,
            safety_margin: 10,
            pending_tx_max: 4,
            fees: FeePolicy::default(),
            resend: ResendPolicy {
                bump_after: Duration::from_secs(48),
                repeat_after: Duration::from_secs(12),
                confirmations: 10,
            },
            poll_interval: Duration::from_secs(6),
            request_timeout: Duration::from_secs(10),
            journal,
            rpc: Some(SocketAddr::from(([127, 0, 0, 1], 8_548))),
            metrics: None,
            throttle: ThrottlePolicy::default(),
            throttle_endpoints: Vec::new(),
            throttle_strict: false,
            stopped: false,
            balance_min: 100_000_000_000_000_000,
        }
    }

    /// Finds settings that make no sense.
    pub fn check(&self) -> Result<(), StartupError> {
        let wrong = |text: String| Err(StartupError::Setting(text));
        if self.l1.is_empty() {
            return wrong("no l1 endpoint: give --l1".to_owned());
        }
        if !(1..=PENDING_TX_MAX).contains(&self.pending_tx_max) {
            let given = self.pending_tx_max;
            return wrong(format!("--max-pending-tx {given} is not in 1..={PENDING_TX_MAX}"));
        }
        if !(1..=TARGET_FRAMES_MAX).contains(&self.target_frames) {
            let given = self.target_frames;
            return wrong(format!("--target-num-frames {given} is not in 1..={TARGET_FRAMES_MAX}"));
        }
        if !(CALLDATA_BYTES_MIN..=CALLDATA_BYTES_MAX).contains(&self.calldata_bytes_max) {
            let given = self.calldata_bytes_max;
            let range = format!("{CALLDATA_BYTES_MIN}..={CALLDATA_BYTES_MAX}");
            return wrong(format!("--max-l1-tx-size-bytes {given} is not in {range}"));
        }
        if self.blocks_max == 0 {
            return wrong("--max-blocks-per-span-batch must not be 0".to_owned());
        }
        if let Compression::Brotli { quality } = self.compression
            && quality > 11
        {
            return wrong(format!("brotli quality {quality} is not in 0..=11"));
        }
        if self.poll_interval.is_zero() {
            return wrong("--poll-interval must not be 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> BatcherConfig {
        let url: Url = "http://127.0.0.1:1".parse().expect("url");
        BatcherConfig::new(vec![url.clone()], url, KeySource::KeyFile("k".into()), "j".into())
    }

    #[test]
    fn defaults_are_sound_and_senseless_settings_are_told() {
        config().check().expect("defaults");
        let wrong: [fn(&mut BatcherConfig); 10] = [
            |c| c.l1.clear(),
            |c| c.pending_tx_max = 0,
            |c| c.pending_tx_max = 17,
            |c| c.target_frames = 0,
            |c| c.target_frames = 601,
            |c| c.calldata_bytes_max = 10,
            |c| c.calldata_bytes_max = 130_000,
            |c| c.blocks_max = 0,
            |c| c.compression = Compression::Brotli { quality: 12 },
            |c| c.poll_interval = Duration::ZERO,
        ];
        for change in wrong {
            let mut config = config();
            change(&mut config);
            assert!(matches!(config.check(), Err(StartupError::Setting(_))));
        }
    }
}
