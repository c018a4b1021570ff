use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};

use crate::{BatcherError, Phase, status::Shared};

/// Connections served at once; more wait in the kernel's queue. Scrapers and probes need a few.
const CONNECTIONS_MAX: usize = 32;

/// Longest life of a connection, so that idle ones do not hold a place for ever.
const CONNECTION_SECS_MAX: u64 = 60;

/// Longest time to send the head of a request, and its largest size.
const HEADER_SECS_MAX: u64 = 5;
const HEADER_BYTES_MAX: usize = 16 * 1_024;

/// Pause after a failed accept, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Pause between two upkeep runs of the metrics.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Serves `/metrics`, `/healthz` and `/readyz`.
#[derive(Debug)]
pub(crate) struct Monitor {
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl Monitor {
    pub(crate) async fn start(
        address: SocketAddr,
        shared: Arc<Shared>,
    ) -> Result<Self, BatcherError> {
        let metrics = PrometheusBuilder::new()
            .install_recorder()
            .map_err(|error| BatcherError::Metrics(error.to_string()))?;
        let failed = |source| BatcherError::Listen { service: "metrics", address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::info!(%address, "metrics and health server started");
        let upkeep = metrics.clone();
        let tasks = [
            tokio::spawn(accept(listener, metrics, shared)),
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(UPKEEP_INTERVAL).await;
                    upkeep.run_upkeep();
                }
            }),
        ];
        Ok(Self { address, tasks })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, metrics: PrometheusHandle, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (metrics, shared) = (metrics.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    serve(stream, metrics, shared).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "metrics server cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, metrics: PrometheusHandle, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(request.method(), request.uri().path(), &metrics, &shared);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADER_SECS_MAX))
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // A client that went away or sent nonsense is its own problem.
    let _ = timeout(Duration::from_secs(CONNECTION_SECS_MAX), connection).await;
}

fn answer(
    method: &Method,
    path: &str,
    metrics: &PrometheusHandle,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n".to_owned());
    }
    match path {
        "/metrics" => text(StatusCode::OK, metrics.render()),
        "/healthz" => health(StatusCode::OK, shared),
        "/readyz" => {
            // Ready is a batcher that does what it should: post, or rest because it was told to.
            let status = shared.status();
            let at_work = matches!(status.phase, Phase::Running | Phase::Stopped);
            let ready = at_work && status.errors.is_empty() && status.l1_head.is_some();
            let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            health(code, shared)
        }
        _ => text(StatusCode::NOT_FOUND, "served here: /metrics, /healthz, /readyz\n".to_owned()),
    }
}

fn health(code: StatusCode, shared: &Shared) -> Response<Full<Bytes>> {
    let status = shared.status();
    let body = json!({
        "ok": code == StatusCode::OK,
        "phase": status.phase,
        "safe_l2": status.safe_l2,
        "unsafe_l2": status.unsafe_l2,
        "errors": status.errors,
    });
    response(code, "application/json", format!("{body:#}\n"))
}

fn text(code: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(code, "text/plain; version=0.0.4; charset=utf-8", body)
}

fn response(code: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
