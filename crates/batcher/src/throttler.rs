use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::time::timeout;

use crate::{BatcherError, DaLimits, L2Client, RpcError, Throttle, status::Shared};

/// Longest time between two calls to a builder: a restarted one has forgotten its limits.
const INTERVAL: Duration = Duration::from_secs(2);

/// A builder, and whether it knows the method.
struct Builder {
    client: L2Client,
    told: Option<DaLimits>,
    failing: bool,
}

/// Tells the builders how much they may put into blocks, again and again.
///
/// Ends when no builder can be throttled, with an error if `strict`.
pub(crate) async fn run(
    throttle: Arc<Mutex<Throttle>>,
    shared: Arc<Shared>,
    builders: Vec<L2Client>,
    strict: bool,
) -> Result<(), BatcherError> {
    let mut builders: Vec<Builder> =
        builders.into_iter().map(|client| Builder { client, told: None, failing: false }).collect();
    let mut load = shared.load();
    let mut last = Instant::now();
    while !builders.is_empty() {
        let bytes = *load.borrow_and_update();
        let now = Instant::now();
        let (limits, intensity) = {
            let mut throttle = throttle.lock();
            (throttle.update(bytes, now.saturating_duration_since(last)), throttle.intensity())
        };
        last = now;
        metrics::gauge!("phala_batcher_throttle_intensity").set(intensity);
        metrics::gauge!("phala_batcher_throttle_block_bytes").set(limits.block_bytes as f64);
        shared.tell(|status| status.da_limits = Some(limits));
        let mut kept = Vec::new();
        for mut builder in builders {
            match builder.tell(limits, intensity).await {
                Ok(()) => kept.push(builder),
                Err(error) if strict => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "builder cannot be throttled and will not be asked again");
                }
            }
        }
        builders = kept;
        // On change at once, and otherwise after a while.
        if matches!(timeout(INTERVAL, load.changed()).await, Ok(Err(_))) {
            return Ok(());
        }
    }
    Ok(())
}

impl Builder {
    /// Only an error that cannot heal is returned.
    async fn tell(&mut self, limits: DaLimits, intensity: f64) -> Result<(), RpcError> {
        match self.client.set_max_da_size(limits).await {
            Ok(()) => {
                if self.told != Some(limits) {
                    let DaLimits { tx_bytes, block_bytes } = limits;
                    let builder = self.client.name();
                    tracing::debug!(
                        builder,
                        tx_bytes,
                        block_bytes,
                        intensity,
                        "builder was told its limits"
                    );
                    self.told = Some(limits);
                }
                if std::mem::take(&mut self.failing) {
                    tracing::info!(builder = self.client.name(), "builder can be throttled again");
                }
                Ok(())
            }
            Err(error @ RpcError::MethodNotFound { .. }) => Err(error),
            Err(error) => {
                metrics::counter!("phala_batcher_throttle_errors_total").increment(1);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "builder was not told its limits, trying again");
                }
                self.told = None;
                Ok(())
            }
        }
    }
}
