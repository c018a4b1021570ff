mod blobs;
mod slots;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Bytes, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use phala_genesis::L1Rpc;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use url::Url;

use self::{blobs::BlobStore, slots::Slots};
use crate::DevnetError;

/// A slot is a second: L1 blocks then have slots of their own, however irregular they are.
const SECONDS_PER_SLOT: u64 = 1;

/// Connections that do not say what they want within this time are closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer takes when none is wanted.
const STALL: Duration = Duration::from_secs(600);

/// The beacon API beside anvil: `config/spec`, `genesis`, `blobs`, and the older `blob_sidecars` with
/// commitments and proofs (but without proofs of inclusion in a beacon block, of which there is none).
///
/// It serves from a thread of its own until it goes away.
#[derive(Debug)]
pub struct BeaconHelper {
    url: Url,
    fault: Arc<Mutex<BeaconFault>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What is wrong with a beacon node, for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BeaconFault {
    /// Nothing.
    #[default]
    None,
    /// It has no blobs any more, as after their retention.
    Pruned,
    /// It answers every request with status 503.
    Unavailable,
    /// It takes requests and never answers.
    Stalled,
    /// Blobs come with a byte changed.
    Corrupt,
}

impl BeaconHelper {
    /// Serves the blobs of an anvil.
    pub fn start(anvil: &L1Rpc, port: u16) -> Result<Self, DevnetError> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(DevnetError::Beacon)?;
        let address = listener.local_addr().map_err(DevnetError::Beacon)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DevnetError::Beacon)?;
        let fault = Arc::new(Mutex::new(BeaconFault::None));
        let api = Api {
            slots: Slots::new(anvil.clone()),
            blobs: BlobStore::new(anvil.clone()),
            fault: Arc::clone(&fault),
        };
        let (stop, stopped) = oneshot::channel();
        let serving = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, Arc::new(api)) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new()
            .name("beacon".to_owned())
            .spawn(serving)
            .map_err(DevnetError::Beacon)?;
        let url = Url::parse(&format!("http://{address}")).expect("an address is a host");
        Ok(Self { url, fault, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it serves.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Lets something go wrong, or right again.
    pub fn set_fault(&self, fault: BeaconFault) {
        *self.fault.lock() = fault;
    }
}

impl Drop for BeaconHelper {
    fn drop(&mut self) {
        // Either ends the thread: the message, or that nobody can send it any more.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "beacon helper cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let api = Arc::clone(&api);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&api), request));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

async fn answer(
    api: Arc<Api>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or("").to_owned();
    let answer = match *request.method() {
        Method::GET => api.get(request.uri().path(), &query).await,
        _ => Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET is served".to_owned())),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(Refusal(status, message)) => {
            (status, json!({ "code": status.as_u16(), "message": message }))
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

/// A status and the reason for it.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn not_found(message: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, message.into())
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    fn upstream(error: impl std::fmt::Display) -> Self {
        Self(StatusCode::BAD_GATEWAY, error.to_string())
    }
}

struct Api {
    slots: Slots,
    blobs: BlobStore,
    fault: Arc<Mutex<BeaconFault>>,
}

impl Api {
    async fn get(&self, path: &str, query: &str) -> Result<Value, Refusal> {
        let fault = *self.fault.lock();
        match fault {
            BeaconFault::Stalled => tokio::time::sleep(STALL).await,
            BeaconFault::Unavailable => {
                return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, "as told".to_owned()));
            }
            BeaconFault::None | BeaconFault::Pruned | BeaconFault::Corrupt => {}
        }
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["eth", "v1", "config", "spec"] => Ok(spec()),
            ["eth", "v1", "beacon", "genesis"] => self.genesis().await,
            ["eth", "v1", "node", "version"] => Ok(
                json!({ "data": { "version": concat!("phala-devnet/", env!("CARGO_PKG_VERSION")) } }),
            ),
            ["eth", "v1", "node", "health"] => Ok(json!({})),
            ["eth", "v1", "beacon", "blobs", slot] => {
                let wanted = hashes(query)?;
                let blobs = self.at(slot, fault).await?;
                let wanted = |blob: &&Arc<blobs::BlobEntry>| {
                    wanted.as_ref().is_none_or(|hashes| hashes.contains(&blob.versioned_hash))
                };
                let data: Vec<_> =
                    blobs.iter().filter(wanted).map(|blob| blob.hex(fault)).collect();
                Ok(json!({ "execution_optimistic": false, "finalized": false, "data": data }))
            }
            ["eth", "v1", "beacon", "blob_sidecars", slot] => {
                let wanted = indices(query)?;
                let blobs = self.at(slot, fault).await?;
                let wanted = |blob: &&Arc<blobs::BlobEntry>| {
                    wanted.as_ref().is_none_or(|indices| indices.contains(&blob.index))
                };
                let sidecars: Result<Vec<_>, _> =
                    blobs.iter().filter(wanted).map(|blob| blob.sidecar(slot, fault)).collect();
                Ok(json!({ "data": sidecars.map_err(Refusal::upstream)? }))
            }
            _ => Err(Refusal::not_found(format!("{path} is not served here"))),
        }
    }

    async fn genesis(&self) -> Result<Value, Refusal> {
        let time = self.slots.genesis_time().await?;
        Ok(json!({ "data": {
            "genesis_time": time.to_string(),
            "genesis_validators_root": alloy_primitives::B256::ZERO,
            "genesis_fork_version": "0x00000000",
        } }))
    }

    /// Every blob of a slot. Indices count within each block of it.
    async fn at(
        &self,
        slot: &str,
        fault: BeaconFault,
    ) -> Result<Vec<Arc<blobs::BlobEntry>>, Refusal> {
        let slot: u64 = match slot {
            "head" => self.slots.head().await?,
            slot => slot
                .parse()
                .map_err(|_| Refusal::bad_request(format!("{slot} is neither a slot nor head")))?,
        };
        let blocks = self.slots.blocks_at(slot).await?;
        if blocks.is_empty() || fault == BeaconFault::Pruned {
            return Err(Refusal::not_found(format!("no block at slot {slot}")));
        }
        let mut found = Vec::new();
        for number in blocks {
            found.extend(self.blobs.of_block(number).await?);
        }
        Ok(found)
    }
}

/// What clients look for among the constants of the consensus layer.
fn spec() -> Value {
    json!({ "data": {
        "CONFIG_NAME": "devnet",
        "PRESET_BASE": "mainnet",
        "SECONDS_PER_SLOT": SECONDS_PER_SLOT.to_string(),
        "SLOT_DURATION_MS": (SECONDS_PER_SLOT * 1000).to_string(),
        "SLOTS_PER_EPOCH": "32",
        "DEPOSIT_CHAIN_ID": "31337",
        "DEPOSIT_NETWORK_ID": "31337",
        "MAX_BLOBS_PER_BLOCK": "6",
        "MAX_BLOBS_PER_BLOCK_ELECTRA": "9",
        "MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS": "4096",
    } })
}

/// The values of a query parameter, given several times or with commas; nothing if it is absent.
fn values<'a>(query: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let mut found: Option<Vec<&str>> = None;
    for pair in query.split('&') {
        if let Some((key, value)) = pair.split_once('=')
            && key == name
        {
            let values = value.split(',').flat_map(|value| value.split("%2C"));
            found.get_or_insert_default().extend(values.filter(|value| !value.is_empty()));
        }
    }
    found
}

fn hashes(query: &str) -> Result<Option<Vec<alloy_primitives::B256>>, Refusal> {
    parsed(values(query, "versioned_hashes"), "a versioned hash")
}

fn indices(query: &str) -> Result<Option<Vec<u64>>, Refusal> {
    parsed(values(query, "indices"), "an index")
}

fn parsed<T: std::str::FromStr>(
    values: Option<Vec<&str>>,
    what: &str,
) -> Result<Option<Vec<T>>, Refusal> {
    let parse = |value: &str| {
        value.parse().map_err(|_| Refusal::bad_request(format!("{value} is not {what}")))
    };
    values.map(|values| values.into_iter().map(parse).collect()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_repeated_or_with_commas() {
        assert_eq!(values("indices=1,2&indices=3", "indices"), Some(vec!["1", "2", "3"]));
        assert_eq!(values("indices=1%2C2", "indices"), Some(vec!["1", "2"]));
        assert_eq!(values("other=1", "indices"), None);
        assert_eq!(values("", "indices"), None);
        assert_eq!(values("indices=", "indices"), Some(vec![]));
        assert_eq!(indices("indices=1,2").expect("numbers"), Some(vec![1, 2]));
        assert_eq!(indices("x").expect("absent"), None);
        assert!(indices("indices=x").is_err());
        assert!(hashes("versioned_hashes=0x12").is_err());
    }
}
