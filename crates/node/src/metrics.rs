use std::{fs, time::Instant};

use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;

use crate::NodeError;

/// Upper bounds of duration histograms, from a cached read to a stalled disk.
const SECONDS_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Upper bounds of size histograms.
const BYTES_BUCKETS: &[f64] = &[1_024.0, 8_192.0, 65_536.0, 524_288.0, 4_194_304.0, 33_554_432.0];

static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The process's metrics, in the text format of Prometheus.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    started: Instant,
}

impl Metrics {
    /// Installs the recorder of the process, once; later calls share it.
    pub fn install() -> Result<Self, NodeError> {
        let mut recorder = RECORDER.lock();
        if let Some(handle) = &*recorder {
            return Ok(Self::new(handle.clone()));
        }
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS_BUCKETS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES_BUCKETS)
            })
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| NodeError::Metrics(error.to_string()))?;
        Ok(Self::new(recorder.insert(handle).clone()))
    }

    fn new(handle: PrometheusHandle) -> Self {
        gauge!("phala_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Self { handle, started: Instant::now() }
    }

    /// All metrics as text.
    pub fn render(&self) -> String {
        gauge!("phala_process_uptime_seconds").set(self.started.elapsed().as_secs_f64());
        if let Some(bytes) = resident_bytes() {
            gauge!("phala_process_resident_bytes").set(bytes as f64);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            gauge!("phala_process_open_files").set(files.count() as f64);
        }
        self.handle.render()
    }

    /// Drains what histograms have gathered; called every few seconds so that it stays bounded.
    pub fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Memory of this process that is in RAM.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}
