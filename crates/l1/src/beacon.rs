use std::{collections::BTreeMap, sync::Arc};

use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use phala_primitives::SealedHeader;

use crate::{
    EndpointStatus, Failures, L1Client, L1Config, L1Error, SlotName,
    beacon_endpoint::{BeaconEndpoint, is_absent},
    cache::Cache,
    fault::Fault,
    kzg,
    transport::Transport,
};

/// Blobs by versioned hash.
type Found = BTreeMap<B256, Box<Blob>>;

/// The beacon endpoints.
pub(crate) struct Beacon {
    /// Fallbacks last.
    endpoints: Vec<BeaconEndpoint>,
    /// How many are no fallbacks.
    preferred: usize,
    cache: Arc<Cache>,
}

impl L1Client {
    /// The blobs of a block with these indices among all its blobs and versioned hashes, in the order
    /// given. The commitment of each is computed and compared.
    pub async fn blobs(
        &self,
        header: &SealedHeader,
        blobs: &[(u64, B256)],
    ) -> Result<Vec<Box<Blob>>, L1Error> {
        self.inner.beacon.blobs(header, blobs).await
    }
}

impl Beacon {
    pub(crate) fn new(config: &L1Config, transport: &Arc<Transport>, cache: Arc<Cache>) -> Self {
        let urls = config.beacon.iter().chain(&config.beacon_fallbacks);
        let endpoint = |url: &url::Url| {
            BeaconEndpoint::new(url.clone(), Arc::clone(transport), config.slot_secs)
        };
        Self { endpoints: urls.map(endpoint).collect(), preferred: config.beacon.len(), cache }
    }

    pub(crate) fn status(&self) -> Vec<EndpointStatus> {
        self.endpoints.iter().map(|endpoint| endpoint.health.status(&endpoint.name)).collect()
    }

    async fn blobs(
        &self,
        header: &SealedHeader,
        wanted: &[(u64, B256)],
    ) -> Result<Vec<Box<Blob>>, L1Error> {
        let mut found = Found::new();
        for (_, hash) in wanted {
            if let Some(blob) = self.cache.blob(*hash).await {
                found.insert(*hash, blob);
            }
        }
        let mut failures = Failures::default();
        if self.endpoints.is_empty() && found.len() < wanted.len() {
            return Err(L1Error::NoBeacon { block: header.number });
        }
        for endpoint in self.candidates() {
            let missing = missing(wanted, &found);
            if missing.is_empty() {
                break;
            }
            match self.fetch(endpoint, header, missing, &mut found).await {
                Ok(()) => endpoint.health.succeeded(&endpoint.name),
                Err(Fault::Stop(error)) => return Err(*error),
                Err(fault) => {
                    let mut failure = fault.to_string();
                    if is_absent(&fault) {
                        endpoint.hint().clone_into(&mut failure);
                    } else {
                        endpoint.health.failed(&endpoint.name, &fault);
                    }
                    failures.0.push((endpoint.name.to_string(), failure));
                }
            }
        }
        let missing = missing(wanted, &found);
        if missing.is_empty() {
            // The same blob can stand twice in a block.
            return Ok(wanted.iter().map(|(_, hash)| found[hash].clone()).collect());
        }
        let slot = self.endpoints.iter().find_map(|endpoint| endpoint.slot(header.timestamp));
        Err(L1Error::BlobsMissing {
            block: header.number,
            slot: SlotName(slot),
            wanted: wanted.len(),
            missing: missing.into_iter().map(|(_, hash)| hash).collect(),
            failures,
        })
    }

    /// Endpoints that may be asked: by health, then as configured; fallbacks after all others.
    fn candidates(&self) -> Vec<&BeaconEndpoint> {
        let (preferred, fallbacks) = self.endpoints.split_at(self.preferred);
        let awake = |endpoints: &'_ [BeaconEndpoint]| {
            let mut awake: Vec<usize> = (0..endpoints.len())
                .filter(|index| endpoints[*index].health.rest().is_zero())
                .collect();
            awake.sort_by_key(|index| 3 - endpoints[*index].health.quarter());
            awake
        };
        let mut candidates: Vec<_> = awake(preferred).into_iter().map(|i| &preferred[i]).collect();
        candidates.extend(awake(fallbacks).into_iter().map(|i| &fallbacks[i]));
        candidates
    }

    /// Asks one endpoint in each of its ways until all is found. An error says why not, but what was
    /// found stays.
    async fn fetch(
        &self,
        endpoint: &BeaconEndpoint,
        header: &SealedHeader,
        mut wanted: Vec<(u64, B256)>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let mut lie = None;
        for way in endpoint.ways().await? {
            let answer = match endpoint.ask(way, header, &wanted).await {
                Ok(answer) => answer,
                Err(fault) if is_absent(&fault) => continue,
                Err(fault) => return Err(fault),
            };
            let stopped = |error| Fault::Stop(Box::new(error));
            let hashed = kzg::versioned_hashes(answer.blobs.clone()).await.map_err(stopped)?;
            for (hash, blob) in hashed {
                match hash.filter(|hash| wanted.iter().any(|(_, wanted)| wanted == hash)) {
                    Some(hash) => {
                        self.cache.put_blob(hash, blob.clone()).await;
                        found.insert(hash, blob);
                    }
                    None if answer.is_exact => lie = Some("a blob is not the one asked for"),
                    None => {}
                }
            }
            wanted = missing(&wanted, found);
            if wanted.is_empty() {
                endpoint.worked(&answer);
                return Ok(());
            }
        }
        Err(lie.map_or(Fault::Null, |lie| Fault::Garbage(lie.into())))
    }
}

fn missing(wanted: &[(u64, B256)], found: &Found) -> Vec<(u64, B256)> {
    wanted.iter().filter(|(_, hash)| !found.contains_key(hash)).copied().collect()
}
