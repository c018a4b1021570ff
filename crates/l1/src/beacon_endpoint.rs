use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alloy_eips::eip4844::Blob;
use alloy_primitives::{B256, Bytes};
use phala_primitives::SealedHeader;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    budget::Purpose,
    cache::blob_from,
    fault::Fault,
    health::Health,
    json_rpc::garbage,
    redacted::Redacted,
    transport::{Charge, Transport},
};

/// Milliseconds of a second; newer specifications give the slot in milliseconds.
const MS_PER_SEC: u64 = 1000;

/// One beacon endpoint.
pub(crate) struct BeaconEndpoint {
    url: Url,
    pub(crate) name: Redacted,
    pub(crate) health: Health,
    transport: Arc<Transport>,
    slot_secs: Option<u64>,
    clock: OnceCell<Clock>,
    /// Position in [`Way::ALL`] of the way that worked last.
    way: AtomicUsize,
}

/// How the slot of a block is computed.
#[derive(Clone, Copy, Debug)]
struct Clock {
    genesis_time: u64,
    /// Absent if the endpoint has no specification, and nobody says.
    slot_secs: Option<u64>,
    /// Whether the endpoint has a specification, as real beacon nodes do.
    has_spec: bool,
}

/// The generations of the endpoint for blobs, and the two ways to name a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `blobs/{slot}?versioned_hashes=`, since Fusaka.
    Filtered,
    /// `blobs/{slot}`: for servers that read one hash of the filter only, or none.
    Unfiltered,
    /// `blob_sidecars/{slot}?indices=`, until Fusaka, and with archives.
    Sidecars,
    /// `blobs/{hash of the execution block}`: anvil, which has no specification and takes a number
    /// for a height, not a slot.
    ByHash,
}

impl Way {
    const ALL: [Self; 4] = [Self::Filtered, Self::Unfiltered, Self::Sidecars, Self::ByHash];

    const fn method(self) -> &'static str {
        match self {
            Self::Filtered | Self::Unfiltered | Self::ByHash => "beacon_blobs",
            Self::Sidecars => "beacon_blob_sidecars",
        }
    }

    /// Whether every blob of the answer must be one that was asked for.
    const fn is_exact(self) -> bool {
        matches!(self, Self::Filtered | Self::Sidecars)
    }

    const fn fits(self, clock: Clock) -> bool {
        match self {
            Self::ByHash => !clock.has_spec,
            _ => clock.slot_secs.is_some(),
        }
    }
}

/// Blobs of an answer, not yet compared with their hashes.
pub(crate) struct Answer {
    pub(crate) blobs: Vec<Box<Blob>>,
    /// Whether a blob nobody asked for is a lie.
    pub(crate) is_exact: bool,
    /// To be given to [`BeaconEndpoint::worked`] if the blobs are right.
    way: usize,
}

impl BeaconEndpoint {
    pub(crate) fn new(url: Url, transport: Arc<Transport>, slot_secs: Option<u64>) -> Self {
        Self {
            name: Redacted::of(&url),
            url,
            health: Health::default(),
            transport,
            slot_secs: slot_secs.filter(|secs| *secs > 0),
            clock: OnceCell::new(),
            way: AtomicUsize::new(0),
        }
    }

    /// Slot of a block, if the endpoint has told how to compute it.
    pub(crate) fn slot(&self, timestamp: u64) -> Option<u64> {
        let clock = self.clock.get()?;
        Some(timestamp.checked_sub(clock.genesis_time)? / clock.slot_secs?)
    }

    /// Ways to ask, the one that worked last first.
    pub(crate) async fn ways(&self) -> Result<Vec<usize>, Fault> {
        let clock = *self.clock.get_or_try_init(|| self.read_clock()).await?;
        let last = self.way.load(Ordering::Relaxed);
        let mut ways: Vec<usize> =
            (0..Way::ALL.len()).filter(|way| Way::ALL[*way].fits(clock)).collect();
        ways.sort_by_key(|way| *way != last);
        Ok(ways)
    }

    /// Asks for blobs in one way.
    pub(crate) async fn ask(
        &self,
        way: usize,
        header: &SealedHeader,
        wanted: &[(u64, B256)],
    ) -> Result<Answer, Fault> {
        let kind = Way::ALL[way];
        let mut query = Vec::new();
        let block = match kind {
            Way::ByHash => header.hash().to_string(),
            _ => self.slot(header.timestamp).ok_or(Fault::Null)?.to_string(),
        };
        match kind {
            Way::Filtered => {
                query.extend(wanted.iter().map(|(_, hash)| ("versioned_hashes", hash.to_string())));
            }
            Way::Sidecars => {
                query.extend(wanted.iter().map(|(index, _)| ("indices", index.to_string())));
            }
            Way::Unfiltered | Way::ByHash => {}
        }
        let blobs = match kind {
            Way::Sidecars => {
                let path = ["eth", "v1", "beacon", "blob_sidecars", &block];
                let sidecars: Vec<Sidecar> = self.get(kind.method(), &path, &query).await?;
                sidecars.into_iter().map(|sidecar| sidecar.blob).collect()
            }
            _ => {
                let path = ["eth", "v1", "beacon", "blobs", &block];
                self.get::<Vec<Bytes>>(kind.method(), &path, &query).await?
            }
        };
        let blobs: Option<Vec<_>> = blobs.iter().map(|bytes| blob_from(bytes)).collect();
        let blobs = blobs.ok_or_else(|| Fault::Garbage("a blob has the wrong length".into()))?;
        Ok(Answer { blobs, is_exact: kind.is_exact(), way })
    }

    /// Remembers that an answer was right.
    pub(crate) fn worked(&self, answer: &Answer) {
        self.way.store(answer.way, Ordering::Relaxed);
    }

    /// What to tell an operator if nothing was found.
    pub(crate) fn hint(&self) -> &'static str {
        match self.clock.get() {
            Some(Clock { slot_secs: None, .. }) => {
                "not there; it has no config/spec, so set --l1.slot-secs if it is asked by slot"
            }
            _ => "not there",
        }
    }

    async fn read_clock(&self) -> Result<Clock, Fault> {
        #[derive(Deserialize)]
        struct Genesis {
            genesis_time: String,
        }
        let genesis: Genesis =
            self.get("beacon_genesis", &["eth", "v1", "beacon", "genesis"], &[]).await?;
        let genesis_time =
            genesis.genesis_time.parse().map_err(|_| not_a_number("genesis_time"))?;
        let spec = self.get::<Spec>("beacon_spec", &["eth", "v1", "config", "spec"], &[]).await;
        match spec {
            Ok(spec) => {
                let slot_secs = self.slot_secs.map_or_else(|| spec.slot_secs(), Ok)?;
                Ok(Clock { genesis_time, slot_secs: Some(slot_secs), has_spec: true })
            }
            Err(fault) if is_absent(&fault) => {
                Ok(Clock { genesis_time, slot_secs: self.slot_secs, has_spec: false })
            }
            Err(fault) => Err(fault),
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Fault> {
        #[derive(Deserialize)]
        struct Data<T> {
            data: T,
        }
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| Fault::Connection("the url cannot have a path".into()))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let charge = Charge { method, requests: 1, purpose: Purpose::Read };
        let body = self.transport.get(url, charge).await?;
        let data: Data<T> = serde_json::from_slice(&body).map_err(garbage)?;
        Ok(data.data)
    }
}

/// Whether the server does not have the path, or nothing under it.
pub(crate) const fn is_absent(fault: &Fault) -> bool {
    matches!(fault, Fault::Null | Fault::Status { status: 400 | 404 | 405 | 410 | 501, .. })
}

fn not_a_number(what: &str) -> Fault {
    Fault::Garbage(format!("{what} is not a number"))
}

#[derive(Deserialize)]
struct Sidecar {
    blob: Bytes,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT")]
    seconds_per_slot: Option<String>,
    #[serde(rename = "SLOT_DURATION_MS")]
    slot_duration_ms: Option<String>,
}

impl Spec {
    fn slot_secs(&self) -> Result<u64, Fault> {
        let seconds = self.seconds_per_slot.as_ref().and_then(|secs| secs.parse().ok());
        let from_ms = || {
            let ms: u64 = self.slot_duration_ms.as_ref()?.parse().ok()?;
            ms.is_multiple_of(MS_PER_SEC).then_some(ms / MS_PER_SEC)
        };
        let slot_secs: Option<u64> = seconds.or_else(from_ms).filter(|secs| *secs > 0);
        slot_secs.ok_or_else(|| Fault::Garbage("config/spec has no usable SECONDS_PER_SLOT".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_length_is_read_from_either_name() {
        let read = |json: &str| serde_json::from_str::<Spec>(json).unwrap().slot_secs().ok();
        assert_eq!(read(r#"{"SECONDS_PER_SLOT":"12"}"#), Some(12));
        assert_eq!(read(r#"{"SLOT_DURATION_MS":"6000"}"#), Some(6));
        for wrong in ["{}", r#"{"SECONDS_PER_SLOT":"0"}"#, r#"{"SECONDS_PER_SLOT":"x"}"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
