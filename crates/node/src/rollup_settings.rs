use std::time::Duration;

use phala_chainspec::ChainSpec;
use phala_l1::{L1Client, L1Config, L1Error};
use phala_sequencer::SequencerConfig;

use crate::{NodeError, config::Settings, data_dir::DataDir, driver::DriverConfig};

/// How long a start waits for L1 to say which chain it is.
const CHAIN_CHECK_PATIENCE: Duration = Duration::from_secs(3);

/// The settings in the words of the driver.
pub(crate) fn driver_config(settings: &Settings, spec: &ChainSpec) -> DriverConfig {
    let (l1, sequencer) = (&settings.l1, &settings.sequencer);
    DriverConfig {
        l1_confs: l1.l1_confs,
        poll_interval: l1.l1_http_poll_interval,
        sequencer: sequencer.sequencer.then_some(SequencerConfig {
            block_time_secs: spec.block_time_secs,
            l1_confs: sequencer.sequencer_l1_confs,
            max_safe_lag: sequencer.sequencer_max_safe_lag,
            recover: sequencer.sequencer_recover,
            stopped: sequencer.sequencer_stopped,
        }),
    }
}

/// The client for the L1 of the settings.
pub(crate) async fn l1_client(
    settings: &Settings,
    spec: &ChainSpec,
    data: &DataDir,
) -> Result<L1Client, NodeError> {
    let l1 = &settings.l1;
    let cache_dir = l1.l1_cache_dir.clone().unwrap_or_else(|| data.l1_cache());
    let config = L1Config {
        endpoints: l1.l1.clone(),
        beacon: l1.l1_beacon.clone(),
        beacon_fallbacks: l1.l1_beacon_fallbacks.clone(),
        cache_dir: Some(cache_dir),
        requests_per_day_max: l1.l1_max_requests_per_day,
        slot_secs: l1.l1_slot_secs,
        chain_id: Some(spec.l1_chain_id),
        ..L1Config::default()
    };
    let client = L1Client::new(config)?;
    // An L1 that does not answer yet is waited for later; one of another chain never becomes right.
    match tokio::time::timeout(CHAIN_CHECK_PATIENCE, client.chain_id()).await {
        Ok(Err(error @ L1Error::WrongChain { .. })) => Err(error.into()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "l1 does not answer yet");
            Ok(client)
        }
        Ok(Ok(_)) | Err(_) => Ok(client),
    }
}
