//! A wire to L1 that can be cut.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What happens to `eth_sendRawTransaction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sends {
    /// It arrives and is answered.
    Pass = 0,
    /// It does not arrive.
    Lose = 1,
    /// It arrives, but the answer is lost.
    LoseAnswer = 2,
}

/// The wire; it ends with this value.
pub(crate) struct Proxy {
    pub(crate) url: String,
    mode: Arc<AtomicU8>,
    sends: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let (mode, sends) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = (target, Arc::clone(&mode), Arc::clone(&sends), crate::anvil::http());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| forward(request, shared.clone()));
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, mode, sends, task }
    }

    pub(crate) fn set(&self, mode: Sends) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }

    /// Transactions that were tried to be sent.
    pub(crate) fn sends(&self) -> usize {
        self.sends.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = (String, Arc<AtomicU8>, Arc<AtomicUsize>, reqwest::Client);

async fn forward(
    request: Request<Incoming>,
    (target, mode, sends, http): Shared,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.expect("body").to_bytes();
    let call: Value = serde_json::from_slice(&body).expect("json");
    let lost = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32_000, "message": "the wire is cut"}});
    let lost = Response::new(Full::new(Bytes::from(lost.to_string())));
    let is_send = call["method"] == "eth_sendRawTransaction";
    sends.fetch_add(usize::from(is_send), Ordering::SeqCst);
    let mode = mode.load(Ordering::SeqCst);
    if is_send && mode == Sends::Lose as u8 {
        return Ok(lost);
    }
    let sent =
        http.post(&target).header("content-type", "application/json").body(body).send().await;
    let Ok(response) = sent else { return Ok(lost) };
    let answer = response.bytes().await.unwrap_or_default();
    if is_send && mode == Sends::LoseAnswer as u8 {
        return Ok(lost);
    }
    Ok(Response::new(Full::new(answer)))
}
