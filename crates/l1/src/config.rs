use std::{path::PathBuf, time::Duration};

use url::Url;

use crate::redacted::Redacted;

/// How L1 is read.
#[derive(Clone)]
pub struct L1Config {
    /// Execution endpoints, the preferred one first.
    pub endpoints: Vec<Url>,
    /// Beacon endpoints, the preferred one first. Without, chains that post blobs cannot be derived.
    pub beacon: Vec<Url>,
    /// Beacon endpoints asked only for what the others do not have: archives of blobs.
    pub beacon_fallbacks: Vec<Url>,
    /// Seconds of a slot, for beacon endpoints without `config/spec`.
    pub slot_secs: Option<u64>,
    /// Chain id every execution endpoint has to serve; if absent, that of the first one asked.
    pub chain_id: Option<u64>,
    /// Where verified blocks, blobs and the counter of the budget are kept.
    pub cache_dir: Option<PathBuf>,
    /// Bytes the files of the cache may take.
    pub cache_disk_bytes_max: u64,
    /// Bytes the cache in memory may take.
    pub cache_memory_bytes_max: usize,
    /// Requests a day, over all endpoints.
    pub requests_per_day_max: Option<u64>,
    /// Time for one request, from connecting to the last byte.
    pub request_timeout: Duration,
    /// Requests in flight at once.
    pub concurrent_requests_max: usize,
    /// Bytes of one answer. Larger ones are not read to the end.
    pub response_bytes_max: usize,
    /// Whether a second endpoint has to confirm heads and heights, if there is one.
    pub cross_check: bool,
}

impl Default for L1Config {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            beacon: Vec::new(),
            beacon_fallbacks: Vec::new(),
            slot_secs: None,
            chain_id: None,
            cache_dir: None,
            // About a day of main net blocks with receipts.
            cache_disk_bytes_max: 2 << 30,
            // A follower as a whole stays below 300 MB.
            cache_memory_bytes_max: 32 << 20,
            requests_per_day_max: None,
            // Receipts of a full block from a busy provider take some seconds.
            request_timeout: Duration::from_secs(10),
            // Public providers cut off clients with more.
            concurrent_requests_max: 16,
            // 72 blobs as hexadecimal digits are 19 MB; receipts of a full block less.
            response_bytes_max: 64 << 20,
            cross_check: true,
        }
    }
}

impl L1Config {
    /// Reads from these endpoints with everything else as usual.
    pub fn new(endpoints: Vec<Url>, beacon: Vec<Url>) -> Self {
        Self { endpoints, beacon, ..Self::default() }
    }
}

impl std::fmt::Debug for L1Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let redacted = |urls: &[Url]| urls.iter().map(Redacted::of).collect::<Vec<_>>();
        f.debug_struct("L1Config")
            .field("endpoints", &redacted(&self.endpoints))
            .field("beacon", &redacted(&self.beacon))
            .field("beacon_fallbacks", &redacted(&self.beacon_fallbacks))
            .field("slot_secs", &self.slot_secs)
            .field("chain_id", &self.chain_id)
            .field("cache_dir", &self.cache_dir)
            .field("cache_disk_bytes_max", &self.cache_disk_bytes_max)
            .field("cache_memory_bytes_max", &self.cache_memory_bytes_max)
            .field("requests_per_day_max", &self.requests_per_day_max)
            .field("request_timeout", &self.request_timeout)
            .field("concurrent_requests_max", &self.concurrent_requests_max)
            .field("response_bytes_max", &self.response_bytes_max)
            .field("cross_check", &self.cross_check)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secrets() {
        let url: Url =
            "https://user:pass@l1.example.org:8545/v3/SECRET?key=SECRET2".parse().unwrap();
        let config = L1Config::new(vec![url.clone()], vec![url]);
        let shown = format!("{config:?}");
        assert!(shown.contains("l1.example.org:8545"), "{shown}");
        for secret in ["SECRET", "user", "pass", "v3"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
